"""Programming a trained network once, and what its accuracy becomes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_digits

import neurograd
from neurograd.deployment import deploy, program_chip
from neurograd.deployment.ageing import _factors
from neurograd.deployment.programming import layer_of
from neurograd.judge.networks import correct_table
from neurograd.judge.verdict import mean_over_chips
from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec

DIGITS = {"name": "digits", "train_samples": 600, "test_samples": 300}
DRIFT = {"t0": "20 s", "exponent": 0.05, "exponent_spread": 0.05}
TRAINING = {"step_size": 0.5, "steps": 400}


def spec_of(device, deployment, **more):
    data = {"network": {"hidden": [16]}, "task": DIGITS, "training": TRAINING, **more}
    return validate_spec({**data, "device": device, "deployment": deployment})


@cache
def trained_in_the_window():
    """A network trained in place, its weights clipped at every step, on its own test digits."""
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 16.0), torch.tensor(y)
    x = (x - x.mean()) / x.std()
    generator = torch.Generator().manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10))
    with torch.no_grad():
        for part in module.parameters():
            bound = (64 if part.shape[-1] == 64 or len(part) == 16 else 16) ** -0.5
            part.copy_(bound * (2 * torch.rand(part.shape, generator=generator) - 1))
    problem = Problem(
        module, CrossEntropy(), x[:600], y[:600], test_inputs=x[1400:], test_targets=y[1400:]
    )
    spec = spec_of({"drift": DRIFT}, {"times": [0, "1 d", "1 y"]})
    trained = neurograd.train(problem, build_chip(spec, problem), 400, seed=0)
    return problem, spec, trained


def accuracies(spec, problem, weights, chips):
    """One row a chip, one column a time."""
    return np.array(
        [
            [aged.test_accuracy for aged in deploy(spec, problem, index, weights).networks]
            for index in range(chips)
        ]
    )


def test_a_day_and_a_year_after_training():
    """Train without drift, then wait: 7 and 20 points are lost with an exponent of 0.05 ± 0.05.

    The published situation has 89.4, 82.3 and 68.4 % from five draws of devices; five chips' 99 %
    intervals over chips and test samples hold them. Forty chips then agree with the law written
    out, by Welch's t at 99.9 %.
    """
    problem, spec, trained = trained_in_the_window()
    w = trained.weights
    assert float(w.abs().max()) <= 1.0
    chips = [deploy(spec, problem, index, w).networks for index in range(5)]
    for place, published in enumerate((0.894, 0.823, 0.684)):
        found = mean_over_chips(correct_table([chip[place] for chip in chips]), 0.99)
        assert found.ci[0] < published < found.ci[1]
    found = accuracies(spec, problem, w, 40)
    assert np.ptp(found[:, 0]) == 0
    assert found[0, 0] == trained.test_accuracy
    for place, seconds in ((1, 86400.0), (2, 31557600.0)):
        by_hand = []
        for index in range(40):
            xi = torch.randn(len(w), generator=generator_for(1, "by hand", index)).double()
            aged = w * (seconds / 20.0) ** -(0.05 + 0.05 * xi).abs()
            by_hand.append(problem.accuracy(aged))
        assert stats.ttest_ind(found[:, place], by_hand, equal_var=False).pvalue > 0.001
        assert found[:, place].mean() < found[:, 0].mean() - 0.03


@cache
def trained_in_software():
    spec = spec_of({}, {"times": [0]})
    problem = build_problem(spec)
    return problem, neurograd.train(problem, build_clean_chip(spec, problem), 400, seed=0)


@pytest.mark.parametrize("mapping", ["differential_pair", "reference"])
@pytest.mark.parametrize(
    ("error", "low", "high"), [(0.02, 0.93, 0.93), (0.05, 0.90, 0.92), (0.1, 0.717, 0.78)]
)
def test_a_network_from_software_is_written_once(mapping, error, low, high):
    """From 96.3 %: the published accuracies lie within the 99 % interval of ten chips; twenty agree
    with the error written out (a normal one of the weight, clipped to the window) by Welch's t at
    99.9 %."""
    problem, trained = trained_in_software()
    assert trained.test_accuracy == pytest.approx(0.963, abs=0.005)
    spec = spec_of({"conductance": {"mapping": mapping}}, {"program_error": error, "times": [0]})
    w = trained.weights
    chips = [deploy(spec, problem, index, w).networks[0] for index in range(10)]
    found = mean_over_chips(correct_table(chips), 0.99)
    assert found.ci[0] < high
    assert low < found.ci[1]
    by_hand = []
    for index in range(20):
        xi = torch.randn(len(w), generator=generator_for(2, "by hand", index)).double()
        by_hand.append(problem.accuracy((w.clamp(-1, 1) + 2 * error * xi).clamp(-1, 1)))
    each = accuracies(spec, problem, w, 20)[:, 0]
    assert stats.ttest_ind(each, by_hand, equal_var=False).pvalue > 0.001


def test_nothing_drifts_in_training_where_there_is_a_deployment():
    aged = spec_of({"drift": {**DRIFT, "time": "1 d"}}, None)
    later = spec_of({"drift": {**DRIFT, "time": "1 d"}}, {})
    problem = build_problem(aged)
    assert len(build_chip(aged, problem).reads) == 1
    assert build_chip(later, problem).reads == ()


def test_a_chip_keeps_its_exponents_and_errs_by_itself():
    device = {"drift": DRIFT, "faults": {"stuck_low": 0.1}}
    spec = spec_of(device, {"program_error": 0.05, "times": ["1 h", "1 d"]})
    problem, _ = trained_in_software()
    w = problem.initial_weights
    first, again, other = (program_chip(spec, problem, index, w) for index in (0, 0, 1))
    assert first.parts[0].devices.plus.equal(again.parts[0].devices.plus)
    assert not first.parts[0].devices.plus.equal(other.parts[0].devices.plus)
    hour, day = first.parts[0].drifts.values()
    assert hour.deviate.equal(day.deviate)
    assert not hour.deviate.equal(next(iter(other.parts[0].drifts.values())).deviate)
    # What is stuck in training is stuck when it is programmed.
    chip = build_chip(spec, problem, index=0)
    stuck = chip.program(torch.full_like(w, 9.0)) == chip.program(torch.full_like(w, -9.0))
    assert int(stuck.sum()) > 0
    held = first.parts[0].devices.weights()
    torch.testing.assert_close(held[stuck], chip.program(w)[stuck])
    assert not torch.allclose(held[~stuck], chip.program(w)[~stuck], atol=1e-3)


def test_compensation_makes_up_for_a_drift_alike_everywhere():
    """Without a spread of exponents and with G_min = 0 nothing is lost at any time."""
    problem, trained = trained_in_software()
    w = trained.weights
    drift = {"exponent": 0.2}
    compensated = spec_of({"drift": drift}, {"times": [0, "1 y"], "compensation": "global"})
    alone = spec_of({"drift": drift}, {"times": [0, "1 y"]})
    before, after = deploy(compensated, problem, 0, w).networks
    assert before.loss == pytest.approx(after.loss, rel=1e-9)
    lost = deploy(alone, problem, 0, w).networks[1]
    assert lost.loss > 1.5 * after.loss


@pytest.fixture(scope="module")
def large_weights():
    """Weights of a small network whose devices are far from the bottom of their window."""
    problem = build_problem(spec_of({}, {"times": [0]}, network={"hidden": [4]}))
    w = torch.linspace(0.3, 0.9, problem.num_parameters, dtype=torch.float64)
    w[::2] *= -1.0
    return problem, w[torch.randperm(len(w), generator=generator_for(0, "weights"))]


def _is_variance(found, expected):
    """Whether the variance of a sample is as expected: chi-square at 99.9 %, both sides."""
    degrees = len(found) - 1
    low, high = stats.chi2.ppf([0.0005, 0.9995], degrees) / degrees
    return low < np.var(found, ddof=1) / expected < high


def _pcm_noise(w, seconds):
    """Variance of a read of phase-change memory in a window from 0 to 1, by its publication."""
    part = 0.0088 * w.abs() ** (1.0 - 0.65)
    return part.square() * np.log((seconds + 250e-9) / (2 * 250e-9))


def test_noise_of_a_read_grows_with_the_time_since_programming(large_weights):
    """As the logarithm of it: 1.35 times as large in a year as at first, 20 s after programming."""
    problem, w = large_weights
    spec = spec_of({}, {"times": ["20 s", "1 y"], "read_noise": "pcm_nandakumar_2019"})
    chip = program_chip(spec, problem, 0, w)
    for time, seconds in ((0.0, 20.0), (20.0, 20.0), (31557600.0, 31557600.0)):
        reads = [chip.read(time, generator_for(3, "read", int(time), k)) for k in range(20)]
        off = (torch.stack(reads) - w) / _pcm_noise(w, seconds).sqrt()
        assert _is_variance(off.flatten().numpy(), 1.0), time


@pytest.mark.parametrize(
    ("device", "deployed"),
    [({"read": {"noise": 0.02}}, {}), ({}, {"read_noise": "pcm_nandakumar_2019"})],
)
def test_the_factors_of_compensation_are_read_with_noise(large_weights, device, deployed):
    """By chip they spread as the sums of sizes that two reads find, at 99.9 %.

    A read of a pair in a window of 1 is off by √2 of the noise of a device.
    """
    problem, w = large_weights
    keys = {"times": ["1 y"], "compensation": "global", **deployed}
    spec = spec_of({"drift": {"exponent": 0.02}, **device}, keys)
    kept, seconds = (31557600.0 / 20.0) ** -0.02, 31557600.0
    layer = layer_of(spec, problem)
    found = torch.stack(
        [
            _factors(spec, problem, program_chip(spec, problem, index, w), index, 0)
            for index in range(60)
        ]
    )
    for number in layer.unique().tolist():
        own = w[layer == number]
        if device:
            first = last = torch.full_like(own, 2 * 0.02**2)
        else:
            first, last = _pcm_noise(own, 20.0), kept**2 * _pcm_noise(own, seconds)
        size = float(own.abs().sum())
        relative = float(first.sum()) / size**2 + float(last.sum()) / (kept * size) ** 2
        factors = found[:, layer == number]
        assert bool((factors == factors[:, :1]).all())
        off = factors[:, 0].numpy() * kept - 1.0
        assert _is_variance(off, relative)
        assert abs(off.mean()) < 3.3 * np.sqrt(relative / len(off))


def test_a_network_that_diverged_is_lost():
    problem, trained = trained_in_software()
    spec = spec_of({}, {"times": [0, 10]})
    lost = deploy(spec, problem, 0, trained.weights * torch.nan).networks
    assert all(aged.diverged and aged.test_accuracy == 0 for aged in lost)
    assert all(aged.loss == float("inf") for aged in lost)


def test_a_first_read_is_as_early_as_a_read_is_long():
    """No read has ended before its 250 ns: 1/f noise begins there, at 0, where t0 is earlier."""
    found = []
    for t0 in ("100 ns", "250 ns"):
        deployment = {"read_noise": "pcm_nandakumar_2019", "times": [0, "200 ns", "1 h"]}
        deployment["times"] = deployment["times"][:: 1 if t0 == "100 ns" else 2]
        spec = spec_of({"drift": {"t0": t0, "exponent": 0.0}}, deployment)
        problem = build_problem(spec)
        found.append(program_chip(spec, problem, 0, problem.initial_weights))
    early, late = (
        {time: chip.read(time, generator_for(0)) for time in chip.parts[0].noises} for chip in found
    )
    torch.testing.assert_close(early[0.0], early[2e-7])
    torch.testing.assert_close(early[0.0], found[0].parts[0].devices.weights(None))
    for time in (0.0, 3600.0):
        torch.testing.assert_close(early[time], late[time])


def test_the_memory_that_sums_updates_takes_no_error_of_programming_away():
    """Devices stand where programming has left them, not on the grid of a digital memory."""
    off = []
    for quantization in ({}, {"quantization": {"update_bits": 6}}):
        spec = spec_of({}, {"program_error": "1 %", "times": ["1 h"]}, **quantization)
        problem = build_problem(spec)
        w = 0.5 * problem.initial_weights
        stored = program_chip(spec, problem, 0, w).parts[0].weights(0.0, generator_for(0))
        off.append(stored - w)
    torch.testing.assert_close(*off)
    assert 0.5 < float(off[0].std()) / 0.01 < 2.0


@pytest.mark.parametrize("mapping", ["differential_pair", "reference"])
def test_errors_of_programming_move_devices_off_their_states(mapping):
    """The state next to a weight is the target; its error is that of devices of any conductance."""
    off, device = [], {"conductance": {"mapping": mapping}}
    for error in (None, "1 %"):
        for states in (None, 16):
            device["conductance"]["states"] = states
            spec = spec_of(device, {"program_error": error, "times": ["1 h"]})
            problem = build_problem(spec)
            w = 0.5 * problem.initial_weights
            stored = program_chip(spec, problem, 0, w).parts[0].weights(0.0, generator_for(0))
            off.append(stored - build_chip(spec, problem).program(w))
    torch.testing.assert_close(torch.stack(off[:2]), torch.zeros(2, len(w)).double())
    torch.testing.assert_close(off[2], off[3])
    assert float((off[3] == 0).double().mean()) < 0.01


def test_a_missed_state_stays_in_the_window_and_stuck_devices_stay():
    device = {"conductance": {"states": 4}, "faults": {"stuck_low": "15 %", "stuck_high": "15 %"}}
    spec = spec_of(device, {"program_error": "10 %", "times": ["1 h"]})
    problem = build_problem(spec)
    chip, w = build_chip(spec, problem), torch.full_like(problem.initial_weights, 0.95)
    stored = program_chip(spec, problem, 0, w).parts[0].weights(0.0, generator_for(0))
    low, high = chip.program(w - 5.0), chip.program(w + 5.0)
    assert bool(((stored >= low - 1e-9) & (stored <= high + 1e-9)).all())
    stuck = low == high
    assert 0 < int(stuck.sum()) < len(w)
    torch.testing.assert_close(stored[stuck], low[stuck])


def test_compensation_multiplies_the_noise_of_converters_with_the_signal():
    """It stands behind them: what a year of drift has taken from the signal is lost to noise."""
    device = {"drift": {"t0": "20 s", "exponent": 0.1}, "converters": {"output_noise": 2.0}}
    accuracy = {}
    for noise in (0.0, 2.0):
        device["converters"] = {"output_noise": noise} if noise else {"adc_bits": 12}
        spec = spec_of(device, {"times": ["20 s", "1 y"], "compensation": "global"})
        problem = build_problem(spec)
        trained = neurograd.train(problem, build_clean_chip(spec, problem), 100, seed=0)
        aged = deploy(spec, problem, 0, trained.weights).networks
        accuracy[noise] = [each.test_accuracy for each in aged]
    early, late = accuracy[0.0]
    assert late > early - 0.05
    early, late = accuracy[2.0]
    assert late < early - 0.1


def test_weights_that_live_longer_than_any_training_do_not_leak():
    spec = validate_spec(
        {
            "network": {"hidden": [4]},
            "device": {"temperature": "10 K", "leakage": {"activation_energy": 1}},
        }
    )
    problem = build_problem(spec)
    chip, w = build_chip(spec, problem), problem.initial_weights
    w = w + chip.writes[-1].write(w, torch.zeros_like(w), generator_for(0))
    assert torch.equal(w, problem.initial_weights)
