"""Reads the CSV file of a measured device."""

from __future__ import annotations

import os
from pathlib import Path

from device_models.write.measured import JumpTable, PulseCurves, parse_measured

MAX_BYTES = 10_000_000


def read_measured(path: str | os.PathLike[str]) -> PulseCurves | JumpTable:
    """Reads a table of conductance against pulse number, or of steps against conductance.

    Args:
        path: The CSV file.

    Raises:
        ValueError: One line, when the file can not be read or its table is malformed.
    """
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
