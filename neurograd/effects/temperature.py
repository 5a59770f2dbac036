"""The temperature of a chip, for the models that say what it changes.

Thermal noise of reads (``thermal_noise.py``), and the lifetime of volatile weights where its
activation energy is known (``leakage.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from neurograd.effects.effect import Contribution, Keys, Stage
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import FieldType, Json, SpecModel, spec_problem
from neurograd.keys.units import NUMBER_PATTERN, parse_number, show

REFERENCE = 300.0
"""Temperature in kelvin where a spec names none, and that lifetimes are given at."""
_ZERO_CELSIUS = 273.15
_SMALLEST, _LARGEST = 4.0, 1000.0
_MEANT_CELSIUS = (20.0, 200.0)
"""Kelvin of a number that reads like the degrees Celsius that chips run at."""
_PATTERN = rf"\s*({NUMBER_PATTERN})\s*(K|C|°C|degC)?\s*"


@dataclass(frozen=True)
class Kelvin(FieldType):
    """A temperature."""

    def read(self, value: Any) -> float:
        """Reads '85 °C', '300 K' or a bare number of kelvin."""
        found = re.fullmatch(_PATTERN, value) if isinstance(value, str) else None
        number = parse_number(found[1] if found else value)
        if number is None:
            raise spec_problem(f"{show(value)} cannot be read; allowed: {self.allowed}")
        celsius = found is not None and found[2] not in (None, "K")
        kelvin = number + _ZERO_CELSIUS if celsius else number
        if not _SMALLEST <= kelvin <= _LARGEST:
            raise spec_problem(f"{show(value)} is out of range; allowed: {self.allowed}")
        return kelvin

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return (
            f"a temperature such as '85 °C', '358 K' or 358 (kelvin), from {_SMALLEST:g} to "
            f"{_LARGEST:g} K"
        )

    def json(self) -> Json:
        """A number of kelvin or text with a unit."""
        number: Json = {"type": "number", "minimum": _SMALLEST, "maximum": _LARGEST}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{_PATTERN}$"}]}


class TemperatureKeys(SpecModel):
    """device.temperature."""

    temperature: Annotated[float, Kelvin()] | None = Field(
        None,
        description="Temperature of the chip, for thermal noise (read.bandwidth) and a lifetime of "
        "an activation energy (leakage). Default: null, 300 K.",
    )


IDLE = (
    "changes no number without read.bandwidth or leakage.activation_energy; give one of them, or "
    "remove it"
)
"""What is wrong with a temperature that acts on no device."""


def uses_temperature(device: Any) -> bool:
    """Whether a device has anything that its temperature acts on."""
    leaks = device.leakage is not None and device.leakage.activation_energy is not None
    return leaks or device.read.bandwidth is not None


def temperature_of(device: Any) -> float:
    """Temperature of a spec's device in kelvin."""
    given: float | None = device.temperature
    return REFERENCE if given is None else given


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    """A hint at a temperature that is given in kelvin, and was likely meant in degrees Celsius."""
    given = None if spec.device is None else spec.device.temperature
    if given is not None and _MEANT_CELSIUS[0] <= given <= _MEANT_CELSIUS[1]:
        yield (
            f"device.temperature is {given:g} K: if {given:g} °C is meant, write that. A bare "
            "number is in kelvin."
        )


SHARED = Contribution(
    name="temperature",
    stage=Stage.READ,
    keys=(Keys("device", TemperatureKeys, 120),),
    hints=_hints,
)
