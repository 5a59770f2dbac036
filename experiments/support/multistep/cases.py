"""The quadratics and networks that are tried, with which noise and bias."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from neurograd.problem import Problem, datasets
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.problem.networks import mlp
from neurograd.seeding import generator_for

REPLICAS = 32

EXCESS = (0.003, 0.03, 0.3)
"""Predicted excess loss at the end, in parts of the loss before any training."""

RELINEARIZED = 4
"""Replicas whose final Hessian is taken."""


@dataclass(frozen=True)
class QuadraticCase:
    """Bias and noise on the quadratic, in parts of the gradient's length at the initial weights.

    Attributes:
        title: For the figure.
        noise: √(σ²f(N))/‖g‖.
        bias: b√N/‖g‖.
        sharpness: Δt·λ_1; 2 is the limit of clean descent.
        at_minimum: Whether it starts at the minimum, else at the initial weights.
    """

    title: str
    noise: float
    bias: float
    sharpness: float
    at_minimum: bool


QUADRATIC = {
    "quadratic_noise": QuadraticCase("noise", 1.0, 0.0, 0.5, True),
    "quadratic_bias": QuadraticCase("bias", 0.0, 0.3, 0.5, True),
    "quadratic_both": QuadraticCase("noise and bias, Δtλ₁ = 0.5", 1.0, 0.3, 0.5, False),
    "quadratic_sharp": QuadraticCase("noise and bias, Δtλ₁ = 1.6", 1.0, 0.3, 1.6, False),
}


def quadratic(seed: int) -> Problem:
    """One linear layer, 25 inputs and 10 outputs, on the student-teacher data."""
    data = datasets.teacher_student(samples=60, seed=seed)
    network = mlp(25, [], 10, generator=generator_for(seed, "network"))
    return Problem(network, MeanSquaredError(), data.inputs, data.targets)


@dataclass(frozen=True)
class Network:
    """A network that is trained clean, then with noise or bias.

    Attributes:
        title: For the figure.
        make: Makes the problem from a seed.
        step_size: Δt of the whole training.
        clean: Steps of the clean training.
    """

    title: str
    make: Callable[[int], Problem]
    step_size: float
    clean: int


def digits(activation: str, seed: int) -> Problem:
    """100 handwritten digits, 64-8-10, cross-entropy: the network interpolates them."""
    data = datasets.digits(train_samples=100)
    network = mlp(64, [8], 10, activation=activation, generator=generator_for(seed, "network"))
    return Problem(network, CrossEntropy(), data.inputs, data.targets)


def student(seed: int) -> Problem:
    """Student 10-16-4 (tanh) of a ReLU teacher, squared error, 100 samples."""
    data = datasets.teacher_student(
        inputs=10, outputs=4, teacher_hidden=(10,), samples=100, seed=seed
    )
    network = mlp(10, [16], 4, activation="tanh", generator=generator_for(seed, "network"))
    return Problem(network, MeanSquaredError(), data.inputs, data.targets)


NETWORKS = {
    "cross_entropy_tanh": Network(
        "cross-entropy, tanh 64-8-10, digits", partial(digits, "tanh"), 0.3, 5000
    ),
    "cross_entropy_relu": Network(
        "cross-entropy, ReLU 64-8-10, digits", partial(digits, "relu"), 0.3, 5000
    ),
    "mse_tanh": Network("squared error, tanh 10-16-4, teacher", student, 0.1, 10000),
}

CASES = {f"noise_{excess:g}": excess for excess in EXCESS} | {"bias": EXCESS[0]}
