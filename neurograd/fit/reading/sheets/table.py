"""Where the table of a sheet is: preamble, heads, rows of numbers, and what stands behind them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from neurograd.errors import DataError
from neurograd.fit.reading.heads import understand
from neurograd.fit.reading.sheets.cells import is_too_large, number, quoted
from neurograd.fit.reading.sheets.sheet import Sheet
from neurograd.thousands import refuse_thousands

MAX_ROWS = 1_000_000
"""Most rows of a table."""

_COMMENT = re.compile(r"^\s*(#|%|//|!)\s*")


@dataclass(frozen=True)
class Table:
    """Rows of numbers under heads.

    Attributes:
        path: The file, for messages.
        names: Head of every column as written, empty where it has none.
        headed: Whether there was a line of heads.
        lines: Line number of every row.
        values: Numbers of every row, NaN for blank cells and in columns of text, all as long.
        texts: The same cells as text.
        numeric: Whether a column holds numbers.
        breaks: Rows before which blank lines or another line of heads stand.
        preamble: What stands above the heads, its cells between tabs, and in comments; a line each.
        words: What was found, in words.
        faults: Cells of columns of numbers that hold none, which count as blank.
    """

    path: Path
    names: tuple[str, ...]
    headed: bool
    lines: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    breaks: tuple[int, ...]
    preamble: tuple[str, ...]
    words: tuple[str, ...]
    faults: tuple[Fault, ...] = ()

    def column(self, place: int) -> list[float]:
        """The numbers of one column."""
        return [row[place] for row in self.values]

    def title(self, place: int) -> str:
        """A column's head, or its number from 1 where it has none."""
        return self.names[place] or f"column {place + 1}"

    def check_cells(self, used: Collection[int]) -> None:
        """The cells of the columns in use are numbers or blank.

        Raises:
            DataError: One line, otherwise.
        """
        for fault in self.faults:
            if fault.place in used:
                raise fault.refusal(self.path, self.names)


@dataclass(frozen=True)
class Fault:
    """A cell of a column of numbers that holds none, by line, column from 0 and text."""

    line: int
    place: int
    text: str

    def is_other_mark(self, sheet: Sheet) -> bool:
        """Whether it is a number with the decimal mark that the others do not have."""
        return number(self.text, "," if sheet.decimal == "." else ".") is not None

    def refusal(self, path: Path, names: tuple[str, ...]) -> DataError:
        """What is wrong with it, and what would be read."""
        title = names[self.place] or str(self.place + 1)
        return DataError(
            f"{path}: line {self.line}, column {title} is {quoted(self.text)}; allowed: a number "
            "such as 3.8e-6, up to 1e+30, an empty cell, or '#' before a line that is not to be "
            "read"
        )


@dataclass(frozen=True)
class _Row:
    line: int
    cells: tuple[str, ...]
    numbers: tuple[float | None, ...]
    after_blank: bool

    @property
    def has_number(self) -> bool:
        return any(map(self.has, range(len(self.numbers))))

    def has(self, place: int) -> bool:
        """Whether a cell is a number, neither blank nor text."""
        value = self.numbers[place]
        return value is not None and not math.isnan(value)

    def faults(self, numeric: tuple[bool, ...]) -> list[Fault]:
        """Columns of numbers in which it has something else."""
        return [
            Fault(self.line, place, self.cells[place])
            for place, value in enumerate(self.numbers)
            if value is None and numeric[place : place + 1] == (True,)
        ]


def find_table(path: Path, sheet: Sheet) -> Table:
    """Find heads and numbers.

    Raises:
        DataError: One line, if there is no table of numbers, or its last rows hold something else,
            or a cell is one of two numbers.
    """
    rows, comments = _rows(sheet)
    width, numeric = _columns(path, rows, sheet.decimal)
    start = next((k for k, row in enumerate(rows) if _starts(row, numeric)), None)
    if start is None:
        _refuse_too_large(path, rows, numeric, sheet.decimal)
        raise DataError(f"{path} has no table of numbers; allowed: columns of a measured device")
    start = _under_heads(rows[: start + 1], comments, numeric, sheet.decimal)
    names, used = _names(rows[:start], comments, width, rows[start], sheet.decimal)
    names = names + ("",) * (width - len(names))
    numeric += (False,) * (len(names) - width)
    width = len(names)
    last = max(k for k, row in enumerate(rows) if row.has_number and not row.faults(numeric))
    kept: list[_Row] = []
    faults: list[Fault] = []
    breaks: list[int] = []
    again = False
    for row in rows[start:]:
        if _same_heads(row, names):
            again = True
            continue
        own, behind = row.faults(numeric), row.line > rows[last].line
        if behind and (not row.has_number or len(row.cells) < 2):
            continue
        if len(row.cells) > width:
            raise DataError(f"{path}: line {row.line} has {len(row.cells)} cells; allowed: {width}")
        # Behind the table may stand a mean, and without heads none tells which columns are used.
        strict = [each for each in own if behind or used is None or each.is_other_mark(sheet)]
        if strict:
            raise strict[0].refusal(path, names)
        faults += own
        if kept and (again or row.after_blank):
            breaks.append(len(kept))
        again = False
        kept.append(row)
    if len(kept) > MAX_ROWS:
        raise DataError(f"{path} has {len(kept)} rows; allowed: {MAX_ROWS}")
    columns = [_cells(kept, place) for place, numbers in enumerate(numeric) if numbers]
    refuse_thousands(path, columns, sheet.decimal, sheet.separator)
    above = [row for row in rows[:start] if row.line != used]
    # Words that stand apart are cells, those of a table between spaces are not.
    between = " " if sheet.separator == " " else "\t"
    preamble = [between.join(row.cells) for row in above] + [text for _, text in comments]
    tail = sum(row.line > rows[last].line for row in rows)
    return Table(
        path,
        names,
        used is not None,
        tuple(row.line for row in kept),
        tuple(_padded(row, width, numeric) for row in kept),
        tuple(row.cells + ("",) * (width - len(row.cells)) for row in kept),
        numeric,
        tuple(breaks),
        tuple(preamble),
        tuple(_words(sheet, kept, used, len(above), tail)),
        tuple(faults),
    )


def _rows(sheet: Sheet) -> tuple[list[_Row], list[tuple[int, str]]]:
    """Rows with cells, and comments as text."""
    rows, comments, blank = [], [], False
    for line, cells in sheet.rows:
        if not cells:
            blank = True
            continue
        mark = _COMMENT.match(cells[0])
        # '# ' may also be the head of a counting column.
        if mark and (len(cells[0].strip()) > len(mark[1]) or len(cells) == 1):
            between = sheet.separator or "\t"
            comments.append((line, _COMMENT.sub("", between.join(cells))))
            continue
        numbers = tuple(number(cell, sheet.decimal) for cell in cells)
        rows.append(_Row(line, cells, numbers, blank))
        blank = False
    return rows, comments


def _columns(path: Path, rows: list[_Row], decimal: str) -> tuple[int, tuple[bool, ...]]:
    """Width of the table, and which of its columns hold numbers."""
    counted = [row for row in rows if row.has_number]
    if not counted:
        raise _without_numbers(path, rows)
    widths = Counter(len(row.cells) for row in counted)
    usual = max(widths, key=lambda w: (widths[w], w))
    width = max((w for w, times in widths.items() if times >= 3), default=usual)
    later = counted[len(counted) // 2 :]
    numeric = []
    for place in range(width):
        there, others = _counted(later, place, width, decimal)
        if not there:  # a column that ends early
            there, others = _counted(counted, place, width, decimal)
        numeric.append(there > 0 and there >= others)
    return width, tuple(numeric)


def _without_numbers(path: Path, rows: list[_Row]) -> DataError:
    """A file of which no cell is a number, though one may begin as numbers do."""
    allowed = "columns of a measured device, with units in the heads"
    for row in rows:
        begun = [cell for cell in row.cells if re.match(r"\s*[\"'+-]?\d", cell)]
        if begun:
            return DataError(
                f"{path}: line {row.line} has {quoted(max(begun, key=len))}, and no cell is read "
                "as a number; allowed: numbers such as 3.8e-6, without marks between thousands and "
                f"without units in their cells, in {allowed}"
            )
    return DataError(f"{path} has no numbers; allowed: {allowed}")


def _counted(rows: list[_Row], place: int, width: int, decimal: str) -> tuple[int, int]:
    """Cells of a column that are numbers, whether they are read or too large, and those of text."""
    own = [row for row in rows if place < len(row.cells) <= width]
    none = [row for row in own if row.numbers[place] is None]
    large = sum(is_too_large(row.cells[place], decimal) for row in none)
    return sum(row.has(place) for row in own) + large, len(none) - large


def _starts(row: _Row, numeric: tuple[bool, ...]) -> bool:
    """Whether a row may be the first of the table; a row of settings fills a few cells only."""
    there = sum(map(row.has, range(len(row.numbers))))
    fits = len(row.cells) <= len(numeric) and not row.faults(numeric)
    return fits and there > 0 and 2 * there >= sum(numeric)


def _refuse_too_large(
    path: Path, rows: list[_Row], numeric: tuple[bool, ...], decimal: str
) -> None:
    """Names a number beyond the largest where no row is whole."""
    for k, row in enumerate(rows):
        for fault in row.faults(numeric):
            if is_too_large(fault.text, decimal):
                names, _ = _names(rows[:k], [], len(numeric), row, decimal)
                raise fault.refusal(path, names + ("",) * (len(numeric) - len(names)))


def _under_heads(
    rows: list[_Row], comments: list[tuple[int, str]], numeric: tuple[bool, ...], decimal: str
) -> int:
    """Place of the table's first row: the last of some, or one under heads that has faults.

    Between heads and the first whole row may stand rows whose cells are not all numbers, such as a
    ratio to the row before. Rows of settings stand there as well, but have a word before each
    number, and no heads most of which say what a column is.
    """
    first = len(rows) - 1
    while first and rows[first - 1].has_number and not rows[first].after_blank:
        first -= 1
    if first == len(rows) - 1 or any(len(row.cells) > len(numeric) for row in rows[first:]):
        return len(rows) - 1
    names, line = _names(rows[:first], comments, len(numeric), rows[first], decimal)
    if line is None or len(names) < len(numeric) or rows[first].after_blank:
        return len(rows) - 1
    known = 2 * sum(_says_something(names[k]) for k, used in enumerate(numeric) if used)
    counts = all(row.numbers[0] is not None for row in rows[first:])
    return first if counts or known > sum(numeric) else len(rows) - 1


def _says_something(name: str) -> bool:
    try:
        return understand(name).kind != "other"
    except ValueError:  # known words that contradict each other
        return True


def _names(
    above: list[_Row], comments: list[tuple[int, str]], width: int, first: _Row, decimal: str
) -> tuple[tuple[str, ...], int | None]:
    """Heads of the columns and their line, () and None where there are none."""
    # Behind a blank line stand settings rather than heads, unless they fit the columns.
    if (
        above
        and _heads(above[-1], width)
        and not (first.after_blank and len(above[-1].cells) != width)
    ):
        units = above[-1]
        if len(above) > 1 and _heads(above[-2], width) and all(map(_is_unit, units.cells)):
            heads = above[-2].cells + ("",) * width
            joined = [
                f"{head} ({cell.strip('()[] ')})" if cell.strip("()[] -") else head
                for head, cell in zip(heads, units.cells, strict=False)
            ]
            return tuple(joined), units.line
        # numpy's own heads: a mark of a comment, then one head a column.
        marked = len(units.cells) == width + 1 and _COMMENT.fullmatch(units.cells[0])
        return units.cells[1:] if marked else units.cells, units.line
    for line, text in reversed(comments):
        parts = re.split(r"[\t;,]", text) if re.search(r"[\t;,]", text) else text.split()
        texts = all(part.strip() and number(part, decimal) is None for part in parts)
        if texts and line == first.line - 1 and len(parts) == width > 1:
            return tuple(part.strip() for part in parts), line
    return (), None


def _heads(row: _Row, width: int) -> bool:
    if row.has_number:
        return False
    return len(row.cells) > 1 or width == 1


def _is_unit(cell: str) -> bool:
    return bool(
        re.fullmatch(r"[\[(]?\s*(-|[fpnuµμmkM]?(S|V|A|s|Ω|\u2126|[Oo]hms?)|#|1)?\s*[\])]?", cell)
    )


def _same_heads(row: _Row, names: tuple[str, ...]) -> bool:
    return any(names) and row.cells == names[: len(row.cells)] and not any(names[len(row.cells) :])


def _cells(rows: list[_Row], place: int) -> list[str]:
    return [row.cells[place] for row in rows if place < len(row.cells)]


def _padded(row: _Row, width: int, numeric: tuple[bool, ...]) -> tuple[float, ...]:
    values = list(row.numbers) + [math.nan] * (width - len(row.numbers))
    return tuple(
        math.nan if value is None or not numeric[k] else value for k, value in enumerate(values)
    )


def _words(sheet: Sheet, kept: list[_Row], heads: int | None, above: int, tail: int) -> list[str]:
    head = "without heads" if heads is None else f"heads in line {heads}"
    words = [f"{sheet.words}: {len(kept)} rows from line {kept[0].line}, {head}"]
    if above:
        words.append(f"{_lines(above)} above the heads, read for a read voltage only")
    if tail:
        words.append(f"{_lines(tail)} behind the table, not read")
    return words


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
