"""The networks that are measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device_models import Surrogate
from experiments.library import SMOOTHING
from experiments.support.enumeration import smoothed_problem
from experiments.support.vgg.network import vgg
from experiments.surrogate_bias import TINY_STD, tiny
from neurograd.problem import Problem, datasets
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.problem.networks import mlp
from neurograd.seeding import generator_for

SAMPLES = 400


@dataclass(frozen=True)
class Network:
    """One network that is measured.

    Attributes:
        title: For the figure.
        smooth: Whether its loss has all derivatives, so that the claim must hold.
        make: Makes the problem from a seed.
        training: Δt of the clean training, and the steps after which it is measured.
    """

    title: str
    smooth: bool
    make: Callable[[int], Problem]
    training: tuple[float, tuple[int, ...]]


def digits(activation: str, seed: int) -> Problem:
    """Handwritten digits, 64-24-10."""
    data = datasets.digits(train_samples=SAMPLES)
    network = mlp(64, [24], 10, activation=activation, generator=generator_for(seed, "network"))
    return Problem(network, CrossEntropy(), data.inputs, data.targets)


def student(activation: str, seed: int) -> Problem:
    """The paper's student and teacher: 25 inputs, 10 outputs; the student has 25-30-30-10."""
    data = datasets.teacher_student(samples=SAMPLES, seed=seed)
    generator = generator_for(seed, "network")
    network = mlp(25, [30, 30], 10, activation=activation, generator=generator)
    return Problem(network, MeanSquaredError(), data.inputs, data.targets)


def convolutional(seed: int) -> Problem:
    """VGG-11 with a sixteenth of its channels on digits of 8×8 pixels."""
    data = datasets.digits(flat=False, train_samples=SAMPLES)
    generator = generator_for(seed, "network")
    network = vgg(11, (1, 8, 8), factor=16, classifier_width=512, generator=generator)
    return Problem(network, CrossEntropy(), data.inputs, data.targets)


def enumerated(seed: int) -> Problem:
    """The exact smoothed loss of the enumerated spiking network; its data do not depend on seed."""
    return smoothed_problem(tiny(Surrogate()), TINY_STD)


NETWORKS = {
    "linear_teacher": Network(
        "linear 25-30-30-10, teacher", True, lambda s: student("linear", s), (0.05, (0, 30, 300))
    ),
    "tanh_teacher": Network(
        "tanh 25-30-30-10, teacher", True, lambda s: student("tanh", s), (0.05, (0, 30, 300))
    ),
    "linear_digits": Network(
        "linear 64-24-10, digits", True, lambda s: digits("linear", s), (0.1, (0, 100, 1000))
    ),
    "tanh_digits": Network(
        "tanh 64-24-10, digits", True, lambda s: digits("tanh", s), (0.1, (0, 100, 1000))
    ),
    "spiking_enumerated": Network(
        "spiking 4-3-3, exact smoothed loss", True, enumerated, (0.1, (0, 30, 300))
    ),
    "relu_digits": Network(
        "ReLU 64-24-10, digits", False, lambda s: digits("relu", s), (0.1, (0, 100, 1000))
    ),
    "vgg_digits": Network("VGG-11/16, digits 8×8", False, convolutional, (0.05, (0, 100, 400))),
}

SPIKING = "spiking_digits"

SPIKING_TITLE = f"spiking 64-32-10, digits, s = {SMOOTHING}"
