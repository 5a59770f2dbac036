"""Several devices a weight, as a spec asks for them."""

from __future__ import annotations

import math

import pytest
import torch

from device_models import ReadNoise, SeveralDevices
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.notes import notes
from neurograd.spec import validate_spec

TASK = {
    "name": "teacher_student",
    "train_samples": 10,
    "test_samples": 5,
    "inputs": 4,
    "outputs": 2,
}


def chip_of(device, **more):
    spec = validate_spec({"device": device, "network": {"hidden": [5]}, "task": TASK, **more})
    problem = build_problem(spec)
    return build_chip(spec, problem), spec, problem


@pytest.mark.parametrize(
    "device",
    [
        {"conductance": {"levels": 20}, "write": {"device_to_device": "20 %"}},
        {"preset": "ecram-mo"},
        {"preset": "pcm"},
    ],
)
def test_cells_are_drawn_each_for_itself_and_the_first_is_the_single_one(device):
    several, spec, problem = chip_of({**device, "devices_per_weight": {"count": 3}})
    single, _, _ = chip_of(device)
    write = several.writes[0]
    assert isinstance(write, SeveralDevices)
    w = torch.zeros(problem.num_parameters, dtype=torch.float64)
    step = torch.full_like(w, 0.3)
    found = [cell.write(w, step, torch.Generator().manual_seed(1)) for cell in write.cells]
    alone = single.writes[0].write(w, step, torch.Generator().manual_seed(1))
    assert found[0].equal(alone)
    assert not found[1].equal(found[0])
    assert not found[2].equal(found[1])
    assert any("A weight is held by 3" in note for note in notes(spec, problem, "check"))


@pytest.mark.parametrize(
    ("significance", "said"),
    [
        (None, "all are of one significance, so that every update goes to the last of them"),
        ([2, 2, 2], "all are of one significance, so that every update goes to the last of them"),
        ([4, 2, 1], "every update goes to the one of least significance"),
    ],
)
def test_where_updates_go_is_told_where_all_are_of_one_significance(significance, said):
    several = {"count": 3, "update": "least_significant", "significance": significance}
    chip, spec, problem = chip_of({"preset": "ecram-mo", "devices_per_weight": several})
    (note,) = (each for each in notes(spec, problem, "check") if "A weight is held by 3" in each)
    assert said in note
    assert chip.writes[0]._least == 2


def test_stuck_devices_are_stuck_one_by_one():
    device = {"preset": "ecram-mo", "faults": {"stuck_low": "50 %"}}
    chip, _, problem = chip_of({**device, "devices_per_weight": {"count": 2}})
    (write,) = chip.writes
    w = torch.zeros(problem.num_parameters, dtype=torch.float64)
    still = [cell.write(w, w + 0.2, torch.Generator()) == 0 for cell in write.cells]
    assert bool((still[0] != still[1]).any())
    assert 0.2 < float(still[0].double().mean()) < 0.8


@pytest.mark.parametrize("preset", ["gokmen-vlasov", "ecram-mo", "pcm"])
def test_stuck_devices_hold_what_they_are_stuck_at(preset):
    """All are stuck high: there is one weight each, whatever is programmed or written."""
    device = {"preset": preset, "faults": {"stuck_high": "100 %"}}
    chip, _, problem = chip_of({**device, "devices_per_weight": {"count": 2}})
    (write,) = chip.writes
    aims = torch.linspace(-2.0, 2.0, problem.num_parameters, dtype=torch.float64)
    held = [cell.program(aims) for cell in write.cells]
    weight = 0.5 * (held[0] + held[1])
    for end in (chip.program(aims), chip.program(-aims), *write.weight_bounds()):
        torch.testing.assert_close(end.expand_as(aims), weight)
    states = write.states(aims)
    assert all(state.equal(each) for state, each in zip(states, held, strict=True))


@pytest.mark.parametrize("device", [{"preset": "gokmen-vlasov"}, {"preset": "pcm"}])
def test_the_window_of_a_weight_is_that_of_its_devices_that_work(device):
    chip, _, problem = chip_of(
        {**device, "faults": {"stuck_high": "50 %"}, "devices_per_weight": {"count": 2}}
    )
    (write,) = chip.writes
    size = problem.num_parameters
    low, high = (end.expand(size) for end in write.weight_bounds())
    stuck = [cell.worn for cell in write.cells]
    both, none = stuck[0] & stuck[1], ~(stuck[0] | stuck[1])
    assert bool(both.any())
    assert bool((high == low)[both].all())
    assert bool((high > low)[~both].all())
    aim = torch.full((size,), -0.3, dtype=torch.float64)
    held = chip.program(aim)
    torch.testing.assert_close(held[none], aim[none])
    torch.testing.assert_close(held, aim.clamp(low, high))
    alone = 0.5 * sum(cell.program(aim) for cell in write.cells)
    torch.testing.assert_close(held[both], alone[both])


def test_reads_average_over_the_cells():
    noise = {"read": {"noise": "10 %"}, "conductance": {"mapping": "reference"}}
    for several, part in (
        ({"count": 4}, 0.5),
        ({"count": 2, "significance": [8, 1]}, math.sqrt(65) / 9),
    ):
        chip, _, _ = chip_of({**noise, "devices_per_weight": several})
        (read,) = chip.reads
        assert isinstance(read, ReadNoise)
        assert read.std == pytest.approx(0.2 * part)


def test_a_deployment_is_refused():
    with pytest.raises(NeurogradError, match="a deployment programs one device"):
        chip_of(
            {"devices_per_weight": {"count": 2}, "conductance": {"levels": 9}},
            deployment={"program_error": "1 %"},
        )
