"""The families of tests of the matrix's levels: reads, writes, batches and rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import product

import torch
from torch import Tensor

from device_models import Backprop, Chip, LearningRule, Minibatch
from device_models.protocols import ElementMoments, ExpectedRule
from device_models.rules.loss_comparisons import compares_losses
from neurograd.problem import Problem
from tests.conformance.cases import PASSES, READS, RULES, WRITES, Place
from tests.conformance.cells import (
    BATCHES,
    FACTORS,
    NONE,
    Cell,
    allowed,
    estimates,
    generator_of,
    largest_increment,
    place_of,
    stored_estimate,
)
from tests.conformance.levels import (
    MEAN_OFF,
    VARIANCE_OFF,
    Test,
    hold_elements,
    hold_strata,
    hold_updates,
    sigmas,
)
from tests.conformance.matrix import rounding

PILOT_UPDATES = 100

MOST_UPDATES = {"surrogate_bptt, stochastic": 400}
"""Updates in one sample of a rule whose estimate takes long; a record says what they find."""
MOST_OF_OTHERS = 5200
DRIFT_DEVICES = 1000
"""Weights at least, each with devices of its own, that drifts are looked for on."""
MOST_AT_ONCE = 200_000
"""Of rules that are drawn many at once (``torch.vmap``)."""


def _tiled(place: Place, copies: int) -> Place:
    return Place(place.dtype, place.device, ((copies * place.size,),))


def hold_read(read: str, rule: str, dtype: str, tests: int) -> list[Test]:
    """A read at the weights of a rule's problem."""
    place = place_of(rule, dtype)
    w = RULES[rule].problem(place).initial_weights
    effect = READS[read](place)
    if effect.deterministic:
        _same(effect.read(w, generator_of(read)), effect.moments(w))
        return []

    def draw(copies: int) -> tuple[Tensor, Tensor, Tensor]:
        many = READS[read](_tiled(place, copies))
        stored = w.repeat(copies)
        moments = many.moments(stored)
        seen = many.read(stored, generator_of("read", read, rule, dtype, str(copies)))
        return seen, moments.mean, moments.variance

    return hold_elements(f"{read} of {rule}, {dtype}", draw, place.size, tests)


def _same(value: Tensor, moments: ElementMoments) -> None:
    tolerance = rounding(value.dtype)
    torch.testing.assert_close(value, moments.mean, rtol=tolerance, atol=tolerance)
    assert not bool(moments.variance.any())


def hold_write(
    rule: str, batch: str, write: str, dtype: str, before: Sequence[tuple[str, str]], tests: int
) -> list[Test]:
    """A write of the estimates of a rule behind passes and reads, a copy of the weights each."""
    place = place_of(rule, dtype)
    stored = RULES[rule].problem(place).initial_weights
    most = largest_increment(write)
    found = [stored_estimate(rule, batch, passes, read, dtype) for passes, read in before]
    increments = torch.stack([-most / float(each.abs().max()) * each for each in found])

    def draw(copies: int) -> tuple[Tensor, Tensor, Tensor]:
        effect = WRITES[write].make(_tiled(place, copies))
        w = effect.program(stored.repeat(copies))
        times = math.ceil(copies / len(increments))
        increment = increments.repeat(times, 1)[:copies].reshape(-1)
        moments = effect.moments(w, increment)
        generator = generator_of("write", rule, batch, write, dtype, str(copies))
        return effect.write(w, increment, generator), moments.mean, moments.variance

    return hold_elements(f"{write} of {rule}, {batch}, {dtype}", draw, place.size, tests)


def hold_drift(rule: str, batch: str, write: str, dtype: str, tests: int) -> list[Test]:
    """A write of increments that are themselves random: the estimates of single batches.

    Every write has another slope up than down, so that what it realizes in the mean depends on the
    mean size of the increments. They are those of as many batches as there are samples (batches
    of one: each sample), whose writes ``Chip.average_write`` averages. Each is written equally
    often, so that their own spread is no noise of the comparison.
    """
    place, increments = place_of(rule, dtype), _increments(rule, batch, write, dtype)
    devices = _tiled(place, math.ceil(DRIFT_DEVICES / place.size))
    copies = devices.size // place.size
    effect = WRITES[write].make(devices)
    w = effect.program(estimates(rule, batch, NONE, dtype).problem.initial_weights.repeat(copies))
    chip, every = Chip(Backprop(), 0.1, writes=(effect,)), increments.repeat(1, copies)
    own = [chip.write_moments(w, each) for each in every]
    means, variances = (torch.stack(part) for part in zip(*map(astuple, own), strict=True))
    found = chip.average_write(w, every)
    bessel = means.var(0) - means.var(0, correction=0)
    moments = ElementMoments(found.mean, found.variance - bessel)

    def written(rounds: int, name: str) -> Iterator[tuple[Tensor, ElementMoments]]:
        generator = generator_of(name, rule, batch, write, dtype)
        for _ in range(rounds):
            for each, mean, variance in zip(every, means, variances, strict=True):
                yield effect.write(w, each, generator), ElementMoments(mean, variance)

    name = f"drift of {write} of {rule}, {batch}, {dtype}"
    return hold_strata(name, written, moments, len(every), tests)


def _increments(rule: str, batch: str, write: str, dtype: str) -> Tensor:
    """One increment of each batch, shape ``(batches, N)``."""
    parts = estimates(rule, batch, NONE, dtype)
    stored, inner = parts.problem.initial_weights, parts.rule.rule
    count, size = parts.problem.num_samples, parts.rule.batch_size
    order = generator_of("drift", rule, batch)
    batches = [
        torch.tensor([k]) if size == 1 else torch.randperm(count, generator=order)[:size]
        for k in range(count)
    ]
    made = torch.stack([inner.gradient(parts.problem, stored, order, each) for each in batches])
    return -largest_increment(write) / float(made.abs().max()) * made


@dataclass(frozen=True)
class Table:
    """A rule that hands out estimates of single samples that were made before."""

    estimates: Tensor
    deterministic = True
    mean_over_samples = True

    def gradient(
        self, problem: Problem, w: Tensor, generator: torch.Generator, index: Tensor | None = None
    ) -> Tensor:
        """Their mean over the samples ``index``."""
        return (self.estimates if index is None else self.estimates[index]).mean(0)


def hold_rule(rule: str, batch: str, passes: str, dtype: str, tests: int) -> list[Test]:
    """The estimates of a rule against their mean and total variance, where these are known."""
    parts, case = estimates(rule, batch, passes, dtype), RULES[rule]
    problem, w, name = (
        parts.problem,
        parts.problem.initial_weights,
        f"{rule}, {batch}, {passes}, {dtype}",
    )
    made = parts.rule
    if made.deterministic:
        return []
    inner = made.rule if batch != "whole" else made
    if batch != "whole" and passes != NONE and not PASSES[passes]().by_sample:
        return []  # The mean over batches has no closed form there.
    if batch != "whole" and inner.deterministic:
        return _hold_batches(name, made, problem, w, tests)
    if passes != NONE and (compares_losses(made) or not isinstance(made, ExpectedRule)):
        return []
    mean = _mean(rule, inner, problem, w)
    if mean is None or (batch != "whole" and not inner.mean_over_samples):
        return []
    known = case.variance is not None and batch == "whole" and passes == NONE
    variance = float(case.variance(made, problem, w)) if known else None
    draw = _drawing(made, problem, w)
    return _hold_drawn(name, rule, draw, mean, variance, tests)


def _mean(rule: str, inner: LearningRule, problem: Problem, w: Tensor) -> Tensor | None:
    case = RULES[rule]
    if case.mean is not None:
        return case.mean(inner, problem, w)
    known = isinstance(inner, ExpectedRule)
    return inner.expected(problem, w, generator_of("mean", rule)) if known else None


def _hold_drawn(
    name: str,
    rule: str,
    draw: Callable[[int, torch.Generator], Tensor],
    mean: Tensor,
    variance: float | None,
    tests: int,
) -> list[Test]:
    at_once = draw.__name__ == "at_once"
    pilot = draw(PILOT_UPDATES, generator_of("pilot", name))
    needed = max(PILOT_UPDATES, *_needed_updates(pilot, mean, variance, sigmas(tests)))
    most = MOST_AT_ONCE if at_once else MOST_UPDATES.get(rule, MOST_OF_OTHERS)
    samples = draw(min(math.ceil(needed), most), generator_of("rule", name))
    return hold_updates(name, samples, mean, variance, tests)


def _needed_updates(
    pilot: Tensor, mean: Tensor, variance: float | None, z: float
) -> Iterable[float]:
    gap, mean = (pilot - mean).double(), mean.double()
    step = gap.square().sum(1).mean() + mean.square().sum()
    along = (gap @ (mean / mean.norm())).var()
    yield 1.3 * (z / MEAN_OFF) ** 2 * float(along / step)
    if variance is not None:
        yield 1.5 * (z / VARIANCE_OFF) ** 2 * float(gap.square().sum(1).var()) / variance**2


def _drawing(
    rule: LearningRule, problem: Problem, w: Tensor
) -> Callable[[int, torch.Generator], Tensor]:
    """Draws many estimates: at once where the rule lets itself be mapped, else one by one."""

    def at_once(count: int, generator: torch.Generator) -> Tensor:
        many = torch.vmap(lambda at: rule.gradient(problem, at, generator), randomness="different")
        parts = [min(5000, count - k) for k in range(0, count, 5000)]
        return torch.cat([many(w.expand(part, -1)) for part in parts])

    def singly(count: int, generator: torch.Generator) -> Tensor:
        return torch.stack([rule.gradient(problem, w, generator) for _ in range(count)])

    try:
        at_once(2, generator_of("mapped"))
    except RuntimeError:
        return singly
    return at_once


def _hold_batches(
    name: str, made: Minibatch, problem: Problem, w: Tensor, tests: int
) -> list[Test]:
    """Batches of a rule that draws nothing: all that is random is which samples they have.

    Its estimates over single samples are made once; where it is a mean over samples, or a batch is
    one sample, an estimate is the mean of those of its batch.
    """
    n, size = problem.num_samples, made.batch_size
    if size > 1 and not made.rule.mean_over_samples:
        return []
    unused = generator_of("unused")
    singles = torch.stack(
        [made.rule.gradient(problem, w, unused, torch.tensor([k])) for k in range(n)]
    )
    drawn = Minibatch(Table(singles), size)
    pair = [each.gradient(problem, w, generator_of(name)) for each in (made, drawn)]
    scale = float(singles.abs().max())
    tolerance = rounding(w.dtype)
    torch.testing.assert_close(pair[0], pair[1], rtol=tolerance, atol=tolerance * scale)
    mean = singles.mean(0)
    spread = float((singles - mean).double().square().sum(1).mean())
    variance = (n - size) / (n - 1) * spread / size
    return _hold_drawn(name, "", _drawing(drawn, problem, w), mean, variance, tests)


def read_family() -> list[tuple[str, str, str]]:
    """Read, rule whose weights are read, type."""
    return list(product(READS, ("backprop", "eprop"), FACTORS["dtype"]))


def rule_family() -> list[tuple[str, str, str, str]]:
    """Rule, batch, passes, type."""
    rows = product(RULES, BATCHES, FACTORS["passes"], FACTORS["dtype"])
    return [row for row in rows if allowed({"rule": row[0], "batch": row[1]})]


def drift_family() -> list[tuple[str, str, str, str]]:
    """Rule, batch, write, type."""
    rows = list(product(("backprop", "manhattan", "eprop"), ("1", "8"), WRITES, ("float64",)))
    return rows + list(product(("backprop",), ("1", "8"), WRITES, ("float32",)))


def before_writes(cells: Iterable[Cell]) -> dict[tuple[str, str, str, str], list[tuple[str, str]]]:
    """Of every rule, batch, write and type of some cells, the passes and reads before the write."""
    found: dict[tuple[str, str, str, str], list[tuple[str, str]]] = {}
    for cell in cells:
        if cell.write != NONE:
            key = (cell.rule, cell.batch, cell.write, cell.dtype)
            found.setdefault(key, []).append((cell.passes, cell.read))
    return found
