"""How much is measured at a point: no more work than the training of the chips, unless asked for.

Work is counted in passes of one sample through the network, forward and back, as a forecast's is
(``neurograd.forecast.chip_end``): a count, so that results do not depend on how fast a machine is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from device_models import Chip
from neurograd.forecast.costs.updates import update_passes
from neurograd.measure.controls.step import PILOT_SAMPLES, pilots_of
from neurograd.measure.curvature.spectrum import FULL, QUICK, Effort
from neurograd.measure.kinks.passes import STEPS_AT_ONCE
from neurograd.measure.point import MeasurementBudget
from neurograd.problem import Problem
from neurograd.problem.sample_parts import FEWEST
from neurograd.spec import Spec

COVARIANCE_DRAWS = 64
KINK_DRAWS = 128

QUICK_SAMPLES, QUICK_WORK = 480, 1e7
"""Training samples that a draw of a loss is judged on at least in a quick check, about: a third of
digits. That is where samples times weights are more than so much; below, a draw on all of them
takes a few milliseconds."""

LITTLE_WORK = 2.5e11
"""Weights times passes of a sample, up to which all points are measured in full whatever training
costs: each is six multiplications and additions, together some tens of seconds of one core."""

DRAWS_A_PART = 4
"""Draws of the loss for each part of the training set on average, where parts take turns."""

FEWEST_DRAWS = 200
"""Updates that the moments are taken from at least, where the spec does not ask for fewer."""

DEFAULT_SMOOTHING_DRAWS = 500
"""Pairs of losses for the length of a smoothed loss's gradient."""

LOSS_PASSES, KINK_PASSES, PRODUCT_PASSES = 0.5, 0.7, 1.3
"""A loss, the kinks of a step and a Hessian product, in passes, by timings of 784-256-128-10."""


def point_budget(spec: Spec, problem: Problem, chip: Chip, *, quick: bool) -> MeasurementBudget:
    """The first of ever smaller amounts that is no more work than the chips' training; or the last.

    Draws come to see parts of the training set in turn, then the spectrum is looked at as in a
    quick check, then fewer updates are drawn. Draws of a smoothed loss see as many samples at
    random as the work allows, and no fewer than parts in turn would have; in a quick check little
    work is no exception there.

    Args:
        spec: The validated spec, in its quick version if that is checked.
        problem: Its problem.
        chip: Its first chip.
        quick: Whether it is the quick version.
    """
    full = full_budget(spec, problem, quick=quick)
    if spec.measure.budget == "none":
        return full
    training = spec.training.seeds * spec.count_updates(problem.num_samples)
    work = training * update_passes(problem, chip)
    if problem.parts.spiking:
        little = 0.0 if quick else LITTLE_WORK / (problem.num_parameters * _time_steps(problem))
        allowed = max(work, little) / spec.measure.points
        return _smoothed_budget(full, spec, problem, chip, allowed, quick=quick)
    allowed = max(work, LITTLE_WORK / problem.num_parameters) / spec.measure.points
    least = full
    for each in _ever_less(full, problem.num_samples):
        least = each
        if point_passes(each, problem, chip) <= allowed:
            return each
    over = point_passes(least, problem, chip) - allowed
    draws = least.draws - math.ceil(over / _draw_passes(problem, chip))
    return replace(least, draws=min(least.draws, max(draws, FEWEST_DRAWS)))


def _smoothed_budget(
    full: MeasurementBudget,
    spec: Spec,
    problem: Problem,
    chip: Chip,
    allowed: float,
    *,
    quick: bool,
) -> MeasurementBudget:
    """A smoothed loss judged by fewer samples, then of fewer updates, within some passes."""
    samples, draw = problem.num_samples, _draw_passes(problem, chip)
    if smoothed_passes(full, spec, problem, chip, quick=quick) <= allowed:
        return full
    fixed = smoothed_passes(replace(full, samples=0), spec, problem, chip, quick=quick)
    one = smoothed_passes(replace(full, samples=1), spec, problem, chip, quick=quick)
    fewest = math.ceil(samples / max(1, full.loss_draws // DRAWS_A_PART))
    judged = max(fewest, math.floor((allowed - fixed) / (one - fixed)))
    least = min(full.samples or samples, judged)
    less = replace(full, samples=None if least >= samples else least)
    over = smoothed_passes(less, spec, problem, chip, quick=quick) - allowed
    draws = full.draws - math.ceil(max(0.0, over) / draw)
    return replace(less, draws=min(full.draws, max(draws, FEWEST_DRAWS)))


def smoothed_losses(loss_draws: int, pairs: float, *, quick: bool) -> float:
    """Losses that a point of a spiking network takes of its smoothed loss.

    At one s three for each slope, curvature and Tr(HΣ), two for the loss itself, four for its trace
    and two for its change, and two a pair. At two others, which a quick check leaves out, three
    more for each slope and two for a quarter of the pairs.

    Args:
        loss_draws: Draws of everything but the gradient's length.
        pairs: Pairs of losses for that length.
        quick: Whether it is a quick check.
    """
    return (17 if quick else 23) * loss_draws + (2 if quick else 3) * pairs


def smoothed_passes(
    budget: MeasurementBudget, spec: Spec, problem: Problem, chip: Chip, *, quick: bool
) -> float:
    """What a point of a spiking network costs, in passes of one sample through the network.

    Args:
        budget: How much is measured.
        spec: The validated spec.
        problem: Network, loss and data.
        chip: The chip.
        quick: Whether it is a quick check.
    """
    samples, measure = problem.num_samples, spec.measure
    judged = samples if budget.samples is None else min(budget.samples, samples)
    pairs = measure.smoothing_draws or DEFAULT_SMOOTHING_DRAWS
    losses = smoothed_losses(budget.loss_draws, pairs, quick=quick)
    updates = (budget.draws + 2 * budget.loss_draws) * _draw_passes(problem, chip)
    return updates + LOSS_PASSES * judged * losses


def _time_steps(problem: Problem) -> int:
    """Time steps of a spiking network's inputs, each of which is a pass through all weights.

    1 where a module takes inputs without time: how often it passes them, only its code knows.
    """
    inputs = problem.data()[0]
    return int(inputs.shape[1]) if inputs.ndim > 2 else 1


def full_budget(spec: Spec, problem: Problem, *, quick: bool) -> MeasurementBudget:
    """What the spec asks for.

    Args:
        spec: The validated spec.
        problem: Its problem.
        quick: Whether it is its quick version, whose spectrum is looked at less closely; of large
            networks its draws of the loss see parts of the training set: of spiking networks at
            random, of others in turn, no more of them than have two draws each.
    """
    measure = spec.measure
    return MeasurementBudget(
        draws=measure.draws,
        loss_draws=measure.loss_draws,
        covariance_draws=min(measure.loss_draws, COVARIANCE_DRAWS),
        seed=measure.seed,
        spectrum=QUICK if quick else FULL,
        kink_draws=min(measure.loss_draws, KINK_DRAWS),
        samples=_quick_samples(spec, problem) if quick else None,
    )


def _quick_samples(spec: Spec, problem: Problem) -> int | None:
    """Samples that judge a draw in a quick check; None for all of them."""
    samples, fewest = problem.num_samples, QUICK_SAMPLES
    if problem.num_parameters * samples <= QUICK_WORK:
        return None
    if not problem.parts.spiking:
        fewest = max(fewest, math.ceil(samples / max(1, spec.measure.loss_draws // FEWEST)))
    return None if fewest >= samples else fewest


def point_passes(budget: MeasurementBudget, problem: Problem, chip: Chip) -> float:
    """What a point costs, in passes of one sample through the network.

    Args:
        budget: How much is measured.
        problem: Network, loss and data.
        chip: The chip.
    """
    samples, draw = problem.num_samples, _draw_passes(problem, chip)
    judged = samples if budget.samples is None else min(budget.samples, samples)
    # Before the steps of a part, once for each group of them.
    groups = math.ceil(budget.kink_draws / STEPS_AT_ONCE) if judged == samples else 1
    whole = (2 + 2 * groups + PRODUCT_PASSES * _products(budget.spectrum)) * samples
    # Before the draws of the loss: the clean step, the gradient where they land, their controls.
    whole += 3 * samples
    draws = budget.draws * draw
    draws += pilots_of(budget.loss_draws) * (draw + LOSS_PASSES * min(PILOT_SAMPLES, samples))
    draws += budget.loss_draws * (draw + LOSS_PASSES * judged)
    draws += budget.kink_draws * (draw + KINK_PASSES * judged)
    draws += budget.covariance_draws * (draw + PRODUCT_PASSES * judged)
    return whole + draws


def measured_less(spec: Spec, problem: Problem, chip: Chip, *, quick: bool) -> tuple[str, ...]:
    """What is measured less of than the spec asks for, in a sentence; empty where nothing is.

    Args:
        spec: The validated spec, in its quick version if that is checked.
        problem: Its problem.
        chip: Its first chip.
        quick: Whether it is the quick version.
    """
    full = full_budget(spec, problem, quick=quick)
    budget = point_budget(spec, problem, chip, quick=quick)
    whole = replace(full, samples=None)
    if budget == whole:
        return ()
    passes = (
        partial(smoothed_passes, spec=spec, quick=quick) if problem.parts.spiking else point_passes
    )
    times = passes(whole, problem=problem, chip=chip) / passes(budget, problem=problem, chip=chip)
    parts = "; ".join(_less_of(budget, full, problem))
    if budget == full:
        why, otherwise = "as a quick check measures large networks", "more without --quick"
    else:
        not_quick = "" if full.samples is None else " without --quick"
        why = "which would be more than training the chips"
        otherwise = f"measure.budget: none{not_quick} measures in full"
    told = (
        f"Points are measured with about {1 / times:.2g} of the work that all draws on all samples "
        f"take, {why}: {parts}. The intervals say what that leaves open ({otherwise})."
    )
    return (told,)


def _less_of(budget: MeasurementBudget, full: MeasurementBudget, problem: Problem) -> list[str]:
    """What a budget has less of than all draws on all samples."""
    parts = []
    if budget.samples is not None:
        parts.append(
            f"each draw of a loss is judged on about {budget.samples} of "
            f"{problem.num_samples} samples, "
            + ("at random" if problem.parts.spiking else "parts of the training set taking turns")
        )
    if budget.spectrum != full.spectrum:
        parts.append("the spectrum of the Hessian is looked at as in a quick check")
    if budget.draws != full.draws:
        parts.append(f"{budget.draws} updates are drawn at a point in place of {full.draws}")
    return parts


def _ever_less(full: MeasurementBudget, samples: int) -> Iterator[MeasurementBudget]:
    yield full
    parts = full.loss_draws // DRAWS_A_PART
    part = math.ceil(samples / max(1, parts))
    if parts > 1 and samples > parts and (full.samples is None or part < full.samples):
        full = replace(full, samples=part)
        yield full
    if full.spectrum != QUICK:
        yield replace(full, spectrum=QUICK)


def _draw_passes(problem: Problem, chip: Chip) -> float:
    """What one drawn update costs; of a gradient that is the same in each only the write."""
    passes = update_passes(problem, chip)
    return passes - problem.num_samples if chip.deterministic_gradient else passes


def _products(effort: Effort) -> int:
    """Hessian products of a spectrum, about: what Lanczos takes to converge is not known before."""
    return 3 * effort.outliers + effort.probes * effort.steps + 36 * effort.lowest
