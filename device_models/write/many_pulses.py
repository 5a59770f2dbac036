"""Very many pulses of one request, at a cost that does not grow with their number.

A request is a number of pulses, and nothing bounds it: a step of 1e-5 and a diverging update ask
for millions. The first ``MOST_SINGLE_PULSES`` are applied one by one. Those that are left are taken
in blocks of m: with the pulse's mean μ(h), standard deviation s(h) and ρ = 1 + dμ/dh at the state h
where a block finds the device,

    h ← clip(h + μ·(1 − ρ^m)/(1 − ρ) + s·√((1 − ρ^{2m})/(1 − ρ²))·ξ),   ξ standard normal.

This is exact for constant and linear steps without noise, whatever m is, and for their noise where
it does not depend on the state and no bound is met on the way (an autoregression of first order).
Other steps are linearized block by block (the exponential Euler method: Hochbruck and Ostermann,
Acta Numerica 2010), which a block's length keeps small.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

MOST_SINGLE_PULSES = 1000
"""Pulses of one request that are applied one by one."""

MOST_BLOCKS = 1000
"""Blocks after which a device has forgotten where it came from, and the rest changes nothing.

Only noise needs as many: every block then moves a device by up to a 16th of its window at random,
so that after them the distribution of its state is the one that stays.
"""

FREE_REACH = 8.0
"""Standard deviations that a train keeps away from bounds where it is taken as one."""

LARGEST_MOVE = 1.0 / 16.0
"""Part of the window that a block may move a device, unless its step fades before."""

GROWTH = 1.0 / 8.0
"""Pulses of a block, as a part of those before it."""

MOST_PULSES = 1e18
"""More pulses are not told apart, so that infinitely many are a number, too."""

PROBE = 1e-3
"""Distance over which the slope of a step is measured, as a part of the window."""

STEEPEST = -0.999999
"""Least slope: below −1 a pulse oversteps its fixed point, which is taken as reached."""

Kick = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Signed mean and standard deviation of one pulse, for states of the devices with these numbers."""


Noise = Callable[[Tensor, int], Tensor]
"""Standard normal numbers of the devices with these numbers, in the block of this number."""


def take_together(
    kick: Kick,
    state: Tensor,
    low: Tensor,
    high: Tensor,
    pulses: Tensor,
    noise: Noise | None,
) -> Tensor:
    """States after all pulses of a request, of which ``MOST_SINGLE_PULSES`` were applied.

    Args:
        kick: What one pulse does.
        state: States after the pulses that were applied, shape ``(n,)``.
        low: Lower bounds, shape ``(n,)``.
        high: Upper bounds, shape ``(n,)``.
        pulses: Pulses of the whole request, more than were applied, shape ``(n,)``.
        noise: The noise of every block; None where no pulse has any.
    """
    state = state.clone()
    width = high - low
    taken = torch.full_like(state, float(MOST_SINGLE_PULSES))
    left = pulses.clamp_max(MOST_PULSES) - taken
    active = torch.arange(len(state), device=state.device)
    for number in range(MOST_BLOCKS):
        active = active[left[active] > 0]
        if active.numel() == 0:
            break
        h, span, bottom, top = state[active], width[active], low[active], high[active]
        mean, std = kick(h, active)
        decay = -slope_of_step(kick, h, active, bottom, top)
        block = block_length(mean, std, decay, span, taken[active])
        block = torch.minimum(block, left[active])
        moved = h + mean * decayed(decay, block)
        if noise is not None:
            spread = decayed(decay * (2.0 - decay), block).sqrt()
            moved = moved + noise(active, number) * std * spread
        moved = torch.minimum(torch.maximum(moved, bottom), top)
        state[active] = moved
        taken[active] += block
        left[active] -= block
        if noise is None:
            # Where a pulse no longer moves a device, none after it does.
            active = active[moved != h]
    return state


def slope_of_step(kick: Kick, h: Tensor, which: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Derivative of the mean pulse by the state, −1 or more; 0 for a device without a window."""
    probe = PROBE * (high - low)
    above, below = torch.minimum(h + probe, high), torch.maximum(h - probe, low)
    distance = above - below
    change = kick(above, which)[0] - kick(below, which)[0]
    slope = change / torch.where(distance > 0, distance, torch.ones_like(distance))
    return slope.clamp_min(STEEPEST)


def block_length(mean: Tensor, std: Tensor, decay: Tensor, width: Tensor, taken: Tensor) -> Tensor:
    """Pulses that one block may take, 1 or more."""
    reach = LARGEST_MOVE * width
    tiny = torch.finfo(mean.dtype).tiny
    fading = decay.clamp_min(tiny)
    block = GROWTH * taken
    moving = mean.abs() > reach * fading
    block = torch.where(moving, block.minimum(reach / mean.abs().clamp_min(tiny)), block)
    spreading = std.square() > reach.square() * fading * (2.0 - fading)
    steps = (reach / std.clamp_min(tiny)).square()
    block = torch.where(spreading, block.minimum(steps), block)
    growing = decay < 0
    block = torch.where(growing, block.minimum(1.0 / (-decay).clamp_min(tiny)), block)
    return block.floor().clamp_min(1.0)


def decayed(decay: Tensor, block: Tensor) -> Tensor:
    """``Σ_{k<m} (1 − decay)^k`` for blocks of m pulses."""
    tiny = torch.finfo(decay.dtype).tiny
    flat = decay.abs() * block < torch.finfo(decay.dtype).eps
    safe = torch.where(flat, torch.full_like(decay, tiny), decay)
    return torch.where(flat, block, -torch.expm1(block * torch.log1p(-safe)) / safe)
