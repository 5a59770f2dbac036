"""Checks of arguments: every function of the theory refuses by name what is outside its range.

Each check takes the argument's name for the message and returns the value in its proper type. Each
raises ValueError with one line that names the argument, what is allowed and what was given.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def finite(name: str, value: float) -> float:
    """The value as a finite float."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return number


def non_negative(name: str, value: float) -> float:
    """The value as a finite float, zero or greater."""
    number = finite(name, value)
    if number < 0:
        raise ValueError(f"{name} must be zero or greater, got {value!r}")
    return number


def positive(name: str, value: float) -> float:
    """The value as a finite float, greater than zero."""
    number = finite(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be greater than zero, got {value!r}")
    return number


def count(name: str, value: float) -> int:
    """The value as a whole number, one or greater."""
    number = finite(name, value)
    if number < 1 or number != math.floor(number):
        raise ValueError(f"{name} must be a whole number, one or greater, got {value!r}")
    return int(number)


def vector(name: str, values: npt.ArrayLike, size: int | None = None) -> Array:
    """A finite vector; a scalar is repeated where the size is known."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a vector of finite numbers") from None
    if size is not None and array.ndim == 0:
        array = np.full(size, array)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a non-empty vector of finite numbers")
    if size is not None and array.size != size:
        raise ValueError(f"{name} must have length {size}, got {array.size}")
    return array


def non_negative_vector(name: str, values: npt.ArrayLike, size: int) -> Array:
    """A finite vector without negative entries; see `vector`."""
    array = vector(name, values, size)
    if (array < 0).any():
        raise ValueError(f"{name} must be zero or greater throughout, got {float(array.min())!r}")
    return array


def square_matrix(name: str, values: npt.ArrayLike, size: int | None = None) -> Array:
    """A finite matrix with as many rows as columns, of a size where that is known."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    square = array.ndim == 2 and array.shape[0] == array.shape[1] and array.size > 0
    if not square or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a square matrix of finite numbers")
    if size is not None and len(array) != size:
        raise ValueError(f"{name} must have {size} rows and columns, got {len(array)}")
    return array


def covariance_matrix(name: str, values: npt.ArrayLike, size: int | None = None) -> Array:
    """A symmetric matrix without negative eigenvalues, to rounding; see `square_matrix`."""
    array = square_matrix(name, values, size)
    rounding = 1e-9 * float(np.abs(array).max())
    if float(np.abs(array - array.T).max()) > rounding:
        raise ValueError(f"{name} must be symmetric")
    array = (array + array.T) / 2
    if float(np.linalg.eigvalsh(array)[0]) < -rounding * len(array):
        raise ValueError(f"{name} must have no negative eigenvalue")
    return array
