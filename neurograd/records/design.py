"""What a report says of its spec in words, whichever version of the keys it was written with."""

from __future__ import annotations

from pathlib import PurePath

from pydantic import Field

from neurograd.records.record import Record

_ALL_SAMPLES = {"digits": 1_797, "mnist_5k": 5_000}
"""Samples of data sets whose larger tests take from the training samples."""

_DRAWN = ("teacher_student", "yin_yang")
"""Tasks that draw as many samples as they are asked for."""

MOST_DRAWN = 10_000_000
"""Most test samples that ``task.test_samples`` may ask these for."""


class Task(Record):
    """The task."""

    name: str = "?"
    train: str | tuple[str, ...] | None = None
    train_samples: int | None = None
    test_samples: int | None = None

    def most_test_samples(self, used: int | None) -> int | None:
        """Most test samples that the task can have beside its training samples.

        Args:
            used: Those that it has; None where the cost is not over test samples.

        Returns:
            The number; None where it is not known, of files that hold more than was asked for.
        """
        if self.name in _DRAWN:
            return MOST_DRAWN
        if self.name in _ALL_SAMPLES:
            return _ALL_SAMPLES[self.name] - (self.train_samples or 1)
        return used if self.test_samples is None else None

    @property
    def label(self) -> str:
        """What a heading calls it: the file's name of a user's own data."""
        if self.train is None:
            return self.name
        first = self.train if isinstance(self.train, str) else self.train[0]
        return PurePath(first).name


class Surrogate(Record):
    """The surrogate gradient of a spiking network."""

    name: str = "?"


class Network(Record):
    """The network."""

    kind: str = "rate"
    architecture: str | None = "mlp"
    file: str | None = None
    factory: str | None = None
    hidden: tuple[int, ...] | None = ()
    channels: tuple[int, ...] | None = ()
    activation: str | None = None
    output_activation: str | None = None
    surrogate: Surrogate | None = None
    time_steps: int | None = None


class LearningRule(Record):
    """The learning rule."""

    name: str = "?"
    batch_size: int | str = "full"


class Optimizer(Record):
    """The digital optimizer."""

    name: str = "sgd"
    momentum: float | None = None


class Schedule(Record):
    """How the step size falls."""

    kind: str = "?"
    every: int | str | None = None
    factor: float | None = None
    minimum: float | None = None

    @property
    def label(self) -> str:
        """What a heading calls it."""
        if self.kind == "cosine":
            return f"Δt along a cosine to {self.minimum or 0:.3g} of it"
        every = f"{self.every} steps" if isinstance(self.every, int) else self.every
        return f"Δt times {self.factor:g} every {every}"


class Training(Record):
    """The training."""

    step_size: float | dict[str, float] | None = None
    optimizer: Optimizer | None = None
    steps: int | None = None
    epochs: int | None = None
    order: str | None = None
    schedule: Schedule | None = None
    seeds: int | None = None
    max_seeds: int | None = None
    looks: int | None = None


class Targets(Record):
    """What is allowed."""

    confidence: float = 0.95


class Design(Record):
    """The part of a spec that a report's own sentences and headings name."""

    name: str = "?"
    network: Network = Field(default_factory=Network)
    task: Task = Field(default_factory=Task)
    learning_rule: LearningRule = Field(default_factory=LearningRule)
    training: Training = Field(default_factory=Training)
    targets: Targets = Field(default_factory=Targets)
