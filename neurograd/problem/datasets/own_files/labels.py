"""The classes of a user's samples, and which output of the network each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from neurograd import words

_SHOWN = 6
"""Most classes that a sentence lists."""

_LONGEST = 40
"""Most characters of a name in a sentence."""


@dataclass(frozen=True)
class Labels:
    """Classes and their outputs.

    Attributes:
        names: The labels in their order, shape ``(classes,)``, numbers or text.
        outputs: The output that each is, shape ``(classes,)``, int64.
    """

    names: np.ndarray
    outputs: np.ndarray

    @classmethod
    def of(cls, names: np.ndarray, as_numbered: bool) -> Self:
        """Classes that are the outputs 0, 1, 2 ... in their order, or those of their own numbers.

        Args:
            names: The labels in their order, shape ``(classes,)``.
            as_numbered: Whether labels that are whole numbers from 0 are outputs as they are.
        """
        if as_numbered and _are_indices(names):
            return cls(names, names.astype(np.int64))
        return cls(names, np.arange(len(names)))

    def said(self) -> tuple[str, ...]:
        """A sentence on them; none where they are numbered from 0 without a gap."""
        if self.names.dtype.kind != "U" and np.array_equal(self.names, np.arange(len(self.names))):
            return ()
        names = _listed([_shown(name) for name in self.names])
        if self.names.dtype.kind != "U" and np.array_equal(self.names, self.outputs):
            return (f"Classes {names} are the outputs of these numbers, counted from 0.",)
        return (f"Classes {names} are outputs {_listed([str(k) for k in self.outputs])}.",)


def _are_indices(names: np.ndarray) -> bool:
    """Whether labels could be indices of outputs."""
    return names.dtype.kind != "U" and names.min() >= 0 and names.max() < 2**31


def _shown(name: np.generic) -> str:
    text = str(name) if isinstance(name, np.str_) else str(int(name))
    return " ".join(text[:_LONGEST].split())


def _listed(names: Sequence[str]) -> str:
    return words.listed(names if len(names) <= _SHOWN else [*names[: _SHOWN - 2], "...", names[-1]])
