"""The Yin-Yang set: its shapes and its draw."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.stats import chi2

from neurograd.problem import datasets
from neurograd.problem.datasets.yin_yang_disc import DOT, DOTS, RADIUS, YANG, YIN, class_of
from tests.neurograd.problem.datasets.refusal import refused

CHANCE = 1e-3
"""Chance that a test of a right draw fails; seeds are fixed."""


def test_places_that_the_paper_shows():
    x = np.array([0.25, 0.75, 0.5, 0.5, 0.25, 0.75, 0.36, 0.64])
    y = np.array([0.5, 0.5, 0.95, 0.05, 0.7, 0.3, 0.5, 0.5])
    expected = [DOTS, DOTS, YIN, YANG, YIN, YANG, YIN, YANG]
    assert class_of(x, y).tolist() == expected


def test_yin_turned_round_is_yang():
    source = np.random.default_rng(0)
    x, y = source.random((2, 20000))
    inside = np.hypot(x - RADIUS, y - RADIUS) < RADIUS
    one, other = class_of(x[inside], y[inside]), class_of(1 - x[inside], 1 - y[inside])
    assert np.array_equal(other, np.where(one == DOTS, DOTS, 1 - one))


def test_samples_are_points_of_their_class():
    data = datasets.yin_yang(train_samples=3000, test_samples=100, seed=3)
    x, y = data.inputs[:, 0].numpy(), data.inputs[:, 1].numpy()
    assert np.array_equal(class_of(x, y), data.targets.numpy())
    assert (np.hypot(x - RADIUS, y - RADIUS) <= RADIUS).all()
    assert torch.equal(data.inputs[:, 2:], 1 - data.inputs[:, :2])
    assert not torch.equal(data.inputs[:100], data.test_inputs)
    again = datasets.load("yin_yang", train_samples=3000, seed=3)
    assert torch.equal(again.inputs, data.inputs)
    assert len(again.test_inputs) == 1000
    assert not torch.equal(datasets.load("yin_yang", seed=4).inputs[:9], data.inputs[:9])


def test_classes_are_equally_frequent_and_dots_evenly_filled():
    count = 30000
    data = datasets.yin_yang(train_samples=count, seed=5)
    frequencies = np.bincount(data.targets.numpy(), minlength=3)
    spread = ((frequencies - count / 3) ** 2 / (count / 3)).sum()
    assert spread < chi2.isf(CHANCE, 2)
    dots = data.inputs[data.targets == DOTS, :2].numpy()
    # In a dot r² is uniform from 0 to DOT²; rings of equal area, in both dots.
    left = np.hypot(dots[:, 0] - 0.5 * RADIUS, dots[:, 1] - RADIUS)
    right = np.hypot(dots[:, 0] - 1.5 * RADIUS, dots[:, 1] - RADIUS)
    part = (np.minimum(left, right) / DOT) ** 2
    cells = np.histogram2d(part, (left < right).astype(float), bins=[5, 2], range=[[0, 1], [0, 1]])
    expected = len(dots) / 10
    assert ((cells[0] - expected) ** 2 / expected).sum() < chi2.isf(CHANCE, 9)
    yang = data.inputs[data.targets == YANG, 1].numpy()
    # Yang has most of the lower half; its middle is below that of the disc.
    assert yang.mean() < RADIUS - 5 * yang.std() / math.sqrt(len(yang))


def test_a_number_of_samples_out_of_range_is_one_line():
    refused(lambda: datasets.yin_yang(train_samples=0), "yin_yang")
