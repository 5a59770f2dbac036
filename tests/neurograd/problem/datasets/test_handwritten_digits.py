"""The embedded digits."""

from __future__ import annotations

import pytest
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


@pytest.mark.parametrize("test_samples", [361, 1100, 1796])
def test_a_larger_test_starts_with_the_fixed_one_and_shares_nothing_with_the_training(test_samples):
    fixed, larger = datasets.digits(), datasets.digits(test_samples=test_samples)
    kept = 1797 - test_samples
    assert larger.test_inputs[:360].equal(fixed.test_inputs)
    assert larger.test_targets[:360].equal(fixed.test_targets)
    assert larger.inputs.equal(fixed.inputs[:kept])
    assert larger.targets.equal(fixed.targets[:kept])
    assert _rows(larger) == _rows(fixed)  # every sample once: the fixed parts share none
    for labels in (larger.targets, larger.test_targets[360:]):
        share = (
            torch.bincount(labels, minlength=10)
            - len(labels) * torch.bincount(torch.cat([fixed.targets, fixed.test_targets])) / 1797
        )
        assert float(share.abs().max()) < 2.5  # of rounding: at the start and the end of an order


def test_smaller_tests_start_larger_ones_beside_the_same_training():
    few = datasets.digits(train_samples=600, test_samples=100)
    more = datasets.digits(train_samples=600, test_samples=1100)
    most = datasets.digits(train_samples=600, test_samples=1197)
    assert len(more.test_inputs) == 1100
    assert most.test_inputs[:1100].equal(more.test_inputs)
    assert more.test_inputs[:100].equal(few.test_inputs)
    assert few.inputs.equal(more.inputs)
    assert few.inputs.equal(most.inputs)


def test_more_than_there_are_in_both_together_is_refused():
    refused(
        lambda: datasets.digits(train_samples=600, test_samples=1198),
        "task.train_samples: 600 beside task.test_samples 1198",
        "1 to 599",
        "at most digits's 1797",
    )
    refused(lambda: datasets.digits(test_samples=1797), "task.test_samples", "1 to 1796")
    refused(lambda: datasets.digits(train_samples=0, test_samples=1100), "task.train_samples")


def _rows(data):
    inputs = torch.cat([data.inputs, data.test_inputs]).tolist()
    labels = torch.cat([data.targets, data.test_targets]).tolist()
    return sorted((tuple(x), y) for x, y in zip(inputs, labels, strict=True))
