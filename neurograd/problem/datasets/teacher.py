"""Regression on the outputs of a fixed random network, the teacher.

Source: Ghosh et al., ICLR 2023, Section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from neurograd.errors import DataError
from neurograd.problem.datasets.dataset import Dataset
from neurograd.problem.datasets.image_files import MAX_SAMPLES
from neurograd.problem.networks import mlp
from neurograd.seeding import generator_for


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
    if min(samples, test_samples) < 1 or max(samples, test_samples) > MAX_SAMPLES:
        raise DataError(
            f"teacher_student: {samples} training and {test_samples} test samples; allowed: 1 to "
            f"{MAX_SAMPLES}"
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
