"""Minibatch sampling: a rule that sees a random part of the training set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Self, get_args

import torch
from torch import Tensor

from device_models.protocols import (
    BatchRule,
    LearningRule,
    Problem,
    StepSized,
    SummedRule,
    expected_gradient,
    has_known_mean,
)

SampleOrder = Literal["fresh", "shuffled", "with_replacement"]
"""Which samples the updates of a training see.

``fresh``: a batch without replacement, drawn anew for every update; ``shuffled``: the batches of an
epoch share no sample and cover the set; ``with_replacement``: samples drawn one by one from the
whole set, so that a batch may hold one twice. In the first two orders a batch of as many samples as
the set has, or more, is the set; with replacement it is drawn like any other.
"""

AVERAGED_BATCHES = 32
"""Batches over which the mean is averaged of a rule that is no mean over samples.

The error of the average is ``√(variance of an estimate/32)``, less than a fifth of its spread.
"""


@dataclass(frozen=True)
class Minibatch:
    """A rule on a uniformly drawn batch of the training set.

    One update by itself sees a random batch in every order, and this is what the rule's moments
    are of: the batches of a shuffled epoch differ from fresh ones in how they vary together. A
    training gives each update its batch (``on``, as ``neurograd.training`` does for shuffled
    epochs); without one, it is drawn.

    Its mean is the rule's estimate on the whole set for every rule that is a mean over samples, and
    that of a rule for this size of batches (``SummedRule``) where pulses of each sample are rounded
    or cut. Others (the sign of a gradient) have another one: it is averaged over
    ``AVERAGED_BATCHES`` drawn batches, for want of a closed form.
    For backpropagation its total variance is, with population size n and batch size B,

        (n − B)/(n − 1) · (mean_i ‖g_i‖² − ‖g‖²)/B

    (Cochran, Sampling Techniques, 1977, Theorem 2.2); with replacement, the first factor is 1.

    Attributes:
        rule: The rule that is applied to the batch.
        batch_size: Number of samples of a batch, 1 or more.
        by_sample: Whether what the arrays make of a sample does not depend on its batch
            (``PassPath.by_sample``); a chip sets it by its passes.
        order: Which samples the updates of a training see.
        batch: Samples of every estimate, shape ``(batch_size,)``; drawn for each when None.

    Raises:
        ValueError: If the batch size is below 1, or the order unknown.
    """

    rule: BatchRule
    batch_size: int
    by_sample: bool = True
    order: SampleOrder = "fresh"
    batch: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; allowed: 1 or more")
        if self.order not in get_args(SampleOrder):
            allowed = ", ".join(get_args(SampleOrder))
            raise ValueError(f"order is {self.order!r}; allowed: {allowed}")

    def on(self, batch: Tensor) -> Self:
        """The rule on given samples, shape ``(B,)`` of whole numbers."""
        return replace(self, batch_size=len(batch), batch=batch)

    def with_step_size(self, step_size: float) -> Self:
        """The same for another step size, where the rule on a batch depends on it."""
        if not isinstance(self.rule, StepSized):
            return self
        return replace(self, rule=self.rule.with_step_size(step_size))

    def epoch_length(self, num_samples: int) -> int:
        """Updates of an epoch, ⌈n/B⌉; the last one's batch may be smaller."""
        return -(-num_samples // self.batch_size)

    @property
    def deterministic(self) -> bool:
        """Whether the batch is given, and the rule draws nothing."""
        return self.batch is not None and self.rule.deterministic

    @property
    def mean_over_samples(self) -> bool:
        """Whether the rule's is, behind arrays that take each sample for itself."""
        return self.by_sample and self.rule.mean_over_samples

    def gradient(self, problem: Problem, w: Tensor, generator: torch.Generator) -> Tensor:
        """Estimate on one batch, shape ``(N,)``; on the whole set where it ``is_whole``."""
        return self.rule.gradient(
            problem, w, generator, self.sample_batch(problem.num_samples, generator)
        )

    def expected(self, problem: Problem, w: Tensor, generator: torch.Generator) -> Tensor:
        """Mean of an estimate, shape ``(N,)``.

        For a mean over samples it is the rule's own on the whole set, for a sum over them that of
        the rule for this size of batches; a smaller last batch of an epoch counts as the others.
        For other rules it is the average of the rule's means on ``AVERAGED_BATCHES`` batches, at
        the cost of as many estimates: unbiased, and its variance is that of the rule's mean on a
        batch over their number.

        Args:
            problem: Network, loss and data.
            w: Weights, shape ``(N,)``.
            generator: Source of the batches; not used where the mean is known.
        """
        samples = problem.num_samples
        if self.batch is not None:
            return expected_gradient(self.rule, problem, w, generator, self.batch)
        on_set = self._on_set(samples)
        if on_set is not None:
            return expected_gradient(on_set, problem, w, generator)
        total = torch.zeros_like(w)
        for _ in range(AVERAGED_BATCHES):
            batch = self.sample_batch(samples, generator)
            total += expected_gradient(self.rule, problem, w, generator, batch)
        return total / AVERAGED_BATCHES

    def mean_is_averaged(self, problem: Problem) -> bool:
        """Where a batch is drawn of the set and the rule no mean, or sum, over samples."""
        if self.batch is None and self._on_set(problem.num_samples) is None:
            return True
        return not has_known_mean(self.rule, problem)

    def _on_set(self, num_samples: int) -> BatchRule | None:
        """The rule whose mean on the whole set is that over drawn batches, where there is one."""
        if self.mean_over_samples or self.is_whole(num_samples):
            return self.rule
        if self.by_sample and isinstance(self.rule, SummedRule):
            return self.rule.in_batches_of(self.batch_size)
        return None

    def is_whole(self, num_samples: int) -> bool:
        """Whether a drawn batch is every sample of a set once, whatever the draw."""
        return self.order != "with_replacement" and self.batch_size >= num_samples

    def sample_batch(self, num_samples: int, generator: torch.Generator) -> Tensor | None:
        """Indices of one batch, None where it ``is_whole``."""
        if self.batch is not None:
            return self.batch
        if self.is_whole(num_samples):
            return None
        if self.order == "with_replacement":
            size, place = (self.batch_size,), generator.device
            return torch.randint(num_samples, size, generator=generator, device=place)
        order = torch.randperm(num_samples, generator=generator, device=generator.device)
        return order[: self.batch_size]

    def total_variance(self, problem: Problem, w: Tensor) -> float:
        """Closed-form total variance over drawn batches when the rule is backpropagation."""
        n, batch = problem.num_samples, self.batch_size
        if self.is_whole(n):
            return 0.0
        square_norms = problem.per_sample_gradient_square_norms(w)
        spread = float(square_norms.mean() - problem.gradient(w).square().sum())
        left = 1.0 if self.order == "with_replacement" else (n - batch) / (n - 1)
        return left * spread / batch


def draw_batch(
    rule: LearningRule, problem: Problem, generator: torch.Generator
) -> tuple[LearningRule, Tensor | None]:
    """The rule that is applied to a batch, and the batch; None for the whole set.

    Args:
        rule: A rule, in batches or not.
        problem: Network, loss and data.
        generator: Source of the batch.
    """
    if isinstance(rule, Minibatch):
        return rule.rule, rule.sample_batch(problem.num_samples, generator)
    return rule, None
