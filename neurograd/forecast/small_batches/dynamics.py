"""Mean and noise of updates of small batches, by a fresh subset of samples a step.

A step of many updates follows the mean of M samples (``subset``) in stabilized stages: those that
it visits where epochs are shuffled, and else as many as are off by the noise of its updates. Each
of them is looked at where half of its own part of an update has moved it uphill, which to second
order is the flow that updates follow as far as single samples go (``own_step``); so are
spread and sizes of updates, which comes out too large by about half of what an update does to its
own sample. At each stage, what the write makes of single updates is averaged over the subset
(``increments``): by their mean and their mean size where the write is linear on either side of 0,
with its slopes there; else over updates one by one, with their known mean as a control variate.
What a step leaves out of the noise of its batches is ``Σ ξ r`` over what is realized of single
updates, with independent normal ξ.

Where reads are random, parts of the subset are seen by a pair of mirrored reads each, which stay
along a step: what their spread does to the mean is in the mean. What the mean gradient changes by
from read to read is noise of its own, which no order of samples pays back.

A chip and its clean twin see the same subsets after the same number of updates, so that what these
do to both alike cancels; what they do to the chip alone is in the spread of the chips.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from device_models import Chip, Minibatch
from device_models.protocols import ElementMoments
from neurograd.forecast.noise.along_drift import BatchesAlongDrift
from neurograd.forecast.noise.diffusion import Draw
from neurograd.forecast.noise.shuffled_epochs import (
    EpochPart,
    ShuffledEpochs,
    VisitedEpochs,
    shuffled_epochs,
    visited_epochs,
)
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.small_batches.estimates.single_updates import (
    ChangedUpdates,
    Samples,
    SingleUpdates,
    UpdateEstimates,
)
from neurograd.forecast.small_batches.response import SubsetResponse
from neurograd.forecast.small_batches.subset import (
    followed,
    noise_of_batch,
    step_part,
    subset_part,
    subset_size,
)
from neurograd.forecast.write_response import SINGLE_UPDATES, WriteResponse, slope
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.training.course import Course, epoch_of
from neurograd.training.schedules import ConstantStep

MONITORED = 512
"""Samples by which the loss of a step is watched.

A count. Not tuned: a loss that is half as large again stands out from the spread over these. Fewer
let steps through that are too long; more cost passes.
"""


READ_PAIRS = 2
"""Mirrored pairs of random reads of a step.

A count. Not tuned. Fewer know less well what the spread of reads does to the mean; more cost calls.
"""


SHARED_SAMPLES = 256
"""Samples by which the change of the mean gradient by a read is known.

A count. Not tuned: their own spread adds a part of about 1/256 of one sample's to its square. Fewer
make that noise larger than it is; more cost passes.
"""


ORDER = "forecast order"
"""What the order of shuffled epochs is drawn for, one of each chip and its clean twin."""


class SubsetDynamics:
    """Mean and noise of updates by subsets of the training set.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        estimates: Its estimates of single updates.
        seed: Seed of the subsets.
        modes: Stiff modes of the path.
        writes_a_read: Updates behind one random read.
        index: Which of several chips with one seed this is.
    """

    def __init__(
        self,
        problem: Problem,
        chip: Chip,
        estimates: UpdateEstimates,
        seed: int,
        modes: StiffModes,
        writes_a_read: float = 1.0,
        index: int = 0,
    ) -> None:
        assert isinstance(chip.rule, Minibatch)
        self._problem, self._chip, self._rule = problem, chip, chip.rule
        self._estimates, self._seed, self._index = estimates, seed, index
        self._response = SubsetResponse(chip, problem.initial_weights)
        self.diffusion = BatchesAlongDrift(_Nothing(), WriteResponse(chip), modes, chip.step_size)
        self.before_noise: Tensor | None = None
        self._passed, self._samples, self._writes_a_read = 0, problem.num_samples, writes_a_read
        self._epoch = epoch_of(chip, self._samples)
        self._reads_random = not chip.deterministic_reads
        # What reads add to the noise is drawn, and with it what the samples of a step have.
        epochs = shuffled_epochs if self._reads_random else visited_epochs
        self.epochs: ShuffledEpochs | None = epochs(problem, chip)
        self._course = Course(chip, self._samples, ConstantStep(), seed, ORDER, index)
        self._offsets: Tensor | None = None
        self._watched = estimates.gathered(self._order("forecast loss")[:MONITORED])
        # Of all samples, a look at them is none of a part.
        self._watches_all = self._watched.count == self._samples
        self._subset = self._few = self._watched
        self._begun_at: Tensor | None = None
        self._here: SingleUpdates | None = None
        self._few_here: SingleUpdates | None = None

    @property
    def gradients(self) -> int:
        """Samples that were looked at, in training sets; own steps are not counted."""
        return math.ceil(self._passed / self._samples)

    def use(self, chip: Chip) -> None:
        """Go on with the step size of this chip."""
        self._chip = chip
        self._response.use(chip)
        self.diffusion.step_size = chip.step_size

    def _order(self, *path: int | str) -> Tensor:
        order = torch.randperm(self._samples, generator=generator_for(self._seed, *path))
        return order.to(self._problem.device)

    def begin(self, w: Tensor, done: int, length: int, generator: torch.Generator) -> None:
        """A subset for a step of up to ``length`` updates, and its estimates at ``w``."""
        self._offsets = self._drawn_reads(w, generator) if self._reads_random else None
        self._take_subset(self._samples_of(done, length))
        self._begun_at = w
        self._here = found = self._at(w, self._subset, generator)
        self._few_here = (
            self._few_of(w, found, generator) if self._few.count < self._subset.count else None
        )
        if self._chip.writes:
            way = -length * self._chip.step_size * found.mean
            self._response.prepare(w, self._typical(found), way)

    def _samples_of(self, done: int, length: int) -> Tensor:
        """Samples of a step: where epochs are shuffled those that it visits."""
        if isinstance(self.epochs, VisitedEpochs):
            return self._course.visited(done, length).to(self._problem.device)
        return self._order("forecast subset", self._index, done)[: self._size_of(length)]

    def _size_of(self, length: int) -> int:
        """How many samples a step looks at, if its epoch has so many left."""
        part = step_part(self._chip, self._epoch)
        return subset_size(self._rule, self._samples, length, self._epoch, part)

    def _take_subset(self, index: Tensor) -> None:
        """Gather the samples of a step, and the few that are followed along it."""
        few, self._size = followed(self._rule, len(index)), len(index)
        if self._offsets is None:
            self._subset = self._estimates.gathered(index)
            self._few = self._subset.first(few)
            return
        self._subset = self._estimates.gathered(index, READ_PAIRS)
        self._few = self._estimates.gathered(index[:few], READ_PAIRS)
        self._size = self._subset.count // 2

    def _few_of(self, w: Tensor, found: SingleUpdates, generator: torch.Generator) -> SingleUpdates:
        """Estimates of the few at ``w``, which one read has found among those of the subset."""
        if self._offsets is None:
            return found.first(self._few.count)
        return self._at(w, self._few, generator)

    def _at(
        self, w: Tensor, samples: Samples, generator: torch.Generator, *, reads: bool = True
    ) -> SingleUpdates:
        """Estimates of some samples at ``w``."""
        self._passed += samples.count
        seen = self._chip.mean_read(w, generator) if reads else w
        seen = seen if self._offsets is None else seen + self._offsets
        return self._estimates.at(seen, samples, self._chip.step_size)

    def _drawn_reads(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Mirrored reads less their mean: what they do to the mean is left, of second order.

        Shape ``(R, N)``.
        """
        center = self._chip.mean_read(w, generator)
        drawn = [self._chip.read(w, generator) - center for _ in range(READ_PAIRS)]
        return torch.stack([side * each for each in drawn for side in (1.0, -1.0)])

    def _typical(self, found: SingleUpdates) -> Tensor:
        """Size ``E x²/E|x|`` of increments, at which a line has their mean variance."""
        least = torch.finfo(found.size.dtype).tiny
        return self._chip.step_size * found.square / found.size.clamp_min(least)

    def draw_noise(self, w: Tensor, generator: torch.Generator) -> float:
        """Two independent draws of the noise of an update at ``w``."""
        found = self._here
        assert found is not None
        self.before_noise = self._realized(w, found) / self._chip.step_size
        share = math.sqrt(self._rule.batch_size * noise_of_batch(self._rule, self._samples))
        own, spread = self._noise(w, found)
        std = None if own is None else own.sqrt()
        reads = self._noise_of_reads(w, found, generator)

        def alone() -> Tensor | None:
            found = None if reads is None else _normal(len(reads), like=reads, by=generator) @ reads
            if std is None:
                return found
            noise = std * _normal(len(std), like=std, by=generator)
            return noise if found is None else found + noise

        # First of all, so that batches of single samples are those of the clean twin.
        before, after = share * spread(generator), share * spread(generator)
        return self.diffusion.take(Draw(alone(), before), Draw(alone(), after), w)

    def _noise(
        self, w: Tensor, found: SingleUpdates
    ) -> tuple[Tensor | None, Callable[[torch.Generator], Tensor]]:
        """Mean of the write's own variance, and a draw of what single updates spread by."""
        unit = self._chip.step_size

        def normal(count: int, generator: torch.Generator) -> Tensor:
            return _normal(count, like=w, by=generator)

        if not self._chip.writes:
            return None, lambda g: -unit * found.plain_noise(normal(found.samples, g))
        if self._response.is_linear:
            line = self._response.at(w)
            own = line.moments(-unit * found.mean, unit * found.size).variance

            def along(generator: torch.Generator) -> Tensor:
                asked, size = found.noise(normal(found.batches, generator))
                return line.change(-unit * asked, unit * size)

            return own, along
        written = self._written(w, found)
        off = found.centred(written.mean)
        return written.variance.mean(0), lambda g: normal(len(off), g) @ off

    def _noise_of_reads(
        self, w: Tensor, found: SingleUpdates, generator: torch.Generator
    ) -> Tensor | None:
        """Noise that the mean update has from read to read, in weight units.

        Of some samples at each mirrored pair of reads: what both differ by has a mean of 0, what
        they have in common (sizes change alike) has not. Of u updates behind one read all have the
        same, so that it is √u times as large. Rows are to be added with independent standard normal
        numbers; shape ``(2·pairs, N)``, None where no read is random.
        """
        if self._offsets is None:
            return None
        center = self._chip.mean_read(w, generator)
        some = self._watched.first(SHARED_SAMPLES)
        self._passed += some.count * len(self._offsets)
        response = self._response_of_mean(w, found)
        each = torch.stack(
            [response(self._estimates.at(center + offset, some)) for offset in self._offsets]
        )
        apart, alike = 0.5 * (each[::2] - each[1::2]), 0.5 * (each[::2] + each[1::2])
        alike = (alike - alike.mean(0)) / math.sqrt(len(alike) - 1)
        rows = torch.cat([apart / math.sqrt(len(apart)), alike])
        return rows.mul_(math.sqrt(self._writes_a_read))

    def _response_of_mean(
        self, w: Tensor, found: SingleUpdates
    ) -> Callable[[SingleUpdates], Tensor]:
        """What is realized of the mean of some updates, but for what does not depend on them."""
        unit = self._chip.step_size
        if self._chip.writes and self._response.is_linear:
            line = self._response.at(w)
            return lambda other: line.change(-unit * other.mean, unit * other.size)
        gain = slope(self._asked(found), self._written(w, found).mean) if self._chip.writes else 1.0
        return lambda other: -unit * gain * other.mean

    def _asked(self, found: ChangedUpdates) -> Tensor:
        """What single updates ask for, shape ``(K, N)``."""
        return -self._chip.step_size * found.single(min(found.batches, SINGLE_UPDATES))

    def _written(self, w: Tensor, found: SingleUpdates) -> ElementMoments:
        """What is realized of single updates, shape ``(K, N)``."""
        return self._response.stack(w, self._asked(found))

    def first_drift(
        self, start: Tensor, done: int, length: int, generator: torch.Generator
    ) -> Tensor:
        """Mean update of the subset, where the drift of a step begins."""
        if start is self._begun_at and self.before_noise is not None:
            return self.before_noise
        return self.drift(start, generator)

    def shorten(self, length: int, before_noise: Tensor | None) -> Tensor | None:
        """Go on with the samples that fewer updates have; returns the drift before their noise."""
        self.diffusion.forget_growth()
        if self._offsets is not None:
            return before_noise
        assert self._here is not None
        assert self._begun_at is not None
        size = self._size_of(length)
        if size >= self._size:
            return before_noise
        self._size, few = size, followed(self._rule, size)
        self._subset, self._here = self._subset.first(size), self._here.first(size)
        self._few = self._subset.first(few)
        self._few_here = self._here.first(few) if few < size else None
        self.before_noise = self._realized(self._begun_at, self._here) / self._chip.step_size
        return self.before_noise

    def drift(self, w: Tensor, generator: torch.Generator) -> Tensor:
        """Mean update of the subset along a step, and how its noise changes on the way."""
        now = self._at(w, self._few, generator)
        before = self._few_here or self._here
        if before is not None:
            self.diffusion.grown = partial(now.growth, before)
        return self._drift_by(w, now)

    def look(self, w: Tensor, generator: torch.Generator, *, reads: bool = True) -> Tensor:
        """Mean update of the subset beside the path, from where the step begins by a few of it."""
        return self._drift_by(w, self._at(w, self._few, generator, reads=reads))

    def _drift_by(self, w: Tensor, now: SingleUpdates) -> Tensor:
        """Mean update of the subset by estimates of the few."""
        found = self._here
        if found is None or self._few_here is None:
            return self._realized(w, now) / self._chip.step_size
        changed = found.changed(self._few_here, now)
        return self._realized(w, changed) / self._chip.step_size

    def _realized(self, w: Tensor, found: ChangedUpdates) -> Tensor:
        """Mean of what is realized of single updates, in weight units."""
        unit = self._chip.step_size
        asked = -unit * found.mean
        if not self._chip.writes:
            return asked
        if self._response.is_linear:
            return self._response.mean(w, asked, unit * found.size)
        single = self._asked(found)
        realized = self._response.stack(w, single).mean
        return realized.mean(0) - slope(single, realized) * (single.mean(0) - asked)

    def known(self, part: EpochPart | None, length: int) -> EpochPart:
        """The noise that is to be drawn beside that of the subset."""
        if part is not None and isinstance(self.epochs, VisitedEpochs):
            return part
        seen = subset_part(self._rule, self._samples, self._size, length)
        return (part or EpochPart(length, 0.0, 1.0, 0.0)).beside(seen)

    def loss(self, w: Tensor) -> float:
        """Mean loss of some samples that are the same along the path."""
        if not self._watches_all:
            self._passed += self._watched.count
        return self._estimates.loss(w, self._watched)


def _normal(count: int, *, like: Tensor, by: torch.Generator) -> Tensor:
    """Independent standard normal numbers, shape ``(count,)``."""
    return torch.randn(count, generator=by, dtype=like.dtype, device=like.device)


class _Nothing:
    """Estimates whose noise is drawn elsewhere."""

    spread = None
