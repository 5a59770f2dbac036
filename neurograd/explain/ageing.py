"""What a deployment costs, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neurograd.explain.cause import NOTHING
from neurograd.explain.reasons import FIRST, NOTHING_GAINED, ways_to_decide
from neurograd.judge.verdict import Verdict
from neurograd.records.report import CheckReport
from neurograd.records.training import DeploymentResult, DeploymentTrial
from neurograd.spec import Spec
from neurograd.words import (
    after_programming,
    capital,
    confidence,
    listed,
    percent,
    percent_ends,
    ranged_percent,
)


def with_deployment(
    spec: Spec, report: CheckReport, verdict: Verdict, deciding: Sequence[str]
) -> list[str]:
    """The reasons of a verdict over training and deployment.

    What decides comes first: the deployment where the training is tolerated or does not count.

    Args:
        spec: The validated spec, with a deployment.
        report: The report, whose verdict is that of the training alone.
        verdict: That of both.
        deciding: The reasons of the verdict on the training.
    """
    # Of what sets a chip apart, the training's own reasons know what acts in training alone.
    deciding = [sentence for sentence in deciding if sentence != NOTHING]
    told = [*map(_at, report.deployment), *_cause(report), *_action(spec, report)]
    if not spec.training.trains:
        return told if report.training.cost.clean_learned else [deciding[0], *told]
    training = f"The training alone is {report.verdict.value}."
    if report.verdict is not verdict:
        return [*told, training, *(each for each in deciding if not each.startswith(FIRST))]
    return [*deciding, *told]


def _at(result: DeploymentResult) -> str:
    """The cost at one time with the bound that decided."""
    cost, when = result.cost, capital(after_programming(result.time))
    if not math.isfinite(cost.value):
        if not cost.clean_learned:
            return f"{when} there is no cost: {NOTHING_GAINED}."
        return f"{when} there is no network: the training diverges on the chip."
    measured = ranged_percent(cost.value, cost.ci, cost.confidence)
    level = cost.bound_confidence or 0.0
    at, allowed = f"at {confidence(level)}", percent(cost.allowed)
    if result.verdict is Verdict.TOLERATED:
        end = f"at most {percent(cost.upper_bound)} by the one-sided bound {at}, "
        end += f"within the {allowed} allowed"
    elif result.verdict is Verdict.NOT_TOLERATED:
        end = f"at least {percent(cost.lower_bound)} by the one-sided bound {at}, "
        end += f"above the {allowed} allowed"
    else:
        ends = percent_ends((cost.lower_bound, cost.upper_bound))
        end = f"{ends} by one-sided bounds {at} each, and {allowed} is allowed"
        ways = ways_to_decide(cost)
        if ways:
            end += f"; {listed(ways, 'or')} would decide if mean and spread stay as they are"
    return f"{when} the {cost.noun} is {measured}: {end}."


def ageing_cause(report: CheckReport) -> str | None:
    """The effect after training without which the cost is lowest; None where none is known."""
    found = _lowest(report.deployment_trials)
    return None if found is None else found.label


def _lowest(trials: Sequence[DeploymentTrial]) -> DeploymentTrial | None:
    parts = [trial for trial in trials if trial.leaves_out and math.isfinite(trial.cost.value)]
    return min(parts, key=lambda trial: trial.cost.value, default=None)


def _cause(report: CheckReport) -> list[str]:
    """What the first time that is not tolerated fails by."""
    part = _lowest(report.deployment_trials)
    if part is None:
        return []
    whole = next(result for result in report.deployment if result.time == part.time).cost
    without = ranged_percent(part.cost.value, part.cost.ci, whole.confidence)
    return [
        f"Cause after training: {part.label}; without it the {whole.noun} "
        f"{after_programming(part.time)} is {without} in place of {percent(whole.value)}."
    ]


def _action(spec: Spec, report: CheckReport) -> list[str]:
    """What could make a deployment better that is not tolerated."""
    if all(result.verdict is not Verdict.NOT_TOLERATED for result in report.deployment):
        return []
    level = report.deployment[0].cost.confidence
    tried = [
        f"What {trial.label} makes of it {after_programming(trial.time)}: "
        f"{ranged_percent(trial.cost.value, trial.cost.ci, level)}, {trial.cost.verdict.value}."
        for trial in report.deployment_trials
        if not trial.leaves_out
    ]
    deployment, keys = spec.deployment, []
    assert deployment is not None
    devices = [view.device for view in spec.views().values() if view.device is not None]
    if deployment.program_error is not None:
        keys.append("lower deployment.program_error")
    if any(device.drift is not None for device in devices):
        keys.append("program again before the first of deployment.times that is not tolerated")
    if any(device.read.noise > 0 for device in devices):
        keys.append("lower device.read.noise")
    others = [f"What to do after training: {listed(keys, 'or')} (not tried)."] if keys else []
    return [*tried, *others]
