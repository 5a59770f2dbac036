"""From a trained network and a spec to the devices of a chip that was programmed once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from device_models import Backprop, Chip, ConductanceDrift
from device_models.read.one_over_f import PUBLISHED_READ_NOISE, OneOverFNoise
from device_models.read.programmed_devices import ProgrammedDevices
from device_models.weight_parts import WeightPart
from device_models.write.programming import (
    PUBLISHED,
    DeviceError,
    ProgrammingError,
    WeightError,
    programmed,
)
from neurograd.effects import states, update_rounding
from neurograd.effects.assembly import Assembly
from neurograd.effects.by_layer import chip_parts
from neurograd.effects.chip_builder import build_chip, layer_assembly
from neurograd.effects.deployment_keys import Deployment, ProgramError
from neurograd.effects.drift import Drift, draw_drift
from neurograd.effects.effect import Effect
from neurograd.effects.weight_cells import weight_cells
from neurograd.problem import Problem
from neurograd.problem.layer_names import layers_of
from neurograd.seeding import generator_for
from neurograd.spec import Spec


def deployment_of(spec: Spec) -> Deployment:
    """The deployment of a spec that has one."""
    assert spec.deployment is not None
    return spec.deployment


@dataclass(frozen=True)
class DeployedPart(WeightPart):
    """Weights of a chip whose devices were programmed once.

    Attributes:
        devices: The devices as they were programmed; None where the weights are digital.
        held: The weights as they were written, shape ``(n,)``; those of digital memory stay.
        drifts: What becomes of the devices by each time after that; None for the time 0 and for
            devices that keep what they hold.
        noises: The noise that every device is read with at each time and right after programming;
            empty without one.
    """

    devices: ProgrammedDevices | None
    held: Tensor
    drifts: dict[float, ConductanceDrift | None]
    noises: dict[float, OneOverFNoise]

    def weights(self, time: float, generator: torch.Generator) -> Tensor:
        """What a read finds of them at a time after programming, shape ``(n,)``.

        Args:
            time: In seconds; one of the deployment's times, or 0.
            generator: Source of the noise of the devices.
        """
        if self.devices is None:
            return self.held
        drift, noise = self.drifts.get(time), self.noises.get(time)
        if noise is None:
            return self.devices.weights(drift)
        return self.devices.noisy_weights(drift, noise, generator)


@dataclass(frozen=True)
class DeployedChip:
    """A chip whose devices were programmed once.

    Attributes:
        chip: What reads them, with its noise, wires and converters.
        parts: Its weights: all of them, or where layers differ those of each.
    """

    chip: Chip
    parts: tuple[DeployedPart, ...]

    def read(self, time: float, generator: torch.Generator) -> Tensor:
        """Weights as a pass sees them at a time after programming, shape ``(N,)``.

        Args:
            time: In seconds; one of the deployment's times, or 0.
            generator: Source of what varies from read to read.
        """
        found = [part.weights(time, generator) for part in self.parts]
        stored = found[0].new_empty(sum(len(each) for each in found))
        for part, values in zip(self.parts, found, strict=True):
            part.put(stored, values)
        return self.chip.read(stored, generator)


def program_chip(
    spec: Spec,
    problem: Problem,
    index: int,
    weights: Tensor,
    *,
    without: Collection[Effect] = (),
) -> DeployedChip:
    """Program one chip of a spec with a network.

    The chip has the faults, windows and drift exponents that it has in training; the errors of
    programming are its own, and lie around the state that a device of a few is meant to have.
    Digital layers and biases are written as they are.

    Args:
        spec: The validated spec, with a deployment.
        problem: The spec's problem.
        index: Which chip.
        weights: The weights to be programmed, shape ``(N,)``.
        without: Effects to leave out of the chip; all others stay as they are, draw by draw.

    Raises:
        NeurogradError: If the device can not do what is asked of it.
    """
    chip = build_chip(spec, problem, index=index, without=without)
    # Devices stand where they were brought to: the memory that sums updates is none of theirs.
    left = (*without, update_rounding.EFFECT)
    synapses = build_chip(spec, problem, index=index, without=left)
    # States are what is aimed at; a device that was missed stands beside its own.
    between = build_chip(spec, problem, index=index, without=(*left, states.EFFECT))
    digital, held = chip.program(weights), synapses.program(weights)
    found = []
    for assembly, places in _parts(spec, problem, index, without):
        part = WeightPart(places)
        if assembly is None or assembly.spec.device is None:
            found.append(DeployedPart(places, None, part.take(digital), {}, {}))
            continue
        cells, layer = weight_cells(assembly), [] if assembly.layer is None else [assembly.layer]
        generator = generator_for(
            spec.measure.seed, "program", index, *layer, device=weights.device
        )
        error = programming_error(deployment_of(spec).program_error)
        program = partial(_programmed_in, part, between, weights)
        own = part.take(held)
        plus, minus = programmed(cells, own, error, program, generator)
        devices = ProgrammedDevices(plus, minus, cells, cells.beyond(own))
        found.append(DeployedPart(places, devices, own, _drifts(assembly), _noises(assembly)))
    return DeployedChip(chip, tuple(found))


def _programmed_in(part: WeightPart, chip: Chip, weights: Tensor, own: Tensor) -> Tensor:
    """What the chip holds of weights of one part."""
    whole = weights.clone()
    part.put(whole, own)
    return part.take(chip.program(whole))


def _drifts(parts: Assembly) -> dict[float, ConductanceDrift | None]:
    """What becomes of the devices of a chip, or of one layer, by each time of the deployment."""
    times = parts.spec.deployment.times
    if parts.spec.device.drift is None:
        return dict.fromkeys(times)
    # Every draw is from a generator of its own, which gives the same exponents.
    return {time: draw_drift(parts, time) if time > 0 else None for time in times}


def _noises(parts: Assembly) -> dict[float, OneOverFNoise]:
    """The noise of reads at each time of the deployment, and right after programming.

    What is programmed is first read at t0 of the drift, and no read has ended before it is over, so
    that there is no earlier noise.
    """
    deployment = parts.spec.deployment
    if deployment.read_noise == "none":
        return {}
    first = (parts.spec.device.drift or Drift()).t0
    noise = PUBLISHED_READ_NOISE[deployment.read_noise]
    return {time: noise(max(time, first, noise.read_time)) for time in (0.0, *deployment.times)}


def programming_error(key: ProgramError | None) -> ProgrammingError | None:
    """The error that a spec's key stands for; None for none."""
    if key is None or key.error == 0:
        return None
    if key.error is None:
        return PUBLISHED[key.model].error
    sized = WeightError if key.model == "normal" else DeviceError.proportional
    return sized(key.error)


def layer_of(spec: Spec, problem: Problem) -> Tensor:
    """Number of the array that each weight belongs to, shape ``(N,)``: a matrix with its bias.

    Biases that are digital are none of the array's.
    """
    layers = [(each.place,) for each in layers_of(problem)]
    places = [each.weights.places for each in chip_parts(spec, problem)] or layers
    found = torch.empty(problem.num_parameters, dtype=torch.long, device=problem.device)
    for number, own in enumerate(places):
        for place in own:
            found[place] = number
    return found


def _parts(
    spec: Spec, problem: Problem, index: int, without: Collection[Effect]
) -> list[tuple[Assembly | None, tuple[slice, ...]]]:
    """What the devices of each part of a chip are built from; None where there are none."""
    left_out = frozenset(effect.name for effect in without)
    whole = Assembly(spec, problem, index, left_out, Backprop())
    found = chip_parts(spec, problem)
    if not found:
        return [(whole, (slice(0, problem.num_parameters),))]
    return [(layer_assembly(whole, part), part.weights.places) for part in found]
