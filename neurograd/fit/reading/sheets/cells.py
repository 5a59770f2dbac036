"""Numbers in cells: decimal points or commas, signs for no reading, and what is no number."""

from __future__ import annotations

import math
import re

LARGEST = 1e30
"""Largest magnitude of a number in a table."""

NO_READING = 9.9e37
"""Source meters write 9.9e37 for an overflow and 9.91e37 for no reading (SCPI-99, 7.2.1.4)."""

_BLANK = {"", "-", "--", "nan", "na", "n/a", "#n/a", "none", "null"}
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eEdD][+-]?\d+)?")


def is_blank(cell: str) -> bool:
    """Whether a cell is empty, or says that there is no reading."""
    return cell.strip().lower() in _BLANK


def number(cell: str, decimal: str) -> float | None:
    """The number of a cell, NaN for a blank one, None where it is neither.

    Args:
        cell: Text of a cell.
        decimal: ``.`` or ``,``.
    """
    if is_blank(cell):
        return math.nan
    value = _any_number(cell, decimal)
    if value is None:
        return None
    if NO_READING * 0.999 <= abs(value) <= NO_READING * 1.002:
        return math.nan
    return value if abs(value) <= LARGEST else None


def is_too_large(cell: str, decimal: str) -> bool:
    """Whether a cell is a number beyond ``LARGEST``, which ``number`` does not take."""
    return number(cell, decimal) is None and _any_number(cell, decimal) is not None


def _any_number(cell: str, decimal: str) -> float | None:
    """The number of a cell, however large; None where it has none."""
    text = cell.strip().replace("\u2212", "-")
    if decimal == ",":
        if "." in text or text.endswith(","):
            return None
        text = text.replace(",", ".", 1)
    return float(text.replace("D", "e").replace("d", "e")) if _NUMBER.fullmatch(text) else None


def quoted(text: str) -> str:
    """User's text in a message: quoted, on one line, cut short."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "...")
