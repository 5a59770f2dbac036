"""The accuracy of a chip that was programmed once, at each time after that."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from device_models import Chip
from device_models.passes.output_factors import OutputFactors
from device_models.read.programmed_devices import drift_compensation
from device_models.rules.layerwise import layers_called
from neurograd.deployment.programming import (
    DeployedChip,
    deployment_of,
    layer_of,
    program_chip,
)
from neurograd.effects.effect import Effect
from neurograd.problem import Problem
from neurograd.records.training import AgedNetwork, DeployedNetworks
from neurograd.seeding import generator_for
from neurograd.spec import Spec
from neurograd.training.outcome import Outcome


def deploy(
    spec: Spec,
    problem: Problem,
    index: int,
    weights: Tensor,
    *,
    without: Collection[Effect] = (),
    at: int | None = None,
) -> DeployedNetworks:
    """Program one chip of a spec with a network, and test it at each time of the deployment.

    Args:
        spec: The validated spec, with a deployment.
        problem: The spec's problem.
        index: Which chip.
        weights: The weights to be programmed, shape ``(N,)``; not finite where they diverged.
        without: Effects to leave out of the chip; all others stay as they are, draw by draw.
        at: Which of the times alone; all of them when None.

    Raises:
        NeurogradError: If the device can not do what is asked of it.
    """
    deployment = deployment_of(spec)
    times = [each for each in enumerate(deployment.times) if at in (None, each[0])]
    if not bool(torch.isfinite(weights).all()):
        lost = Outcome.lost(problem)  # there is nothing to be programmed
        return DeployedNetworks(networks=tuple(_network(lost, time) for _, time in times))
    deployed = program_chip(spec, problem, index, weights, without=without)
    found = []
    for place, time in times:
        read = deployed.read(time, _generator(spec, "read", index, place, weights))
        seen = deployed.chip.see(problem, _generator(spec, "passes", index, place, weights))
        if deployment.compensation == "global":
            factors = _factors(spec, problem, deployed, index, place)
            seen, read = _compensated(seen, read, factors, deployed.chip)
        found.append(_network(Outcome.of(seen, read), time))
    return DeployedNetworks(networks=tuple(found))


def _compensated(
    seen: Problem, read: Tensor, factors: Tensor, chip: Chip
) -> tuple[Problem, Tensor]:
    """The problem with digital factors behind its layers, and the weights as they go in there.

    Without any periphery weights that are multiplied give the same. Biases, which are added
    digitally, and weights that no layer calls are multiplied themselves.
    """
    if not chip.passes:
        return seen, factors * read
    named = seen.parameters_of(factors)
    layers = {call.weight for call in layers_called(seen, read)}
    behind = {name: float(named[name].flatten()[0]) for name in layers}
    beside = {
        name: torch.ones_like(each) if name in behind else each for name, each in named.items()
    }
    hook = OutputFactors(behind)
    return seen.through(hook.applied), seen.flatten(beside) * read


def _factors(
    spec: Spec, problem: Problem, deployed: DeployedChip, index: int, place: int
) -> Tensor:
    """The factor of each weight's layer, from readings with the noise of a read at either time."""
    time, w = deployment_of(spec).times[place], problem.initial_weights
    before = deployed.read(0.0, _generator(spec, "calibrate", index, 0, w))
    after = deployed.read(time, _generator(spec, "calibrate", index, place + 1, w))
    return drift_compensation(before, after, layer_of(spec, problem))


def _generator(spec: Spec, purpose: str, index: int, place: int, w: Tensor) -> torch.Generator:
    return generator_for(spec.measure.seed, f"deployed {purpose}", index, place, device=w.device)


def _network(outcome: Outcome, time: float) -> AgedNetwork:
    correct = outcome.correct
    return AgedNetwork(
        time=time,
        loss=outcome.loss,
        test_loss=outcome.test_loss,
        test_accuracy=outcome.test_accuracy,
        correct=None if correct is None else correct.cpu().numpy(),
        diverged=outcome.diverged,
    )
