"""What a heat map tries: networks, data, cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from device_models import Backprop, Chip, Minibatch, RelativeNoise
from experiments.support.record import Run
from experiments.support.vgg.network import vgg
from neurograd.problem import Problem, datasets
from neurograd.problem.datasets import Dataset
from neurograd.problem.losses import CrossEntropy
from neurograd.problem.networks import mlp
from neurograd.seeding import generator_for

CHUNK = 1000

SMALL_GRID: dict[str, Any] = {
    "biases": (0.0, 1e-4, 1e-3, 3e-3, 1e-2, 1e-1),
    "noises": (0.0, 1e-1, 1.0, 3.0, 10.0, 100.0),
}


@dataclass(frozen=True)
class Setting:
    """One heat map: a network on data, and what is tried.

    Attributes:
        name: In the names of items.
        title: In the figure and the claims.
        depth: Of the VGG; None is an MLP.
        hidden: Widths of the MLP.
        factor: Divides the VGG's filters.
        classifier_width: Units of the VGG's hidden linear layers, before the division.
        steps: Updates.
        batch_size: Samples of a batch, None for the whole set.
        train_samples: Digits for training, the others are for the test; None keeps the split.
        wrong_labels: Part of the training labels that are wrong.
        step_sizes: Δt to choose from.
        biases: b/‖g‖, the first one 0.
        noises: σ√f(N)/‖g‖, the first one 0.
        seeds: Number of runs of each cell.
        dtype: Type of weights and inputs.
    """

    name: str
    title: str
    steps: int
    biases: tuple[float, ...]
    noises: tuple[float, ...]
    seeds: int = 20
    depth: int | None = None
    hidden: tuple[int, ...] = (32,)
    factor: int = 1
    classifier_width: int = 4096
    batch_size: int | None = None
    train_samples: int | None = 200
    wrong_labels: float = 0.0
    step_sizes: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02)
    dtype: str = "float64"


@dataclass(frozen=True)
class Item:
    """One training of one cell.

    Attributes:
        bias: b/‖g‖.
        noise: σ√f(N)/‖g‖.
        seed: Which of the seeds.
        step_size: Δt.
        signs: Whether β is a random vector of ±1 instead of (1, ..., 1).
    """

    bias: float
    noise: float
    seed: int
    step_size: float
    signs: bool = False

    @property
    def cell(self) -> str:
        """Name of the cell, the same for all seeds."""
        return f"b{self.bias:g}-s{self.noise:g}" + ("-signs" if self.signs else "")


def settings_of(run: Run) -> tuple[Setting, ...]:
    """What is tried: digits, or CIFAR-10 where its folder is given; less of it in quick form."""
    if run.data is not None:
        cifar = Setting(
            name="vgg16",
            title="VGG-16, CIFAR-10",
            steps=500,  # 50 epochs of 10 batches
            biases=(0.0, *(10.0**k for k in range(-8, -1))),
            noises=(0.0, *(10.0**k for k in range(-3, 3))),
            depth=16,
            batch_size=5000,
            train_samples=None,
            dtype="float32",
        )
        small: dict[str, Any] = {
            "biases": (0.0, 1e-2),
            "noises": (0.0, 100.0),
            "step_sizes": (0.05,),
        }
        return (replace(cifar, factor=32, steps=2, seeds=2, **small) if run.quick else cifar,)
    network: dict[str, Any] = {
        "depth": 11,
        "factor": 8,
        "classifier_width": 256,
        "dtype": "float32",
    }
    if run.quick:
        grid: dict[str, Any] = {
            "biases": (0.0, 1e-4, 1e-1),
            "noises": (0.0, 0.1, 100.0),
            "seeds": 4,
        }
        return (
            Setting("mlp", "MLP, digits", 60, step_sizes=(0.5, 0.2), **grid),
            Setting("vgg", "VGG-11/8, digits", 60, step_sizes=(0.1, 0.05), **grid, **network),
        )
    return (
        Setting("mlp", "MLP, digits", 300, **SMALL_GRID),
        Setting("mlp-wrong", "MLP, 20 % wrong labels", 500, wrong_labels=0.2, **SMALL_GRID),
        Setting(
            "vgg",
            "VGG-11/8, digits",
            200,
            (0.0, 1e-4, 1e-3, 1e-2),
            (0.0, 1e-1, 1.0, 3.0, 10.0),
            # With 0.1, which three pilots would choose, one of 13 clean networks did not converge.
            step_sizes=(0.05, 0.02, 0.01),
            **network,
        ),
    )


def dataset_of(setting: Setting, run: Run) -> Dataset:
    """The data of all seeds, before they are divided."""
    dtype = getattr(torch, setting.dtype)
    flat = setting.depth is None
    if run.data is not None:
        return datasets.cifar10(run.data, flat=flat, dtype=dtype)
    return datasets.digits(flat=flat, dtype=dtype)


def problem_of(setting: Setting, data: Dataset, seed: int, k: int, device: torch.device) -> Problem:
    """Network and data of seed k."""
    path = int(generator_for(seed, "fig1-data", k).initial_seed())
    if setting.train_samples is not None:
        data = datasets.redraw_split(data, setting.train_samples, path)
    if setting.wrong_labels:
        data = datasets.with_wrong_labels(data, setting.wrong_labels, path)
    shape, generator = data.input_shape, generator_for(seed, "fig1-network", k)
    network = (
        mlp(shape, setting.hidden, 10, generator=generator)
        if setting.depth is None
        else vgg(
            setting.depth,
            shape,
            10,
            factor=setting.factor,
            classifier_width=setting.classifier_width,
            generator=generator,
        )
    )
    return Problem(
        network,
        CrossEntropy(),
        data.inputs,
        data.targets,
        test_inputs=data.test_inputs,
        test_targets=data.test_targets,
        dtype=getattr(torch, setting.dtype),
        device=device,
        chunk_size=CHUNK,
    )


def direction_of(problem: Problem, seed: int, k: int) -> Tensor:
    """A random β of ±1, shape ``(N,)``, for seed k."""
    w = problem.initial_weights
    coins = torch.randint(0, 2, w.shape, generator=generator_for(seed, "fig1-signs", k))
    return (2 * coins - 1).to(w)


def chip_of(setting: Setting, item: Item, beta: Tensor | float) -> Chip:
    """The chip that makes the updates of a cell."""
    rule = RelativeNoise(Backprop(), item.bias, item.noise, beta)
    if setting.batch_size is None:
        return Chip(rule, item.step_size)
    return Chip(Minibatch(rule, setting.batch_size), item.step_size)


def items_of(setting: Setting, step: float) -> Iterator[Item]:
    """All trainings of a map; seeds outermost, so that an early stop leaves whole maps behind."""
    for k in range(setting.seeds):
        for bias in setting.biases:
            for noise in setting.noises:
                yield Item(bias, noise, k, step)
        for bias in setting.biases[1:]:
            yield Item(bias, 0.0, k, step, signs=True)
