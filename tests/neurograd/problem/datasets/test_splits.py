"""Data sets that are divided anew or get wrong labels."""

from __future__ import annotations

import pytest
import torch

from neurograd.errors import DataError
from neurograd.problem import datasets


def test_another_split_of_the_same_samples():
    data = datasets.digits()
    first, again = (datasets.redraw_split(data, 200, seed=1) for _ in range(2))
    other = datasets.redraw_split(data, 200, seed=2)
    assert first.inputs.equal(again.inputs)
    assert not first.inputs.equal(other.inputs)
    assert first.inputs.shape == (200, 64)
    assert first.test_inputs.shape == (1597, 64)

    def samples(d):
        rows = zip(
            torch.cat([d.inputs, d.test_inputs]).tolist(),
            torch.cat([d.targets, d.test_targets]).tolist(),
            strict=True,
        )
        return sorted((tuple(x), y) for x, y in rows)

    assert samples(first) == samples(data)  # each with its own label, none twice
    for count in (0, 1797):
        with pytest.raises(DataError, match="allowed: 1 to 1796"):
            datasets.redraw_split(data, count, seed=0)


def test_as_many_wrong_labels_as_asked_for_and_never_the_right_one():
    data = datasets.digits()
    wrong = datasets.with_wrong_labels(data, 0.2, seed=3)
    changed = wrong.targets != data.targets
    assert int(changed.sum()) == round(0.2 * 1437)
    assert wrong.targets.unique().tolist() == list(range(10))
    assert wrong.test_targets.equal(data.test_targets)
    assert wrong.inputs.equal(data.inputs)
    shifts = (wrong.targets - data.targets)[changed] % 10
    assert shifts.unique().tolist() == list(range(1, 10))
    assert datasets.with_wrong_labels(data, 0.2, seed=3).targets.equal(wrong.targets)
    assert datasets.with_wrong_labels(data, 0.0, seed=3).targets.equal(data.targets)
    with pytest.raises(DataError, match="from 0 to 1"):
        datasets.with_wrong_labels(data, 1.2, seed=0)
    with pytest.raises(DataError, match="no class labels"):
        datasets.with_wrong_labels(datasets.teacher_student(samples=10), 0.1, seed=0)
