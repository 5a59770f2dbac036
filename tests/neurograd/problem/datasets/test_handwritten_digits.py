"""The embedded digits."""

from __future__ import annotations

import torch

from neurograd.problem import datasets
from neurograd.problem.datasets import handwritten_digits
from tests.neurograd.problem.datasets.refusal import refused


def test_digits_are_split_once_and_keep_their_classes():
    data = datasets.digits()
    assert data.inputs.shape == (1437, 64)
    assert data.test_inputs.shape == (360, 64)
    assert (float(data.inputs.min()), float(data.inputs.max())) == (0.0, 1.0)
    assert (data.output_size, data.input_shape, data.kind) == (10, (64,), "classification")
    from sklearn.datasets import load_digits

    everything = sorted(map(tuple, load_digits().data / 16))
    split = sorted(map(tuple, torch.cat([data.inputs, data.test_inputs]).tolist()))
    assert split == everything
    share = torch.bincount(data.test_targets) / 360 - torch.bincount(data.targets) / 1437
    assert float(share.abs().max()) < 0.005


def test_where_the_file_is_elsewhere_the_package_is_asked(monkeypatch):
    table = handwritten_digits._table()
    asked = []
    monkeypatch.setattr(handwritten_digits, "packaged_table", lambda *named: asked.append(named))
    assert (handwritten_digits._table() == table).all()
    assert len(asked) == 1


def test_digits_as_images_and_in_part():
    images = datasets.digits(flat=False, train_samples=50, test_samples=20)
    assert images.inputs.shape == (50, 1, 8, 8)
    assert torch.bincount(images.targets).tolist() == [5] * 10
    flat = datasets.digits(train_samples=50, dtype=torch.float32)
    assert flat.inputs.dtype == torch.float32
    torch.testing.assert_close(flat.inputs.double(), images.inputs.flatten(1))
    refused(lambda: datasets.digits(train_samples=1438), "task.train_samples", "1437")
    refused(lambda: datasets.digits(test_samples=0), "task.test_samples")
