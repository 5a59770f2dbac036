"""Which samples are for training, which for the test, and in which order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from neurograd.errors import DataError
from neurograd.problem.datasets.dataset import Dataset
from neurograd.seeding import generator_for

_SPLIT_SEED = 2023


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


def balanced_order(labels: np.ndarray) -> np.ndarray:
    """A fixed order in which every prefix has the classes in their proportions, shape ``(n,)``."""
    shuffled = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        # The k-th of m members stands at (k + 1/2)/m of the way.
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    order: np.ndarray = np.argsort(place, kind="stable")
    return order


def first_of(name: str, split: str, order: np.ndarray, count: int | None) -> np.ndarray:
    """The first ``count`` of an order of samples, shape ``(count,)``; all when None.

    Args:
        name: Name of the data set, for the message.
        split: ``train`` or ``test``, for the message.
        order: Indices of samples, shape ``(n,)``.
        count: How many.

    Raises:
        DataError: If there are not as many.
    """
    if count is None:
        return order
    if not 1 <= count <= len(order):
        raise DataError(
            f"task.{split}_samples: {count} of {name}'s {len(order)}; allowed: 1 to {len(order)}"
        )
    return order[:count]


def train_and_test(
    name: str,
    train: np.ndarray,
    test: np.ndarray,
    train_samples: int | None,
    test_samples: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """As many training and test samples as asked for; more tests than there are cost trainings.

    Tests beyond the fixed ones are taken from the end of the training order, the last first: the
    first training samples are the same ones beside any test, smaller tests start larger ones, and
    what a balanced order has left of its start and its end are both balanced.

    Args:
        name: Name of the data set, for the message.
        train: Indices of the samples for training, in their order, shape ``(n,)``.
        test: Indices of those for the test, none of which is in ``train``, shape ``(m,)``.
        train_samples: How many for training; all that the test leaves when None.
        test_samples: How many for the test; the ``m`` fixed ones when None.

    Raises:
        DataError: If there are not as many, or not as many in both together.
    """
    if test_samples is not None and test_samples > len(test):
        total, rest = len(train) + len(test), len(train) + len(test) - test_samples
        if rest < 1:
            raise DataError(
                f"task.test_samples: {test_samples} of {name}'s {total} samples; allowed: 1 to "
                f"{total - 1}, with task.train_samples at most {total} together"
            )
        if train_samples is not None and train_samples > rest:
            raise DataError(
                f"task.train_samples: {train_samples} beside task.test_samples {test_samples}; "
                f"allowed: 1 to {rest}, both together at most {name}'s {total}"
            )
        train, test = train[:rest], np.concatenate([test, train[rest:][::-1]])
    return first_of(name, "train", train, train_samples), first_of(name, "test", test, test_samples)


def held_out(
    name: str, count: int, fraction: float, labels: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Samples that stay for the training and those of the test, in the order that they had.

    Args:
        name: Name of the data, for the message.
        count: Number n of samples.
        fraction: Part of them that is for the test, rounded to a number of samples.
        labels: Class of each, shape ``(n,)``, whose proportions both parts keep; None without.

    Raises:
        DataError: If one of the parts would be empty, or a class without training samples.
    """
    test = round(fraction * count)
    if not 1 <= test < count:
        raise DataError(
            f"task.test_fraction: {fraction:g} of {name}'s {count} samples is {test}; allowed: "
            f"from 1 to {count - 1} samples"
        )
    order = _fixed_order(count, labels)
    kept, held = np.sort(order[test:]), np.sort(order[:test])
    if labels is not None and (lost := _lost(labels, kept)):
        raise DataError(
            f"task.test_fraction: {fraction:g} of {name}'s {count} samples leaves {lost} without "
            "training samples; allowed: a smaller part"
        )
    return kept, held


def some_of(
    name: str, split: str, total: int, count: int | None, labels: np.ndarray | None
) -> np.ndarray:
    """As many samples as asked for, in the order that they had; all when None.

    Args:
        name: Name of the data, for the message.
        split: ``train`` or ``test``, for the message.
        total: How many there are.
        count: How many are asked for.
        labels: Class of each, shape ``(total,)``, whose proportions stay; None without.

    Raises:
        DataError: If there are not as many, or a class would have no training samples.
    """
    order = _fixed_order(total, labels)
    chosen = first_of(name, split, order, count)
    if split == "train" and labels is not None and (lost := _lost(labels, chosen)):
        _, firsts = np.unique(labels[order], return_index=True)
        raise DataError(
            f"task.train_samples: {count} of {name}'s {total} leaves {lost} without training "
            f"samples; allowed: from {int(firsts.max()) + 1}, which have all"
        )
    return np.sort(chosen)


def _lost(labels: np.ndarray, kept: np.ndarray) -> str:
    """How many classes have no sample among those kept, such as '1 of 3 classes'; else empty."""
    total, left = len(np.unique(labels)), len(np.unique(labels[kept]))
    return f"{total - left} of {total} classes" if left < total else ""


def _fixed_order(count: int, labels: np.ndarray | None) -> np.ndarray:
    if labels is not None:
        return balanced_order(labels)
    return np.random.default_rng(_SPLIT_SEED).permutation(count)
