"""A chip: one learning rule, what its passes read, and what its synapses make of a write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

import torch
from torch import Tensor

from device_models.chip_parts import check_parts
from device_models.moments import (
    SampledMoments,
    in_chunks,
    of_constant,
    sampled_moments,
    stacked_through_writes,
    through_writes,
)
from device_models.passes.on_the_way import SomeProblem, check_rule, through
from device_models.protocols import (
    ElementMoments,
    LearningRule,
    PassPath,
    Problem,
    ReadPath,
    UpdateSampler,
    WritePath,
    expected_gradient,
    has_known_mean,
    mean_read,
    read_by_all,
)
from device_models.rules.loss_comparisons import compares_steps, reading_each_pass
from device_models.rules.minibatch import Minibatch, draw_batch
from device_models.updates.batch_reads import batch_behind_noise
from device_models.updates.optimizer import OptimizerState
from device_models.updates.recipe import Recipe
from device_models.updates.sample_writes import (
    SampleEstimates,
    WriteEach,
    check_write_each,
    write_one_by_one,
    writes_one_product,
)


@dataclass(frozen=True)
class Chip:
    """Composes a rule, read effects and an ordered list of write effects.

    One update reads the weights, lets the rule estimate the gradient there, asks the synapses for
    the increment ``−Δt·ĝ`` and divides what they make of it by Δt: a sample of Δw in gradient
    units, so that ``w ← w + Δt·Δw``. With a recipe it asks for ``−Δt·u`` instead, with the u that
    the recipe makes of the estimate and of what it remembers of earlier ones.

    Attributes:
        rule: What the chip computes.
        step_size: Δt, above 0.
        reads: Read effects, applied in order.
        writes: Write effects; each gets what the one before it realizes.
        passes: What the arrays' periphery makes of the products in both passes.
        write_each: What is written at a time: the sum over a ``batch``, or every ``sample`` of it
            for itself (``device_models.updates.sample_writes``), all of one batch by one read.
        recipe: What a digital part makes of the estimates; None for the estimates themselves.
        state: The recipe's memory at which updates are drawn; that before the first when None.

    Raises:
        ValueError: If the step size is not above 0, or what stands among reads, writes or passes is
            none, or the rule's samples cannot be written alone, or passes do not take each for
            itself, or are not there for the rule, or a recipe has no sum over a batch.
    """

    rule: LearningRule
    step_size: float
    reads: tuple[ReadPath, ...] = field(default=())
    writes: tuple[WritePath, ...] = field(default=())
    passes: tuple[PassPath, ...] = field(default=())
    write_each: WriteEach = "batch"
    recipe: Recipe | None = None
    state: OptimizerState | None = None

    def __post_init__(self) -> None:
        check_parts(reads=self.reads, writes=self.writes, passes=self.passes)
        check_write_each(self.write_each, self.rule)
        if self.recipe is not None and self.write_each == "sample":
            raise ValueError("write_each is sample with a recipe; allowed: batch")
        if not self.step_size > 0:
            raise ValueError(f"step_size is {self.step_size:g}; allowed: above 0")
        check_rule(self.passes, self.rule)
        if not all(effect.by_sample for effect in self.passes):
            self._note_batches()

    def _note_batches(self) -> None:
        """What arrays whose ranges are those of a mean over a batch change, or cannot do."""
        if self.write_each == "sample":
            raise ValueError(
                "write_each is sample behind passes with fixed ranges of errors; allowed: batch"
            )
        if isinstance(self.rule, Minibatch) and self.rule.by_sample:
            object.__setattr__(self, "rule", replace(self.rule, by_sample=False))

    @property
    def writes_samples(self) -> bool:
        """Whether an update is a sequence of writes, one a sample."""
        return self.write_each == "sample" and bool(self.writes)

    @property
    def _writes_one_by_one(self) -> bool:
        """The same, and where one sample is all that is written, as an outer product."""
        as_product = self.recipe is None and writes_one_product(self.rule, self.writes)
        return self.writes_samples or as_product

    @property
    def deterministic_reads(self) -> bool:
        """Whether passes see the same of the same weights every time."""
        return all(effect.deterministic for effect in self.reads)

    @property
    def deterministic_passes(self) -> bool:
        """Whether the arrays' periphery makes the same of the same values every time."""
        return all(effect.deterministic for effect in self.passes)

    @property
    def deterministic_writes(self) -> bool:
        """Whether synapses realize the same of the same increment every time."""
        return all(effect.deterministic for effect in self.writes)

    @property
    def deterministic_gradient(self) -> bool:
        """Whether rule, reads and passes give the same estimate every time."""
        return self.rule.deterministic and self.deterministic_reads and self.deterministic_passes

    @property
    def independent_noise(self) -> bool:
        """Whether the noise of different weights is independent: all of it comes from the write."""
        return self.deterministic_gradient

    def program(self, w: Tensor) -> Tensor:
        """The state nearest to ``w`` that the chip can hold, shape ``(N,)``."""
        for effect in self.writes:
            w = effect.program(w)
        return w

    def read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Weights as one forward and backward pass see them, shape ``(N,)``."""
        return read_by_all(self.reads, w, generator)

    def see(self, problem: SomeProblem, generator: torch.Generator | None = None) -> SomeProblem:
        """The problem as the chip computes it: its products go through the arrays' periphery.

        Args:
            problem: Network, loss and data.
            generator: What the periphery's noise is drawn from, pass by pass (draws depend on the
                chunks of a pass, their distribution does not); None for its mean.
        """
        return through(problem, self.passes, generator)

    def estimate(self, problem: Problem, w: Tensor, generator: torch.Generator) -> Tensor:
        """One estimate of the gradient, shape ``(N,)``.

        A batch is drawn before anything else, so that chips see the same samples with generators of
        the same seed, whatever their reads draw.
        """
        return self._estimate_and_read(problem, w, generator)[0]

    def _estimate_and_read(
        self, problem: Problem, w: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """One estimate of the gradient, and the weights as a recipe sees them, read for it."""
        rule, index = draw_batch(self.rule, problem, generator)
        if self.recipe is None and not self.passes:
            found = batch_behind_noise(self.reads, rule, problem, w, generator, index)
            if found is not None:
                return found, w
        batch = () if index is None else (index,)
        each = reading_each_pass(rule, self.reads)
        # A recipe reads for itself where passes do.
        seen = w if each is not None and self.recipe is None else self.read(w, generator)
        rule, at = (rule, seen) if each is None else (each, w)
        return rule.gradient(self.see(problem, generator), at, generator, *batch), seen

    def at(self, state: OptimizerState | None) -> Self:
        """The same chip with its recipe's memory as it is in ``state``."""
        return replace(self, state=state)

    def start(self, w: Tensor) -> OptimizerState | None:
        """The recipe's memory before the first update; None without a recipe.

        Args:
            w: Weights of shape ``(N,)``.
        """
        return None if self.recipe is None else self.recipe.start(w)

    def clean_direction(self, gradient: Tensor, w: Tensor) -> Tensor:
        """The u that the recipe makes of the gradient itself at ``w``, shape ``(N,)``.

        The gradient where there is no recipe: the clean update is −u either way.

        Args:
            gradient: The gradient at ``w``, shape ``(N,)``.
            w: Weights, shape ``(N,)``.
        """
        return self._direction(gradient, w, self.state)[0]

    def _direction(
        self, estimate: Tensor, seen: Tensor, state: OptimizerState | None
    ) -> tuple[Tensor, OptimizerState | None]:
        """What is asked for, in gradient units, and the memory after it."""
        if self.recipe is None:
            return estimate, None
        before = self.recipe.start(seen) if state is None else state
        return self.recipe.step(before, estimate, seen)

    def sample_step(
        self, problem: Problem, w: Tensor, state: OptimizerState | None, generator: torch.Generator
    ) -> tuple[Tensor, OptimizerState | None]:
        """One sample of Δw in gradient units, shape ``(N,)``, and the recipe's memory after it.

        Args:
            problem: Network, loss and data.
            w: Stored weights, shape ``(N,)``.
            state: The recipe's memory before; None before the first update, or without a recipe.
            generator: Source of everything random.
        """
        if self._writes_one_by_one:
            estimates = self.sample_estimates(problem, w, generator)
            return (self._after_samples(w, estimates, generator) - w) / self.step_size, None
        asked, after = self._direction(*self._estimate_and_read(problem, w, generator), state)
        return self.write(w, asked, generator), after

    def advance(
        self, problem: Problem, w: Tensor, state: OptimizerState | None,
        generator: torch.Generator, *, in_place: bool = False,
    ) -> tuple[Tensor, OptimizerState | None]:  # fmt: skip
        """Weights after one update, ``w + Δt·Δw``, and the recipe's memory after it.

        Arguments as for ``sample_step``, whose draws these are; in place, ``w`` is overwritten.
        """
        if self._writes_one_by_one:
            estimates = self.sample_estimates(problem, w, generator)
            return self._after_samples(w, estimates, generator, in_place=in_place), None
        asked, after = self._direction(*self._estimate_and_read(problem, w, generator), state)
        now = w if in_place else w.clone()
        if not self.writes:
            return now.add_(asked, alpha=-self.step_size), after
        return now.add_(self._realized(w, asked, generator)), after

    def write(self, w: Tensor, asked: Tensor, generator: torch.Generator) -> Tensor:
        """Realized Δw in gradient units for an estimated gradient, shape ``(N,)``.

        With a recipe, what is asked for is its u.
        """
        return self._realized(w, asked, generator) / self.step_size if self.writes else -asked

    def _realized(self, w: Tensor, asked: Tensor, generator: torch.Generator) -> Tensor:
        """The same in weight units, from synapses that write."""
        increment = asked * -self.step_size
        for effect in self.writes:
            increment = effect.write(w, increment, generator)
        return increment

    def expected_estimate(
        self, problem: Problem, w: Tensor, generator: torch.Generator, *, reads: bool = True
    ) -> Tensor:
        """Mean of the gradient estimate where it is known, shape ``(N,)``.

        Reads count with their mean: what their spread does to the mean gradient through the third
        derivatives of the loss is left out.

        Args:
            problem: Network, loss and data.
            w: Stored weights, shape ``(N,)``.
            generator: Drawn from only where a mean is not known in closed form.
            reads: Whether the passes see the weights as they are read.
        """
        return self.expected_at(problem, self.mean_read(w, generator) if reads else w, generator)

    def knows_mean(self, problem: Problem) -> bool:
        """Whether ``expected_estimate`` is the mean of an estimate itself, without an error.

        Not where it is an average over draws, nor for rules that compare losses behind converters
        or of spikes, nor where the arrays' periphery is noisy.
        """
        known = self.deterministic_passes and not compares_steps(self.rule, problem, self.passes)
        return known and has_known_mean(self.rule, problem)

    def mean_read(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Mean of what the passes see of stored weights, shape ``(N,)``; one read where unknown."""
        return mean_read(self.reads, w, generator)

    def expected_at(self, problem: Problem, seen: Tensor, generator: torch.Generator) -> Tensor:
        """Mean of the rule's estimate at weights as the passes see them, shape ``(N,)``."""
        return expected_gradient(self.rule, self.see(problem), seen, generator)

    def write_moments(
        self, w: Tensor, increment: Tensor, variance: Tensor | None = None
    ) -> ElementMoments:
        """Mean and variance of what all write effects make of an increment, in weight units.

        Distributions go along the effects (``device_models.moments``): outcomes of a rounding are
        the two values that they are, leaks are exact, and what another effect gives counts as
        normal on the way to the next one. Exact for a constant wherever at most one effect, and
        only leaks after it, has a noise of its own beside roundings, within that effect's closed
        form; trains of several pulses are as exact as ``device_models.write.train_moments``.

        Args:
            w: Stored weights, shape ``(N,)``.
            increment: Mean of the requested increment, shape ``(N,)``.
            variance: Its variance where it is normally distributed, shape ``(N,)``; None for a
                constant. For any other distribution see ``average_write``.
        """
        spread = torch.zeros_like(increment) if variance is None else variance
        return through_writes(self.writes, w, ElementMoments(increment, spread))

    def write_stack(self, w: Tensor, increments: Tensor) -> ElementMoments:
        """Mean and variance of what all write effects make of each of some increments.

        Args:
            w: Stored weights, shape ``(N,)``.
            increments: Increments of one update each, shape ``(M, N)``.

        Returns:
            Moments of shape ``(M, N)``.
        """
        return stacked_through_writes(self.writes, w, increments)

    def average_write(self, w: Tensor, increments: Tensor) -> SampledMoments:
        """Mean and variance of what all write effects make of a sample of single increments.

        For any distribution, such as that of batches. Memory does not grow with their number.

        Args:
            w: Stored weights, shape ``(N,)``.
            increments: Independent increments of one update each, two or more, shape ``(M, N)``.

        Raises:
            ValueError: If there are fewer than two increments.
        """
        return sampled_moments(self.write_stack(w, some) for some in in_chunks(w, increments))

    def sample_update(self, problem: Problem, w: Tensor, generator: torch.Generator) -> Tensor:
        """One sample of Δw in gradient units, shape ``(N,)``, at the chip's ``state``."""
        return self.sample_step(problem, w, self.state, generator)[0]

    def sample_estimates(
        self, problem: Problem, w: Tensor, generator: torch.Generator
    ) -> SampleEstimates:
        """Those of the samples of one batch, drawn first, which sum to one of the gradient."""
        rule, index = draw_batch(self.rule, problem, generator)
        seen = self.see(problem, generator)
        return SampleEstimates.read_by(self.reads, rule, seen, w, generator, index)

    def _after_samples(
        self, w: Tensor, estimates: Iterable[Tensor], generator: torch.Generator, *,
        in_place: bool = False,
    ) -> Tensor:  # fmt: skip
        """Weights after a sequence of writes of the estimates of a batch."""
        step = -self.step_size
        return write_one_by_one(self.writes, w, estimates, step, generator, in_place=in_place)

    def sampler(self, problem: Problem, w: Tensor) -> UpdateSampler:
        """A function that draws samples of Δw at ``w``; computes a fixed gradient only once."""
        if not self.deterministic_gradient:
            return lambda generator: self.sample_update(problem, w, generator)
        if self.writes_samples:
            return self._sample_sampler(problem, w)
        asked = self._fixed_direction(problem, w)
        return lambda generator: self.write(w, asked, generator)

    def _sample_sampler(self, problem: Problem, w: Tensor) -> UpdateSampler:
        """A sampler of sequences of writes whose estimates are fixed: kept where they are few."""
        fixed = self.sample_estimates(problem, w, torch.Generator(device=w.device)).kept()
        return lambda generator: (self._after_samples(w, fixed, generator) - w) / self.step_size

    def closed_form(self, problem: Problem, w: Tensor) -> ElementMoments | None:
        """Exact mean and variance of Δw at ``w``, or None where they are not known.

        Known when rule and reads are deterministic and every write effect but the last is: the
        increment that reaches the last one is then a constant. A sequence of writes, one a sample,
        has none: each finds the weights where the noise of those before has left them.
        """
        if not self.deterministic_gradient or self.writes_samples:
            return None
        asked = self._fixed_direction(problem, w)
        if not self.writes:
            return ElementMoments.constant(-asked)
        moments = of_constant(self.writes, w, asked * -self.step_size)
        if moments is None:
            return None
        return ElementMoments(moments.mean / self.step_size, moments.variance / self.step_size**2)

    def _fixed_direction(self, problem: Problem, w: Tensor) -> Tensor:
        """What a chip whose rule and reads draw nothing asks for at its ``state``."""
        found = self._estimate_and_read(problem, w, torch.Generator(device=w.device))
        return self._direction(*found, self.state)[0]
