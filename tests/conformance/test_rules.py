"""Rules and updates: closed forms, means over samples, every pass, chunks, both types."""

from __future__ import annotations

import pytest
import torch

from device_models import Backprop, Converters, LearningRule, PassPath
from device_models.protocols import ExpectedRule
from tests.conformance.cases import FINE, PASSES, RULES, Place, convolution_problem
from tests.conformance.matrix import hold, rounding
from tests.conformance.test_reads_and_writes import places

DRAWS = 150

DOUBLE = Place(torch.float64, "cpu")


def _made(name, place, **kwargs):
    case = RULES[name]
    problem = case.problem(place, **kwargs)
    return case, problem, case.make(problem, place), problem.initial_weights


def _mean(case, rule, problem, w, place):
    if case.mean is not None:
        return case.mean(rule, problem, w)
    if isinstance(rule, ExpectedRule):
        return rule.expected(problem, w, place.generator("expected"))
    return None


@places
@pytest.mark.parametrize("name", RULES)
def test_estimates_have_the_moments_that_they_state(name, place):
    case, problem, rule, w = _made(name, place)
    assert isinstance(rule, LearningRule)
    mean = _mean(case, rule, problem, w, place)
    draws = 2 if rule.deterministic or mean is None else DRAWS
    samples = torch.stack(
        [rule.gradient(problem, w, place.generator(name, k)) for k in range(draws)]
    )
    assert samples.dtype == place.dtype
    assert torch.equal(samples[0], samples[1]) == rule.deterministic
    if mean is not None and isinstance(rule, ExpectedRule):
        stated = rule.expected(problem, w, place.generator("stated"))
        tolerance = rounding(place.dtype)
        torch.testing.assert_close(stated, mean, rtol=tolerance, atol=tolerance)
    # A closed form that a rule has is held against its samples.
    states = any(callable(getattr(rule, name, None)) for name in ("total_variance", "moments"))
    assert (case.variance is not None) or rule.deterministic or not states
    if mean is None:
        assert case.variance is None
    elif rule.deterministic:
        assert case.variance is None
        tolerance = rounding(place.dtype)
        torch.testing.assert_close(samples[0], mean, rtol=tolerance, atol=tolerance)
    else:
        variance = None if case.variance is None else float(case.variance(rule, problem, w))
        hold(samples, mean, variance)


@pytest.mark.parametrize("name", [name for name, case in RULES.items() if case.batches])
def test_a_mean_over_samples_is_one_and_nothing_else_is(name):
    """Over a batch, the estimate's mean is the mean of those over its single samples."""
    _, problem, rule, w = _made(name, DOUBLE)
    batch = [3, 17, 8]

    def estimate(index, *path):
        return rule.gradient(problem, w, DOUBLE.generator(name, *path), torch.tensor(index))

    def gap(k):
        singles = torch.stack([estimate([i], i, k) for i in batch])
        return estimate(batch, "whole", k) - singles.mean(0)

    if rule.mean_over_samples and rule.deterministic:
        torch.testing.assert_close(gap(0), torch.zeros_like(w), rtol=0, atol=1e-10)
    elif rule.mean_over_samples:
        hold(torch.stack([gap(k) for k in range(DRAWS)]), torch.zeros_like(w), None)
    elif rule.deterministic:
        assert float(gap(0).abs().max()) > 1e-3


@places
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("periphery", PASSES)
def test_rules_run_behind_every_pass(periphery, name, place):
    """Estimates keep type and determinism, and see what the periphery does."""
    _, problem, rule, w = _made(name, place)
    effect = PASSES[periphery]()
    assert isinstance(effect, PassPath)
    through = problem.through(effect.applied)
    first, same, other = (
        rule.gradient(through, w, place.generator(name, k)) for k in ("a", "a", "b")
    )
    assert first.dtype == place.dtype
    assert bool(torch.isfinite(first).all())
    assert torch.equal(first, same)
    assert torch.equal(first, other) == (rule.deterministic and effect.deterministic)
    assert not torch.equal(first, rule.gradient(problem, w, place.generator(name, "a")))


@pytest.mark.parametrize("name", [n for n in RULES if RULES[n].convolutions])
def test_rules_see_convolutions_as_products(name):
    """As linear layers: behind a fine pass next to nothing changes, behind a coarse one it does."""
    case, problem = RULES[name], convolution_problem(DOUBLE)
    rule, w = case.make(problem, DOUBLE), problem.initial_weights
    plain, fine, coarse = (
        rule.gradient(p, w, DOUBLE.generator(name))
        for p in (
            problem,
            problem.through(FINE["converters"]().applied),
            problem.through(Converters(2, 2).applied),
        )
    )
    kernel = slice(problem.module[0].weight.numel())
    largest = float(plain[kernel].abs().max())
    torch.testing.assert_close(fine[kernel], plain[kernel], rtol=1e-3, atol=1e-4 * largest)
    assert not torch.allclose(coarse[kernel], plain[kernel], rtol=1e-2, atol=1e-2 * largest)


@pytest.mark.parametrize("periphery", FINE)
@pytest.mark.parametrize("name", RULES)
def test_a_fine_pass_changes_next_to_nothing(name, periphery):
    # Pulse trains have biases in the array, where there are no converters: none to compare.
    options = {"bias": False} if name.startswith("pulse_trains") else {}
    _, problem, rule, w = _made(name, DOUBLE, **options)
    through = problem.through(FINE[periphery]().applied)
    plain = rule.gradient(problem, w, DOUBLE.generator(name))
    fine = rule.gradient(through, w, DOUBLE.generator(name))
    torch.testing.assert_close(fine, plain, rtol=1e-3, atol=1e-4 * float(plain.abs().max()))


DRAWN_BY_CHUNK = ("surrogate_bptt, stochastic",)
"""Rules that say that their draws, not their distribution, depend on the chunks."""


@pytest.mark.parametrize("periphery", [None, *PASSES])
@pytest.mark.parametrize("name", [name for name in RULES if name not in DRAWN_BY_CHUNK])
def test_chunks_change_nothing(name, periphery):
    _, problem, rule, w = _made(name, DOUBLE)
    chunked = RULES[name].problem(DOUBLE, chunk_size=5)
    if periphery is not None:
        problem, chunked = (p.through(PASSES[periphery]().applied) for p in (problem, chunked))
    whole = rule.gradient(problem, w, DOUBLE.generator(name))
    parts = rule.gradient(chunked, w, DOUBLE.generator(name))
    if name == "manhattan":
        # Behind converters sums of equal steps cancel, and the sign of the rest is by rounding.
        plain = Backprop().gradient(problem, w, DOUBLE.generator(name)).abs()
        told = plain > 1e-12 * float(plain.max())
        assert int(told.sum()) > 0.8 * len(told)
        whole, parts = whole[told], parts[told]
    torch.testing.assert_close(parts, whole, rtol=1e-7, atol=1e-9 * float(whole.abs().max()))


@pytest.mark.parametrize("name", DRAWN_BY_CHUNK)
def test_draws_of_chunks_have_the_same_mean(name):
    case, problem, rule, w = _made(name, DOUBLE, chunk_size=5)
    mean = _mean(case, rule, problem, w, DOUBLE)
    draws = [rule.gradient(problem, w, DOUBLE.generator(name, k)) for k in range(DRAWS)]
    hold(torch.stack(draws), mean, None)


@pytest.mark.parametrize(
    "name", [name for name in RULES if RULES[name].batches and name not in DRAWN_BY_CHUNK]
)
def test_chunks_of_a_batch_change_nothing(name):
    """More samples in a batch than a pass takes."""
    _, problem, rule, w = _made(name, DOUBLE)
    chunked, batch = RULES[name].problem(DOUBLE, chunk_size=3), torch.tensor([3, 17, 8, 0, 21])
    whole = rule.gradient(problem, w, DOUBLE.generator(name), batch)
    parts = rule.gradient(chunked, w, DOUBLE.generator(name), batch)
    torch.testing.assert_close(parts, whole, rtol=1e-7, atol=1e-9 * float(whole.abs().max()))


@pytest.mark.parametrize("name", RULES)
def test_chunks_bound_what_a_pass_takes(name):
    _, problem, rule, w = _made(name, DOUBLE, chunk_size=5)
    sizes = []
    problem.module.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    rule.gradient(problem, w, DOUBLE.generator(name))
    if RULES[name].variance is not None:
        RULES[name].variance(rule, problem, w)
    assert sizes
    assert max(sizes) <= 5
