"""A user's own samples as a data set: classes or values, training and test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from neurograd.errors import DataError
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.own_files.arrays import read_hdf5, read_npy_pair, read_npz
from neurograd.problem.datasets.own_files.labels import Labels
from neurograd.problem.datasets.own_files.raw import KINDS, Raw
from neurograd.problem.datasets.own_files.table import read_table
from neurograd.problem.datasets.splits import held_out, some_of

LossName = Literal["cross_entropy", "squared_error"]
Files = str | Sequence[str]
_Part = tuple[np.ndarray, np.ndarray]

_TABLES = (".csv", ".tsv", ".txt")
_HDF5 = (".h5", ".hdf5")
_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")


def own_data(
    train: Files,
    *,
    test: Files | None = None,
    test_fraction: float | None = None,
    target: Sequence[str] = (),
    loss: LossName | None = None,
    flat: bool = True,
    train_samples: int | None = None,
    test_samples: int | None = None,
    dtype: torch.dtype = torch.float64,
    as_numbered: bool = False,
) -> Dataset:
    """A data set of a user's own files: inputs x ``(n, ...)``, targets y ``(n,)`` or ``(n, k)``.

    Class labels are integers or text; sorted, they are the outputs 0, 1, 2 ..., as the remarks say
    where labels are others. Inputs are taken as they are, without scaling.

    Args:
        train: A file of the training samples, or one of x and one of y (.npy).
        test: The same of the test samples.
        test_fraction: Part of ``train`` that is held out as the test in place of ``test``: with
            the classes in their proportions, always the same samples.
        target: Names of the columns that are the targets, of a table.
        loss: Whether targets are classes (``cross_entropy``) or values (``squared_error``); by
            their type when None: integers and text are classes.
        flat: Inputs as vectors, else in the shape that they have.
        train_samples: Take fewer, classes balanced.
        test_samples: Take fewer, classes balanced.
        dtype: Type of inputs and values.
        as_numbered: Whether labels that are whole numbers from 0 are the outputs of these numbers,
            as torch has them, for a network whose outputs are there already.

    Raises:
        DataError: If a file cannot be read, the two do not fit together, it is open whether
            targets are classes, or a class would have no training samples.
    """
    if (test is None) == (test_fraction is None):
        raise DataError("task.test and task.test_fraction: allowed: exactly one of them")
    first = _read("task.train", train, target)
    second = None if test is None else _read("task.test", test, target).ordered_as(first)
    classes = _are_classes(first, loss) if second is None else _agree(first, second, loss)
    labels = Labels.of(_classes(first, loss), as_numbered) if classes else None
    fit = _indexed(first, labels)
    held = _indexed(second, labels) if second is not None else fit
    if test_fraction is not None:
        kept, out = held_out("task.train", len(first.x), test_fraction, fit[1] if classes else None)
        fit, held = (fit[0][kept], fit[1][kept]), (fit[0][out], fit[1][out])

    def tensors(split: str, part: _Part, count: int | None) -> tuple[Tensor, Tensor]:
        x, y = part
        chosen = some_of("task.train", split, len(x), count, y if classes else None)
        inputs = torch.from_numpy(np.ascontiguousarray(x[chosen], dtype=np.float64)).to(dtype)
        targets = torch.from_numpy(np.ascontiguousarray(y[chosen]))
        return inputs.flatten(1) if flat else inputs, targets if classes else targets.to(dtype)

    return Dataset(
        "file",
        *tensors("train", fit, train_samples),
        *tensors("test", held, test_samples),
        kind="classification" if classes else "regression",
        remarks=(*first.remarks, *(() if labels is None else labels.said())),
    )


def _read(key: str, files: Files, target: Sequence[str]) -> Raw:
    if not isinstance(files, str):
        place = f"{key}: {', '.join(files)}"
        if len(files) != 2 or any(Path(file).suffix.lower() != ".npy" for file in files):
            raise DataError(f"{place}: allowed as two files: [x.npy, y.npy]")
        _no_target(key, target)
        return read_npy_pair(place, [Path(file) for file in files])
    path, place = Path(files), f"{key}: {files}"
    kind = path.suffix.lower()
    if kind in _TABLES:
        return read_table(place, path, target)
    if kind in _PICKLES:
        raise DataError(f"{place}: may be a pickle, which could run code; allowed: {KINDS}")
    if kind == ".npy":
        raise DataError(f"{place}: is one array; allowed: both of them, [x.npy, y.npy]")
    if kind != ".npz" and kind not in _HDF5:
        raise DataError(f"{place}: is of no kind that can be read; allowed: {KINDS}")
    _no_target(key, target)
    return read_npz(place, path) if kind == ".npz" else read_hdf5(place, path)


def _no_target(key: str, target: Sequence[str]) -> None:
    if target:
        raise DataError(f"task.target: is given, and {key} is no table; allowed: no such key")


# -- Classes or values -----------------------------------------------------------------------------


def _are_classes(raw: Raw, loss: LossName | None) -> bool:
    """Whether targets are class labels.

    Raises:
        DataError: If they cannot be what the loss needs, or it is open what they are.
    """
    y, one = raw.y, raw.y.ndim == 1
    whole = y.dtype.kind in "biuU" or bool((y == np.round(y)).all())
    if loss == "squared_error":
        if y.dtype.kind == "U":
            raise DataError(
                f"{raw.place}: the targets are text; allowed for squared_error: numbers"
            )
        return False
    if loss == "cross_entropy":
        if not (one and whole):
            raise DataError(
                f"{raw.place}: y has shape {y.shape}{'' if whole else ' and broken numbers'}; "
                "allowed for cross_entropy: one class a sample, an integer or text"
            )
        return True
    if one and y.dtype.kind in "biuU":
        return True
    if whole and one:
        raise DataError(
            f"{raw.place}: the targets are whole numbers of a floating type: classes or values? "
            "allowed with task.loss: cross_entropy or squared_error"
        )
    if whole:
        raise DataError(
            f"{raw.place}: the targets are whole numbers, {y.shape[1]} each; allowed: task.loss: "
            "squared_error for values, or one class a sample"
        )
    return False


def _agree(train: Raw, test: Raw, loss: LossName | None) -> bool:
    """Whether targets are classes, of two files that must fit together."""
    if train.x.shape[1:] != test.x.shape[1:]:
        raise DataError(
            f"{test.place}: samples of shape {test.x.shape[1:]}; allowed: {train.x.shape[1:]}, as "
            "in task.train"
        )
    classes = _are_classes(train, loss)
    if (train.y.dtype.kind == "U") != (test.y.dtype.kind == "U"):
        raise DataError(
            f"{test.place}: targets of another type; allowed: text or numbers, as in task.train"
        )
    # Values that happen to be whole in the test are values, as those of the training are.
    other = _are_classes(test, "cross_entropy" if classes else "squared_error")
    if other != classes or train.y.shape[1:] != test.y.shape[1:]:
        raise DataError(
            f"{test.place}: y of shape {test.y.shape}; allowed: as in task.train, {train.y.shape}"
        )
    return classes


def _classes(raw: Raw, loss: LossName | None) -> np.ndarray:
    """The labels in their order, shape ``(classes,)``."""
    names: np.ndarray = np.unique(raw.y)
    if len(names) < 2:
        raise DataError(f"{raw.place}: has one class only, {names[0]}; allowed: 2 or more")
    if loss is None and 2 * len(names) > len(raw.y) > 10:
        raise DataError(
            f"{raw.place}: has {len(names)} different targets in {len(raw.y)} samples, many for "
            "classes; allowed with task.loss: cross_entropy or squared_error"
        )
    return names


def _indexed(raw: Raw, labels: Labels | None) -> _Part:
    """Inputs and outputs of classes, or values of shape ``(n, outputs)``.

    Raises:
        DataError: If there is a class that the training set has not.
    """
    if labels is None:
        return raw.x, raw.y.reshape(len(raw.y), -1).astype(np.float64)
    names = labels.names
    index = np.searchsorted(names, raw.y).clip(max=len(names) - 1)
    strange = raw.y[names[index] != raw.y]
    if len(strange):
        raise DataError(
            f"{raw.place}: class {strange[0]} is not among the {len(names)} of task.train; "
            "allowed: classes that are trained"
        )
    return raw.x, labels.outputs[index]
