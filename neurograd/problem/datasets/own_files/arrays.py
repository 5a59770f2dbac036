"""Arrays of a user: .npz, a pair of .npy, HDF5. Pickled objects are refused: they run code."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from neurograd import words
from neurograd.errors import DataError
from neurograd.problem.datasets.own_files.raw import Raw, check_bytes, checked_size

DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    SyntaxError,
    OverflowError,
    MemoryError,  # of a shape that is none
    RuntimeError,
    TokenError,
    zlib.error,
    zipfile.BadZipFile,
)
"""What numpy raises for a file that is not as it was written."""


def read_npz(place: str, path: Path) -> Raw:
    """Arrays ``x`` and ``y`` of a .npz file.

    Args:
        place: What errors call it.
        path: The file.

    Raises:
        DataError: If it is damaged, has no such arrays, or has Python objects in them.
    """
    checked_size(place, path)
    try:
        with zipfile.ZipFile(path) as packed:
            check_bytes(place, sum(entry.file_size for entry in packed.infolist()))
        with np.load(path, allow_pickle=False) as arrays:
            _check_names(place, arrays.files)
            found = {name: _array(place, name, arrays) for name in ("x", "y")}
    except DataError:
        raise
    except DAMAGED:
        raise DataError(f"{place}: is no .npz file, or damaged; allowed: numpy.savez's") from None
    return Raw.of(place, **found)


def _array(place: str, name: str, arrays: Any) -> np.ndarray:
    try:
        found = arrays[name]
    except DAMAGED as error:
        raise _refused(place, name, error) from None
    if not isinstance(found, np.ndarray):  # a file in the archive that is none of numpy's
        raise DataError(f"{place}: {name} is no array; allowed: an array as numpy saves it")
    return found


def _refused(place: str, name: str, error: Exception) -> DataError:
    if "allow_pickle" in str(error):
        return DataError(
            f"{place}: {name} holds Python objects, which could run code; allowed: numbers, and "
            "text for the classes"
        )
    return DataError(f"{place}: {name} is damaged; allowed: an array as numpy saves it")


def read_npy_pair(place: str, paths: Sequence[Path]) -> Raw:
    """Inputs and targets, each from a .npy file.

    Args:
        place: What errors call them.
        paths: The file of x and that of y.

    Raises:
        DataError: If one is damaged or has Python objects in it.
    """
    return Raw.of(place, *(_npy(place, path) for path in paths))


def _npy(place: str, path: Path) -> np.ndarray:
    checked_size(f"{place}: {path.name}", path)
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)  # else numpy would ask for pickles
        found: np.ndarray = np.load(path, allow_pickle=False)
    except DAMAGED as error:
        raise _refused(place, path.name, error) from None
    return found


def read_hdf5(place: str, path: Path) -> Raw:
    """Data sets ``x`` and ``y`` of an HDF5 file.

    Args:
        place: What errors call it.
        path: The file.

    Raises:
        DataError: If h5py is missing, or the file is damaged or has no such arrays.
    """
    checked_size(place, path)
    try:
        import h5py  # noqa: PLC0415  (optional)
    except ImportError:
        raise DataError(
            f"{place}: needs h5py; allowed after: pip install 'neurograd-chip[hdf5]'"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            _check_names(place, [name for name in file if isinstance(file.get(name), h5py.Dataset)])
            check_bytes(place, sum(int(file[name].nbytes) for name in ("x", "y")))
            text = h5py.check_string_dtype(file["y"].dtype) is not None
            y = file["y"].asstr()[()] if text else file["y"][()]
            return Raw.of(
                place, np.asarray(file["x"][()]), np.asarray(y, dtype="U" if text else None)
            )
    except DataError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        raise DataError(
            f"{place}: is no HDF5 file, or damaged; allowed: one with x and y"
        ) from None


def _check_names(place: str, names: Sequence[str]) -> None:
    missing = [name for name in ("x", "y") if name not in names]
    if missing:
        there = f"has {words.listed(sorted(names)[:10])}" if names else "has no arrays"
        raise DataError(
            f"{place}: {there}, and no {words.listed(missing)}; allowed: arrays x (n, ...) and y"
        )
