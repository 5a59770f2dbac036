"""Thermal noise of reads: that of a conductance at a temperature, over a bandwidth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.measured_table import window_of
from neurograd.effects.sections import SpecSections
from neurograd.effects.temperature import temperature_of
from neurograd.effects.weight_cells import weight_cells
from neurograd.keys.fields import FieldType, Json, SpecModel, spec_problem
from neurograd.keys.units import NUMBER_PATTERN, UNIT_PATTERN, parse_quantity, show

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly

VOLTAGES = (1e-9, 1e3)
"""Smallest and largest voltage of a read, in volts."""
BANDWIDTHS = (1e-3, 1e15)
"""The same for its bandwidth, in hertz."""
SMALLEST_POWER = 1e-40
"""Smallest power of a read, in watts: thermal noise over it is a number with a square."""


@dataclass(frozen=True)
class Quantity(FieldType):
    """A number above 0 with a unit.

    Attributes:
        unit: The unit that a bare number is in.
        example: One that is allowed.
        low: Smallest number that is allowed, in that unit.
        high: Largest one.
    """

    unit: str
    example: str
    low: float
    high: float

    def read(self, value: Any) -> float:
        """Reads text with a unit, or a bare number."""
        try:
            number = parse_quantity(value, self.unit, self.allowed)
        except ValueError as error:
            raise spec_problem(str(error)) from None
        if not self.low <= number <= self.high:
            raise spec_problem(f"{show(value)} is out of range; allowed: {self.allowed}")
        return number

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        ends = f"from {self.low:g} to {self.high:g}"
        return f"a number of {self.unit} {ends}, such as '{self.example}'"

    def json(self) -> Json:
        """A number, or text with a unit."""
        text = {"type": "string", "pattern": rf"^\s*{NUMBER_PATTERN}\s*({UNIT_PATTERN})?\s*$"}
        number = {"type": "number", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [number, text]}


class ThermalKeys(SpecModel):
    """device.read.voltage and device.read.bandwidth."""

    voltage: Annotated[float, Quantity("volt", "0.2 V", *VOLTAGES)] | None = Field(
        None, description="Voltage that devices are read at, with bandwidth. Default: null."
    )
    bandwidth: Annotated[float, Quantity("hertz", "100 MHz", *BANDWIDTHS)] | None = Field(
        None,
        description="Bandwidth of a read, over which a device has its thermal noise (Johnson and "
        "Nyquist 1928); with voltage and device.conductance.max, or device.measured in siemens. "
        "Default: null, no thermal noise.",
    )

    @model_validator(mode="after")
    def _check_both(self) -> ThermalKeys:
        if (self.voltage is None) != (self.bandwidth is None):
            missing = "voltage" if self.voltage is None else "bandwidth"
            raise spec_problem("is missing; give both voltage and bandwidth, or neither", missing)
        return self


class ThermalChecks(SpecModel):
    """What thermal noise needs."""

    @model_validator(mode="after")
    def _check_thermal(self) -> ThermalChecks:
        device: Any = self
        if device.read.bandwidth is None:
            return self
        window = window_of(device)
        if window is None:
            problem = "is missing; thermal noise (read.bandwidth) is that of a conductance"
            raise spec_problem(problem, "conductance.max")
        power = device.read.voltage**2 * window[1]
        if power < SMALLEST_POWER:
            problem = f"is a power of {power:g} W in the largest conductance"
            raise spec_problem(f"{problem}; allowed: {SMALLEST_POWER:g} or more", "read.voltage")
        if device.devices_per_weight is not None:
            problem = "is of one device, or pair, a weight; remove it or devices_per_weight"
            raise spec_problem(problem, "read.bandwidth")
        return self


def _build(parts: Assembly) -> None:
    from device_models.read.thermal_noise import (  # noqa: PLC0415  (needs torch)
        ThermalNoise,
        thermal_part,
    )

    device = parts.spec.device
    read, window = device.read, window_of(device)
    assert window is not None
    largest = window[1]
    part = thermal_part(temperature_of(device), read.bandwidth, read.voltage, largest)
    parts.reads.append(ThermalNoise(part, weight_cells(parts)))


def _remedy(spec: SpecSections) -> Remedy:
    return change("lower", [EFFECT.key], " or raise device.read.voltage")


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    if spec.device is None or spec.device.read.bandwidth is None:
        return
    read = spec.device.read
    key = "device.read.bandwidth"
    yield Knob(key, "bandwidth of a read (Hz)", read.bandwidth, 1, *BANDWIDTHS, one_key(key))
    key = "device.read.voltage"
    yield Knob(key, "voltage of a read (V)", read.voltage, -1, *VOLTAGES, one_key(key))
    # A lifetime that depends on the temperature may end below an update on the way.
    if spec.device.temperature is not None and spec.device.leakage is None:
        key = "device.temperature"
        yield Knob(key, "temperature (K)", spec.device.temperature, 1, 4, 1000, one_key(key))


EFFECT = Effect(
    name="thermal_noise",
    label="the thermal noise of reads",
    key="device.read.bandwidth",
    stage=Stage.READ,
    order=35,
    keys=(Keys("device", ThermalChecks, 220),),
    when=on_device(lambda device: device.read.bandwidth is not None),
    build=_build,
    also=("device.read.voltage", "device.temperature"),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=20,
)
