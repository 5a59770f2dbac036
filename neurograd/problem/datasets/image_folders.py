"""Images of a folder with one sub-folder a class, as torchvision's ``ImageFolder`` has them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurograd import words
from neurograd.errors import DataError
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.image_files import existing_folder, image_dataset
from neurograd.problem.datasets.splits import held_out, some_of

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
_FORMATS = ("PNG", "JPEG", "BMP", "PPM", "TIFF", "WEBP")
_GREY = ("1", "L", "LA")
_TESTS = ("test", "val", "validation")

MAX_VALUES = 2**29
"""Most pixels of all images together, in all channels."""


def image_folder(
    folder: str | Path,
    *,
    test_fraction: float | None = None,
    flat: bool = False,
    train_samples: int | None = None,
    test_samples: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> Dataset:
    """Images in ``folder/train/CLASS`` and ``folder/test/CLASS``, or in ``folder/CLASS``.

    Classes are the names of the sub-folders, sorted; images lie in them or in folders below them.
    Files of other endings than ``ENDINGS`` are left out, as a remark says. Pixels run from 0 to 1,
    of one channel where all images are grey, else of three. All have one size.

    Args:
        folder: The folder.
        test_fraction: Part that is held out as the test where there is no folder for it: with the
            classes in their proportions, always the same images.
        flat: Inputs as vectors, else ``(n, channels, height, width)``.
        train_samples: Take fewer, with the classes balanced.
        test_samples: Take fewer, with the classes balanced.
        dtype: Type of the inputs.

    Raises:
        DataError: If a folder is missing or empty, an image is damaged or of another size, or a
            class would have no training samples.
    """
    path = existing_folder(folder, ["train/CLASS and test/CLASS", "or one folder a class"])
    test = next((path / name for name in _TESTS if (path / name).is_dir()), None)
    whole = not (path / "train").is_dir()
    _check_parts(folder, whole, test, test_fraction)
    left_out: Counter[str] = Counter()
    names, paths, labels = _listed(path if whole else path / "train", left_out)
    if whole:
        assert test_fraction is not None
        kept, held = held_out(str(folder), len(paths), test_fraction, labels)
        parts = {"train": (paths[kept], labels[kept]), "test": (paths[held], labels[held])}
    else:
        assert test is not None
        others, test_paths, test_labels = _listed(test, left_out)
        if others != names:
            raise DataError(
                f"{test}: has the classes {_few(others)}; allowed: those of train, {_few(names)}"
            )
        parts = {"train": (paths, labels), "test": (test_paths, test_labels)}
    counts = {"train": train_samples, "test": test_samples}
    chosen = {
        split: tuple(
            each[some_of(str(folder), split, len(its), counts[split], its)] for each in (p, its)
        )
        for split, (p, its) in parts.items()
    }
    pixels = _pixels([*chosen["train"][0], *chosen["test"][0]])
    count = len(chosen["train"][0])
    found = image_dataset(
        "image_folder",
        (pixels[:count], chosen["train"][1]),
        (pixels[count:], chosen["test"][1]),
        flat,
        dtype,
    )
    return replace(found, remarks=tuple(_said(left_out)))


def _check_parts(
    folder: str | Path, whole: bool, test: Path | None, test_fraction: float | None
) -> None:
    """Raise DataError where it is open which images are for the test.

    Args:
        folder: The folder.
        whole: Whether it has no folder for the training alone.
        test: The folder in it that is for the test, or None.
        test_fraction: Part that is held out as the test, or None.
    """
    if whole and test_fraction is None:
        raise DataError(
            f"task.test_fraction: {folder} has no folder train; allowed: a part such as '20 %'"
        )
    if not whole and test is None:
        raise DataError(
            f"task.folder: {folder} has a folder train and none for the test; allowed: "
            f"{words.listed(_TESTS, 'or')} beside it, or folder: {Path(folder) / 'train'} with "
            "task.test_fraction"
        )
    if not whole and test is not None and test_fraction is not None:
        raise DataError(
            f"task.test_fraction: {folder} has folders train and {test.name} of its own; allowed: "
            "no such key"
        )


def _listed(folder: Path, left_out: Counter[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Classes, paths of the images, and class indices, sorted by name.

    Args:
        folder: Has one sub-folder a class.
        left_out: Gets how many other files of each ending there are.

    Raises:
        DataError: If there are fewer than two classes, or one has no image.
    """
    classes = sorted(each.name for each in folder.iterdir() if each.is_dir())
    if len(classes) < 2:
        raise DataError(
            f"{folder}: has {len(classes)} sub-folders; allowed: one a class, 2 or more"
        )
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        files = list(_files(folder / name))
        found = [each for each in files if each.suffix.lower() in ENDINGS]
        left_out.update(p.suffix.lower() for p in files if p.suffix.lower() not in ENDINGS)
        if not found:
            raise DataError(f"{folder / name}: has no image; allowed: {', '.join(ENDINGS)}")
        paths += found
        labels += [label] * len(found)
    return classes, np.array(paths, dtype=object), np.array(labels, dtype=np.int64)


def _files(folder: Path) -> Iterator[Path]:
    """All files of a folder and below it, those of one folder together, sorted by name."""
    seen: set[str] = set()  # a link may lead back to a folder that it lies in
    for place, below, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(place))
        below[:] = sorted(
            each for each in below if os.path.realpath(os.path.join(place, each)) not in seen
        )
        yield from (Path(place, name) for name in sorted(names))


def _said(left_out: Counter[str]) -> Iterator[str]:
    """How many files were left out; nothing where there were none."""
    if left_out:
        kinds = (f"{n} {ending or 'without an ending'}" for ending, n in sorted(left_out.items()))
        yield (
            f"Files in the folders of classes that are no images of {words.listed(ENDINGS, 'or')} "
            f"were left out: {words.listed(kinds)}."
        )


def _few(names: Sequence[str]) -> str:
    return words.listed([*names[:5], *(["more"] if len(names) > 5 else [])])


def _pixels(paths: Sequence[Path]) -> np.ndarray:
    """Pixels from 0 to 1, shape ``(n, channels, height, width)``."""
    from PIL import Image  # noqa: PLC0415  (slow to import)

    first, grey = None, True
    for path in paths:
        size, mode = _opened(Image, path, lambda image: (image.size, image.mode))
        first = first or size
        grey = grey and mode in _GREY
        if size != first:
            raise DataError(
                f"{path}: is {size[0]} by {size[1]} pixels; allowed: {first[0]} by {first[1]}, as "
                "the first image"
            )
    assert first is not None
    channels = 1 if grey else 3
    if len(paths) * channels * first[0] * first[1] > MAX_VALUES:
        raise DataError(
            f"task.folder: {len(paths)} images of {first[0]} by {first[1]} pixels; allowed: at "
            f"most {MAX_VALUES} values in all (task.train_samples takes fewer)"
        )
    mode = "L" if grey else "RGB"
    read = [_opened(Image, path, lambda image: np.asarray(image.convert(mode))) for path in paths]
    pixels: np.ndarray = np.stack(read).reshape(len(paths), first[1], first[0], channels)
    return pixels.transpose(0, 3, 1, 2) / 255.0


def _opened(library: Any, path: Path, look: Any) -> Any:
    """What is looked up in an image, which is closed again.

    Raises:
        DataError: If it is damaged, too large, or of deeper colours than 8 bits.
    """
    try:
        with library.open(path, formats=_FORMATS) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(f"{path}: has more than 8 bits a pixel; allowed: 8 bits a channel")
            return look(image)
    except DataError:
        raise
    except (OSError, SyntaxError, ValueError, library.DecompressionBombError):
        raise DataError(f"{path}: is no image, or damaged; allowed: {', '.join(ENDINGS)}") from None
