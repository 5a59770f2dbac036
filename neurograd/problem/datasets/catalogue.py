"""Data sets by the name that a spec gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from neurograd.errors import DataError
from neurograd.problem.datasets.cifar10_files import cifar10
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.handwritten_digits import digits
from neurograd.problem.datasets.mnist_files import mnist
from neurograd.problem.datasets.teacher import teacher_student

NAMES = ("digits", "teacher_student", "mnist", "cifar10")


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
        name: ``digits``, ``teacher_student``, ``mnist`` or ``cifar10``.
        folder: Where the files of ``mnist`` and ``cifar10`` are.
        train_samples: Number of training samples; all when None.
        test_samples: Number of test samples; all when None.
        flat: Whether images come as vectors.
        seed: Seed of ``teacher_student``.
        dtype: Type of inputs and real targets.
        options: More arguments of ``teacher_student``.

    Raises:
        DataError: If the name is unknown, files are missing or malformed, or there are fewer
            samples than asked for.
    """
    if name == "teacher_student":
        counts = {"samples": train_samples, "test_samples": test_samples}
        given: dict[str, Any] = {k: v for k, v in counts.items() if v is not None}
        return teacher_student(seed=seed, dtype=dtype, **given, **options)
    if name == "digits":
        return digits(
            flat=flat, train_samples=train_samples, test_samples=test_samples, dtype=dtype
        )
    if name not in NAMES:
        raise DataError(f"data set {name!r} is unknown; allowed: {', '.join(NAMES)}")
    if folder is None:
        raise DataError(f"{name} needs the folder that holds its files; allowed: task.folder")
    read = mnist if name == "mnist" else cifar10
    return read(
        folder, flat=flat, train_samples=train_samples, test_samples=test_samples, dtype=dtype
    )
