"""What a path in small batches asks of the estimates of single updates, of any network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from neurograd.problem import Problem


@dataclass(frozen=True)
class Samples:
    """Samples that are looked at more than once.

    Attributes:
        inputs: Their inputs, first dimension n; equal parts for each read, one read after the
            other.
        targets: Their targets, likewise.
        reads: Number of reads that see a part of them each.
    """

    inputs: Tensor
    targets: Tensor
    reads: int = 1

    @classmethod
    def gathered(cls, problem: Problem, index: Tensor, batch_size: int, pairs: int = 0) -> Samples:
        """Some samples, for estimates at several places; equal parts of them for a pair of reads.

        Both reads of a pair, which are mirrored, see the same samples: what they do to the mean is
        then of second order. No batch has samples of two reads, so that some may be left out.

        Args:
            problem: Network, loss and data.
            index: The samples, a batch or more for each pair.
            batch_size: Samples of an update.
            pairs: Number of pairs of reads; 0 for one read of all samples.
        """
        if pairs:
            size = len(index) // batch_size // pairs * batch_size
            index = index[: size * pairs].unflatten(0, (pairs, size)).repeat_interleave(2, 0)
        return cls(*problem.batch(index.flatten()), 2 * pairs or 1)

    @cached_property
    def vectors(self) -> Tensor:
        """Inputs as vectors, shape ``(n, inputs)``; of R reads of m each ``(R, m, inputs)``."""
        flat = self.inputs.flatten(1)
        return flat if self.reads == 1 else flat.unflatten(0, (self.reads, -1))

    @cached_property
    def squares(self) -> Tensor:
        """Squared norms of the inputs, shape ``(n,)``."""
        flat = self.inputs.flatten(1)
        squares: Tensor = torch.linalg.vecdot(flat, flat)
        return squares

    @property
    def count(self) -> int:
        """Number of samples, once for each read that sees them."""
        return len(self.targets)

    def first(self, count: int) -> Samples:
        """The first samples of those that one read sees."""
        return Samples(self.inputs[:count], self.targets[:count])


class ChangedUpdates(Protocol):
    """Estimates of single updates, as far as a step asks for them along its way."""

    @property
    def mean(self) -> Tensor:
        """Mean estimate, shape ``(N,)``."""
        ...

    @property
    def size(self) -> Tensor:
        """E|x| of the estimate x of one update, shape ``(N,)``; not below that of the mean."""
        ...

    @property
    def batches(self) -> int:
        """Updates that are known one by one."""
        ...

    def single(self, count: int) -> Tensor:
        """The estimates of the first ``count`` updates, shape ``(count, N)``."""
        ...


class SingleUpdates(ChangedUpdates, Protocol):
    """Estimates of single updates at one point, where a step begins."""

    @property
    def batch_size(self) -> int:
        """Samples B of an update."""
        ...

    @property
    def square(self) -> Tensor:
        """E x² of one update, shape ``(N,)``."""
        ...

    @property
    def samples(self) -> int:
        """Number M of samples."""
        ...

    def noise(self, normal: Tensor) -> tuple[Tensor, Tensor]:
        """A draw with the covariance of the estimate of one update, and of its size with it.

        Args:
            normal: Independent standard normal numbers, shape ``(batches,)``.

        Returns:
            ``Σ ξ x`` and ``Σ ξ |x|`` over the updates that the samples make, with one ξ each,
            centred and scaled so that their covariance is that of (x, |x|) behind one read, shapes
            ``(N,)``.
        """
        ...

    def plain_noise(self, normal: Tensor) -> Tensor:
        """A draw with the covariance of the estimate alone, in as many directions as samples.

        Args:
            normal: Independent standard normal numbers, shape ``(M,)``.
        """
        ...

    def centred(self, rows: Tensor) -> Tensor:
        """Rows of the first updates less the mean of those that share their read.

        Scaled so that with independent standard normal numbers they add up to the covariance.

        Args:
            rows: One row an update, first dimension ``batches`` or fewer.
        """
        ...

    def first(self, count: int) -> Self:
        """Those of the first ``count`` samples, a batch or more."""
        ...

    def changed(self, few: Self, now: Self) -> ChangedUpdates:
        """These, changed as those of a few of their samples are, from ``few`` to ``now``."""
        ...

    def growth(self, before: Self) -> float:
        """Root mean square of single samples' gradients over that of the same ones elsewhere."""
        ...


Updates = TypeVar("Updates", bound=SingleUpdates)


@dataclass(frozen=True)
class Changed(ABC, Generic[Updates]):
    """The estimates of many samples, changed as those of a few of them are (a control variate).

    To the mean of the few as it is now comes a part of what it was off that of the many by where
    the step began: layer by layer, or parameter by parameter,

        c = Σ⟨g_now, g_before⟩ / Σ‖g_before‖²

    of the gradients g of the few, held between 0 and 1: the regression coefficient of a control
    variate (Glasserman, Monte Carlo Methods in Financial Engineering, 2003, section 4.1), about 0
    and not about their means, which a network that has learned hardly has. With c = 1, what was not
    followed would be pushed on with the gradients that it had, long after it was learned.

    Attributes:
        many: Those of many samples at one point.
        few: Those of a part of the samples at the same point.
        now: Those of the same part elsewhere.
    """

    many: Updates
    few: Updates
    now: Updates

    @cached_property
    def mean(self) -> Tensor:
        """Mean estimate, shape ``(N,)``."""
        return self._kept(self.many.mean - self.few.mean).add_(self.now.mean)

    @cached_property
    def size(self) -> Tensor:
        """E|x| of the estimate x of one update, shape ``(N,)``; not below that of the mean."""
        if self.now.batch_size == 1:
            size = self._kept(self.many.size - self.few.size).add_(self.now.size)
        else:
            size = self._grown(self.many.size.clone())
        return torch.maximum(size, self.mean.abs())

    @property
    def batches(self) -> int:
        """Updates that the few samples make."""
        return self.now.batches

    def single(self, count: int) -> Tensor:
        """The estimates of the first ``count`` updates of the few, shape ``(count, N)``."""
        return self.now.single(count)

    @abstractmethod
    def _kept(self, rest: Tensor) -> Tensor:
        """What is kept of ``rest``, shape ``(N,)``, which is changed."""

    @abstractmethod
    def _grown(self, size: Tensor) -> Tensor:
        """Mean sizes of batches, changed as the root mean square over the few does, ``(N,)``."""


class UpdateEstimates(Protocol):
    """Estimates of a chip's rule, of some samples at some weights."""

    @property
    def look(self) -> float:
        """What a sample of a look costs, in passes of one sample through the network."""
        ...

    def gathered(self, index: Tensor, pairs: int = 0) -> Samples:
        """Some samples, see ``Samples.gathered``."""
        ...

    def at(self, seen: Tensor, samples: Samples, step_size: float = 0.0) -> SingleUpdates:
        """Estimates of some samples.

        Args:
            seen: Weights as the passes see them, shape ``(N,)``, or as each of R reads has them,
                shape ``(R, N)``.
            samples: The samples, a part of them for each read.
            step_size: Δt of updates whose mean flow is asked for: each sample is looked at where
                half of its own part of an update has moved it uphill (``own_step``).
        """
        ...

    def loss(self, w: Tensor, samples: Samples) -> float:
        """Mean loss of some samples at weights as the passes see them, shape ``(N,)``."""
        ...


def centred(rows: Tensor, together: int) -> Tensor:
    """Rows less the mean of so many neighbours, over the root of their degrees of freedom."""
    parts = rows.split(max(1, together))
    # One alone has no spread.
    degrees = max(1, len(rows) - len(parts))
    return torch.cat([part - part.mean(0) for part in parts]) / math.sqrt(degrees)


def ratio(part: Tensor | float, whole: Tensor | float) -> float:
    """A ratio; 1 where both are 0."""
    return float(part) / float(whole) if float(whole) > 0 else 1.0


def coefficient(products: Tensor, squares: Tensor) -> float:
    """What is kept of what was not followed, from 0 to 1: c of ``Changed``.

    Args:
        products: Products ``⟨g_now, g_before⟩``, of any shape.
        squares: Squares ``‖g_before‖²``, likewise.
    """
    return min(1.0, max(0.0, ratio(products.sum(), squares.sum())))
