"""A device as it was measured: a CSV file in place of a curve, and how it is read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurograd.keys.fields import FieldType, Json, Line, spec_problem

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

    def json(self) -> Json:
        """A string."""
        return Line(4096).json()
