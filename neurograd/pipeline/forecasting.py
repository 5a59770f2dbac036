"""The predicted verdict of a spec: forecasts of its chips and of their clean twin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import replace

import torch

from device_models import Chip
from neurograd.deployment import allowed_after, deploy
from neurograd.effects.effect import Effect
from neurograd.forecast.bursts import (
    EVERY_UPDATE,
    BurstPlan,
    PathCheck,
    check_path,
    plan_bursts,
    unchecked,
    why_unwatched,
)
from neurograd.forecast.chip_end import Way
from neurograd.forecast.regimes import Regime
from neurograd.judge.cost import Allowed, Baseline
from neurograd.judge.forecasts import (
    Forecast,
    judge_aged_forecasts,
    judge_forecasts,
    looked_at,
    undecided,
)
from neurograd.judge.looks import Plan
from neurograd.pipeline.build import build_chip
from neurograd.pipeline.pool import TaskPool
from neurograd.pipeline.predicted.network import (
    CLEAN,
    forecast_network,
    forecast_weights,
    serves,
    way_of_all,
)
from neurograd.pipeline.predicted.way import forecast_way, path_thrown
from neurograd.problem import Problem
from neurograd.records.training import DeployedNetworks, PredictedNetwork
from neurograd.spec import Spec
from neurograd.training.untrained import untrained_loss

MOST_PREDICTED = 4
"""Most chips that are predicted, over ``training.seeds``.

A count. Not tuned: forecasts of so many chips cost about as much as the training of the first ones,
where each costs a quarter of a training. Larger decides more forecasts and takes longer.
"""


def allowed_by(spec: Spec) -> Allowed:
    """What a spec's targets allow."""
    targets = spec.targets
    return Allowed(targets.max_accuracy_drop, targets.max_excess_loss, targets.confidence)


def baseline_of(problem: Problem, start_loss: float | None = None) -> Baseline:
    """What a network has before it learns.

    Args:
        problem: Network, loss and data.
        start_loss: Training loss before the first step; that of the initial weights when None.
    """
    loss = problem.loss(problem.initial_weights) if start_loss is None else start_loss
    nothing = problem.loss(torch.zeros_like(problem.initial_weights))
    if not (problem.has_test and problem.is_classification):
        return Baseline(loss, None, nothing)
    _, targets = problem.data("test")
    return Baseline(loss, float(torch.bincount(targets).max()) / len(targets), nothing)


def plan_of(spec: Spec) -> Plan:
    """When the chips of a spec are looked at."""
    training = spec.training
    return Plan(training.seeds, training.max_seeds, training.looks)


def forecast_plan(spec: Spec, way: Way | None, regime: Regime | None) -> Plan | None:
    """When predicted chips are looked at: once where they cost as training or decide nothing.

    Args:
        spec: The validated spec.
        way: Which way they go, from ``forecast_way``.
        regime: The regime, likewise.
    """
    training = spec.training
    if way in (None, "every_update") or regime is not None:
        return None
    most = min(training.max_seeds, MOST_PREDICTED * training.seeds)
    return Plan(training.seeds, most, training.looks)


def forecast(
    spec: Spec,
    problem: Problem,
    *,
    without: Collection[Effect] = (),
    clean: PredictedNetwork | None = None,
) -> Forecast:
    """Predict the verdict of a spec without training through its chips.

    A deployment is that of the weights which training is predicted to end with.

    Args:
        spec: The validated spec; ``training.seeds`` chips are predicted, and up to ``max_seeds`` or
            ``MOST_PREDICTED`` times as many where more of them are likely to decide.
        problem: The spec's problem.
        without: Effects that are left out of the chips.
        clean: The clean twins of the same network, task, batches and training, from
            ``forecast_network(spec, problem, CLEAN)``; predicted here when None, or where they
            went another way than the chips.
    """
    return forecast_chips(spec, problem, without=without, clean=clean)[0]


def forecast_chips(
    spec: Spec,
    problem: Problem,
    *,
    without: Collection[Effect] = (),
    clean: PredictedNetwork | None = None,
) -> tuple[Forecast, list[PredictedNetwork]]:
    """``forecast``, with its networks: the clean twin, and after it the chips.

    Args:
        spec: As for ``forecast``.
        problem: Likewise.
        without: Likewise.
        clean: Likewise.
    """
    chip = build_chip(spec, problem, without=without)
    way, regime = forecast_way(spec, problem, chip)
    asked = way_of_all(spec, problem, without=without, first=None if without else chip)
    twin = clean
    if twin is None or not serves(spec, problem, twin, asked):
        twin = forecast_network(spec, problem, CLEAN, way=asked)
    networks: list[PredictedNetwork] = []
    aged: list[DeployedNetworks] = []
    more: int | None = spec.training.seeds
    while more is not None:
        for index in range(len(networks), more):
            network, weights = forecast_weights(spec, problem, index, without=without, way=asked)
            networks.append(network)
            if spec.deployment is not None:
                aged.append(deploy(spec, problem, index, weights))
        way, regime, again = _redrawn(spec, [twin, *networks], way, regime)
        for index in again:
            network, weights = forecast_weights(
                spec, problem, index, without=without, way="every_update"
            )
            networks[index] = _with_path(network, networks[index])
            if spec.deployment is not None:
                aged[index] = deploy(spec, problem, index, weights)
        plan = forecast_plan(spec, way, regime)
        found = judge_forecast(spec, problem, twin, networks, aged, plan)
        more = found.more
    return in_regime(found, way, regime), [twin, *networks]


def _redrawn(
    spec: Spec,
    networks: Sequence[PredictedNetwork],
    way: Way | None,
    regime: Regime | None,
) -> tuple[Way | None, Regime | None, list[int]]:
    """Way and regime by what became of the paths, and which chips are to be drawn after them.

    Args:
        spec: The validated spec.
        networks: The clean twin and the chips.
        way: Which way they went.
        regime: The regime that was known before.
    """
    follows = regime is None and way != "every_update"
    thrown = path_thrown(spec, networks, way) if follows else None
    if thrown is None:
        return way, regime, []
    way, regime = thrown
    if way != "every_update":
        return way, regime, []
    return way, regime, [index for index, chip in enumerate(networks[1:]) if not chip.drawn]


def _with_path(drawn: PredictedNetwork, path: PredictedNetwork) -> PredictedNetwork:
    """A network that was drawn after its path was followed: it took the gradients of both."""
    return drawn.model_copy(update={"gradients": drawn.gradients + path.gradients})


def grown_forecast(
    spec: Spec,
    problem: Problem,
    chip: Chip,
    networks: list[PredictedNetwork],
    predicted: Callable[[int, bool], Future[PredictedNetwork]],
    pool: TaskPool,
) -> Forecast:
    """The predicted verdict of a training, from more chips where these are likely to decide it.

    Args:
        spec: The validated spec, without its deployment.
        problem: The spec's problem.
        chip: The spec's chip.
        networks: The clean twins, in one, and the first chips. More chips are put after them, and
            where a path was thrown off those that are drawn instead replace the chips that followed
            theirs.
        predicted: Starts the forecast of one chip, with every update drawn or the spec's way.
        pool: What computes.
    """
    baseline, allowed = baseline_of(problem), allowed_by(spec)
    way, regime = forecast_way(spec, problem, chip)

    def judged(plan: Plan | None) -> Forecast:
        return judge_forecasts(baseline, allowed, networks[0], networks[1:], plan)

    while True:
        way, regime, chips = _redrawn(spec, networks, way, regime)
        again = {index: predicted(index, True) for index in chips}
        for index, task in again.items():
            networks[index + 1] = _with_path(task.result(), networks[index + 1])
        # On a worker, whose one core gives the same sums on every machine.
        found: Forecast = pool.submit(judged, forecast_plan(spec, way, regime)).result()
        if found.more is None:
            found = in_regime(found, way, regime)
            return looked_at(found, _path_check(spec, problem, chip, networks[1:]))
        tasks = [predicted(index, False) for index in range(found.chips, found.more)]
        networks += [task.result() for task in tasks]


def in_regime(found: Forecast, way: Way | None, regime: Regime | None) -> Forecast:
    """A forecast with its way and regime; a path in a regime decides nothing.

    Args:
        found: The forecast without them.
        way: Which way it took, from ``forecast_way``.
        regime: The regime, likewise.
    """
    found = replace(found, way=way, regime=found.regime or regime)
    if regime is None or way == "every_update":
        return found
    return undecided(found)


def _path_check(
    spec: Spec, problem: Problem, chip: Chip, networks: Sequence[PredictedNetwork]
) -> PathCheck:
    """Whether the paths of predicted chips hold."""
    bursts = bursts_beside(spec, problem, chip)
    if any(network.drawn for network in networks):
        every = all(network.drawn for network in networks)
        bursts = EVERY_UPDATE if every else "a path was thrown off, and its updates are drawn"
    if isinstance(bursts, str):
        return unchecked(len(networks), bursts)
    measured = [[each.burst for each in network.bursts] for network in networks]
    return check_path(measured, spec.count_updates(problem.num_samples))


def bursts_beside(spec: Spec, problem: Problem, chip: Chip) -> BurstPlan | str:
    """The bursts that a check takes from the path of each chip, or why it takes none.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        chip: The spec's chip.
    """
    plan = plan_bursts(spec.count_updates(problem.num_samples))
    every_update = forecast_way(spec, problem, chip)[0] == "every_update"
    reason = why_unwatched(chip, plan, every_update=every_update)
    if reason is not None:
        return reason
    assert plan is not None  # the training is not too short for any
    return plan


def judge_forecast(
    spec: Spec,
    problem: Problem,
    clean: PredictedNetwork,
    chips: Sequence[PredictedNetwork],
    aged: Sequence[DeployedNetworks] = (),
    plan: Plan | None = None,
) -> Forecast:
    """The predicted verdict of networks whose training was predicted.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        clean: The clean twin.
        chips: The chips, one or more.
        aged: What becomes of each of them after training; empty without a deployment.
        plan: When the chips are looked at; once when None.
    """
    trains, allowed = spec.training.trains, allowed_by(spec)
    baseline = baseline_of(problem, None if trains else untrained_loss(problem))
    trained = judge_forecasts(baseline, allowed, clean, chips, plan)
    if not aged:
        return trained
    times = [each.time for each in aged[0].networks]
    at_times = {t: [each.networks[k] for each in aged] for k, t in enumerate(times)}
    after = allowed_after(spec, allowed)
    return judge_aged_forecasts(trained, baseline, after, clean, at_times, trains=trains, plan=plan)


def training_of(spec: Spec) -> Spec:
    """The spec without the numbers that act after training: its chips are trained as the spec's.

    With a deployment nothing ages in training, whatever ``device.drift`` says.
    """
    if spec.deployment is None:
        return spec
    still = None if spec.device is None else spec.device.model_copy(update={"drift": None})
    return spec.model_copy(update={"deployment": type(spec.deployment)(), "device": still})
