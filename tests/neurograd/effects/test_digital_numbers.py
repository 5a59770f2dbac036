"""Digital numbers beside devices reach as far as what these store, and leave it where it is."""

from __future__ import annotations

import pytest
import torch

from device_models import FixedPointGrid, UpdateRounding, WeightRounding
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec

EVEN = {"dw_min_dtod": 0, "w_max_dtod": 0, "w_min_dtod": 0}


def chip_of(device, **quantization):
    spec = validate_spec(
        {
            "device": device,
            "quantization": quantization,
            "network": {"hidden": [5]},
            "task": {"name": "teacher_student", "train_samples": 10, "test_samples": 5},
        }
    )
    problem = build_problem(spec)
    return build_chip(spec, problem), problem


SYMMETRIC = {
    "model": "soft_bounds",
    "dw_min": 0.01,
    "up_down": 0.2,
    "subtract_symmetry_point": True,
}


@pytest.mark.parametrize(
    ("device", "reach"),
    [
        (None, 1.0),
        ({"conductance": {"levels": 30}}, 1.0),
        ({"preset": "pcm"}, 2.0),
        ({"preset": "pcm", "conductance": {"weight_range": 0.5}}, 1.0),
        ({"preset": "reram-sb"}, 1.25),
        ({"pulsed": {"w_max": 0.6, "w_min": -0.6}}, 0.6),
        # Steps are equal where 1.2(1 - h) = 0.8(1 + h), at 0.2, from which weights are counted.
        ({"pulsed": SYMMETRIC}, 1.2),
    ],
)
def test_numbers_reach_to_the_nominal_ends_of_the_device(device, reach):
    chip, _ = chip_of(device, weight_bits=6, update_bits=9)
    reads = [read.grid for read in chip.reads if isinstance(read, WeightRounding)]
    writes = [write.grid for write in chip.writes if isinstance(write, UpdateRounding)]
    assert [grid.bits for grid in (*reads, *writes)] == [6, 9]
    for grid in (*reads, *writes):
        assert grid.weight_range == pytest.approx(reach)


def test_passes_see_what_a_pair_of_a_wide_window_holds():
    chip, problem = chip_of({"preset": "pcm", "pulsed": EVEN}, weight_bits=8)
    w = chip.program(torch.full_like(problem.initial_weights, 1.6))
    (rounding,) = (read for read in chip.reads if isinstance(read, WeightRounding))
    assert rounding.grid == FixedPointGrid(8, 2.0)
    seen = rounding.read(w, generator_for(0))
    assert bool(((seen - w).abs() <= 0.5 * rounding.grid.step + 1e-12).all())


@pytest.mark.parametrize("device", [{"preset": "alox-hfo2"}, {"preset": "pcm", "pulsed": EVEN}])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_updates_of_no_steps_leave_a_device_at_its_end(device, sign):
    """Weights above the grid of the memory that sums updates are not pushed down by it."""
    chip, problem = chip_of(device, update_bits=4)
    alone, _ = chip_of(device)
    ends = torch.full_like(problem.initial_weights, 3.0 * sign)
    w = chip.program(ends)
    assert w.equal(alone.program(ends))
    still = torch.zeros_like(w)
    for write in chip.writes:
        still = write.write(w, still, generator_for(0))
    assert not bool(still.any())


def test_without_a_device_the_memory_ends_with_its_numbers():
    chip, problem = chip_of(None, update_bits=4)
    (write,) = chip.writes
    w = chip.program(torch.full_like(problem.initial_weights, 3.0))
    assert bool((w == write.grid.highest).all())
    assert not bool(write.write(w, torch.ones_like(w), generator_for(0)).any())
