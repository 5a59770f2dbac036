"""CIFAR-10's files, whole and damaged."""

from __future__ import annotations

import numpy as np
import pytest

from neurograd.problem import datasets
from tests.neurograd.problem.datasets.refusal import refused


@pytest.fixture
def cifar(tmp_path):
    generator = np.random.default_rng(0)
    for name in [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]:
        records = generator.integers(0, 256, (10, 3073))
        records[:, 0] = np.arange(10)
        (tmp_path / name).write_bytes(records.astype(np.uint8).tobytes())
    return tmp_path


def test_cifar_from_its_files(cifar):
    data = datasets.load("cifar10", folder=cifar, flat=False)
    assert data.inputs.shape == (50, 3, 32, 32)
    raw = np.frombuffer((cifar / "test_batch.bin").read_bytes(), np.uint8).reshape(10, 3073)
    place = int((data.test_targets == 7).nonzero())
    # Red, green and blue planes, row by row.
    assert float(data.test_inputs[place, 2, 0, 5]) == raw[7, 1 + 2 * 1024 + 5] / 255
    folder = cifar / "cifar-10-batches-bin"
    folder.mkdir()
    for path in cifar.glob("*.bin"):
        path.rename(folder / path.name)
    assert datasets.load("cifar10", folder=cifar).inputs.shape == (50, 3072)


@pytest.mark.parametrize(
    "content", [b"", bytes(3072), bytes(3074), bytes([12]) + bytes(3072), None]
)
def test_damaged_cifar_is_one_line(cifar, content):
    path = cifar / "data_batch_3.bin"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    refused(lambda: datasets.load("cifar10", folder=cifar), "data_batch_3.bin")


def test_the_version_in_pickles_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    refused(lambda: datasets.load("cifar10", folder=tmp_path), "could run code", "binary version")
    inside = tmp_path / "cifar-10-batches-py"
    (inside / "data_batch_1").write_bytes(b"x")
    refused(lambda: datasets.load("cifar10", folder=inside), "could run code", "binary version")
