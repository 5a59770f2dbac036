"""What is asked of single updates, by layers or sample by sample, against them one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from device_models import (
    Backprop,
    Converters,
    Manhattan,
    Minibatch,
    SignSymmetric,
    draw_direct_feedback,
    draw_feedback,
    draw_readouts,
)
from neurograd.forecast.small_batches.estimates.increments import ChangedIncrements
from neurograd.forecast.small_batches.estimates.layer_estimates import LayerEstimates
from neurograd.forecast.small_batches.estimates.sample_estimates import SampleEstimates
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification, relu_network

SAMPLES = 12


class _Last(nn.Module):
    """The last outputs of a recurrent layer."""

    def forward(self, given):
        return given[0][:, -1]


by_both = pytest.mark.parametrize("kind", [LayerEstimates, SampleEstimates])


def _rules(problem):
    yield Backprop()
    w, generator = problem.initial_weights, generator_for(0, "feedback")
    yield draw_feedback(problem, w, generator)
    yield SignSymmetric()
    yield draw_direct_feedback(problem, w, generator)
    yield draw_readouts(problem, w, generator)
    yield Backprop()


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("which", range(6))
def test_mean_size_square_and_noise_are_those_of_single_updates(batch, which):
    problem = relu_network()
    rule, w = list(_rules(problem))[which], problem.initial_weights
    index = torch.randperm(problem.num_samples, generator=generator_for(0))[:SAMPLES]
    kind = SampleEstimates if which == 5 else LayerEstimates
    estimates = kind.of(problem, rule, batch)
    assert estimates is not None
    found = estimates.at(w, estimates.gathered(index))
    some = index.view(-1, batch)
    single = torch.stack([rule.gradient(problem, w, generator_for(1), each) for each in some])
    torch.testing.assert_close(found.mean, single.mean(0))
    torch.testing.assert_close(found.size, single.abs().mean(0))
    torch.testing.assert_close(found.square, single.square().mean(0))
    torch.testing.assert_close(found.single(2), single[:2])
    # The noise is linear in ξ: its covariance is that of its columns.
    eye = torch.eye(len(single), dtype=w.dtype)
    both = [torch.cat(found.noise(column)) for column in eye]
    columns = torch.stack(both)
    exact = torch.cov(torch.cat([single, single.abs()], 1).T)
    torch.testing.assert_close(columns.T @ columns, exact)


@by_both
def test_plain_noise_has_the_covariance_of_batches(kind):
    problem = relu_network()
    w, index = problem.initial_weights, torch.arange(SAMPLES)
    estimates = kind.of(problem, Backprop(), 4)
    assert estimates is not None
    found = estimates.at(w, estimates.gathered(index))
    single = torch.stack([problem.gradient(w, each) for each in index.split(1)])
    columns = torch.stack([found.plain_noise(c) for c in torch.eye(SAMPLES, dtype=w.dtype)])
    torch.testing.assert_close(columns.T @ columns, torch.cov(single.T) / 4)


@by_both
@pytest.mark.parametrize("batch", [1, 2])
def test_parts_of_a_subset_are_seen_by_a_pair_of_reads_each(kind, batch):
    """Of 12 samples and 2 pairs each has 6, for both reads; of 11 in batches of 2 it has 4."""
    problem = relu_network()
    w = problem.initial_weights
    reads, index = [1.1 * w, 0.9 * w, 1.2 * w, 0.8 * w], torch.arange(13 - batch)
    estimates = kind.of(problem, Backprop(), batch)
    assert estimates is not None
    samples = estimates.gathered(index, 2)
    found = estimates.at(torch.stack(reads), samples)
    each = {1: 6, 2: 4}[batch]
    parts = [index[:each], index[:each], index[each : 2 * each], index[each : 2 * each]]
    single = torch.stack(
        [
            problem.gradient(at, some)
            for at, part in zip(reads, parts, strict=True)
            for some in part.split(batch)
        ]
    )
    assert samples.reads == 4
    torch.testing.assert_close(found.single(len(single)), single)
    torch.testing.assert_close(found.mean, single.mean(0))
    # What single updates spread by is what they differ by behind one read.
    by_read = single.unflatten(0, (4, -1))
    within = (by_read - by_read.mean(1, keepdim=True)).flatten(0, 1)
    eye = torch.eye(len(single), dtype=w.dtype)
    columns = torch.stack([found.noise(column)[0] for column in eye])
    covariance = within.T @ within / (len(single) - 4)
    torch.testing.assert_close(columns.T @ columns, covariance)


@by_both
@pytest.mark.parametrize("batch", [1, 3])
def test_many_samples_change_as_a_few_of_them_do(kind, batch):
    """Where nothing has moved they are the many; elsewhere nearer than few or old ones are."""
    problem = relu_network()
    w = problem.initial_weights
    there = w - 0.5 * problem.gradient(w)
    index = torch.randperm(problem.num_samples, generator=generator_for(1))
    estimates = kind.of(problem, Backprop(), batch)
    assert estimates is not None
    samples = estimates.gathered(index)
    some = samples.first(24)
    many, few = estimates.at(w, samples), estimates.at(w, some)
    still = many.changed(few, few)
    torch.testing.assert_close(still.mean, many.mean)
    torch.testing.assert_close(still.size, many.size)
    now, exact = estimates.at(there, some), estimates.at(there, samples)
    found = many.changed(few, now)
    for name in ("mean", "size"):
        true = getattr(exact, name)
        off = float((getattr(found, name) - true).norm())
        assert off < 0.75 * float((getattr(now, name) - true).norm())
        assert off < 0.75 * float((getattr(many, name) - true).norm())
    assert found.batches == now.batches
    torch.testing.assert_close(found.single(2), now.single(2))


def test_what_is_kept_of_samples_that_are_not_followed():
    """By every layer the regression of the gradients of the followed on those that they had."""
    problem = relu_network()
    w = problem.initial_weights
    there = w - 2.0 * problem.gradient(w)
    index = torch.randperm(problem.num_samples, generator=generator_for(1))
    estimates = LayerEstimates.of(problem, Backprop(), 1)
    assert estimates is not None
    samples = estimates.gathered(index)
    some = samples.first(24)
    many, few, now = estimates.at(w, samples), estimates.at(w, some), estimates.at(there, some)
    found = ChangedIncrements(many, few, now)
    before, after, expected = few.single(24), now.single(24), now.mean.clone()
    for layer, kept in zip(now.factors, found.kept, strict=True):
        inside = torch.zeros_like(w)
        parts = now.stack.parameters(inside)
        for place in (layer.weight, layer.bias):
            if place is not None:
                parts[place].fill_(1.0)
        then = before * inside
        slope = float((then * after).sum() / then.square().sum())
        # No limit of it, and none of the followed samples' own.
        assert 0.0 < slope < 0.95
        assert kept == pytest.approx(slope)
        expected += slope * inside * (many.mean - few.mean)
    torch.testing.assert_close(found.mean, expected)


def _many_and_few(kind):
    """Weights, and estimates there of 40 samples and of the first 16 of them."""
    problem = relu_network()
    w, estimates = problem.initial_weights, kind.of(problem, Backprop(), 1)
    assert estimates is not None
    samples = estimates.gathered(torch.arange(40))
    return w, estimates.at(w, samples), estimates.at(w, samples.first(16))


def test_what_is_kept_is_held_between_nothing_and_all():
    w, many, few = _many_and_few(LayerEstimates)

    def times(factor):
        factors = [replace(each, errors=factor * each.errors) for each in few.factors]
        return ChangedIncrements(many, few, replace(few, factors=factors))

    assert times(0.3).kept == pytest.approx([0.3] * len(few.factors))
    assert times(-1.0).kept == [0.0] * len(few.factors)
    assert times(1.5).kept == [1.0] * len(few.factors)
    torch.testing.assert_close(times(0.0).mean, torch.zeros_like(w))


@by_both
def test_growth_of_the_gradients_of_single_samples(kind):
    problem = relu_network()
    w = problem.initial_weights
    there = w - 2.0 * problem.gradient(w)
    estimates = kind.of(problem, Backprop(), 1)
    assert estimates is not None
    samples = estimates.gathered(torch.arange(40))
    before, now = estimates.at(w, samples), estimates.at(there, samples)
    ratio = float((now.single(40).square().sum() / before.single(40).square().sum()).sqrt())
    assert ratio < 0.9
    assert now.growth(before) == pytest.approx(ratio)


@by_both
@pytest.mark.parametrize("batch", [1, 3])
def test_the_first_samples_of_estimates_are_not_computed_again(kind, batch):
    problem = relu_network()
    w = problem.initial_weights
    estimates = kind.of(problem, Backprop(), batch)
    assert estimates is not None
    samples = estimates.gathered(torch.randperm(40, generator=generator_for(3)))
    found, again = (
        estimates.at(w, samples).first(12),
        estimates.at(w, samples.first(12)),
    )
    assert (found.samples, found.batches) == (again.samples, again.batches) == (12, 12 // batch)
    torch.testing.assert_close(found.mean, again.mean)
    torch.testing.assert_close(found.size, again.size)
    assert not found.mean.allclose(estimates.at(w, samples).mean)


@by_both
def test_loss_of_some_samples(kind):
    problem = relu_network()
    index = torch.randperm(40, generator=generator_for(4))[:9]
    estimates = kind.of(problem, Backprop(), 1)
    assert estimates is not None
    exact = problem.mean_loss(problem.parameters_of(problem.initial_weights), index)
    found = estimates.loss(problem.initial_weights, estimates.gathered(index))
    assert float(found) == pytest.approx(float(exact), rel=1e-12)


def test_which_estimates_are_products_of_layers():
    problem = relu_network()
    assert LayerEstimates.of(problem, Minibatch(Backprop(), 1), 1) is None
    assert LayerEstimates.of(problem, Manhattan(), 1) is None
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)]
    assert LayerEstimates.of(classification(layers, (1, 4, 4), 3), Backprop(), 1) is None


@pytest.mark.parametrize("batch", [1, 3])
def test_samples_are_looked_at_where_their_own_steps_have_moved_them(batch, monkeypatch):
    """One by one as by layers, a few at a time, of one read and of several."""
    problem = relu_network()
    w, step_size = problem.initial_weights, 0.8
    name = "neurograd.forecast.small_batches.estimates.sample_estimates.MOST_TOGETHER"
    monkeypatch.setattr(name, 5 * len(w))
    of = {kind: kind.of(problem, Backprop(), batch) for kind in (LayerEstimates, SampleEstimates)}
    for pairs, seen in ((0, w), (1, torch.stack([1.1 * w, 0.9 * w]))):
        index = torch.arange(SAMPLES)
        layers, rows = (
            each.at(seen, each.gathered(index, pairs), step_size) for each in of.values()
        )
        torch.testing.assert_close(rows.mean, layers.mean)
        torch.testing.assert_close(rows.size, layers.size)
        torch.testing.assert_close(rows.single(2), layers.single(2))
        still = of[SampleEstimates].at(seen, of[SampleEstimates].gathered(index, pairs))
        assert not rows.mean.allclose(still.mean, rtol=1e-3)


def test_what_every_parameter_keeps_of_samples_that_are_not_followed():
    w, many, few = _many_and_few(SampleEstimates)
    factors = torch.tensor([0.3, -1.0, 1.5, 0.0], dtype=w.dtype)
    assert len(few.sizes) == len(factors)
    each = factors.repeat_interleave(torch.tensor(few.sizes))
    now = replace(few, gradients=each * few.gradients)
    found = many.changed(few, now)
    assert found.kept == pytest.approx([0.3, 0.0, 1.0, 0.0])
    rest = torch.tensor(found.kept, dtype=w.dtype).repeat_interleave(torch.tensor(few.sizes))
    torch.testing.assert_close(found.mean, now.mean + rest * (many.mean - few.mean))


def test_which_networks_are_looked_at_sample_by_sample(monkeypatch):
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)]
    problem = classification(layers, (1, 4, 4), 3)
    assert SampleEstimates.of(problem, Backprop(), 1) is not None
    assert SampleEstimates.of(problem, SignSymmetric(), 1) is None
    behind = problem.through(Converters(dac_bits=4, input_range=1.0).applied)
    assert SampleEstimates.of(behind, Backprop(), 1) is not None
    by_batch = problem.through(Converters(dac_bits=4, error_input_range=0.01).applied)
    assert SampleEstimates.of(by_batch, Backprop(), 1) is None
    layers = [nn.RNN(4, 3, batch_first=True), _Last(), nn.Linear(3, 3)]
    recurrent = classification(layers, (5, 4), 3)
    assert SampleEstimates.of(recurrent, Backprop(), 1) is None
    numbers = problem.num_samples * problem.num_parameters
    name = "neurograd.forecast.small_batches.estimates.sample_estimates.MOST_NUMBERS"
    monkeypatch.setattr(name, numbers - 1)
    assert SampleEstimates.of(problem, Backprop(), 1) is None
