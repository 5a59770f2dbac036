"""Samples as they stand in a file, and what every file has to pass."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurograd import words
from neurograd.errors import DataError

MAX_BYTES = 4 * 2**30
"""Most bytes of a file, and of its arrays unpacked."""

KINDS = ".npz, [x.npy, y.npy], .csv, .tsv, .txt, .h5, .hdf5"
"""Files that can be read, for messages."""

_SHOWN = 6
"""Most names of columns that a message lists."""


_MISSING = frozenset({"", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "null", "Null", "NULL"})
"""Texts of cells without a value, beside nan; None is the name of a class too often, Na an atom."""


def is_no_label(text: str) -> bool:
    """Whether a text is no class: what programs write for a missing value, or a number like inf."""
    if text in _MISSING:
        return True
    try:
        return not math.isfinite(float(text))
    except ValueError:
        return False


@dataclass(frozen=True)
class Raw:
    """Samples and targets as a file has them.

    Attributes:
        place: What errors call it: key and file.
        x: Inputs, numbers, shape ``(n, ...)`` with one value a sample or more.
        y: Targets, numbers or text, shape ``(n,)`` or ``(n, outputs)``.
        columns: Names of the inputs, of a table whose first line has them; else empty.
        remarks: How they were read, in sentences.
    """

    place: str
    x: np.ndarray
    y: np.ndarray
    columns: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, place: str, x: np.ndarray, y: np.ndarray) -> Raw:
        """From two arrays; ``(n,)`` inputs are one value a sample, ``(n, 1)`` targets ``(n,)``.

        Labels in bytes become text.

        Raises:
            DataError: If they are not as many, empty, of another type, or not finite, or labels
                are missing.
        """
        _check_numbers(place, "x", x)
        if y.dtype.kind == "S":
            y = _as_text(y)
        if y.dtype.kind == "U":
            _check_labels(place, y)
        else:
            _check_numbers(place, "y", y)
        if x.ndim == 0 or y.ndim == 0 or x.size == 0 or len(x) != len(y):
            raise DataError(
                f"{place}: x has shape {x.shape} and y {y.shape}; allowed: (n, ...) and (n,) or "
                "(n, outputs), as many samples in both"
            )
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim > 2 or y.size == 0:
            raise DataError(f"{place}: y has shape {y.shape}; allowed: (n,) or (n, outputs)")
        return cls(place, x[:, None] if x.ndim == 1 else x, y)

    def ordered_as(self, other: Raw) -> Raw:
        """The same samples with their inputs in another table's order, by the names of columns.

        As they are where one of the two has no names, or both have the same in the same order.

        Raises:
            DataError: If the names are not those of the other table, or one stands for several
                columns, so that it is open which is which.
        """
        if not (self.columns and other.columns) or self.columns == other.columns:
            return self
        own, others = Counter(self.columns), Counter(other.columns)
        missing = [name for name in others if name not in own]
        strange = [name for name in own if name not in others]
        if missing or strange:
            lacks = [f"no {quoted(missing)}"] if missing else []
            has = [f"{quoted(strange)}, which {other.place} has not"] if strange else []
            raise DataError(
                f"{self.place}: has {words.listed([*lacks, *has])}; allowed: the columns of "
                f"{other.place}, in any order"
            )
        several = [name for name in own if own[name] > 1 or others[name] > 1]
        if several:
            raise DataError(
                f"{self.place}: columns stand in another order than in {other.place}, and several "
                f"are called {quoted(several)}; allowed: a name of its own for each, or one order"
            )
        places = {name: place for place, name in enumerate(self.columns)}
        return replace(
            self, x=self.x[:, [places[name] for name in other.columns]], columns=other.columns
        )


def quoted(names: Sequence[str]) -> str:
    """Names of columns for a message, the first few of many."""
    rest = len(names) - _SHOWN
    return words.listed([*map(repr, names[:_SHOWN]), *([f"{rest} more"] if rest > 0 else [])])


def _check_numbers(place: str, name: str, values: np.ndarray) -> None:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{place}: {name} is of type {values.dtype}; allowed: real numbers")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise DataError(f"{place}: {name} has {bad} values that are not finite; allowed: numbers")


def _as_text(labels: np.ndarray) -> np.ndarray:
    """Bytes as text, so that classes of two files are the same ones whatever their types."""
    try:
        return np.char.decode(labels, "utf-8")
    except UnicodeDecodeError:
        return np.char.decode(labels, "latin-1")


def _check_labels(place: str, y: np.ndarray) -> None:
    for label, count in zip(*np.unique(y, return_counts=True), strict=True):
        if is_no_label(label):
            raise DataError(
                f"{place}: y is {str(label)!r} in {count} places, which is no class; allowed: a "
                "class for every sample"
            )


def checked_size(place: str, path: Path) -> Path:
    """The path of a regular file that is not too large.

    Raises:
        DataError: If it is none.
    """
    try:
        there, exists = path.is_file(), path.exists()
        size = path.stat().st_size if there else 0
    except (OSError, ValueError):  # a name that is no path
        raise DataError(f"{place}: cannot be read; allowed: {KINDS}") from None
    if not there:
        state = "is not a file" if exists else "does not exist"
        raise DataError(f"{place}: {state}; allowed: a file (those in a spec are relative to it)")
    check_bytes(place, size)
    return path


def check_bytes(place: str, size: int) -> None:
    """Raise DataError when so many bytes are more than a data set may have."""
    if size > MAX_BYTES:
        raise DataError(
            f"{place}: has {size} bytes; allowed: at most {MAX_BYTES // 2**30} GiB, unpacked"
        )
