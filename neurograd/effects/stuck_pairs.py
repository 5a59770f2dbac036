"""Stuck devices of a pair that pulses only raise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from device_models import OneSidedPair, WornDevices
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
    works = _without_range(pair, first == 0, second == 0)
    synapse.write = _pinned(synapse, works, pinned, at)
    synapse.bounds = works.weight_bounds()


def _without_range(pair: OneSidedPair, first: Tensor, second: Tensor) -> OneSidedPair:
    from device_models.write.pulsed_devices import without_range  # noqa: PLC0415  (needs torch)

    return replace(
        pair,
        positive=without_range(pair.positive, first),
        negative=without_range(pair.negative, second),
    )


def _pinned(synapse: Synapse, pair: OneSidedPair, pinned: Tensor, at: Tensor) -> WornDevices:
    """The pairs with those that stand still; what stood still before does so where it did."""
    from device_models import WornDevices  # noqa: PLC0415  (needs torch)

    before = synapse.write
    if isinstance(before, WornDevices):
        at = at.where(~before.worn, before.held)
        pinned = pinned | before.worn
    return WornDevices(pair, pinned, at)
