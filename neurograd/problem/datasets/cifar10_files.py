"""CIFAR-10 from its binary version.

Source: Krizhevsky, Learning multiple layers of features from tiny images (2009).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch

from neurograd.errors import DataError
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.image_files import (
    MAX_SAMPLES,
    check_labels,
    existing_folder,
    image_dataset,
    read_bytes,
    scaled,
)
from neurograd.problem.datasets.splits import balanced_order, first_of

_RECORD = 3073
"""Bytes of one image: its label and 3 × 32 × 32 pixels."""

_FILES = {
    "train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
    "test": ("test_batch.bin",),
}


def cifar10(
    folder: str | Path,
    *,
    flat: bool = False,
    train_samples: int | None = None,
    test_samples: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> Dataset:
    """CIFAR-10 from its binary version; pixels run from 0 to 1.

    Args:
        folder: Folder of the files, or the one that holds ``cifar-10-batches-bin``.
        flat: Shape ``(n, 3072)``, else ``(n, 3, 32, 32)``.
        train_samples: Take fewer, with the classes balanced.
        test_samples: Take fewer, with the classes balanced.
        dtype: Type of the inputs.

    Raises:
        DataError: If a file is missing or is not what it should be.
    """
    path = existing_folder(folder, [*_FILES["train"], *_FILES["test"]])
    if (path / "cifar-10-batches-bin").is_dir():
        path = path / "cifar-10-batches-bin"
    elif (path / "cifar-10-batches-py").is_dir() or (path / "data_batch_1").is_file():
        raise DataError(
            f"{path}: has CIFAR-10's Python version, pickles that could run code; allowed: the "
            "binary version (cifar-10-binary.tar.gz), or your own .npz with task.name file"
        )

    def part(split: Literal["train", "test"], count: int | None) -> tuple[np.ndarray, np.ndarray]:
        records = np.concatenate([_records(path / name) for name in _FILES[split]])
        labels = records[:, 0].astype(np.int64)
        chosen = first_of("cifar10", split, balanced_order(labels), count)
        return scaled(records[chosen, 1:].reshape(-1, 3, 32, 32)), labels[chosen]

    train, test = part("train", train_samples), part("test", test_samples)
    return image_dataset("cifar10", train, test, flat, dtype)


def _records(path: Path) -> np.ndarray:
    if not path.is_file():
        raise DataError(f"{path}: is missing; allowed: CIFAR-10's binary version")
    size = path.stat().st_size
    if size == 0 or size % _RECORD or size > _RECORD * MAX_SAMPLES:
        raise DataError(
            f"{path}: has {size} bytes; allowed: a multiple of {_RECORD} (a label and "
            "3 × 32 × 32 pixels each)"
        )
    records = np.frombuffer(read_bytes(path, size), dtype=np.uint8).reshape(-1, _RECORD)
    check_labels(path, records[:, 0])
    return records
