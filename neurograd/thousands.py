"""Marks that may be of thousands or of decimals: '4,000' is 4 or 4000."""

from __future__ import annotations

import re
from collections.abc import Sequence

from neurograd.errors import DataError


def refuse_thousands(
    place: object, columns: Sequence[Sequence[str]], decimal: str, separator: str | None
) -> None:
    """Cells whose marks are those of decimals beyond doubt pass.

    In doubt are decimal commas, and points between semicolons, as they are written where commas are
    decimal. A mark with other than three digits behind it, or more than three or a 0 before it, is
    none of thousands, and one such cell tells it of all.

    Args:
        place: The file, for messages.
        columns: Cells of every column of numbers.
        decimal: The mark that is read as the decimal one.
        separator: What stands between cells; None for blanks.

    Raises:
        DataError: One line, if every mark may be one of thousands.
    """
    if decimal == "." and separator != ";":
        return
    doubtful = re.compile(rf"[+-]?[1-9]\d{{0,2}}{re.escape(decimal)}\d{{3}}")
    first = None
    for cells in columns:
        marked = [cell.strip() for cell in cells if decimal in cell]
        if not all(doubtful.fullmatch(cell) for cell in marked):
            return
        if marked and any(re.fullmatch(r"\s*[+-]?\d{4,}\s*", cell) for cell in cells):
            return  # thousands stand without a mark
        first = first or next(iter(marked), None)
    if first is not None:
        bare, point = first.replace(decimal, ""), first.replace(decimal, ".")
        raise DataError(
            f"{place}: all numbers with a mark are like {first!r}, which may be "
            f"{float(point):g} or {bare}; allowed: {bare} where the mark is one of thousands, "
            f"{point} between tabs or commas where it is decimal"
        )
