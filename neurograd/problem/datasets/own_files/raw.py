"""Samples as they stand in a file, and what every file has to pass."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurograd.errors import DataError

MAX_BYTES = 4 * 2**30
"""Most bytes of a file, and of its arrays unpacked."""

KINDS = ".npz, [x.npy, y.npy], .csv, .tsv, .txt, .h5, .hdf5"
"""Files that can be read, for messages."""


@dataclass(frozen=True)
class Raw:
    """Samples and targets as a file has them.

    Attributes:
        place: What errors call it: key and file.
        x: Inputs, numbers, shape ``(n, ...)`` with one value a sample or more.
        y: Targets, numbers or text, shape ``(n,)`` or ``(n, outputs)``.
    """

    place: str
    x: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, place: str, x: np.ndarray, y: np.ndarray) -> Raw:
        """From two arrays; ``(n,)`` inputs are one value a sample, ``(n, 1)`` targets ``(n,)``.

        Raises:
            DataError: If they are not as many, empty, of another type, or not finite.
        """
        _check_numbers(place, "x", x)
        if y.dtype.kind not in "US":
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


def _check_numbers(place: str, name: str, values: np.ndarray) -> None:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{place}: {name} is of type {values.dtype}; allowed: real numbers")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise DataError(f"{place}: {name} has {bad} values that are not finite; allowed: numbers")


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
        raise DataError(f"{place}: {state}; allowed: a file, relative to the spec")
    check_bytes(place, size)
    return path


def check_bytes(place: str, size: int) -> None:
    """Raise DataError when so many bytes are more than a data set may have."""
    if size > MAX_BYTES:
        raise DataError(
            f"{place}: has {size} bytes; allowed: at most {MAX_BYTES // 2**30} GiB, unpacked"
        )
