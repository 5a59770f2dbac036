"""Samples written by coincidences of pulse trains, against the counts of all weights.

Counted trains give the same numbers; drawn ones have the same distribution. All statistics of a
test hold together at 99 % (Bonferroni), with the same seeds every time.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from device_models import (
    Backprop,
    Chip,
    Converters,
    LinearStep,
    MemristorWrite,
    Minibatch,
    NominalDevice,
    PulsedWrite,
    PulseTrains,
    draw_crossbar,
    draw_devices,
)
from device_models.kernels import dispatch
from device_models.outer_products import OuterProducts
from neurograd.seeding import generator_for
from tests.device_models.write.outer_cases import N, curves, products_of, pulses
from tests.neurograd.cases import classification

STEP_SIZE = 0.7
LENGTHS = (1, 7, 31, 40)
"""Of less than a block of four slots up to more than one word."""


def with_digital(layers):
    """The biases of the last layer in digital, as arrays behind converters have them."""
    last = layers[-1]
    ones = torch.ones(len(last.inputs), 1, dtype=last.inputs.dtype)
    digital = OuterProducts(last.bias, None, ones, last.errors, digital=True)
    return [*layers[:-1], replace(last, bias=None), digital]


def hold(write, trains, size, seed, dtype, digital):
    """The written weights, which are those of one sample's counts after the other."""
    samples = 3
    layers = products_of(samples, size, seed, dtype)
    layers = with_digital(layers) if digital else layers
    w = write.program(0.5 * torch.randn(N, generator=generator_for(seed, "w")).to(dtype))
    found, expected, generator = w.clone(), w.clone(), generator_for(seed)
    how = trains.of_samples(samples)
    assert write.write_trains(found, layers, how, -STEP_SIZE, generator_for(seed))
    for estimate in trains.sample_estimates(layers, samples, w, generator_for(0)):
        expected += write.write(expected, -STEP_SIZE * estimate, generator)
    assert torch.equal(found, expected)
    assert not torch.equal(found, w)


@settings(max_examples=25, deadline=None)
@given(
    step=st.sampled_from(["linear", "silent", "jumps"]),
    one_sided=st.booleans(),
    most=st.sampled_from([None, 3]),
    length=st.sampled_from(LENGTHS),
    digital=st.booleans(),
    size=st.floats(0.01, 0.3),
    seed=st.integers(0, 10_000),
)
def test_counted_pulses_are_those_of_writes_of_all_weights(
    step, one_sided, most, length, digital, size, seed
):
    write = pulses(step, one_sided, "nearest", most, torch.float64)
    trains = PulseTrains(0.013, STEP_SIZE, length, "deterministic")
    hold(write, trains, size, seed, torch.float64, digital)


@settings(max_examples=10, deadline=None)
@given(
    mapping=st.sampled_from(["differential_pair", "reference"]),
    noise=st.sampled_from([0.0, 0.03]),
    length=st.sampled_from(LENGTHS),
    digital=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_counted_pulses_along_curves_are_those_of_writes_of_all_weights(
    mapping, noise, length, digital, seed
):
    write = curves(mapping, False, "nearest", noise, torch.float64)
    trains = PulseTrains(0.03, STEP_SIZE, length, "deterministic")
    hold(write, trains, 0.2, seed, torch.float64, digital)


DRAWS, SIDES, QUANTUM = 2000, (6, 5), 2.0**-7


def counts_of(write, layers, trains, samples, draws=DRAWS):
    """Coincidences with their signs, of weights that move by one step each."""
    size, how = layers[0].inputs.shape[1] * layers[0].errors.shape[1], trains.of_samples(samples)
    found = []
    for k in range(draws):
        w = torch.zeros(size + len(layers[0].errors[0]) * (layers[0].bias is not None))
        w = w.to(layers[0].inputs.dtype)
        assert write.write_trains(w, layers, how, -STEP_SIZE, generator_for(21, k))
        found.append((w / -QUANTUM).double())
    return torch.stack(found)


def silent(size, rounding, dtype):
    devices = draw_devices(NominalDevice(dw_min=QUANTUM), size, generator_for(0), dtype)
    return PulsedWrite(LinearStep(), devices, QUANTUM, 1.0, rounding)


def along_lines(size, rounding, dtype):
    """A pair of devices with straight curves, either of which takes half of a step."""
    crossbar = draw_crossbar(
        size, weight_range=1.0, mapping="reference", generator=generator_for(0), dtype=dtype
    )
    return MemristorWrite(crossbar, levels=(2.0 / QUANTUM,) * 2, rounding=rounding)


@pytest.mark.parametrize("dtype", dispatch.TYPES, ids=["32 bits", "64 bits"])
@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("made", [silent, along_lines])
def test_drawn_coincidences_have_their_distribution(made, length, rounding, dtype):
    """Means, variances and covariances of counts, whose lines share their pulses."""
    generator, (width, height), samples = generator_for(4), SIDES, 4
    x = torch.rand(1, width, generator=generator).to(dtype)
    x[0, 1], x[0, 2] = 0.0, -x[0, 2]
    error = torch.randn(1, height, generator=generator).to(dtype) * 0.02 * length * QUANTUM * 30
    error[0, 3] = 0.0
    layer = OuterProducts(0, width * height, x, error / samples)
    trains = PulseTrains(QUANTUM, STEP_SIZE, length)
    counts = counts_of(made((width + 1) * height, rounding, dtype), [layer], trains, samples)
    torch.testing.assert_close(counts, counts.round(), rtol=0, atol=1e-4)
    matrix = torch.cat([counts[:, : width * height].view(DRAWS, height, width),
                        counts[:, width * height :].unsqueeze(2)], 2)  # fmt: skip
    p, q = lines_by_hand(x, error, length, samples)
    assert float(p.abs().max()) <= 1.0
    assert float((p.abs() * q.abs().max()).max()) > 0.05
    bound = stats.norm.ppf(1.0 - 0.01 / (2 * 3 * 7 * 5))
    mean = length * torch.outer(q, p)
    variance = length * (torch.outer(q.abs(), p.abs()) - torch.outer(q, p).square())
    still = variance < 1e-12
    assert torch.equal(matrix.mean(0)[still].round(), mean[still].round())
    z = (matrix.mean(0) - mean)[~still] / (variance[~still] / DRAWS).sqrt()
    assert float(z.abs().max()) < bound
    hold_variance(matrix.flatten(1)[:, ~still.flatten()], variance[~still], bound)
    # Of the sum over a row, whose weights share its pulses, and over a column.
    for total, shared, other in ((matrix.sum(2), q, p), (matrix.sum(1), p, q)):
        inside = (other.abs() - other.square()).sum() + other.sum().square()
        spread = length * (shared.abs() * inside - (shared * other.sum()).square())
        some = spread > 1e-9
        hold_variance(total[:, some], spread[some], bound)


def lines_by_hand(x, error, length, samples):
    """Signed probabilities of columns, the bias's among them, and of rows."""
    x, error = torch.cat([x[0].double(), torch.ones(1).double()]), error[0].double()
    alpha = math.sqrt(STEP_SIZE / samples / (length * QUANTUM))
    m = math.sqrt(float(error.abs().max()) / float(x.abs().max()))
    return (alpha * m * x).clamp(-1, 1), (alpha / m * error).clamp(-1, 1)


def hold_variance(values, expected, bound):
    """Sample variances are the expected ones, within errors by the fourth moments."""
    away = (values - values.mean(0)).square()
    error = (away.var(0) / len(values)).sqrt()
    assert float(((away.mean(0) - expected) / error).abs().max()) < bound


def test_samples_and_layers_have_trains_of_their_own():
    """Counts of the same lines in two samples, and in two layers, do not go together."""
    generator, side, length = generator_for(5), 40, 31
    x, error = torch.rand(1, side, generator=generator), torch.rand(1, side, generator=generator)
    trains = PulseTrains(QUANTUM, STEP_SIZE, length)
    two = [OuterProducts(k * side**2, None, x, 0.2 * error) for k in (0, 1)]
    twice = [OuterProducts(0, None, x.repeat(2, 1), 0.2 * error.repeat(2, 1))]
    w, write = torch.zeros(2 * side**2), silent(2 * side**2, "nearest", torch.float32)
    assert write.write_trains(w, two, trains.of_samples(1), -STEP_SIZE, generator_for(1))
    counts = (w / -QUANTUM).view(2, side, side)
    p, q = lines_by_hand_of(x[0], 0.2 * error[0], length)
    _apart(*(counts - length * torch.outer(q, p)), length * torch.outer(q, p))
    first, both = torch.zeros(side**2), torch.zeros(side**2)
    write = silent(side**2, "nearest", torch.float32)
    settings = trains.of_samples(1)
    one = [replace(twice[0], inputs=x, errors=0.2 * error)]
    assert write.write_trains(first, one, settings, -STEP_SIZE, generator_for(1))
    assert write.write_trains(both, twice, settings, -STEP_SIZE, generator_for(1))
    second = both - first
    counts = torch.stack([first, second]).view(2, side, side) / -QUANTUM
    _apart(*(counts - length * torch.outer(q, p)), length * torch.outer(q, p))


def lines_by_hand_of(x, error, length):
    alpha = math.sqrt(STEP_SIZE / (length * QUANTUM))
    m = math.sqrt(float(error.max()) / float(x.max()))
    return (alpha * m * x).clamp(-1, 1), (alpha / m * error).clamp(-1, 1)


def _apart(one, other, mean):
    """What is left of counts over their means is not correlated, though both have a spread."""
    correlation = float((one * other).mean() / (one.square().mean() * other.square().mean()).sqrt())
    assert abs(correlation) < 0.35
    assert float(one.square().mean()) > 0.2 * float(mean.mean())
    assert not torch.equal(one, other)


def unusual():
    layers = products_of(2, 0.1, 0, torch.float32)
    w, last = torch.zeros(N), layers[-1]
    unknown = [layers[0], replace(last, errors=last.errors * float("nan"))]
    wide = [layers[0], replace(last, inputs=last.inputs.double())]
    return {
        "another type": (w, wide, 31, 0.013),
        "no numbers": (w, unknown, 31, 0.013),
        "weights with a gradient": (w.clone().requires_grad_(), layers, 31, 0.013),
        "more pulses than are applied one by one": (w, layers, 1001, 0.013),
        "more pulses of a coincidence": (w, layers, 31, 1.0),
    }


@pytest.mark.parametrize("name", unusual())
def test_of_what_is_not_taken_nothing_is_drawn_or_changed(name):
    w, layers, length, quantum = unusual()[name]
    generator, how = generator_for(0), PulseTrains(quantum, STEP_SIZE, length).of_samples(2)
    before, state = w.detach().clone(), generator.get_state()
    write = pulses("linear", False, "stochastic", None, torch.float32)
    assert not write.write_trains(w, layers, how, -0.7, generator)
    assert torch.equal(w.detach(), before)
    assert torch.equal(generator.get_state(), state)


def test_biases_in_digital_may_ask_for_as_much_as_is_applied_one_by_one_only():
    layers = with_digital(products_of(2, 0.1, 0, torch.float32))
    many = [*layers[:-1], replace(layers[-1], errors=layers[-1].errors + 20.0)]
    write = pulses("silent", False, "stochastic", None, torch.float32)
    how = PulseTrains(0.013, STEP_SIZE).of_samples(2)
    for some, is_taken in ((layers, True), (many, False)):
        assert write.write_trains(torch.zeros(N), some, how, -0.7, generator_for(0)) is is_taken


@pytest.mark.parametrize("passes", [(), (Converters(dac_bits=7, adc_bits=9),)])
@pytest.mark.parametrize("batch", [1, 5])
def test_a_batch_is_passed_once_and_written_in_loops(passes, batch, monkeypatch):
    """The mean over draws is that of estimates of all weights, sample by sample."""
    problem = classification(
        [torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)], (4,), 3, samples=5
    )
    w, index = problem.initial_weights, torch.arange(batch)
    trains = PulseTrains(QUANTUM, STEP_SIZE)
    write = silent(len(w), "nearest", torch.float64)
    chip = Chip(
        Minibatch(trains, batch).on(index), STEP_SIZE, writes=(write,), passes=passes,
        write_each="sample",
    )  # fmt: skip
    asked = []
    known = type(problem).sample_products

    def counted(self, *given, **named):
        asked.append(given)
        return known(self, *given, **named)

    monkeypatch.setattr(type(problem), "sample_products", counted)
    monkeypatch.setattr(PulsedWrite, "write", lambda *given: pytest.fail("a write of all weights"))
    draws = 1000
    found = torch.stack(
        [chip.advance(problem, w, None, generator_for(6, k))[0] - w for k in range(draws)]
    )
    assert len(asked) <= 3 * draws
    monkeypatch.undo()
    single, see = trains.of_one_in(batch), chip.see(problem)
    moments = [single.moments(see, w, each) for each in index.split(1)]
    mean = -STEP_SIZE * sum(each.mean for each in moments) / batch
    variance = (STEP_SIZE / batch) ** 2 * sum(each.variance for each in moments)
    # Where a coincidence is rare, its number is no normal one; behind converters biases are exact.
    judged = variance * draws > 5.0 * QUANTUM**2
    assert judged.sum() > len(w) / 4
    z = (found.mean(0) - mean)[judged] / (variance[judged] / draws).sqrt()
    assert float(z.abs().max()) < stats.norm.ppf(1.0 - 0.005 / len(w))


def test_exact_gradients_have_no_trains():
    problem = classification([torch.nn.Linear(4, 3)], (4,), 3, samples=5)
    chip = Chip(Minibatch(Backprop(), 2), STEP_SIZE)
    assert chip.sample_estimates(problem, problem.initial_weights, generator_for(0)).trains is None


@pytest.mark.parametrize("dtype", dispatch.TYPES, ids=["32 bits", "64 bits"])
def test_halves_of_pulses_are_rounded_as_such(dtype):
    """One coincidence is half a pulse, which is nearest to none; of three halves two are left."""
    write = silent(4, "nearest", dtype)
    for step_size in (0.7, 0.1, 1e-3):
        trains = PulseTrains(QUANTUM / 2, step_size, 1, "deterministic")
        for count, pulses_made in ((1, 0.0), (3, 2.0)):
            trains = replace(trains, length=count)
            x = torch.ones(1, 2, dtype=dtype)
            layer = OuterProducts(0, None, x, 1000.0 * x)
            w = torch.zeros(4, dtype=dtype)
            assert write.write_trains(
                w, [layer], trains.of_samples(1), -step_size, generator_for(0)
            )
            assert w.tolist() == [-pulses_made * QUANTUM] * 4
