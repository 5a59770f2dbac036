"""The file of a measured device: its curves, or its jumps."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from neurograd.effects.measured_runs import average_curve, scatter
from neurograd.errors import NeurogradError
from neurograd.fit.measurements import DIRECTIONS
from neurograd.fit.models.wrong_way import right_way
from neurograd.fit.reading import files_read, read_measurements

if TYPE_CHECKING:
    from device_models import JumpTable, PulseCurves


@dataclass(frozen=True)
class MeasuredTable:
    """A file of a measured device as a chip takes it.

    Attributes:
        steps: Its curves, or its jumps.
        scatter: Root of the mean square of the readings' distance from the curves, as a part of the
            window; 0 for jumps, which hold their noise.
        devices: Number of devices that the curves are the average of.
        left_out: Which runs the curves are without, and why, a line each.
        of_readings: Whether jumps are sorted by conductances that differ as readings do.
        in_runs: Whether the jumps are in rows that follow each other, of which a fit tells more.
        siemens: Whether its conductances are in siemens, not relative to each other.
    """

    steps: PulseCurves | JumpTable
    scatter: float
    devices: int = 1
    left_out: tuple[str, ...] = ()
    of_readings: bool = False
    in_runs: bool = False
    siemens: bool = False

    @property
    def window(self) -> tuple[float, float] | None:
        """Smallest and largest conductance in siemens, 0 or more; None where they are relative."""
        if not self.siemens or not self.steps.conductance_max > 0:
            return None
        return max(self.steps.conductance_min, 0.0), self.steps.conductance_max


def read_measured(path: str | os.PathLike[str]) -> PulseCurves | JumpTable:
    """Reads a file of conductances behind pulses, or of steps against conductance.

    Args:
        path: The file, of any form that ``neurograd fit`` takes.

    Raises:
        ValueError: One line, when the file can not be read or holds no device.
    """
    return read_table(path).steps


def read_table(path: str | os.PathLike[str]) -> MeasuredTable:
    """The same with its scatter.

    Raises:
        ValueError: One line, when the file can not be read or holds no device.
    """
    import torch  # noqa: PLC0415

    from device_models import jump_table, pulse_curves  # noqa: PLC0415  (needs torch)

    measured = read_measurements(path)
    siemens = measured.unit == "S"
    try:
        if measured.jumps:
            up, down = (
                (torch.from_numpy(each.conductance), torch.from_numpy(each.change))
                for each in measured.jumps
            )
            of_readings = any(each.of_readings for each in measured.jumps)
            return MeasuredTable(
                jump_table(up, down),
                0.0,
                of_readings=of_readings,
                in_runs=bool(measured.runs),
                siemens=siemens,
            )
        runs, left_out = right_way(measured.runs)
        measured = replace(measured, runs=runs)
        curves = [average_curve(measured, direction) for direction in DIRECTIONS]
        up, down = (
            (torch.from_numpy(each.pulses), torch.from_numpy(each.conductance)) for each in curves
        )
        devices = len({run.device for run in measured.runs})
        steps = pulse_curves(up, down)
        return MeasuredTable(steps, scatter(curves), devices, left_out, siemens=siemens)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def jumps_of(device: Any) -> JumpTable | None:
    """The table of jumps that a spec's device is; None for another device.

    Raises:
        NeurogradError: When the file can not be read any more.
    """
    from device_models import JumpTable  # noqa: PLC0415  (needs torch)

    steps = None if device.measured is None else measured_of(device)
    return steps if isinstance(steps, JumpTable) else None


def window_of(device: Any) -> tuple[float, float] | None:
    """Ends of the conductance range of a spec's device in siemens; None where nothing tells them.

    Those of the spec come before those of a measured file.

    Raises:
        NeurogradError: When the file can not be read any more.
    """
    given = device.conductance
    if given.max is not None:
        return given.min, given.max
    return None if device.measured is None else window_in_file(device.measured)


def window_in_file(path: str) -> tuple[float, float] | None:
    """The conductance range of a measured file in siemens; None where they are relative.

    Raises:
        NeurogradError: When the file can not be read.
    """
    try:
        files: list[str | os.PathLike[str]] = [path, *files_read(path)]
        return _window_in(tuple(_version(each) for each in files))
    except (OSError, ValueError) as error:
        raise NeurogradError(f"device.measured: {error}") from None


def _version(path: str | os.PathLike[str]) -> tuple[str, int, int]:
    """A file as it is now: path, time of the last change and size."""
    now = os.stat(path)
    return os.fspath(path), now.st_mtime_ns, now.st_size


@lru_cache(maxsize=16)
def _window_in(versions: tuple[tuple[str, int, int], ...]) -> tuple[float, float] | None:
    """The window of the first file; the others are read with it."""
    return read_table(versions[0][0]).window


def measured_of(device: Any) -> PulseCurves | JumpTable:
    """What the file of a spec's measured device holds.

    Raises:
        NeurogradError: When it can not be read any more.
    """
    try:
        return read_measured(device.measured)
    except ValueError as error:
        raise NeurogradError(f"device.measured: {error}") from None
