"""What one write pulse does by a conductance curve: linear, NeuroSim's exponential, soft bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.effects import (
    cycle_to_cycle,
    device_to_device,
    endurance,
    faults,
    levels,
    nonlinearity,
)
from neurograd.effects.assembly import Assembly, Synapse
from neurograd.effects.conductance_window import conductance_of
from neurograd.effects.cycle_to_cycle import CycleToCycleKeys, spreads_of
from neurograd.effects.device_to_device import DeviceToDeviceKeys
from neurograd.effects.effect import Contribution, Keys, Stage, on_device
from neurograd.effects.nonlinearity import CurveKeys
from neurograd.keys.fields import EMPTY, SpecModel, fill, given, refuse

if TYPE_CHECKING:
    from device_models import Crossbar, PulseResponse


class ModelKeys(SpecModel):
    """device.write.model."""

    model: Literal["linear", "nonlinear", "soft_bounds"] = Field(
        "linear",
        description="linear: the step depends linearly on the conductance (see slope); nonlinear: "
        "NeuroSim's exponential curve; soft_bounds: linear with slope 1. "
        "Default: nonlinear when nonlinearity is given, else linear.",
    )


class Write(DeviceToDeviceKeys, CycleToCycleKeys, CurveKeys, ModelKeys):
    """What one write pulse does."""

    @model_validator(mode="before")
    @classmethod
    def _choose_model(cls, data: Any) -> Any:
        model = "nonlinear" if given(data, "nonlinearity") else "linear"
        data = fill(data, {"model": model})
        if not isinstance(data, Mapping):
            return data
        if data["model"] == "nonlinear":
            return fill(data, {"nonlinearity": {}})
        return fill(data, {"slope": {}}) if data["model"] == "linear" else data

    @model_validator(mode="after")
    def _check_model(self) -> Write:
        if self.model != "nonlinear":
            refuse(self, ("nonlinearity",), f"is for model nonlinear only, not {self.model}")
        if self.model != "linear":
            refuse(self, ("slope",), f"is for model linear only, not {self.model}")
        return self


class WriteKeys(SpecModel):
    """device.write."""

    write: Annotated[Write, EMPTY] = Field(
        default_factory=Write, description="What one write pulse does, by a conductance curve."
    )


def draw_window(parts: Assembly) -> Crossbar:
    """The chip's devices, each with its own conductance window, some of them stuck or worn."""
    from device_models import draw_crossbar  # noqa: PLC0415  (needs torch)

    device = parts.spec.device
    varied, faulty = parts.keeps(device_to_device.EFFECT), parts.keeps(faults.EFFECT)
    worn = endurance.are_worn(device) and parts.keeps(endurance.EFFECT)
    drawn = draw_crossbar(
        parts.problem.num_parameters,
        weight_range=parts.weight_range,
        mapping=device.conductance.mapping,
        device_to_device=device.write.device_to_device if varied else 0.0,
        stuck_low=device.faults.stuck_low if faulty else 0.0,
        stuck_high=device.faults.stuck_high if faulty else 0.0,
        generator=parts.generator("chip"),
        dtype=parts.problem.dtype,
    )
    return endurance.worn_cells(parts, drawn) if worn else drawn


def pulse_noise(parts: Assembly) -> tuple[float, float]:
    """Standard deviation of one pulse up and of one down, parts of the conductance range."""
    return spreads_of(parts.spec.device) if parts.keeps(cycle_to_cycle.EFFECT) else (0.0, 0.0)


def counted_by_trains(parts: Assembly, levels: tuple[float, float] | None) -> float | None:
    """Pulses over the window that a coincidence of trains is one of, in either direction."""
    trains = parts.spec.device.pulse_train is not None
    return max(levels) if trains and levels is not None else None


def _build(parts: Assembly) -> None:
    from device_models import MemristorWrite, PulseResponse  # noqa: PLC0415  (needs torch)

    device = parts.spec.device
    window, counts = draw_window(parts), conductance_of(device).levels
    up, down = _responses(device)
    if not parts.keeps(nonlinearity.EFFECT):
        up = down = PulseResponse()
    pulses = None if counts is None else (counts.potentiation, counts.depression)
    # Infinitely fine pulses are no whole number of them.
    whole = pulses is not None and parts.keeps(levels.EFFECT)
    write = MemristorWrite(
        window,
        up,
        down,
        pulses,
        pulse_noise(parts),
        parts.pulse_rounding if whole else "none",
        counted_by_trains(parts, pulses),
    )
    parts.synapse = Synapse(write, window.weight_bounds(), has_faults=True, rest=window.rest())


def _responses(device: Any) -> tuple[PulseResponse, PulseResponse]:
    """Pulse responses up and down of a conductance curve."""
    from device_models import linear_response, nonlinear_response  # noqa: PLC0415  (needs torch)

    write: Write = device.write
    counts = conductance_of(device).levels
    if write.nonlinearity is not None:
        return (
            nonlinear_response(write.nonlinearity.potentiation, depression=False),
            nonlinear_response(write.nonlinearity.depression, depression=True),
        )
    slopes = (1.0, 1.0)
    if write.model == "linear":
        slope = write.slope
        slopes = (slope.potentiation, slope.depression) if slope is not None else (0.0, 0.0)
    ends = (None, None) if counts is None else (counts.potentiation, counts.depression)
    return linear_response(slopes[0], ends[0]), linear_response(slopes[1], ends[1])


SHARED = Contribution(
    name="write_curve",
    stage=Stage.WRITE,
    keys=(Keys("device", WriteKeys, 20),),
    when=on_device(lambda device: device.pulsed is None and device.measured is None),
    build=_build,
)
