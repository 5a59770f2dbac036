"""Writes, reads and passes by layer: what their parts make of their own weights, and no more."""

from __future__ import annotations

import pytest
import torch

from device_models import (
    Backprop,
    Chip,
    Converters,
    LinearStep,
    MemristorWrite,
    NominalDevice,
    PulsedWrite,
    ReadNoise,
    draw_devices,
)
from device_models.layer_hooks import LayerHook
from device_models.moments import through_writes
from device_models.outer_products import OuterProducts, sample_gradients
from device_models.passes.by_layer import LayerPasses
from device_models.protocols import ElementMoments, mean_read
from device_models.read.by_layer import LayerReads, PartReads
from device_models.updates.sample_writes import acts_once
from device_models.write.by_layer import LayerWrites, PartWrites
from device_models.write.whole_pulses import NominalStepWrite
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec
from neurograd.training.loop import train
from tests.conformance.cases import (
    DTYPES,
    Place,
    leak_by_layer,
    rate_problem,
    read_by_layer,
    write_by_layer,
)
from tests.conformance.matrix import hold

DRAWS = 400


@pytest.fixture(params=DTYPES, ids=str)
def place(request):
    return Place(request.param, "cpu")


def weights(place):
    return 0.6 * place.uniform(place.size, name="weights")


def increments(place, *shape):
    return 0.1 * place.uniform(*shape, place.size, name="increments")


def test_a_write_by_layer_has_the_moments_of_its_parts(place):
    """``hold`` judges mean and variance at 99 % confidence each."""
    effect = write_by_layer(place)
    w = effect.program(weights(place))
    increment = increments(place)
    samples = [effect.write(w, increment, place.generator("write", k)) for k in range(DRAWS)]
    moments = effect.moments(w, increment)
    hold(torch.stack(samples), moments.mean, moments.variance)
    exact = effect.parts[1]
    assert torch.equal(exact.take(moments.mean), exact.take(increment))
    assert not exact.take(moments.variance).any()
    assert moments.mean.dtype == place.dtype


def test_a_read_by_layer_has_the_moments_of_its_parts(place):
    effect, w = read_by_layer(place), weights(place)
    samples = [effect.read(w, place.generator("read", k)) for k in range(DRAWS)]
    moments = effect.moments(w)
    hold(torch.stack(samples), moments.mean, moments.variance)
    assert torch.equal(effect.parts[1].take(moments.mean), effect.parts[1].take(w))
    assert torch.equal(mean_read([effect], w, place.generator("mean")), moments.mean)


@pytest.mark.parametrize("make", [write_by_layer, leak_by_layer])
def test_a_random_increment_goes_through_each_part_as_through_its_effects(make, place):
    effect = make(place)
    w = effect.program(weights(place))
    variance = (0.3 * increments(place)).square()
    found = through_writes([effect], w, ElementMoments(increments(place), variance))
    for part in effect.parts:
        own = ElementMoments(part.take(increments(place)), part.take(variance))
        expected = through_writes(part.writes, part.take(w), own)
        torch.testing.assert_close(part.take(found.mean), expected.mean)
        torch.testing.assert_close(part.take(found.variance), expected.variance)


def test_stacks_have_the_moments_of_their_rows(place):
    chip = Chip(Backprop(), 0.1, writes=(write_by_layer(place), leak_by_layer(place)))
    w, rows = chip.program(weights(place)), increments(place, 3)
    found = chip.write_stack(w, rows)
    for row, mean, variance in zip(rows, found.mean, found.variance, strict=True):
        expected = chip.write_moments(w, row)
        torch.testing.assert_close(mean, expected.mean)
        torch.testing.assert_close(variance, expected.variance)


def test_what_one_part_draws_changes_no_draw_of_another():
    place = Place(torch.float64, "cpu")
    effect, w, increment = write_by_layer(place), weights(place), increments(place)
    noisy, exact = effect.parts
    other = LayerWrites((noisy, PartWrites(exact.places, write_by_layer_of(place, exact))))
    one, both = (e.write(w, increment, place.generator("write")) for e in (effect, other))
    assert torch.equal(noisy.take(one), noisy.take(both))
    assert not torch.equal(exact.take(one), exact.take(both))


def write_by_layer_of(place, part):
    """Noisy writes of as many synapses as a part has."""
    size = sum(each.stop - each.start for each in part.places)
    # The outer part of three times as many weights half as large has as many.
    return write_by_layer(Place(place.dtype, "cpu", ((3 * size // 2,),))).parts[0].writes


def test_reads_of_two_parts_are_independent():
    halves = [PartReads((slice(0, 20),), (ReadNoise(0.1),))]
    halves += [PartReads((slice(20, 40),), (ReadNoise(0.1),))]
    place = Place(torch.float64, "cpu")
    noise = LayerReads(tuple(halves)).read(torch.zeros(40).double(), place.generator("read"))
    assert not torch.equal(noise[:20], noise[20:])


def test_leaks_act_once_an_update_and_writes_do_not(place):
    assert acts_once(leak_by_layer(place))
    assert not acts_once(write_by_layer(place))


@pytest.mark.parametrize("places", [[(0, 3), (2, 5)], [(0, 2), (3, 5)], [(1, 3)], [(0, 0), (0, 2)]])
def test_every_weight_is_in_one_part(places):
    parts = tuple(PartWrites((slice(*ends),)) for ends in places)
    with pytest.raises(ValueError, match="allowed: every weight once"):
        LayerWrites(parts)
    with pytest.raises(ValueError, match="allowed: every weight once"):
        LayerReads(tuple(PartReads(part.places) for part in parts))


class FirstCall(LayerHook):
    """Converters of the first call of a pass, known by its place."""

    def __init__(self):
        self.calls, self.inner = 0, Converters(3, 4)

    def before(self, call, x):
        self.calls += 1
        return self.inner.before(call, x) if self.calls == 1 else x

    def product(self, call, x):
        return (self.inner if self.calls == 1 else super()).product(call, x)

    def after(self, call, y):
        return self.inner.after(call, y) if self.calls == 1 else y


def test_converters_of_one_layer_leave_the_others_alone():
    problem = rate_problem(Place(torch.float64, "cpu"))
    w = problem.initial_weights

    def gradient(*names):
        passes = LayerPasses(Converters(3, 4), frozenset(names))
        chip = Chip(Backprop(), 0.1, passes=(passes,))
        return chip.estimate(problem, w, torch.Generator())

    first = problem.through(lambda: FirstCall().applied()).gradient(w)
    assert torch.equal(gradient("0.weight"), first)
    # Nothing meets the problem's own passes, which are then written out: sums of another order.
    torch.testing.assert_close(gradient(), problem.gradient(w), rtol=1e-12, atol=1e-15)
    everywhere = Chip(Backprop(), 0.1, passes=(Converters(3, 4),))
    both = everywhere.estimate(problem, w, torch.Generator())
    assert torch.equal(gradient("0.weight", "2.weight"), both)
    assert not torch.allclose(both, first)
    assert not torch.allclose(first, problem.gradient(w))


def test_noise_of_converters_is_that_of_their_layer():
    problem = rate_problem(Place(torch.float64, "cpu"))
    passes = LayerPasses(Converters(output_noise=0.1), frozenset({"2.weight"}))
    chip = Chip(Backprop(), 0.1, passes=(passes,))
    assert not chip.deterministic_gradient
    w = problem.initial_weights
    draws = [chip.estimate(problem, w, torch.Generator().manual_seed(k)) for k in (0, 1, 0)]
    assert torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[1])
    with pytest.raises(ValueError, match="allowed: no array_size"):
        LayerPasses(Converters(array_size=(2, 2)), frozenset()).check_rule(Takes())


class Takes:
    """A rule that takes what layers get."""

    takes_calls = "values"


OUTER = {
    "digital biases": {"network": {"hidden": [6], "biases": "digital"}},
    "layers": {
        "network": {"hidden": [6]},
        "layers": {"last": {"device": {"preset": "alox-hfo2"}}},
    },
    "exact layer": {
        "network": {"hidden": [6], "biases": "digital"},
        "layers": {"first": {"device": None}},
    },
}


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("preset", ["gokmen-vlasov", "alox-hfo2"])
@pytest.mark.parametrize("name", OUTER)
def test_samples_are_written_as_the_products_that_they_are(name, preset, batch, monkeypatch):
    """An update takes one call a layer that has devices of the preset's kind."""
    keys = {
        "device": {"preset": preset},
        "task": {"name": "digits", "train_samples": 30},
        "learning_rule": {"batch_size": batch, "write_each": "sample"},
        "training": {"step_size": 0.2, "steps": 5},
    }
    spec = validate_spec({**keys, **OUTER[name]})
    problem = build_problem(spec)
    chip, taken = build_chip(spec, problem), []
    outer = NominalStepWrite if preset == "gokmen-vlasov" else MemristorWrite
    before = outer.write_outer

    def counted(*arguments):
        taken.append(before(*arguments))
        return taken[-1]

    monkeypatch.setattr(outer, "write_outer", counted)
    found = train(problem, chip, 5, seed=1).weights
    alike = name == "digital biases" or (name == "layers" and preset == "alox-hfo2")
    assert taken == [True] * (5 * (2 if alike else 1))
    assert (found != chip.program(problem.initial_weights)).double().mean() > 0.05


def written_by_parts(dtype):
    """Two layers, 4 to 3 and 3 to 2, with devices of the matrices and exact biases of the first."""
    nominal = NominalDevice(dw_min=0.01, dw_min_dtod=0.3, w_max_dtod=0.2)

    def devices(size):
        drawn = draw_devices(nominal, size, generator_for(size, "devices"), dtype)
        # Stochastic rounding draws in the order of what is visited: other numbers.
        return (PulsedWrite(LinearStep(0.3), drawn, 0.01, 1.3, "nearest"),)

    return LayerWrites(
        (
            PartWrites((slice(12, 15),)),
            PartWrites((slice(0, 12),), devices(12)),
            PartWrites((slice(15, 23),), devices(8)),
        )
    )


def test_products_have_the_numbers_of_writes_of_all_weights(place):
    write = written_by_parts(place.dtype)
    generator = place.generator("products")

    def drawn(*shape):
        return torch.randn(*shape, generator=generator, dtype=place.dtype)

    layers = [
        OuterProducts(0, 12, drawn(3, 4), drawn(3, 3)),
        OuterProducts(15, 21, drawn(3, 3), drawn(3, 2)),
    ]
    w = write.program(0.3 * drawn(23))
    found, expected = w.clone(), w.clone()
    assert write.write_outer(found, layers, -0.1, place.generator("write"))
    again = place.generator("write")
    for gradient in sample_gradients(layers, w):
        expected += write.write(expected, -0.1 * gradient, again)
    assert found.equal(expected)
    assert (found != w).sum() > 20


def test_matrices_in_several_parts_are_no_products_of_theirs(place):
    inputs, errors = torch.rand(2, 4), torch.rand(2, 3)
    layers = [OuterProducts(0, 12, inputs, errors)]
    whole = PartWrites((slice(0, 15),))
    assert [each.first for each in whole.products(layers)] == [0]
    (biases,) = PartWrites((slice(12, 15),)).products(layers)
    assert biases.first == 0
    assert biases.inputs.equal(torch.ones(2, 1))
    cut = LayerWrites((PartWrites((slice(0, 5),)), PartWrites((slice(5, 15),))))
    w = torch.zeros(15)
    assert not cut.write_outer(w, layers, -1.0, torch.Generator())
    assert not w.any()
    apart = LayerWrites((PartWrites((slice(12, 15), slice(0, 12))),))
    assert apart.write_outer(w, layers, -1.0, torch.Generator())
    torch.testing.assert_close(w, -torch.cat([(errors.T @ inputs).flatten(), errors.sum(0)]))
