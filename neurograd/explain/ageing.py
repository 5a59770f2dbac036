"""What a deployment costs, in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from neurograd.deployment import after_training
from neurograd.explain.cause import NOTHING
from neurograd.explain.reasons import (
    FIRST,
    NOTHING_GAINED,
    around_deployment,
    decided,
    ways_to_decide,
)
from neurograd.judge.verdict import Verdict
from neurograd.records.report import CheckReport
from neurograd.records.training import DeploymentResult, DeploymentTrial
from neurograd.spec import Spec
from neurograd.words import (
    after_programming,
    capital,
    listed,
    percent,
    ranged_percent,
)


def with_deployment(
    spec: Spec, report: CheckReport, verdict: Verdict, deciding: Sequence[str], window_key: str
) -> list[str]:
    """The reasons of a verdict over training and deployment.

    What decides comes first: the deployment where the training is tolerated or does not count.

    Args:
        spec: The validated spec, with a deployment.
        report: The report, whose verdict is that of the training alone.
        verdict: That of both.
        deciding: The reasons of the verdict on the training.
        window_key: The key that sets the weight window, which no effect stands for.
    """
    # Of what sets a chip apart, the training's own reasons know what acts in training alone.
    deciding = [sentence for sentence in deciding if sentence != NOTHING]
    told = [
        *(_at(report, each) for each in report.deployment),
        *_cause(spec, report, window_key),
        *_action(report),
    ]
    if not spec.training.trains:
        before, after = around_deployment(report)
        return [*before, *told, *after]
    training = f"The training alone is {report.verdict.value}."
    if report.verdict is not verdict:
        return [*told, training, *(each for each in deciding if not each.startswith(FIRST))]
    return [*deciding, *told]


def _at(report: CheckReport, result: DeploymentResult) -> str:
    """The cost at one time with the bound that decided."""
    cost, when = result.cost, capital(after_programming(result.time))
    if not math.isfinite(cost.value):
        if not cost.clean_learned:
            return f"{when} there is no cost: {NOTHING_GAINED}."
        return f"{when} there is no network: the training diverges on the chip."
    measured = ranged_percent(cost.value, cost.ci, cost.confidence)
    most = report.design.task.most_test_samples(cost.test_samples)
    ways = ways_to_decide(cost.needed_chips, cost.needed_test_samples, most)
    more = ""
    if ways and result.verdict is Verdict.INCONCLUSIVE:
        more = f"; {listed(ways, 'or')} would decide if mean and spread stay as they are"
    return f"{when} the {cost.noun} is {measured}{decided(result.verdict, cost)}{more}."


def ageing_cause(report: CheckReport) -> str | None:
    """The effect that a deployment is known to fail by most; None where none is known."""
    found = next(iter(_known(report.deployment_trials)), None)
    return None if found is None else found.label


def _single(trials: Sequence[DeploymentTrial]) -> list[DeploymentTrial]:
    """Those that leave out one effect."""
    return [trial for trial in trials if trial.leaves_out and trial.effects == 1]


def _known(trials: Sequence[DeploymentTrial]) -> list[DeploymentTrial]:
    """The effects without which less is known to be lost, that which costs most first."""
    found = [trial for trial in _single(trials) if _saves(trial)]
    return sorted(found, key=lambda trial: trial.cost.value)


def _saves(trial: DeploymentTrial) -> bool:
    low = None if trial.saves_ci is None else trial.saves_ci[0]
    return low is not None and low > 0


def _cause(spec: Spec, report: CheckReport, window_key: str) -> list[str]:
    """What the first time that is not tolerated fails by."""
    parts, known = _single(report.deployment_trials), _known(report.deployment_trials)
    if not parts:
        return _untried(spec, report)
    rest = _rest(report.deployment_trials)
    where = f"{'the training or from ' if spec.training.trains else ''}{window_key}"
    left = f"what is left comes from {where}" if _costs(rest) else ""
    if known:
        cause = f"Cause after training: {known[0].label}; without it {_in_place(report, known[0])}"
        if len(parts) == 1 or not left:
            return [f"{cause}{left and f'; {left}'}."]
        several = f"Without {_all_of(parts)} {_in_place(report, rest)}; {left}."
        return [f"{cause}.", several]
    without = _all_of(parts)
    none = (
        "no effect is known to cost anything" if len(parts) == 1 else "no single effect stands out"
    )
    return [
        f"After training {none}: without {without} {_in_place(report, rest)}{left and f'; {left}'}."
    ]


def _untried(spec: Spec, report: CheckReport) -> list[str]:
    """What a time that is not tolerated may fail by, where nothing was left out to see."""
    labels = [variant.label for variant in after_training(spec)]
    if not labels or all(each.verdict is Verdict.TOLERATED for each in report.deployment):
        return []
    beside = ", beside what acts in training" if spec.training.trains else ""
    each = "it" if len(labels) == 1 else "each of them"
    told = f"{listed(labels, 'or')}; what {each} costs was not tried"
    return [f"Possible cause after training{beside}: {told}."]


def _rest(trials: Sequence[DeploymentTrial]) -> DeploymentTrial:
    """That without any effect, of one or more."""
    return max((trial for trial in trials if trial.leaves_out), key=lambda trial: trial.effects)


def _costs(trial: DeploymentTrial) -> bool:
    """Whether what is left is known to cost something, and more than may be lost for certain."""
    return trial.cost.verdict is not Verdict.TOLERATED and trial.cost.ci[0] > 0


def _all_of(parts: Sequence[DeploymentTrial]) -> str:
    each = listed([part.label for part in parts])
    return each if len(parts) == 1 else f"all of {each}"


def _in_place(report: CheckReport, trial: DeploymentTrial) -> str:
    """What a trial costs, and what the deployment as it is."""
    whole = next(result for result in report.deployment if result.time == trial.time).cost
    cost = ranged_percent(trial.cost.value, trial.cost.ci, whole.confidence)
    when = after_programming(trial.time)
    return f"the {whole.noun} {when} is {cost} in place of {percent(whole.value)}"


def _action(report: CheckReport) -> list[str]:
    """What could make a deployment better that is not tolerated."""
    trials = report.deployment_trials
    level = report.deployment[0].cost.confidence
    tried = [
        f"What {trial.label} makes of it {after_programming(trial.time)}: "
        f"{ranged_percent(trial.cost.value, trial.cost.ci, level)}, {trial.cost.verdict.value}."
        for trial in trials
        if not trial.leaves_out
    ]
    found = _known(trials)
    if not found and _single(trials):
        rest = _rest(trials)
        if _saves(rest) or rest.cost.verdict is Verdict.TOLERATED:
            found = _single(trials)  # only together they are known to help
    keys = [trial.remedy for trial in found if trial.remedy is not None]
    others = [f"What to do after training: {listed(keys, 'or')} (not tried)."] if keys else []
    return [*tried, *others]
