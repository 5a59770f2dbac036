"""The Yin-Yang set: three classes of points in a disc, small but not linearly separable.

Source: Kriener, Göltz and Petrovici, The Yin-Yang dataset, NICE 2022, arXiv 2102.08211. The shapes
are theirs; the points are drawn by our own generator.
"""

from __future__ import annotations

import numpy as np
import torch

from neurograd.errors import DataError
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.image_files import MAX_SAMPLES
from neurograd.seeding import generator_for

RADIUS = 0.5
"""Radius of the disc, whose middle is (0.5, 0.5)."""

DOT = 0.1
"""Radius of the two dots."""

YANG, YIN, DOTS = 0, 1, 2


def yin_yang(
    *,
    train_samples: int = 5000,
    test_samples: int = 1000,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Dataset:
    """Points (x, y, 1 − x, 1 − y) of a disc, which are in yin, in yang or in one of two dots.

    A class is drawn with equal chance, then a point evenly over its area.

    Args:
        train_samples: Training samples.
        test_samples: Test samples.
        seed: Seed of the points.
        dtype: Type of the inputs.

    Raises:
        DataError: If a number of samples is out of range.
    """
    if not 1 <= min(train_samples, test_samples) <= max(train_samples, test_samples) <= MAX_SAMPLES:
        raise DataError(
            f"yin_yang: {train_samples} training and {test_samples} test samples; allowed: 1 to "
            f"{MAX_SAMPLES}"
        )

    def draw(part: str, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        source = generator_for(seed, "yin-yang", part)
        start = int(torch.randint(2**62, (), generator=source))
        x, y, labels = _draw(count, np.random.default_rng(start))
        points = np.stack([x, y, 1.0 - x, 1.0 - y], axis=1)
        return torch.from_numpy(points).to(dtype), torch.from_numpy(labels)

    train, test = draw("train", train_samples), draw("test", test_samples)
    return Dataset("yin_yang", *train, *test, kind="classification")


def class_of(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """0 in yang, 1 in yin, 2 in a dot, of points of the disc; shape as x and y."""
    right = np.hypot(x - 1.5 * RADIUS, y - RADIUS)
    left = np.hypot(x - 0.5 * RADIUS, y - RADIUS)
    yin = (left > DOT) & (left <= 0.5 * RADIUS)
    yin |= (y > RADIUS) & (right > 0.5 * RADIUS)
    dots = (right < DOT) | (left < DOT)
    found: np.ndarray = np.where(dots, DOTS, np.where(yin, YIN, YANG))
    return found


def _draw(count: int, source: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points and classes: a class each, then points until one is in it."""
    labels = source.integers(3, size=count)
    x, y = np.empty(count), np.empty(count)
    open_ = np.arange(count)
    while len(open_):
        at = 2.0 * RADIUS * source.random((2, len(open_)))
        inside = np.hypot(at[0] - RADIUS, at[1] - RADIUS) <= RADIUS
        fits = inside & (class_of(at[0], at[1]) == labels[open_])
        x[open_[fits]], y[open_[fits]] = at[:, fits]
        open_ = open_[~fits]
    return x, y, labels
