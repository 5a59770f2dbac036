"""Regression on a teacher's outputs."""

from __future__ import annotations

import math

import torch
from torch import nn

from neurograd.problem import datasets
from tests.neurograd.problem.datasets.refusal import refused


def test_teacher_makes_the_targets():
    first = datasets.teacher_student(samples=40, test_samples=10, seed=3)
    again = datasets.teacher_student(samples=40, test_samples=10, seed=3)
    assert first.inputs.equal(again.inputs)
    assert first.targets.equal(again.targets)
    with torch.no_grad():
        assert first.teacher(first.test_inputs).equal(first.test_targets)
    assert len([m for m in first.teacher if isinstance(m, nn.Linear)]) == 4
    other = datasets.teacher_student(samples=40, test_samples=10, seed=4)
    assert not first.targets.equal(other.targets)
    assert (first.kind, first.output_size, first.input_shape) == ("regression", 10, (25,))


def test_label_noise_has_its_standard_deviation():
    """99 % interval of a standard deviation of 20,000 numbers."""
    clean = datasets.teacher_student(samples=2000, seed=1)
    noisy = datasets.teacher_student(samples=2000, seed=1, label_noise=0.3)
    ratio = float((noisy.targets - clean.targets).std()) / 0.3
    assert abs(ratio - 1) < 2.6 / math.sqrt(2 * 20_000)
    refused(lambda: datasets.teacher_student(label_noise=-1), "label_noise")
    refused(lambda: datasets.teacher_student(samples=0), "0 training")
