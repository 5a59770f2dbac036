"""Measured files drawn from devices of every form that a fit tries, and how well it can know them.

Steps and noise are those of ``device_models``: every run starts at one end of the window, gets
single pulses in one direction, and is read after each with noise. Pulses stop at the window's ends,
or go on beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from device_models import (
    LinearStep,
    NominalDevice,
    PowerStep,
    draw_devices,
    linear_response,
    nonlinear_response,
)
from device_models.write.pulse_response import PulseResponse, curve_constant
from neurograd.fit.measurements import DIRECTIONS, Measurements, Run
from neurograd.fit.models.curves import CURVES
from neurograd.fit.models.maximise import differences, step_sizes
from neurograd.fit.models.model import Model
from neurograd.fit.models.model_fit import by_run
from neurograd.fit.models.trains import line_up
from neurograd.fit.numbers import change_of

CYCLES = 4
"""Runs of either direction."""

INFORMATION_FILES = 4
"""Files that an information is the mean over."""

Kick = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor | float]]
"""Mean and standard deviation of a pulse's step, for the parts of the window passed."""


@dataclass(frozen=True)
class Source:
    """A device that files are drawn from.

    Attributes:
        curve: Name of the curve of ``neurograd.fit`` that it has.
        truth: Its numbers, by key of a spec's device.
        parameters: The same as parameters of the fit's model; window and read noise apart.
        pulses: Pulses of a run up and down.
        kicks: What a pulse does up and down.
        stops: Whether pulses stop at the window's ends, as on a chip.
    """

    curve: str
    truth: Mapping[str, float]
    parameters: Mapping[str, float]
    pulses: tuple[int, int]
    kicks: tuple[Kick, Kick]
    stops: bool = False

    def file(self, rng: np.random.Generator, cycles: int = CYCLES) -> Measurements:
        """A file of runs up and down.

        Args:
            rng: Source of all noise.
            cycles: Runs of either direction.
        """
        low, high = self.truth["conductance.min"], self.truth["conductance.max"]
        runs = []
        for direction, kick, pulses in zip(DIRECTIONS, self.kicks, self.pulses, strict=True):
            passed = torch.zeros(cycles, dtype=torch.float64)
            states = [passed]
            for _ in range(pulses):
                mean, deviation = kick(passed)
                passed = passed + mean + deviation * torch.from_numpy(rng.standard_normal(cycles))
                if self.stops:
                    passed = passed.clamp(0.0, 1.0)
                states.append(passed)
            parts = torch.stack(states).numpy()
            parts = parts if direction == DIRECTIONS[0] else 1.0 - parts
            parts = parts + self.truth["read.noise"] * rng.standard_normal(parts.shape)
            readings = low + (high - low) * parts
            runs += [Run(direction, readings[:, cycle], cycle=cycle) for cycle in range(cycles)]
        return Measurements(tuple(runs), "S", (), ())

    def bounds(self, rng: np.random.Generator, cycles: int = CYCLES) -> dict[str, float]:
        """Cramér and Rao's bound on the standard deviation of every number that is not given.

        From the mean second derivatives of the log likelihood at the truth, where it is known that
        runs start at the window's ends, and what curve it is.

        Args:
            rng: Source of the files that the mean is over.
            cycles: Runs of either direction of each.
        """
        curve = next(each for each in CURVES if each.name == self.curve)
        total = 0.0
        for _ in range(INFORMATION_FILES):
            trains = line_up(self.file(rng, cycles).runs)
            model = replace(Model.of(curve, trains).without("start", -30.0), stops=self.stops)
            window = [self.truth[f"conductance.{end}"] for end in ("min", "max")]
            low, high = ((end - trains.origin) / trains.scale for end in window)
            read = math.log(self.truth["read.noise"])
            known = {**self.parameters, "low": low, "high": high, "read": read}
            point = np.array([known[name] for name in model.names])
            each = by_run(model, trains)

            def loss(points: np.ndarray, each: Callable = each) -> np.ndarray:
                return -each(points)[0].sum(axis=1)

            unit = step_sizes(loss, point)
            # In siemens: every file has a scale of its own.
            per = [1.0 / trains.scale if name in ("low", "high") else 1.0 for name in model.names]
            total = total + differences(loss, point, unit)[2] * np.outer(per / unit, per / unit)
        errors = np.sqrt(np.diag(np.linalg.inv(total / INFORMATION_FILES)))
        found = {}
        for name, value, error in zip(model.names, point, errors, strict=True):
            key, change, _ = change_of(curve, name)
            slope = (change(value + 1e-5) - change(value - 1e-5)) / 2e-5
            found[key] = float(abs(slope) * error)
        return found


def draw_source(form: str, rng: np.random.Generator, *, stops: bool = False) -> Source:
    """A device of one form.

    Args:
        form: Name of a curve.
        rng: Source of its numbers.
        stops: Whether its pulses stop at the window's ends.
    """
    low = float(10.0 ** rng.uniform(-7.0, -5.0))
    truth = {
        "conductance.min": low,
        "conductance.max": low * float(rng.uniform(3.0, 30.0)),
        "read.noise": float(10.0 ** rng.uniform(-2.3, -1.7)),
    }
    relative = next(curve.relative for curve in CURVES if curve.name == form)
    source = (_pulsed if relative else _curved)(form, truth, rng)
    return replace(source, stops=stops)


def _curved(form: str, truth: dict[str, float], rng: np.random.Generator) -> Source:
    """A device of ``device.write``: noise in parts of the range, its own in either direction."""
    levels = tuple(int(n) for n in rng.integers(40, 101, 2))
    noise = [float(s) for s in 10.0 ** rng.uniform(-2.4, -1.9, 2)]
    labels = [float(label) for label in rng.uniform(1.0, 4.0, 2) * (1.0, -1.0)]
    return curved_source(form, truth, levels, noise, labels)


def curved_source(
    form: str,
    window: Mapping[str, float],
    levels: Sequence[int],
    noise: Sequence[float],
    labels: Sequence[float],
) -> Source:
    """A device of ``device.write``.

    Args:
        form: Name of its curve.
        window: Ends of the window and read noise, by key.
        levels: Pulses over the window, up and down.
        noise: Of a pulse, as parts of the window, up and down.
        labels: Of nonlinearity, up (0 or more) and down (0 or less); of no use to other forms.
    """
    # Some files end before the window does, so that its number of pulses is to be found.
    part = 1.0 if form.endswith("over the window") else 0.8
    truth, kicks, parameters = dict(window), [], {}
    for name, n, spread, label in zip(DIRECTIONS, levels, noise, labels, strict=True):
        truth[f"conductance.levels.{name}"] = float(n)
        truth[f"write.cycle_to_cycle.{name}"] = spread
        parameters |= {f"{name}.pulses": math.log(n), f"{name}.noise": math.log(spread)}
        response = linear_response(1.0 if form == "soft bounds" else 0.0, n)
        if form.startswith("nonlinear"):
            response = nonlinear_response(label, depression=name == DIRECTIONS[1])
            truth[f"write.nonlinearity.{name}"] = label
            parameters[f"{name}.bend"] = 1.0 / curve_constant(abs(label))
        kicks.append(_of_response(response, n, spread))
    pulses = (round(part * levels[0]), round(part * levels[1]))
    return Source(form, truth, parameters, pulses, (kicks[0], kicks[1]))


def _of_response(response: PulseResponse, levels: int, spread: float) -> Kick:
    def kick(passed: torch.Tensor) -> tuple[torch.Tensor, float]:
        return response.step(passed, torch.full_like(passed, 1.0 / levels)), spread

    return kick


def _pulsed(form: str, truth: dict[str, float], rng: np.random.Generator) -> Source:
    """A device of ``device.pulsed``: noise relative to the step."""
    size, up_down = float(rng.uniform(0.03, 0.06)), float(rng.uniform(-0.2, 0.2))
    noise, exponent = float(rng.uniform(0.2, 0.6)), float(rng.uniform(1.4, 2.5))
    gamma = [float(g) for g in rng.uniform(0.2, 0.6, 2)]
    power = form == "power"
    nominal = NominalDevice(
        dw_min=size, up_down=up_down, gamma=(0.0, 0.0) if power else (gamma[0], gamma[1])
    )
    devices = draw_devices(nominal, 1, torch.Generator())
    step = PowerStep(noise, exponent) if power else LinearStep(noise, multiplicative=True)
    steps = (size * (1.0 + up_down), size * (1.0 - up_down))
    parameters = {}
    for name, each, slope in zip(DIRECTIONS, steps, gamma, strict=True):
        truth |= {f"pulsed.dw_min.{name}": each, f"pulsed.dw_min_std.{name}": noise}
        parameters |= {f"{name}.step": math.log(each), f"{name}.noise": math.log(noise)}
        if not power:
            truth[f"pulsed.gamma.{name}"] = parameters[f"{name}.gamma"] = slope
    if power:
        truth["pulsed.exponent"], parameters["exponent"] = exponent, math.log(exponent)

    def kick(up: bool) -> Kick:
        def move(passed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            # States go from −1 to 1, twice the window's part.
            state = 2.0 * passed - 1.0 if up else 1.0 - 2.0 * passed
            mean, deviation = step.moments(state, torch.full_like(passed, up, dtype=torch.bool),
                                           devices)  # fmt: skip
            return 0.5 * mean, 0.5 * deviation

        return move

    pulses = (round(2.0 / steps[0]), round(2.0 / steps[1]))
    return Source(form, truth, parameters, pulses, (kick(True), kick(False)))
