"""Students, their data, and how much is measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from experiments.support.record import Run
from neurograd.problem import Problem
from neurograd.problem.datasets import teacher_student
from neurograd.problem.losses import MeanSquaredError
from neurograd.problem.networks import mlp
from neurograd.seeding import generator_for
from neurograd.theory import (
    expected_hessian_trace,
)

INPUTS, OUTPUTS, TEACHER = 25, 10, (50, 50, 50)

STEP_SIZE, NORM, STRONG = 1e-3, 0.1, 10.0

WIDTHS, DEPTHS, SHALLOW = (12, 25, 50, 100), (1, 2, 4, 8), (12, 18, 25, 35, 50, 70, 100)

SQUARE = 25

COUNTS = (2, 3, 5, 8, 15, 30)

STYLES = {"linear": "-", "relu": "--"}


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        samples: Training samples of a trajectory.
        seeds: Pairs of data and student.
        steps: Steps of the clean trajectory at which it is measured, 0 before the first.
        draws: Noise vectors of norm 0.1 at each of them.
        strong_draws: Noise vectors of norm 10.
        inits: Initializations for the expectation of Tr H/N; more where layers are narrow, as
            the trace then varies more.
        repeats: Estimates for every number of zero-sum vectors.
        training: Clean steps, of size 0.05, after which Tr H/N is taken once more.
        widths: Of the students.
        depths: Numbers of hidden layers.
        shallow: Widths of panel A.
    """

    samples: int = 1000
    seeds: int = 10
    steps: tuple[int, ...] = (0, 2, 4)
    draws: int = 15
    strong_draws: int = 45
    inits: int = 150
    repeats: int = 200
    training: int = 400
    widths: tuple[int, ...] = WIDTHS
    depths: tuple[int, ...] = DEPTHS
    shallow: tuple[int, ...] = SHALLOW


QUICK = Effort(
    samples=200,
    seeds=3,
    steps=(0, 4),
    draws=8,
    strong_draws=20,
    inits=20,
    repeats=20,
    training=40,
    widths=(12, 25, 50),
    depths=(1, 2, 4),
    shallow=(12, 25, 50),
)


@dataclass(frozen=True)
class Student:
    """A fully connected student; ``activation`` is ``linear`` or ``relu``."""

    width: int
    depth: int
    activation: str
    inputs: int = INPUTS
    outputs: int = OUTPUTS

    @property
    def widths(self) -> list[int]:
        """Inputs, hidden layers and outputs."""
        return [self.inputs, *[self.width] * self.depth, self.outputs]

    @property
    def num_parameters(self) -> int:
        """Number of weights."""
        return sum(a * b for a, b in pairwise(self.widths))

    @property
    def name(self) -> str:
        """A name that is a file name."""
        return f"{self.inputs}-{self.width}x{self.depth}-{self.outputs}-{self.activation}"


def problem_of(student: Student, samples: int, index: int, run: Run) -> Problem:
    """The student with its own data and its own initialization."""
    data = teacher_student(
        inputs=student.inputs,
        outputs=student.outputs,
        teacher_hidden=TEACHER,
        samples=samples,
        test_samples=1,
        seed=1000 * run.seed + index,
    )
    network = mlp(
        student.inputs,
        [student.width] * student.depth,
        student.outputs,
        activation=student.activation,
        bias=False,
        generator=generator_for(run.seed, "student", index),
    )
    return Problem(network, MeanSquaredError(), data.inputs, data.targets, device=run.device)


def expectation(student: Student, square: float) -> float:
    """E[Tr H] over initializations; the mean of ‖x‖² of standard normal inputs is their number."""
    return expected_hessian_trace(student.widths, square, relu=student.activation == "relu")


def teacher_size() -> int:
    """Number of the teacher's weights, without its biases."""
    return sum(a * b for a, b in pairwise([INPUTS, *TEACHER, OUTPUTS]))
