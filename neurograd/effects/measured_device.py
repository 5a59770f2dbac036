"""A device as it was measured: a file in place of a curve, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from neurograd import words
from neurograd.effects import cycle_to_cycle, granularity, nonlinearity
from neurograd.effects.assembly import Assembly, Synapse
from neurograd.effects.effect import Contribution, Keys, Stage, on_device
from neurograd.effects.fitted_device import TABLE, MeasuredAs, without_options
from neurograd.effects.measured_table import (
    MeasuredTable,
    measured_of,
    read_measured,
    read_table,
)
from neurograd.effects.pulsed_device import fill_mapping, refuse_levels
from neurograd.effects.sections import SpecSections
from neurograd.effects.write_curve import Write, counted_by_trains, draw_window, pulse_noise
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.reading import SAME_WINDOW
from neurograd.keys.fields import FieldType, Json, Line, SpecModel, spec_problem

if TYPE_CHECKING:
    from device_models import JumpTable
    from device_models.write.pulsed_write import PulsedWrite


@dataclass(frozen=True)
class MeasuredFile(FieldType):
    """The file of a measured device table, which is read once to check it."""

    def read(self, value: Any) -> str:
        """Reads a path and checks the table in it."""
        path: str = Line(4096).read(value)
        try:
            read_measured(path)
        except ValueError as error:
            raise spec_problem(without_options(str(error))) from None
        return path

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "the path of a CSV file or another file of a measured device"

    def json(self) -> Json:
        """A string."""
        return Line(4096).json()


class MeasuredKeys(SpecModel):
    """device.measured."""

    measured: Annotated[str, MeasuredFile()] | None = Field(
        None,
        description="File of a measured device, as neurograd fit reads it: conductances behind "
        "pulses (pulse, potentiation, depression and many others), or a table of jumps "
        "(conductance, delta_up, delta_down). Relative to the spec. Default: null.",
    )
    measured_as: MeasuredAs = Field(
        TABLE,
        exclude=True,
        description="What is made of measured: table, the file's average curve or its jumps; fit, "
        "the device that neurograd fit --ranges finds in it, with what the data leave open as "
        "ranges; or that with the curve held to constant, nonlinear or soft_bounds. Of the whole "
        "chip's device. Default: table.",
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
        if self.measured_as != TABLE:
            problem = f"{self.measured_as} is for a whole chip's device beside measured"
            raise spec_problem(f"{problem}; allowed: {TABLE}", "measured_as")
        if self.measured is None:
            return self
        device: Any = self
        noise = {"cycle_to_cycle": 0.0, "device_to_device": 0.0}
        if device.write.model_copy(update=noise) != Write():
            problem = "has a curve beside measured; allowed there: " + ", ".join(noise)
            raise spec_problem(problem, "write")
        table = read_table(self.measured)
        _refuse_unknown_noise(device, self.measured, table)
        if _is_jump_table(table):
            for key in noise:
                if getattr(device.write, key) != 0:
                    problem = "is given beside a table of steps, which has its own; remove the key"
                    raise spec_problem(problem, f"write.{key}")
            if device.conductance.mapping != "reference":
                problem = "differential_pair is not there for a table of steps; allowed: reference"
                raise spec_problem(problem, "conductance.mapping")
        refuse_levels(device, "measured")
        return self


def _refuse_unknown_noise(device: Any, path: str, table: MeasuredTable) -> None:
    """Readings that scatter hold a device's noise or the meter's; a curve has neither."""
    if not table.scatter or _names_noise(device):
        return
    raise spec_problem(
        f"{path}: readings lie {words.percent(table.scatter, significant=2)} of the window beside "
        "their curve, by noise that a curve does not hold; allowed: write.cycle_to_cycle or "
        f"read.noise beside it, or the device that 'neurograd fit {path} --yaml FILE' finds",
        "measured",
    )


def _names_noise(device: Any) -> bool:
    keys = ((device.write, "cycle_to_cycle"), (device.read, "noise"))
    return any(key in part.model_fields_set or getattr(part, key) for part, key in keys)


def _is_jump_table(table: MeasuredTable) -> bool:
    from device_models import JumpTable  # noqa: PLC0415  (needs torch)

    return isinstance(table.steps, JumpTable)


def _build(parts: Assembly) -> None:
    from device_models import JumpTable, MemristorWrite, PulseResponse  # noqa: PLC0415  (torch)

    table = measured_of(parts.spec.device)
    dtype, place = parts.problem.dtype, parts.problem.device
    if isinstance(table, JumpTable):
        jumps = _jumps_written(parts, table)
        parts.synapse = Synapse(jumps, jumps.weight_bounds())
        return
    window, (rounding, _) = draw_window(parts), granularity.counting(parts)
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
    parts.synapse = Synapse(write, window.weight_bounds(), has_faults=True, rest=window.rest())


def _jumps_written(parts: Assembly, table: JumpTable) -> PulsedWrite:
    """The write by a table of jumps, without what is left out of a chip."""
    from device_models import jump_table_write  # noqa: PLC0415  (needs torch)

    trains = parts.spec.device.pulse_train is not None
    counted = 0.5 * sum(table.typical_steps()) if trains else None
    if not parts.keeps(nonlinearity.EFFECT):
        table = table.straight(counted)
    if not parts.keeps(cycle_to_cycle.EFFECT):
        table = table.quiet()
    table = table.to(dtype=parts.problem.dtype, device=parts.problem.device)
    rounding, _ = granularity.counting(parts)
    capped = parts.keeps(granularity.EFFECT)
    return jump_table_write(table, parts.weight_range, rounding, counted, capped=capped)


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    from device_models import PulseCurves  # noqa: PLC0415  (needs torch)

    path = None if spec.device is None else spec.device.measured
    found = None if path is None else read_table(path)
    if found is None:
        return
    if not isinstance(found.steps, PulseCurves):
        if found.of_readings and found.steps.noise:
            yield _reads_in_jumps(in_runs=found.in_runs)
        return
    table = found.steps
    yield from (f"device.measured: {line}" for line in found.left_out)
    if found.scatter:
        yield (
            f"device.measured scatters by {words.percent(found.scatter, significant=2)} of the "
            "window: the curve is the average of its readings, and the noise is what "
            "device.write.cycle_to_cycle and device.read.noise say"
        )
    if found.devices > 1:
        spread = words.percent(spec.device.write.device_to_device, significant=2)
        yield (
            f"device.measured holds {found.devices} devices, and the curve is their average: what "
            f"differs between them is what device.write.device_to_device says, {spread}; "
            "'neurograd fit' of the file tells it"
        )
    if min(table.covered) >= SAME_WINDOW:
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


def _reads_in_jumps(*, in_runs: bool) -> str:
    """What the noise of reads does to a table of jumps that are sorted by readings."""
    told = (
        "device.measured_as: fit tells it from that of pulses, since rows follow each other"
        if in_runs
        else "a file of runs of pulses would tell it from that of pulses"
    )
    return (
        "device.measured is a table of single jumps. Where its conductances are readings, their "
        "noise is in its deviations twice and moves mean steps near the ends of the window towards "
        f"the middle, by about as much; {told}."
    )


SHARED = Contribution(
    name="measured_device",
    stage=Stage.WRITE,
    keys=(Keys("device", MeasuredKeys, 40),),
    when=on_device(lambda device: device.measured is not None),
    build=_build,
    hints=_hints,
)
