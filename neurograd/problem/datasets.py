"""Data sets that are embedded, made, or read from a folder that the user names."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from neurograd.errors import DataError
from neurograd.problem.networks import mlp
from neurograd.seeding import generator_for

NAMES = ("digits", "teacher_student", "mnist", "cifar10")

_SPLIT_SEED = 2023
_DIGITS_TEST = 360
_MNIST_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_CIFAR_RECORD = 3073
_CIFAR_FILES = {
    "train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
    "test": ("test_batch.bin",),
}
_MAX_SAMPLES = 10_000_000


@dataclass(frozen=True)
class Dataset:
    """Training and test data.

    Attributes:
        name: Name of the data set.
        inputs: Training inputs, shape ``(n, ...)``.
        targets: Class indices, shape ``(n,)``, or real targets, shape ``(n, outputs)``.
        test_inputs: Test inputs.
        test_targets: Test targets.
        kind: ``classification`` or ``regression``.
        teacher: The network that made the targets, where there is one.
    """

    name: str
    inputs: Tensor
    targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    kind: Literal["classification", "regression"]
    teacher: nn.Module | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.inputs.shape[1:])

    @property
    def output_size(self) -> int:
        """Number of classes, or of real outputs."""
        if self.kind == "regression":
            return int(self.targets.shape[1])
        return int(max(self.targets.max(), self.test_targets.max())) + 1


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


def digits(
    *,
    flat: bool = True,
    train_samples: int | None = None,
    test_samples: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> Dataset:
    """Handwritten 8×8 digits, embedded in scikit-learn: 1437 for training and 360 for testing.

    Pixels run from 0 to 1. The split is fixed and keeps the proportions of the classes.

    Args:
        flat: Shape ``(n, 64)``, else ``(n, 1, 8, 8)``.
        train_samples: Take fewer, with the classes balanced.
        test_samples: Take fewer, with the classes balanced.
        dtype: Type of the inputs.

    Raises:
        DataError: If more samples are asked for than there are.
    """
    from sklearn.datasets import load_digits  # noqa: PLC0415  (slow to import)

    data = load_digits()
    labels = data.target.astype(np.int64)
    order = _balanced_order(labels)
    train, test = order[_DIGITS_TEST:], order[:_DIGITS_TEST]
    # The training set in an order of its own, balanced from its first sample on.
    train = train[_balanced_order(labels[train])]
    pixels = (data.images.astype(np.float64) / 16.0)[:, None]
    train = _take("digits", "train", train, train_samples)
    test = _take("digits", "test", test, test_samples)
    return _images(
        "digits", (pixels[train], labels[train]), (pixels[test], labels[test]), flat, dtype
    )


def teacher_student(
    *,
    inputs: int = 25,
    outputs: int = 10,
    teacher_hidden: Sequence[int] = (50, 50, 50),
    samples: int = 5000,
    test_samples: int = 1000,
    label_noise: float = 0.0,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Dataset:
    """Regression on the outputs of a fixed random ReLU network.

    The student-teacher setting of Ghosh et al., ICLR 2023, Section 2.2: standard normal inputs and
    a teacher of four layers.

    Args:
        inputs: Number of inputs.
        outputs: Number of outputs.
        teacher_hidden: Widths of the teacher's hidden layers.
        samples: Training samples.
        test_samples: Test samples.
        label_noise: Standard deviation of normal noise on the targets.
        seed: Seed of teacher, inputs and noise.
        dtype: Type of the data.

    Raises:
        DataError: If a number is out of range.
    """
    if min(samples, test_samples) < 1 or max(samples, test_samples) > _MAX_SAMPLES:
        raise DataError(
            f"teacher_student: {samples} training and {test_samples} test samples; allowed: 1 to "
            f"{_MAX_SAMPLES}"
        )
    if not label_noise >= 0:
        raise DataError(f"teacher_student: label_noise is {label_noise:g}; allowed: 0 or more")
    teacher = mlp(
        inputs,
        teacher_hidden,
        outputs,
        init="kaiming",
        generator=generator_for(seed, "teacher"),
        dtype=dtype,
    )

    def draw(part: str, count: int) -> tuple[Tensor, Tensor]:
        generator = generator_for(seed, "teacher-student", part)
        x = torch.randn(count, inputs, generator=generator, dtype=dtype)
        with torch.no_grad():
            y = teacher(x)
        if label_noise > 0:
            y = y + label_noise * torch.randn(y.shape, generator=generator, dtype=dtype)
        return x, y

    train, test = draw("train", samples), draw("test", test_samples)
    return Dataset("teacher_student", *train, *test, kind="regression", teacher=teacher)


def mnist(
    folder: str | Path,
    *,
    flat: bool = True,
    train_samples: int | None = None,
    test_samples: int | None = None,
    dtype: torch.dtype = torch.float64,
) -> Dataset:
    """MNIST from its four IDX files, plain or with ``.gz``; pixels run from 0 to 1.

    Args:
        folder: Folder of the files.
        flat: Shape ``(n, 784)``, else ``(n, 1, 28, 28)``.
        train_samples: Take fewer, with the classes balanced.
        test_samples: Take fewer, with the classes balanced.
        dtype: Type of the inputs.

    Raises:
        DataError: If a file is missing or is not what it should be.
    """
    names = [name for pair in _MNIST_FILES.values() for name in pair]
    path = _folder(folder, [f"{name}[.gz]" for name in names])

    def part(split: Literal["train", "test"], count: int | None) -> tuple[np.ndarray, np.ndarray]:
        image_name, label_name = _MNIST_FILES[split]
        labels = _idx(path, label_name, 1).astype(np.int64)
        images = _idx(path, image_name, 3)
        if len(images) != len(labels):
            raise DataError(
                f"{path / image_name}: {len(images)} images and {len(labels)} labels; allowed: "
                "as many"
            )
        _check_labels(path / label_name, labels)
        chosen = _take("mnist", split, _balanced_order(labels), count)
        return _scaled(images[chosen][:, None]), labels[chosen]

    return _images("mnist", part("train", train_samples), part("test", test_samples), flat, dtype)


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
    path = _folder(folder, [*_CIFAR_FILES["train"], *_CIFAR_FILES["test"]])
    if (path / "cifar-10-batches-bin").is_dir():
        path = path / "cifar-10-batches-bin"

    def part(split: Literal["train", "test"], count: int | None) -> tuple[np.ndarray, np.ndarray]:
        records = np.concatenate([_cifar_records(path / name) for name in _CIFAR_FILES[split]])
        labels = records[:, 0].astype(np.int64)
        chosen = _take("cifar10", split, _balanced_order(labels), count)
        return _scaled(records[chosen, 1:].reshape(-1, 3, 32, 32)), labels[chosen]

    train, test = part("train", train_samples), part("test", test_samples)
    return _images("cifar10", train, test, flat, dtype)


def redraw_split(data: Dataset, train_samples: int, seed: int) -> Dataset:
    """Another random division of all samples of a data set; those not in training are for the test.

    Args:
        data: A data set.
        train_samples: Training samples of the new one.
        seed: Seed of the division.

    Raises:
        DataError: If no sample would be left for the test, or none for the training.
    """
    inputs = torch.cat([data.inputs, data.test_inputs])
    targets = torch.cat([data.targets, data.test_targets])
    if not 1 <= train_samples < len(inputs):
        raise DataError(
            f"{data.name}: {train_samples} training samples; allowed: 1 to {len(inputs) - 1}"
        )
    order = torch.randperm(len(inputs), generator=generator_for(seed, "redraw-split"))
    train, test = order[:train_samples], order[train_samples:]
    return replace(
        data,
        inputs=inputs[train],
        targets=targets[train],
        test_inputs=inputs[test],
        test_targets=targets[test],
    )


def with_wrong_labels(data: Dataset, fraction: float, seed: int) -> Dataset:
    """The same data with some training labels replaced by another class; the test set stays.

    Args:
        data: A data set for classification.
        fraction: Part of the training labels that become wrong (rounded to a number of labels),
            each one of the other classes with equal chance.
        seed: Seed of which and how.

    Raises:
        DataError: If the fraction is not from 0 to 1 or there are no classes.
    """
    if not 0 <= fraction <= 1:
        raise DataError(f"{data.name}: wrong labels {fraction:g}; allowed: a part from 0 to 1")
    if data.kind != "classification":
        raise DataError(f"{data.name}: has no class labels; allowed: data for classification")
    generator = generator_for(seed, "wrong-labels")
    count, classes = round(fraction * len(data.targets)), data.output_size
    chosen = torch.randperm(len(data.targets), generator=generator)[:count]
    shift = torch.randint(1, classes, (count,), generator=generator)
    targets = data.targets.clone()
    targets[chosen] = (targets[chosen] + shift) % classes
    return replace(data, targets=targets)


def _balanced_order(labels: np.ndarray) -> np.ndarray:
    """A fixed order in which every prefix has the classes in their proportions, shape ``(n,)``."""
    shuffled = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        # The k-th of m members stands at (k + 1/2)/m of the way.
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    order: np.ndarray = np.argsort(place, kind="stable")
    return order


def _take(name: str, split: str, order: np.ndarray, count: int | None) -> np.ndarray:
    if count is None:
        return order
    if not 1 <= count <= len(order):
        raise DataError(
            f"task.{split}_samples: {count} of {name}'s {len(order)}; allowed: 1 to {len(order)}"
        )
    return order[:count]


def _scaled(pixels: np.ndarray) -> np.ndarray:
    return pixels / 255.0


def _images(
    name: str,
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    flat: bool,
    dtype: torch.dtype,
) -> Dataset:
    def tensors(part: tuple[np.ndarray, np.ndarray]) -> tuple[Tensor, Tensor]:
        pixels = torch.from_numpy(np.ascontiguousarray(part[0])).to(dtype)
        return (pixels.flatten(1) if flat else pixels), torch.from_numpy(part[1])

    return Dataset(name, *tensors(train), *tensors(test), kind="classification")


def _folder(folder: str | Path, expected: Sequence[str]) -> Path:
    path = Path(folder)
    if not path.is_dir():
        state = "is not a folder" if path.exists() else "does not exist"
        raise DataError(
            f"task.folder: {folder} {state}; allowed: a folder with {', '.join(expected)}"
        )
    return path


def _read(path: Path, limit: int) -> bytes:
    """At most ``limit + 1`` bytes of a file, unpacked when its name ends with .gz."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as packed:
                return packed.read(limit + 1)
        with path.open("rb") as file:
            return file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "is damaged"
        raise DataError(f"{path}: cannot be read ({reason}); allowed: the original file") from None


def _idx(folder: Path, name: str, dimensions: int) -> np.ndarray:
    """Array of unsigned bytes of an IDX file, with every size checked."""
    path = folder / name
    if not path.exists():
        path = folder / f"{name}.gz"
    if not path.exists():
        raise DataError(f"{folder}: {name} is missing; allowed: the file, plain or as .gz")
    header_size = 4 + 4 * dimensions
    header = _read(path, header_size - 1)
    magic = bytes([0, 0, 8, dimensions])
    if header[:4] != magic or len(header) < header_size:
        raise DataError(
            f"{path}: starts with {header[:4].hex() or 'nothing'}; allowed: {magic.hex()}, an IDX "
            f"file of bytes in {dimensions} dimension{'s' if dimensions > 1 else ''}"
        )
    shape = [int(size) for size in np.frombuffer(header[4:], dtype=">u4")]
    if not 1 <= shape[0] <= _MAX_SAMPLES or (dimensions == 3 and shape[1:] != [28, 28]):
        raise DataError(f"{path}: has shape {tuple(shape)}; allowed: images of 28 by 28 pixels")
    size = header_size + math.prod(shape)
    content = _read(path, size)
    if len(content) != size:
        state = "more" if len(content) > size else str(len(content))
        raise DataError(f"{path}: has {state} bytes; allowed: {size}, as its header says")
    return np.frombuffer(content, dtype=np.uint8, offset=header_size).reshape(shape)


def _cifar_records(path: Path) -> np.ndarray:
    if not path.is_file():
        raise DataError(f"{path}: is missing; allowed: CIFAR-10's binary version")
    size = path.stat().st_size
    if size == 0 or size % _CIFAR_RECORD or size > _CIFAR_RECORD * _MAX_SAMPLES:
        raise DataError(
            f"{path}: has {size} bytes; allowed: a multiple of {_CIFAR_RECORD} (a label and "
            "3 × 32 × 32 pixels each)"
        )
    records = np.frombuffer(_read(path, size), dtype=np.uint8).reshape(-1, _CIFAR_RECORD)
    _check_labels(path, records[:, 0])
    return records


def _check_labels(path: Path, labels: np.ndarray) -> None:
    if labels.max() > 9:
        raise DataError(f"{path}: has label {labels.max()}; allowed: 0 to 9")
