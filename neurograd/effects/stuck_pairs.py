"""Stuck devices of a pair that pulses only raise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from device_models import OneSidedPair
    from neurograd.effects.assembly import Synapse


def one_sided_pair(synapse: Synapse) -> OneSidedPair | None:
    """The pair that holds a synapse's weights; None where that is something else."""
    from device_models import OneSidedPair, WornDevices  # noqa: PLC0415  (needs torch)

    write = synapse.write.inner if isinstance(synapse.write, WornDevices) else synapse.write
    return write if isinstance(write, OneSidedPair) else None


def stick(synapse: Synapse, held: tuple[Tensor, Tensor]) -> None:
    """Lets devices of pairs be stuck.

    One that is stuck at 0 leaves its pair without weights of its sign. Refresh cannot bring one
    that is stuck above 0 down, so that its pair comes back to the same weight and stands there.

    Args:
        synapse: What holds the weights, a one-sided pair, of which some may be stuck already.
        held: State that each first and each second device is stuck at, 0 or more, NaN for those
            that work; shapes ``(N,)``.
    """
    pair = one_sided_pair(synapse)
    assert pair is not None
    first, second = held
    pinned = (first > 0) | (second > 0)
    at = pair.weight_range * (first.nan_to_num(0.0) - second.nan_to_num(0.0))
    pinned, at = _with_those_before(synapse, pinned, at)
    works = _without_range(pair, first == 0, second == 0)
    synapse.write, synapse.bounds = works, works.weight_bounds()
    synapse.hold(pinned, at)


def _without_range(pair: OneSidedPair, first: Tensor, second: Tensor) -> OneSidedPair:
    from device_models.write.pulsed_devices import without_range  # noqa: PLC0415  (needs torch)

    return replace(
        pair,
        positive=without_range(pair.positive, first),
        negative=without_range(pair.negative, second),
    )


def _with_those_before(synapse: Synapse, pinned: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs stand still, and where; those that did before do so where they did."""
    from device_models import WornDevices  # noqa: PLC0415  (needs torch)

    before = synapse.write
    if isinstance(before, WornDevices):
        return pinned | before.worn, at.where(~before.worn, before.held)
    return pinned, at
