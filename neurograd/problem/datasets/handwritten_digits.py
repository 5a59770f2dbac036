"""Handwritten digits of 8 by 8 pixels, embedded in scikit-learn.

Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository (1998), the part that ``sklearn.datasets.load_digits`` brings.
"""

from __future__ import annotations

import numpy as np
import torch

from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.image_files import image_dataset, packaged_table
from neurograd.problem.datasets.splits import balanced_order, train_and_test

_TEST_SAMPLES = 360


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
        test_samples: Take fewer or more, with the classes balanced: those beyond 360 follow them
            and are missing at the end of the training samples.
        dtype: Type of the inputs.

    Raises:
        DataError: If more samples are asked for than there are, in one part or in both together.
    """
    table = _table()
    labels = table[:, -1].astype(np.int64)
    order = balanced_order(labels)
    train, test = order[_TEST_SAMPLES:], order[:_TEST_SAMPLES]
    # The training set in an order of its own, balanced from its first sample on.
    train = train[balanced_order(labels[train])]
    pixels = (table[:, :-1] / 16.0).reshape(-1, 1, 8, 8)
    train, test = train_and_test("digits", train, test, train_samples, test_samples)
    return image_dataset(
        "digits", (pixels[train], labels[train]), (pixels[test], labels[test]), flat, dtype
    )


def _table() -> np.ndarray:
    """A row an image: its 64 pixels from 0 to 16 and its label."""
    table = packaged_table("sklearn", "datasets/data/digits.csv.gz")
    if table is None:  # a version that keeps it elsewhere
        from sklearn.datasets import load_digits  # noqa: PLC0415  (slow to import)

        table = np.column_stack(load_digits(return_X_y=True))
    return table
