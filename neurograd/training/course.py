"""What takes each update of a training: the chip with the step size and the samples of its turn."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from device_models import Chip, Minibatch
from device_models.protocols import StepSized
from neurograd.seeding import generator_for
from neurograd.training.schedules import Schedule, factor_at


def with_step_size(chip: Chip, step_size: float) -> Chip:
    """A chip with another Δt, its rule included where that counts pulses."""
    if step_size == chip.step_size:
        return chip
    rule = chip.rule
    if isinstance(rule, StepSized):
        rule = rule.with_step_size(step_size)
    return replace(chip, rule=rule, step_size=step_size)


def chip_at(chip: Chip, schedule: Schedule, step: int) -> Chip:
    """A chip with the Δt of one update."""
    return with_step_size(chip, chip.step_size * factor_at(schedule, step))


def epoch_of(chip: Chip, num_samples: int) -> int | None:
    """Updates of an epoch whose batches are shuffled; None where updates are drawn for themselves.

    Args:
        chip: The chip.
        num_samples: Size of the training set.
    """
    rule = chip.rule
    if not isinstance(rule, Minibatch) or rule.order != "shuffled":
        return None
    return rule.epoch_length(num_samples) if rule.batch_size < num_samples else None


class Course:
    """The chip of each update.

    The samples of a shuffled epoch are in an order drawn from (seed, path, epoch), the same on
    every kind of device and whatever came before, so that chips and clean twins of one path see the
    same batches in the same order. The last batch of an epoch may be smaller, as with
    ``torch.utils.data.DataLoader``. In other orders each update draws its batch for itself.

    Args:
        chip: The chip with the Δt that a factor of 1 stands for.
        num_samples: Size of the training set.
        schedule: Factors on Δt.
        seed: Seed of the order.
        path: What the order is for (``generator_for``).
    """

    def __init__(
        self, chip: Chip, num_samples: int, schedule: Schedule, seed: int, *path: int | str
    ) -> None:
        self._chip, self._samples, self._schedule = chip, num_samples, schedule
        self._seed, self._path = seed, path
        self._epoch_length = epoch_of(chip, num_samples)
        self._epoch, self._order = -1, torch.empty(0)
        self._here = self._there = self._order

    @property
    def chip(self) -> Chip:
        """The chip with the Δt that a factor of 1 stands for."""
        return self._chip

    def at(self, step: int, device: torch.device) -> Chip:
        """The chip that takes update ``step``, the first of which is 0.

        Args:
            step: The update.
            device: Where it computes.
        """
        chip = chip_at(self._chip, self._schedule, step)
        if self._epoch_length is None:
            return chip
        assert isinstance(chip.rule, Minibatch)
        epoch, place = divmod(step, self._epoch_length)
        first = place * chip.rule.batch_size
        batch = self._order_on(device, epoch)[first : first + chip.rule.batch_size]
        return replace(chip, rule=chip.rule.on(batch))

    def visited(self, done: int, updates: int) -> Tensor:
        """Samples of updates of one shuffled epoch, in their order, or all of it.

        Args:
            done: Updates before them.
            updates: Their number, up to the end of their epoch or of whole epochs.

        Returns:
            The samples, shape ``(m,)``.
        """
        assert self._epoch_length is not None
        assert isinstance(self._chip.rule, Minibatch)
        epoch, place = divmod(done, self._epoch_length)
        assert not place or place + updates <= self._epoch_length
        size = self._chip.rule.batch_size
        return self._order_of(epoch)[place * size : (place + updates) * size]

    def _order_on(self, device: torch.device, epoch: int) -> Tensor:
        """The same on a device, where it is brought once an epoch."""
        order = self._order_of(epoch)
        if order is not self._here:
            self._here, self._there = order, order.to(device)
        return self._there

    def _order_of(self, epoch: int) -> Tensor:
        """All samples in the order of an epoch, shape ``(n,)``."""
        if epoch != self._epoch:
            generator = generator_for(self._seed, *self._path, epoch)
            self._order = torch.randperm(self._samples, generator=generator)
            self._epoch = epoch
        return self._order
