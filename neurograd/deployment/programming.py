"""From a trained network and a spec to the devices of a chip that was programmed once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from device_models import Backprop, Chip, ConductanceDrift
from device_models.read.programmed_devices import ProgrammedDevices
from device_models.write.programming import (
    PUBLISHED,
    DeviceError,
    ProgrammingError,
    WeightError,
    programmed,
)
from neurograd.effects.assembly import Assembly, build_chip
from neurograd.effects.deployment_keys import Deployment, ProgramError
from neurograd.effects.drift import draw_drift
from neurograd.effects.weight_cells import weight_cells
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.spec import Spec


def deployment_of(spec: Spec) -> Deployment:
    """The deployment of a spec that has one."""
    assert spec.deployment is not None
    return spec.deployment


@dataclass(frozen=True)
class DeployedChip:
    """A chip whose devices were programmed once.

    Attributes:
        chip: What reads them, with its noise, wires and converters.
        devices: The devices as they were programmed.
        drifts: What becomes of them by each time after that; None for the time 0 and for devices
            that keep what they hold.
    """

    chip: Chip
    devices: ProgrammedDevices
    drifts: dict[float, ConductanceDrift | None]

    def read(self, time: float, generator: torch.Generator) -> Tensor:
        """Weights as a pass sees them at a time after programming, shape ``(N,)``.

        Args:
            time: In seconds; one of the deployment's times, or 0.
            generator: Source of what varies from read to read.
        """
        return self.chip.read(self.devices.weights(self.drifts.get(time)), generator)


def program_chip(spec: Spec, problem: Problem, index: int, weights: Tensor) -> DeployedChip:
    """Program one chip of a spec with a network.

    The chip has the faults, windows and drift exponents that it has in training; the errors of
    programming are its own.

    Args:
        spec: The validated spec, with a deployment.
        problem: The spec's problem.
        index: Which chip.
        weights: The weights to be programmed, shape ``(N,)``.

    Raises:
        NeurogradError: If the device can not do what is asked of it.
    """
    chip = build_chip(spec, problem, index=index)
    parts = _parts(spec, problem, index)
    cells = weight_cells(parts)
    generator = generator_for(spec.measure.seed, "program", index, device=weights.device)
    error = programming_error(deployment_of(spec).program_error)
    plus, minus = programmed(cells, weights, error, chip.program, generator)
    held = chip.program(weights)
    devices = ProgrammedDevices(plus, minus, cells, cells.beyond(held))
    return DeployedChip(chip, devices, drifts(spec, problem, index))


def drifts(spec: Spec, problem: Problem, index: int) -> dict[float, ConductanceDrift | None]:
    """What becomes of one chip's devices by each time of the deployment."""
    times = deployment_of(spec).times
    if spec.device is None or spec.device.drift is None:
        return dict.fromkeys(times)
    # Parts afresh for each time: every one draws the same exponents.
    return {
        time: draw_drift(_parts(spec, problem, index), time) if time > 0 else None for time in times
    }


def programming_error(key: ProgramError | None) -> ProgrammingError | None:
    """The error that a spec's key stands for; None for none."""
    if key is None or key.error == 0:
        return None
    if key.error is None:
        return PUBLISHED[key.model].error
    sized = WeightError if key.model == "normal" else DeviceError.proportional
    return sized(key.error)


def layer_of(problem: Problem) -> Tensor:
    """Number of the layer that each weight belongs to, shape ``(N,)``: a matrix with its bias."""
    named = problem.parameters_of(problem.initial_weights)
    layers = [name.rpartition(".")[0] for name in named]
    places = {name: number for number, name in enumerate(dict.fromkeys(layers))}
    sizes = [
        (places[layer], part.numel()) for layer, part in zip(layers, named.values(), strict=True)
    ]
    return torch.cat([torch.full((size,), number) for number, size in sizes]).to(problem.device)


def _parts(spec: Spec, problem: Problem, index: int) -> Assembly:
    return Assembly(spec, problem, index, frozenset(), Backprop())
