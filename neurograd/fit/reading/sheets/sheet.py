"""From a file to rows of cells: encodings, separators, decimal marks, Excel."""

from __future__ import annotations

import csv
import io
import re
import stat
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from neurograd.errors import DataError
from neurograd.fit.reading.sheets.cells import number

MAX_BYTES = 10_000_000
"""Largest file that is read."""

_SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "spaces"}
_SAMPLE = 200
"""Lines that separator and decimal mark are judged by."""


@dataclass(frozen=True)
class Sheet:
    """A file as rows of cells.

    Attributes:
        rows: Line number and cells of every line, blank ones with no cells.
        decimal: The decimal mark of its numbers, ``.`` or ``,``.
        separator: What stands between cells; empty for a workbook.
        words: How it was written, in words.
        others: Titles of a workbook's other sheets, which are not read.
    """

    rows: tuple[tuple[int, tuple[str, ...]], ...]
    decimal: str
    separator: str
    words: str
    others: tuple[str, ...] = ()


def read_sheet(path: Path) -> Sheet:
    """Read a text file or the first sheet of an Excel workbook.

    Raises:
        DataError: One line, if the file can not be read.
    """
    content = _bytes(path)
    if content.startswith(b"PK\x03\x04"):
        return _workbook(path, content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise DataError(f"{path} is an old Excel file (.xls); allowed: .xlsx, or text such as CSV")
    text, encoding = _text(path, content)
    lines = text.splitlines()
    separator, decimal = _marks(lines)
    rows = _split(path, text, separator)
    marks = ", decimal commas" if decimal == "," else ""
    words = f"text, cells between {_SEPARATORS[separator]}{marks}{encoding}"
    return Sheet(tuple(rows), decimal, separator, words)


def _bytes(path: Path) -> bytes:
    """What is in a file; pipes and devices, which may never end, are none."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{path} is not a regular file; allowed: a file of measured data")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(
            f"{path} can not be read ({error.strerror}); allowed: a CSV file or another one of "
            "a measured device"
        ) from None
    if len(content) > MAX_BYTES:
        raise DataError(f"{path} is larger than 10 MB; allowed: a table of up to 10 MB")
    return content


def _text(path: Path, content: bytes) -> tuple[str, str]:
    """The text, and its encoding in words where it is not the usual one."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "latin-1"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, "" if encoding == "utf-8-sig" else f", {encoding.title()}"
    raise DataError(
        f"{path} is not UTF-8 text; allowed: text (UTF-8, UTF-16, Latin-1) such as CSV, or .xlsx"
    )


def _marks(lines: list[str]) -> tuple[str, str]:
    """Separator and decimal mark: those that leave the most numbers and the fewest other cells."""
    sample = [line for line in lines if line.strip()]
    # Both ends: preambles may be long.
    sample = sample[:_SAMPLE] + sample[_SAMPLE:][-_SAMPLE:]
    pairs = [(separator, decimal) for separator in _SEPARATORS for decimal in ".,"]
    best = max(pairs, key=lambda pair: _score(sample, *pair))
    return ("\t", ",") if best == (",", ".") and _one_column(sample) else best


def _one_column(lines: list[str]) -> bool:
    """Whether what looks like two columns of counts is one column of decimal commas."""
    cells = [line.strip().split(",") for line in lines]
    if len(lines) < 3 or any(len(row) != 2 or not all(map(str.isdigit, row)) for row in cells):
        return False
    first = [int(row[0]) for row in cells]
    steps = {b - a for a, b in pairwise(first)}
    # Counts of pulses go on evenly; digits behind a comma are as many in every line.
    return len(steps) > 1 and len({len(row[1]) for row in cells}) == 1 and len(cells[0][1]) > 2


def _score(lines: list[str], separator: str, decimal: str) -> int:
    score = 0
    for line in lines:
        if len(line) > csv.field_size_limit():
            continue
        if separator == ",":
            cells = next(csv.reader([line]), [])
        else:
            cells = line.split() if separator == " " else line.split(separator)
        texts = [text for cell in cells if (text := cell.strip(" ").strip('"'))]
        # '012' is what stands behind a decimal comma, never a count; a tab is a separator.
        plain = sum(
            number(text, decimal) is not None and not re.search(r"^0\d+$|\t", text)
            for text in texts
        )
        score += 3 * plain - len(texts) if plain else 0
    return score


def _split(path: Path, text: str, separator: str) -> list[tuple[int, tuple[str, ...]]]:
    if separator == " ":
        lines = text.splitlines()
        return [(n, tuple(line.split())) for n, line in enumerate(lines, 1)]
    rows = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    last = 0
    try:
        for cells in reader:
            rows.append((reader.line_num, _stripped(cells)))
            last = reader.line_num
    except csv.Error as error:
        raise DataError(f"{path}: line {last + 1}: {error}; allowed: plain text cells") from None
    return rows


def _stripped(cells: list[str]) -> tuple[str, ...]:
    """Cells without spaces around them and without blank ones at the end."""
    found = [cell.strip() for cell in cells]
    while found and not found[-1]:
        found.pop()
    return tuple(found)


def _workbook(path: Path, content: bytes) -> Sheet:
    try:
        import openpyxl  # noqa: PLC0415  (an extra)
    except ImportError:
        raise DataError(
            f"{path} is an Excel workbook, which needs openpyxl; allowed: "
            "pip install 'neurograd-chip[excel]', or the sheet saved as CSV"
        ) from None
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        # Programs write dimensions that are not the sheet's, and cells beyond them count as well.
        sheet.reset_dimensions()
        rows = [
            (line, _stripped(["" if cell is None else str(cell) for cell in cells]))
            for line, cells in enumerate(sheet.iter_rows(values_only=True), 1)
        ]
        title, *more = (each.title for each in book.worksheets)
        book.close()
    except Exception as error:  # whatever a broken workbook makes of the library
        raise DataError(
            f"{path} can not be read as a workbook ({' '.join(str(error).split())}); allowed: "
            ".xlsx, or the sheet saved as CSV"
        ) from None
    others = f"; {len(more)} more not read" if more else ""
    return Sheet(tuple(rows), ".", "", f"Excel workbook, sheet {title}{others}", tuple(more))
