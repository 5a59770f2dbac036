"""MNIST from its four IDX files.

Source: LeCun, Bottou, Bengio and Haffner, Proc. IEEE 86 (1998).
"""

from __future__ import annotations

import math
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
    prepared,
    read_bytes,
    scaled,
)
from neurograd.problem.datasets.splits import balanced_order, first_of

_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def mnist(
    folder: str | Path,
    *,
    flat: bool = True,
    train_samples: int | None = None,
    test_samples: int | None = None,
    crop: int | None = None,
    binarise: float | None = None,
    dtype: torch.dtype = torch.float64,
) -> Dataset:
    """MNIST from its four IDX files, plain or with ``.gz``; pixels run from 0 to 1.

    Args:
        folder: Folder of the files, or one that holds them in ``raw`` or ``MNIST/raw``, as
            torchvision does.
        flat: Shape ``(n, 784)``, else ``(n, 1, 28, 28)``.
        train_samples: Take fewer, with the classes balanced.
        test_samples: Take fewer, with the classes balanced.
        crop: Height and width of the middle of the images that is kept; all when None.
        binarise: Pixels above it are 1, all others 0; left as they are when None.
        dtype: Type of the inputs.

    Raises:
        DataError: If a file is missing or is not what it should be.
    """
    names = [name for pair in _FILES.values() for name in pair]
    path = existing_folder(folder, [f"{name}[.gz]" for name in names])
    inside = (path / "raw", path / "MNIST" / "raw")
    if not any((path / f"{names[0]}{end}").exists() for end in ("", ".gz")):
        path = next((each for each in inside if each.is_dir()), path)

    def part(split: Literal["train", "test"], count: int | None) -> tuple[np.ndarray, np.ndarray]:
        image_name, label_name = _FILES[split]
        labels = _idx(path, label_name, 1).astype(np.int64)
        images = _idx(path, image_name, 3)
        if len(images) != len(labels):
            raise DataError(
                f"{path / image_name}: {len(images)} images and {len(labels)} labels; allowed: "
                "as many"
            )
        check_labels(path / label_name, labels)
        chosen = first_of("mnist", split, balanced_order(labels), count)
        return prepared(scaled(images[chosen][:, None]), crop, binarise), labels[chosen]

    train, test = part("train", train_samples), part("test", test_samples)
    return image_dataset("mnist", train, test, flat, dtype)


def _idx(folder: Path, name: str, dimensions: int) -> np.ndarray:
    """Array of unsigned bytes of an IDX file, with every size checked."""
    path = folder / name
    if not path.exists():
        path = folder / f"{name}.gz"
    if not path.exists():
        raise DataError(f"{folder}: {name} is missing; allowed: the file, plain or as .gz")
    header_size = 4 + 4 * dimensions
    header = read_bytes(path, header_size - 1)
    magic = bytes([0, 0, 8, dimensions])
    if header[:4] != magic or len(header) < header_size:
        raise DataError(
            f"{path}: starts with {header[:4].hex() or 'nothing'}; allowed: {magic.hex()}, an IDX "
            f"file of bytes in {dimensions} dimension{'s' if dimensions > 1 else ''}"
        )
    shape = [int(size) for size in np.frombuffer(header[4:], dtype=">u4")]
    if not 1 <= shape[0] <= MAX_SAMPLES or (dimensions == 3 and shape[1:] != [28, 28]):
        raise DataError(f"{path}: has shape {tuple(shape)}; allowed: images of 28 by 28 pixels")
    size = header_size + math.prod(shape)
    content = read_bytes(path, size)
    if len(content) != size:
        state = "more" if len(content) > size else str(len(content))
        raise DataError(f"{path}: has {state} bytes; allowed: {size}, as its header says")
    return np.frombuffer(content, dtype=np.uint8, offset=header_size).reshape(shape)
