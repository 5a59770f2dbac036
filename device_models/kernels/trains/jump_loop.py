"""Pulses of a jump table, in loops: see ``device_models.write.jump_table``."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import chosen_by_types
from device_models.kernels.trains.train_loop import STATE, UP, moved, pulse_all

BUCKETS = 1024
"""Equal parts of the window whose first node is looked up; a power of 2."""

_KEPT = 4
"""Numbers of a segment: mean and deviation at its lower end, and what either changes by."""


class JumpShape(NamedTuple):
    """The step of one pulse of a jump table; numbers are of the weights' type.

    Straight lines between the nodes are segments; below the first node and above the last one the
    values are those of these.

    Attributes:
        noise: 1, or 0 where no pulse has any deviation.
        linear_noise: Always False.
        nodes: Lower ends of the segments, and infinity.
        inverse: 1 over their lengths; 0 where there is one node only.
        lines: ``_KEPT`` numbers of each segment in the direction of pulses up, then of those down.
        first: Segment of the lower end of each bucket.
    """

    noise: Any
    linear_noise: bool
    nodes: Any
    inverse: Any
    lines: Any
    first: Any


def shape_of(nodes: Any, up_mean: Any, up_std: Any, down_mean: Any, down_std: Any) -> JumpShape:
    """A table's step, from columns of shape ``(P,)``."""
    if nodes.size == 1:
        nodes, up_mean, up_std, down_mean, down_std = (
            np.repeat(each, 2) for each in (nodes, up_mean, up_std, down_mean, down_std)
        )
    real = nodes.dtype.type
    length = np.diff(nodes)
    inverse = np.divide(real(1.0), length, out=np.zeros_like(length), where=length > 0)
    columns = ((up_mean, up_std), (-down_mean, down_std))
    lines = [
        np.stack([mean[:-1], np.diff(mean), std[:-1], np.diff(std)], axis=1)
        for mean, std in columns
    ]
    starts = np.append(nodes[:-1], real(np.inf))
    buckets = np.arange(BUCKETS + 1) / real(BUCKETS)
    first = np.searchsorted(starts[1:], buckets.astype(real), side="right")
    noise = real(bool(up_std.any() or down_std.any()))
    return JumpShape(
        noise, False, starts, inverse, np.concatenate(lines).ravel(), first.astype(np.int32)
    )


@chosen_by_types(pulse_all)
def _pulse_of(size: Any, x: Any, noise: Any, spare: Any, shape: Any, pulse: Any) -> Any:
    return _jump_pulse if shape.instance_class is JumpShape else None


def _jump_pulse(size: Any, x: Any, noise: Any, spare: Any, shape: Any, pulse: Any) -> None:
    real = x.dtype.type
    zero, buckets = real(0.0), real(BUCKETS)
    down = np.uint64(_KEPT * shape.inverse.size)
    for k in range(size):
        h = x[STATE + k]
        bucket = h * buckets
        # A weight that is no number is in the first one, too.
        bucket = bucket if bucket > zero else zero
        bucket = bucket if bucket < buckets else buckets
        segment = np.uint64(shape.first[np.uint64(bucket)])
        while shape.nodes[segment + np.uint64(1)] <= h:
            segment += np.uint64(1)
        part = (h - shape.nodes[segment]) * shape.inverse[segment]
        part = min(max(part, zero), pulse.one)
        line = np.uint64(_KEPT) * segment + (np.uint64(0) if x[UP + k] > zero else down)
        mean = shape.lines[line] + part * shape.lines[line + np.uint64(1)]
        std = shape.lines[line + np.uint64(2)] + part * shape.lines[line + np.uint64(3)]
        x[STATE + k] = moved(x, k, mean, std, noise, pulse)
