"""A device as it was measured: a CSV file in place of a curve, and how it is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from neurograd import words
from neurograd.effects import granularity, nonlinearity
from neurograd.effects.assembly import Assembly, Synapse
from neurograd.effects.effect import Contribution, Keys, SpecSections, Stage, on_device
from neurograd.effects.pulsed_device import fill_mapping, refuse_levels
from neurograd.effects.write_curve import Write, counted_by_trains, draw_window, pulse_noise
from neurograd.errors import NeurogradError
from neurograd.keys.fields import FieldType, Json, Line, SpecModel, spec_problem

if TYPE_CHECKING:
    from device_models import JumpTable, PulseCurves

MAX_BYTES = 10_000_000


def read_measured(path: str | os.PathLike[str]) -> PulseCurves | JumpTable:
    """Reads a table of conductance against pulse number, or of steps against conductance.

    Args:
        path: The CSV file.

    Raises:
        ValueError: One line, when the file can not be read or its table is malformed.
    """
    from device_models import parse_measured  # noqa: PLC0415  (needs torch)

    file = Path(path)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"{path} is larger than 10 MB; allowed: a table of up to 10 MB")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise ValueError(
            f"{path} can not be read ({reason}); allowed: a CSV file of a measured device"
        ) from None
    try:
        return parse_measured(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


@dataclass(frozen=True)
class MeasuredFile(FieldType):
    """The file of a measured device table, which is read once to check it."""

    def read(self, value: Any) -> str:
        """Reads a path and checks the table in it."""
        path: str = Line(4096).read(value)
        try:
            read_measured(path)
        except ValueError as error:
            raise spec_problem(str(error)) from None
        return path

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "the path of a CSV file"

    def json(self) -> Json:
        """A string."""
        return Line(4096).json()


class MeasuredKeys(SpecModel):
    """device.measured."""

    measured: Annotated[str, MeasuredFile()] | None = Field(
        None,
        description="CSV file of a measured device: columns pulse, potentiation, depression or "
        "conductance, delta_up, delta_down. Relative to the spec. Default: null.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_mapping_of_measured(cls, data: Any) -> Any:
        """One device a weight against a reference, unless the spec says otherwise."""
        if not isinstance(data, Mapping) or isinstance(data.get("pulsed"), Mapping):
            return data
        measured = isinstance(data.get("measured"), str)
        return fill_mapping(data, "reference") if measured else data

    @model_validator(mode="after")
    def _check_beside_measured(self) -> MeasuredKeys:
        """A table tells the steps; one of steps against conductance tells their noise as well."""
        if self.measured is None:
            return self
        device: Any = self
        noise = {"cycle_to_cycle": 0.0, "device_to_device": 0.0}
        if device.write.model_copy(update=noise) != Write():
            problem = "has a curve beside measured; allowed there: " + ", ".join(noise)
            raise spec_problem(problem, "write")
        if _is_jump_table(self.measured):
            for key in noise:
                if getattr(device.write, key) != 0:
                    problem = "is given beside a table of steps, which has its own; remove the key"
                    raise spec_problem(problem, f"write.{key}")
            if device.conductance.mapping != "reference":
                problem = "differential_pair is not there for a table of steps; allowed: reference"
                raise spec_problem(problem, "conductance.mapping")
        refuse_levels(device, "measured")
        return self


def _is_jump_table(path: str) -> bool:
    from device_models import JumpTable  # noqa: PLC0415  (needs torch)

    return isinstance(read_measured(path), JumpTable)


def _build(parts: Assembly) -> None:
    import torch  # noqa: PLC0415

    from device_models import (  # noqa: PLC0415  (needs torch)
        JumpTable,
        JumpTableWrite,
        MemristorWrite,
        PulseResponse,
    )

    try:
        table = read_measured(parts.spec.device.measured)
    except ValueError as error:
        raise NeurogradError(f"device.measured: {error}") from None
    dtype, place, size = parts.problem.dtype, parts.problem.device, parts.weight_range
    rounding, _ = granularity.counting(parts)
    if isinstance(table, JumpTable):
        trains = parts.spec.device.pulse_train is not None
        counted = 0.5 * sum(table.typical_steps()) if trains else None
        jumps = JumpTableWrite(table.to(dtype=dtype, device=place), size, rounding, counted)
        ends = torch.full((1,), size, dtype=dtype, device=place)
        parts.synapse = Synapse(jumps, (-ends, ends))
        return
    window = draw_window(parts)
    straight = not parts.keeps(nonlinearity.EFFECT)
    curves = [c.to(dtype=dtype, device=place) for c in (table.potentiation, table.depression)]
    write = MemristorWrite(
        window,
        PulseResponse() if straight else curves[0],
        PulseResponse() if straight else curves[1],
        table.levels,
        pulse_noise(parts),
        rounding,
        counted_by_trains(parts, table.levels),
    )
    parts.synapse = Synapse(write, window.weight_bounds(), has_faults=True)


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    from device_models import PulseCurves  # noqa: PLC0415  (needs torch)

    path = None if spec.device is None else spec.device.measured
    table = None if path is None else read_measured(path)
    if not isinstance(table, PulseCurves) or min(table.covered) >= SAME_WINDOW:
        return
    low, high = table.conductance_min, table.conductance_max
    parts = [
        f"{name} passes {ends[0]:.4g} to {ends[1]:.4g}, {words.percent(part, significant=2)} of it"
        for name, ends, part in zip(DIRECTIONS, table.windows, table.covered, strict=True)
    ]
    yield (
        f"device.measured has two windows: of {low:.4g} to {high:.4g}, which the weights stand "
        f"for, {' and '.join(parts)}. A device that leaves the smaller one does not move on in "
        "that direction. If the two were measured over different windows, cut the table to the "
        "common one, or measure both over one."
    )


DIRECTIONS = ("potentiation", "depression")
SAME_WINDOW = 0.9
"""Part of the window that both directions must pass to be taken as one window, as measured."""

SHARED = Contribution(
    name="measured_device",
    stage=Stage.WRITE,
    keys=(Keys("device", MeasuredKeys, 40),),
    when=on_device(lambda device: device.measured is not None),
    build=_build,
    hints=_hints,
)
