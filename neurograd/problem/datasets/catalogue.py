"""Data sets by the name that a spec gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from neurograd.errors import DataError
from neurograd.problem.datasets.cifar10_files import cifar10
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.handwritten_digits import digits
from neurograd.problem.datasets.image_folders import image_folder
from neurograd.problem.datasets.mnist_5000_images import mnist_5k
from neurograd.problem.datasets.mnist_files import mnist
from neurograd.problem.datasets.own_files import own_data
from neurograd.problem.datasets.teacher import teacher_student
from neurograd.problem.datasets.yin_yang_disc import yin_yang

_WITH_IMAGES: Mapping[str, Callable[..., Dataset]] = MappingProxyType(
    {"digits": digits, "mnist_5k": mnist_5k, "file": own_data}
)
_IN_FOLDERS: Mapping[str, Callable[..., Dataset]] = MappingProxyType(
    {"mnist": mnist, "cifar10": cifar10, "image_folder": image_folder}
)
_DRAWN = ("teacher_student", "yin_yang")

NAMES = (*_DRAWN, *_WITH_IMAGES, *_IN_FOLDERS)


def load(
    name: str,
    *,
    folder: str | Path | None = None,
    train_samples: int | None = None,
    test_samples: int | None = None,
    flat: bool = True,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    **options: Any,
) -> Dataset:
    """Load a data set by name.

    Args:
        name: One of ``NAMES``.
        folder: Where the files of ``mnist``, ``cifar10`` and ``image_folder`` are.
        train_samples: Number of training samples; all when None.
        test_samples: Number of test samples; all when None.
        flat: Whether samples come as vectors.
        seed: Seed of ``teacher_student`` and ``yin_yang``.
        dtype: Type of inputs and real targets.
        options: More arguments of the data set's own function; those that are None are left out.

    Raises:
        DataError: If the name is unknown, files are missing or malformed, or there are fewer
            samples than asked for.
    """
    given = {key: value for key, value in options.items() if value is not None}
    counts = {"train_samples": train_samples, "test_samples": test_samples}
    if name == "teacher_student":
        named = {"samples": train_samples, "test_samples": test_samples}
        given |= {key: value for key, value in named.items() if value is not None}
        return teacher_student(seed=seed, dtype=dtype, **given)
    if name == "yin_yang":
        asked = {key: value for key, value in counts.items() if value is not None}
        return yin_yang(seed=seed, dtype=dtype, **asked)
    if name in _WITH_IMAGES:
        return _WITH_IMAGES[name](flat=flat, dtype=dtype, **counts, **given)
    if name not in NAMES:
        raise DataError(f"data set {name!r} is unknown; allowed: {', '.join(NAMES)}")
    if folder is None:
        raise DataError(f"{name} needs the folder that holds its files; allowed: task.folder")
    return _IN_FOLDERS[name](folder, flat=flat, dtype=dtype, **counts, **given)
