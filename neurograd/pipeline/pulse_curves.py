"""Conductance against pulse number of a device: up from the lower end, then down again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from device_models import OneSidedPair, WritePath
from neurograd.effects import cycle_to_cycle, device_to_device, faults
from neurograd.effects.pulse_quantum import pulse_quanta, pulse_quantum
from neurograd.effects.pulsed_device import controller_step, counts_each
from neurograd.pipeline.build import build_chip
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError
from neurograd.seeding import generator_for
from neurograd.spec import Device, Measure, Quantization, Spec

MAX_PULSES = 20_000
POINTS = 120


@dataclass(frozen=True)
class Branch:
    """One direction of a pulse response, over a population of devices.

    Attributes:
        pulses: Pulse numbers, shape ``(P,)``.
        mean: Mean over devices at each of them.
        low: 5 % quantile over devices.
        high: 95 % quantile.
        ideal: The nominal device without noise and variation.
    """

    pulses: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ideal: np.ndarray


@dataclass(frozen=True)
class PulseCurve:
    """A device's response to pulses up and then down.

    Attributes:
        up: From the lower end, or from 0 for a one-sided pair.
        down: From the end of ``up``.
        unit: ``S`` where the conductances are published, else ``weight``.
    """

    up: Branch
    down: Branch
    unit: str


def pulse_curve(device: Device, *, devices: int = 200, seed: int = 0) -> PulseCurve:
    """Apply pulse after pulse to a population of devices.

    Devices of a differential pair are taken one by one.

    Args:
        device: The device of a spec.
        devices: Number of devices of the population, 2 or more.
        seed: Seed of variation and noise.
    """
    single = _single(device)
    pulses = _pulses(single)
    quanta = pulse_quanta(single) if _has_pulses(single) else (2.0 / pulses[0],) * 2
    if single.pulsed is not None and not counts_each(single):
        quanta = (pulse_quantum(single),) * 2
    nominal = _write(single, 1, seed, ideal=True)
    ideal = _run(nominal, 1, pulses, quanta, seed)
    if single.pulsed is not None:
        pulses = _shortened(ideal)
        ideal = _run(nominal, 1, pulses, quanta, seed)
    real = _run(_write(single, devices, seed, ideal=False), devices, pulses, quanta, seed)
    window = single.conductance
    unit, scale, offset = "weight", 1.0, 0.0
    if window.min is not None and window.max is not None and single.pulsed is None:
        unit, scale = "S", 0.5 * (window.max - window.min) / window.weight_range
        offset = 0.5 * (window.max + window.min)
    branches = [
        Branch(
            steps,
            offset + scale * table.mean(1),
            offset + scale * np.quantile(table, 0.05, axis=1),
            offset + scale * np.quantile(table, 0.95, axis=1),
            offset + scale * clean[:, 0],
        )
        for (steps, table), (_, clean) in zip(real, ideal, strict=True)
    ]
    return PulseCurve(branches[0], branches[1], unit)


def _single(device: Device) -> Device:
    """The device against a reference, so that a weight is one device, without other effects."""
    conductance = device.conductance
    if device.pulsed is None:
        conductance = conductance.model_copy(update={"mapping": "reference"})
    others = (
        "preset",
        "leakage",
        "drift",
        "ir_drop",
        "converters",
        "endurance",
        "pulse_train",
        "devices_per_weight",
    )
    single: Device = device.model_copy(update={**dict.fromkeys(others), "conductance": conductance})
    return single


def _has_pulses(device: Device) -> bool:
    return not (
        device.pulsed is None and device.measured is None and device.conductance.levels is None
    )


def _pulses(device: Device) -> tuple[int, int]:
    """Pulses up and down: over the window for a curve, enough of them for steps that shrink."""
    if device.pulsed is not None:
        pulsed = device.pulsed
        states = (pulsed.w_max - pulsed.w_min) / min(pulsed.dw_min, controller_step(pulsed))
        shrinks = pulsed.model not in ("constant", "linear")
        count = min(MAX_PULSES, round(states * (3 if shrinks else 1.2)))
        return count, count
    if device.measured is not None:
        up, down = (2.0 * device.conductance.weight_range / q for q in pulse_quanta(device))
        return round(up), round(down)
    levels = device.conductance.levels
    return (100, 100) if levels is None else (levels.potentiation, levels.depression)


def _shortened(ideal: list[tuple[np.ndarray, np.ndarray]]) -> tuple[int, int]:
    """Pulses after which the nominal device hardly moves any more, and a quarter on top."""
    needed = 0
    for steps, weights in ideal:
        way = np.abs(weights[:, 0] - weights[-1, 0])
        still = way <= 0.02 * way[0]
        needed = max(needed, int(steps[int(np.argmax(still))]))
    count = min(int(ideal[0][0][-1]), max(2, round(1.25 * needed)))
    return count, count


def _write(device: Device, size: int, seed: int, *, ideal: bool) -> WritePath:
    data = torch.zeros(1, size, dtype=torch.float64)
    layer = torch.nn.Linear(size, 1, bias=False)
    population = Problem(layer, MeanSquaredError(), data, data[:, :1])
    varied = (cycle_to_cycle.EFFECT, device_to_device.EFFECT, faults.EFFECT)
    spec = Spec(
        device=device,
        quantization=Quantization(update_rounding="nearest"),
        measure=Measure(seed=seed),
    )
    return build_chip(spec, population, without=varied if ideal else ()).writes[0]


def _run(
    write: WritePath,
    size: int,
    pulses: tuple[int, int],
    quanta: tuple[float, float],
    seed: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pulse numbers and weights of every device, up and then down."""
    w = write.program(torch.full((size,), -1e9, dtype=torch.float64))
    if isinstance(write, OneSidedPair):
        w = torch.zeros_like(w)
    branches = []
    for direction, count, quantum in zip((1.0, -1.0), pulses, quanta, strict=True):
        steps = np.unique(np.linspace(0, count, min(count, POINTS) + 1).round().astype(int))
        rows, done = [w.numpy().copy()], 0
        for step in steps[1:]:
            increment = torch.full_like(w, direction * quantum * int(step - done))
            generator = generator_for(seed, "pulses", int(direction > 0), int(step))
            w = w + write.write(w, increment, generator)
            rows.append(w.numpy().copy())
            done = int(step)
        branches.append((steps, np.array(rows)))
    return branches
