"""Images from files: of a folder that the user names, every size checked, or of a package."""

from __future__ import annotations

import gzip
import importlib.util
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neurograd.errors import DataError
from neurograd.problem.datasets.dataset import Dataset

MAX_SAMPLES = 10_000_000
"""Most samples of a data set: more than any that is meant, fewer than a wrong header asks for."""


def image_dataset(
    name: str,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    flat: bool,
    dtype: torch.dtype,
) -> Dataset:
    """A data set of images.

    Args:
        name: Name of the data set.
        train: Pixels from 0 to 1, shape ``(n, channels, height, width)``, and labels, ``(n,)``.
        test: The same of the test set.
        flat: Whether images come as vectors.
        dtype: Type of the pixels.
    """

    def tensors(part: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
        pixels = torch.from_numpy(np.ascontiguousarray(part[0])).to(dtype)
        return (pixels.flatten(1) if flat else pixels), torch.from_numpy(part[1])

    return Dataset(name, *tensors(train), *tensors(test), kind="classification")


def packaged_table(package: str, file: str) -> np.ndarray | None:
    """The numbers of a compressed table that an installed package brings, without importing it.

    The package's own loader gives the same numbers; its import or its way of reading takes seconds.

    Args:
        package: The package.
        file: The table of comma separated numbers, ``.csv.gz``, from the package's folder on.

    Returns:
        Shape ``(rows, columns)``; None where the package is not installed, or keeps no such file.
    """
    found = importlib.util.find_spec(package)
    folders = [] if found is None else [*(found.submodule_search_locations or ())]
    path = next((each for each in (Path(f) / file for f in folders) if each.is_file()), None)
    if path is None:
        return None
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        return np.loadtxt(rows, delimiter=",", ndmin=2)


def prepared(pixels: np.ndarray, crop: int | None, binarise: float | None) -> np.ndarray:
    """The middle of images, and black and white.

    Args:
        pixels: From 0 to 1, shape ``(n, channels, height, width)``.
        crop: Height and width of the middle that is kept, of 28 and 20 the pixels 4 to 23; all
            when None.
        binarise: Pixels above it are 1, all others 0; left as they are when None.

    Raises:
        DataError: If the images are smaller than what is to be kept.
    """
    if crop is not None:
        height, width = pixels.shape[2:]
        if not 1 <= crop <= min(height, width):
            raise DataError(f"task.crop: {crop}; allowed: 1 to {min(height, width)} pixels")
        top, left = (height - crop) // 2, (width - crop) // 2
        pixels = pixels[:, :, top : top + crop, left : left + crop]
    return pixels if binarise is None else (pixels > binarise).astype(np.float64)


def scaled(pixels: np.ndarray) -> np.ndarray:
    """Bytes as numbers from 0 to 1."""
    return pixels / 255.0


def existing_folder(folder: str | Path, expected: Sequence[str]) -> Path:
    """The folder that ``task.folder`` names.

    Args:
        folder: What the user gave.
        expected: Names of the files that belong there, for the message.

    Raises:
        DataError: If it does not exist or is no folder.
    """
    path = Path(folder)
    if not path.is_dir():
        state = "is not a folder" if path.exists() else "does not exist"
        raise DataError(
            f"task.folder: {folder} {state}; allowed: a folder with {', '.join(expected)}"
        )
    return path


def read_bytes(path: Path, limit: int) -> bytes:
    """At most ``limit + 1`` bytes of a file, unpacked when its name ends with .gz.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                return packed.read(limit + 1)
        with path.open("rb") as file:
            return file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "is damaged"
        raise DataError(f"{path}: cannot be read ({reason}); allowed: the original file") from None


def check_labels(path: Path, labels: np.ndarray) -> None:
    """Raise DataError when a label, shape ``(n,)``, is not one of ten classes."""
    if labels.max() > 9:
        raise DataError(f"{path}: has label {labels.max()}; allowed: 0 to 9")
