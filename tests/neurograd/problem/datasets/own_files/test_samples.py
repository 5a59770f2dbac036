"""Classes or values, and which samples are for the test."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from neurograd.problem.datasets import own_data
from tests.neurograd.problem.datasets.refusal import refused

X = np.random.default_rng(0).normal(size=(60, 3))


def _saved(folder, y, x=X, name="own.npz"):
    np.savez(folder / name, x=x, y=y)
    return str(folder / name)


def _of(folder, y, **options):
    path = _saved(folder, y)
    return own_data(path, test=path, **options)


CLASSES = np.arange(60) % 3


@pytest.mark.parametrize(
    ("y", "loss", "expected"),
    [
        (CLASSES, None, CLASSES),
        (CLASSES.astype(np.uint8)[:, None], None, CLASSES),
        (CLASSES + 7, None, CLASSES),  # labels in their order are the outputs
        (10 * CLASSES - 5, None, CLASSES),
        (np.array(["c", "a", "b"])[CLASSES], None, np.array([2, 0, 1])[CLASSES]),
        (CLASSES > 0, None, (CLASSES > 0).astype(int)),
        (CLASSES.astype(float), "cross_entropy", CLASSES),
        (CLASSES, "squared_error", CLASSES[:, None].astype(float)),
        (X[:, 0], None, X[:, :1]),
        (X, None, X),
        (np.eye(3)[CLASSES], "squared_error", np.eye(3)[CLASSES]),
    ],
)
def test_targets_are_classes_or_values(y, loss, expected, tmp_path):
    data = _of(tmp_path, y, loss=loss)
    assert np.array_equal(data.targets.numpy(), expected)
    values = np.asarray(expected).dtype.kind == "f"
    assert data.kind == ("regression" if values else "classification")
    assert data.targets.is_floating_point() == values


@pytest.mark.parametrize(
    ("y", "as_numbered", "expected", "said"),
    [
        (CLASSES, False, CLASSES, None),
        (CLASSES > 0, True, CLASSES > 0, None),
        (CLASSES + 1, False, CLASSES, "Classes 1, 2 and 3 are outputs 0, 1 and 2."),
        (CLASSES + 1, True, CLASSES + 1, "Classes 1, 2 and 3 are the outputs of these numbers"),
        (4.0 * CLASSES, True, 4 * CLASSES, "Classes 0, 4 and 8 are the outputs of these numbers"),
        (CLASSES - 1, True, CLASSES, "Classes -1, 0 and 1 are outputs 0, 1 and 2."),
        (2**40 * CLASSES, True, CLASSES, "are outputs 0, 1 and 2."),
        (np.array(list("abc"))[CLASSES], True, CLASSES, "Classes a, b and c are outputs 0, 1 and"),
        (np.arange(60) % 9 + 1, False, np.arange(60) % 9, "1, 2, 3, 4, ... and 9 are outputs 0, 1"),
    ],
)
def test_which_output_a_class_is(y, as_numbered, expected, said, tmp_path):
    loss = "cross_entropy" if y.dtype.kind == "f" else None
    data = _of(tmp_path, y, loss=loss, as_numbered=as_numbered)
    assert np.array_equal(data.targets.numpy(), expected)
    assert data.targets.dtype == torch.int64
    assert (said is None) == (not data.remarks)
    assert said is None or said in data.remarks[0]


@pytest.mark.parametrize(
    ("y", "loss", "word"),
    [
        (CLASSES.astype(float), None, "classes or values"),
        (np.eye(3)[CLASSES], None, "3 each; allowed: task.loss: squared_error for values, or one"),
        (np.eye(3)[CLASSES], "cross_entropy", "one class a sample"),
        (X[:, 0], "cross_entropy", "one class a sample"),
        (np.array(["a", "b", "c"])[CLASSES], "squared_error", "text"),
        (np.zeros(60, int), None, "one class"),
        (np.arange(60), None, "many for classes"),
    ],
)
def test_targets_that_could_be_either_or_neither_are_one_line(y, loss, word, tmp_path):
    refused(lambda: _of(tmp_path, y, loss=loss), "task.train", word)


@pytest.mark.parametrize("kind", ["U", "S"])
@pytest.mark.parametrize("missing", ["", "nan", "NA"])
def test_missing_labels_are_no_class(kind, missing, tmp_path):
    y = np.array([missing, "b", "c"], dtype=kind)[CLASSES]
    refused(lambda: _of(tmp_path, y), "task.train", f"y is {missing!r} in 20 places")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_classes_in_bytes_are_those_in_text(encoding, tmp_path):
    text = np.array(["bière", "thé", "wine"])[CLASSES]
    in_bytes = np.char.encode(text, encoding)
    kinds = {"U": text, "S": in_bytes, "S wider": in_bytes.astype("S20")}
    for train, test in itertools.product(kinds, kinds):
        data = own_data(
            _saved(tmp_path, kinds[train]), test=_saved(tmp_path, kinds[test], name="test.npz")
        )
        assert data.targets.tolist() == data.test_targets.tolist() == CLASSES.tolist()
    strange = np.char.encode(np.array(["bière", "thé", "cidre"])[CLASSES], encoding)
    train = _saved(tmp_path, text)
    refused(lambda: own_data(train, test=_saved(tmp_path, strange, name="test.npz")), "class cidre")


def test_training_and_test_have_to_fit_together(tmp_path):
    train = _saved(tmp_path, CLASSES)

    def with_test(y, x=X):
        return own_data(train, test=_saved(tmp_path, y, x, "test.npz"))

    assert with_test(CLASSES[:10], X[:10]).test_targets.tolist() == CLASSES[:10].tolist()
    # A test without one of the classes keeps the outputs of the training.
    assert with_test(np.full(60, 2)).test_targets.unique().tolist() == [2]
    refused(lambda: with_test(CLASSES + 1), "task.test", "class 3")
    refused(lambda: with_test(CLASSES, X[:, :2]), "task.test", "shape (2,)")
    refused(lambda: with_test(np.array(["a", "b", "c"])[CLASSES]), "task.test")
    refused(lambda: with_test(X[:, 0]), "task.test")
    refused(lambda: own_data(train), "task.test_fraction")
    refused(lambda: own_data(train, test=train, test_fraction=0.5), "task.test_fraction")


def test_values_of_the_test_may_happen_to_be_whole(tmp_path):
    train = _saved(tmp_path, X[:, 0])
    test = _saved(tmp_path, np.round(X[:, 0]), name="test.npz")
    assert own_data(train, test=test).kind == "regression"


@pytest.mark.parametrize("values", [False, True])
def test_every_sample_is_either_for_training_or_for_the_test(values, tmp_path):
    labels = np.repeat([0, 1, 2], [30, 20, 10])
    path = _saved(tmp_path, X[:, 0] if values else labels)
    data = own_data(path, test_fraction=0.3)
    again = own_data(path, test_fraction=0.3)
    assert torch.equal(data.inputs, again.inputs)
    assert (len(data.inputs), len(data.test_inputs)) == (42, 18)
    together = torch.cat([data.inputs, data.test_inputs]).numpy()
    assert np.array_equal(np.unique(together, axis=0), np.unique(X, axis=0))
    if not values:
        assert torch.bincount(data.targets).tolist() == [21, 14, 7]
        assert torch.bincount(data.test_targets).tolist() == [9, 6, 3]
        fewer = own_data(path, test_fraction=0.3, train_samples=12, test_samples=6)
        assert torch.bincount(fewer.targets).tolist() == [6, 4, 2]
        assert torch.bincount(fewer.test_targets).tolist() == [3, 2, 1]
    # In the order of the file.
    places = [int(np.flatnonzero((row == X).all(1))[0]) for row in data.inputs.numpy()]
    assert places == sorted(places)


def test_parts_that_leave_nothing_are_one_line(tmp_path):
    path = _saved(tmp_path, CLASSES)
    for fraction in (0.001, 0.999):
        refused(lambda f=fraction: own_data(path, test_fraction=f), "task.test_fraction")
    refused(lambda: own_data(path, test_fraction=0.5, train_samples=31), "task.train_samples")
    rare = _saved(tmp_path, np.where(np.arange(60) == 5, 1, 0))
    refused(lambda: own_data(rare, test_fraction=0.8), "without training samples")


def test_fewer_training_samples_have_every_class(tmp_path):
    """Of 60 samples of which one is of class 1, the first 30 in their order have it."""
    rare = _saved(tmp_path, np.where(np.arange(60) == 5, 1, np.arange(60) % 2 * 2))
    words = ("task.train_samples: 20", "1 of 3 classes", "from 30")
    refused(lambda: own_data(rare, test=rare, train_samples=20), *words)
    refused(lambda: own_data(rare, test=rare, train_samples=29), "from 30")
    data = own_data(rare, test=rare, train_samples=30, test_samples=2)
    assert data.targets.unique().tolist() == [0, 1, 2]
    assert len(data.test_targets) == 2  # a test may be without a class
    values = _saved(tmp_path, X[:, 0], name="values.npz")
    assert len(own_data(values, test=values, train_samples=1).targets) == 1
