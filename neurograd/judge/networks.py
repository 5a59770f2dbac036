"""What is judged of a network: numbers, wherever they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Network(Protocol):
    """A trained or predicted network."""

    @property
    def loss(self) -> float:
        """Mean training loss, infinite where it diverged."""

    @property
    def test_accuracy(self) -> float | None:
        """Accuracy on the test set, None where undefined."""

    @property
    def correct(self) -> np.ndarray | None:
        """Which test samples are classified correctly, shape ``(n,)``; None where undefined."""


class Predicted(Network, Protocol):
    """A network whose training was predicted."""

    @property
    def diverged(self) -> bool:
        """Whether it is predicted to diverge."""

    @property
    def gradients(self) -> int:
        """Gradients that the forecast took, with those of its twin."""

    @property
    def drawn(self) -> bool:
        """Whether every update was drawn for itself, as in training."""

    @property
    def twin(self) -> Network | None:
        """The clean twin, where it was predicted with the chip."""

    @property
    def beside(self) -> Sequence[Network]:
        """Of the first chip's clean twin: those of other chips; empty where they are all alike."""


def correct_table(networks: Sequence[Network]) -> np.ndarray:
    """1 where a test sample is classified correctly, one row a network, shape ``(S, n)``.

    Raises:
        ValueError: If accuracy is undefined.
    """
    rows = [network.correct for network in networks]
    if any(row is None for row in rows):
        raise ValueError("networks have no accuracy; allowed: a test set with classes")
    return np.array(rows, dtype=float)
