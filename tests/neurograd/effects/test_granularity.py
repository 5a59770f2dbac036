"""A device that counts pulses is set apart from an ideal one by that alone."""

from __future__ import annotations

import pytest
import torch

from neurograd.effects import granularity
from neurograd.effects.registry import active_in
from neurograd.measure.point import MeasurementBudget, measure_point
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.mitigating import chip_in_words
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec
from neurograd.spec.presets import list_presets

MODELS = ("constant", "linear", "soft_bounds", "exponential", "power", "one_sided_pair")
CURVE = "pulse,potentiation,depression\n0,0,8\n1,1,7\n2,3,5\n3,6,3\n4,8,0\n"
JUMPS = "conductance,delta_up,delta_down\n0,1,-1\n2,1.5,-1\n5,1,-2\n8,1,-1\n"


def spec_of(device, **sections):
    task = {"train_samples": 20, "test_samples": 10}
    return validate_spec({"network": {"hidden": [3]}, "task": task, "device": device, **sections})


def ideal_write(spec):
    """Weights inside the window, increments, and what a chip without its effects makes of them."""
    problem = build_problem(spec)
    chip = build_chip(spec, problem, without=active_in(spec, problem.num_samples))
    w = chip.program(0.3 * problem.initial_weights)
    increment = 0.02 * torch.linspace(-1.0, 1.0, len(w), dtype=w.dtype)
    return increment, chip.write_moments(w, increment)


DEVICES = {
    **{f"preset {name}": {"preset": name} for name in list_presets()},
    **{f"model {name}": {"pulsed": {"model": name, "dw_min": 0.25}} for name in MODELS},
    "most pulses": {"pulsed": {"dw_min": 0.001, "max_pulses": 2}},
    "trains": {"pulsed": {"dw_min": 0.1}, "pulse_train": {}},
}


@pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES)
def test_a_chip_without_its_effects_writes_what_it_is_asked_for(device):
    """No effect of a device hides: leaving out all that are named leaves nothing."""
    increment, realized = ideal_write(spec_of(device))
    torch.testing.assert_close(realized.mean, increment)
    assert float(realized.variance.max()) < 1e-12


@pytest.mark.parametrize("table", [CURVE, JUMPS], ids=["curve", "jumps"])
def test_tables_count_pulses_too(table, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(table)
    spec = spec_of({"measured": str(path)})
    problem = build_problem(spec)
    names = [effect.name for effect in active_in(spec, problem.num_samples)]
    assert "granularity" in names
    w = torch.zeros_like(problem.initial_weights)
    increment = torch.full_like(w, 0.01)
    whole = build_chip(spec, problem).write_moments(w, increment)
    divided = build_chip(spec, problem, without=[granularity.EFFECT]).write_moments(w, increment)
    # A part of a pulse follows the curve; a whole one by chance is on its chord.
    torch.testing.assert_close(divided.mean, whole.mean, rtol=0.2, atol=0.0)
    assert float(divided.variance.max()) < 0.2 * float(whole.variance.min())


def test_its_variance_is_that_of_rounding_to_pulses():
    """A request of a part f of a pulse Δ: f(1 − f)Δ², which goes with the granularity alone."""
    spec = spec_of({"pulsed": {"dw_min": 0.25, "dw_min_std": 0.3}})
    problem = build_problem(spec)
    w = torch.zeros_like(problem.initial_weights)
    part = torch.linspace(0.05, 0.95, len(w), dtype=w.dtype)
    whole = build_chip(spec, problem).write_moments(w, 0.25 * part)
    divided = build_chip(spec, problem, without=[granularity.EFFECT]).write_moments(w, 0.25 * part)
    torch.testing.assert_close(whole.mean, divided.mean)
    torch.testing.assert_close(
        whole.variance - divided.variance, part * (1.0 - part) * 0.25**2, rtol=1e-9, atol=1e-12
    )


def test_a_coarse_step_is_named_with_what_makes_it_smaller():
    spec = spec_of({"pulsed": {"model": "constant", "dw_min": 0.25}})
    words = chip_in_words(spec, build_problem(spec))
    assert [effect.name for effect in words.effects] == ["granularity"]
    assert words.remedies["granularity"].words == "lower device.pulsed.dw_min"


@pytest.mark.parametrize(
    ("device", "rounding", "words"),
    [
        (
            {"pulsed": {"max_pulses": 3}},
            "stochastic",
            "lower device.pulsed.dw_min and raise device.pulsed.max_pulses",
        ),
        (
            {"pulsed": {}},
            "nearest",
            "set quantization.update_rounding to stochastic, or lower device.pulsed.dw_min",
        ),
    ],
)
def test_remedies(device, rounding, words):
    spec = spec_of(device, quantization={"update_rounding": rounding})
    assert granularity.EFFECT.remedy(spec).words == words


def test_it_is_among_the_contributions_of_a_step():
    """Beside a smaller effect it is the larger part of a coarse device's step."""
    spec = spec_of({"pulsed": {"dw_min": 0.25, "dw_min_std": 0.1}}, training={"step_size": 0.1})
    problem = build_problem(spec)
    variants = {
        (effect.name, effect.label): build_chip(spec, problem, without=[effect])
        for effect in active_in(spec, problem.num_samples)
    }
    point = measure_point(
        problem,
        build_chip(spec, problem),
        problem.initial_weights,
        0,
        0,
        MeasurementBudget(draws=20, loss_draws=4, covariance_draws=4, seed=0, kink_draws=4),
        variants=variants,
    )
    shares = {part.name: part.share for part in point.contributions}
    assert list(shares) == ["granularity", "cycle_to_cycle"]
    assert shares["granularity"] > 0.9


@pytest.mark.parametrize(
    ("conductance", "precision"),
    [
        ({"states": 17, "mapping": "reference", "weight_range": 0.7}, "float64"),
        ({"states": 17, "mapping": "reference", "weight_range": 0.7}, "float32"),
        ({"states": 9, "weight_range": 0.3}, "float64"),
        ({"levels": 16, "weight_range": 0.3}, "float32"),
    ],
)
def test_truncated_updates_lose_no_whole_step(conductance, precision):
    """A digital step is a whole number of states or pulses, and all of it is realized."""
    spec = spec_of(
        {"conductance": conductance},
        quantization={"update_bits": 4, "update_rounding": "truncate"},
        measure={"precision": precision},
    )
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    generator, step = generator_for(1), chip.writes[0].grid.step
    w = torch.randn(problem.num_parameters, generator=generator, dtype=problem.dtype)
    w = chip.program(0.4 * w)
    # Below the full steps of 1 and 2 that are asked for, a part is cut.
    asked = torch.randint(-2, 3, w.shape, generator=generator).to(w.dtype)
    realized = (asked + 0.3 * asked.sign()) * step
    for path in chip.writes:
        realized = path.write(w, realized, generator)
    room = (w + asked * step).abs() < conductance["weight_range"]
    assert int((room & (asked != 0)).sum()) > 100
    torch.testing.assert_close((realized / step)[room], asked[room], rtol=0, atol=1e-4)


def test_trains_lose_no_pulse_to_the_rounding_of_real_numbers():
    """Every coincidence is a pulse, though 0.9999999 of one would be none when it is truncated."""
    lost = {}
    for mode in ("stochastic", "truncate"):
        spec = validate_spec(
            {
                "network": {"hidden": [16]},
                "device": {"pulsed": {"dw_min": 0.001}, "pulse_train": {}},
                "quantization": {"update_rounding": mode},
                "learning_rule": {"batch_size": 1},
                "measure": {"precision": "float32"},
            }
        )
        problem = build_problem(spec)
        chip = build_chip(spec, problem)
        w = chip.program(problem.initial_weights)
        asked = -chip.step_size * chip.estimate(problem, w, generator_for(0))
        realized = chip.writes[0].write(w, asked, generator_for(1))
        count, pulses = (asked / 0.001).round(), (realized / 0.001).round()
        assert int(count.abs().sum()) > 100
        lost[mode] = int((count != pulses).sum())
    assert lost == {"stochastic": 0, "truncate": 0}
