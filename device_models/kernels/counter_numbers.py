"""Counter-based random numbers: what a device draws depends on the write and on the device only.

One key of 64 bits is drawn for a write. Word k of device i is a word of Philox 4×32 of that key
and of a counter that holds i and the number of a block of four words, so that a number depends
neither on threads nor on chunks, nor on which other devices draw. This file is the reference, in
whole numbers of 64 bits, on any kind of device; ``device_models.kernels.number_loops`` makes the
same numbers on the CPU.

The words of block 0 are two uniform numbers and the two normal ones of a pair; those of every
further block are two pairs. A pair is that of Box and Muller (Ann. Math. Stat. 1958). Uniform
numbers have the 32 bits of their word, normal ones the 32 of either: none is beyond 6.7.

Source: Salmon, Moraes, Dror and Shaw, SC 2011. Ten rounds, the authors' own choice: seven pass
their tests as well, and would be a third faster where few devices get a pulse, without a margin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ROUNDS = 10
"""Rounds of Philox."""

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
"""Of words 0 and 2 of the counter."""

KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
"""What the two words of the key grow by from round to round."""

WORD = 0xFFFFFFFF
"""Largest number of 32 bits."""

UNIFORMS = 2
"""Uniform numbers of a device, and normal numbers in the same block."""

SHARED = 128
"""Devices that lie so far apart share a block of words where a write draws one number of each."""

READ_AHEAD, READ_BACK, READ_AGAIN, READ_BIASES = 2**59, 2**58, 2**55, 2**54
"""Streams of the noise of a read: devices beyond all weights.

In forward and backward passes, of inputs that an array gets after others, of biases beside arrays.
"""

_UNIT = 2.0**-32
_QUARTER_TURN = 2**30


def draw_key(generator: torch.Generator, *count: int) -> Tensor:
    """The key of one write, a whole number of 64 bits, without a dimension; or of some writes.

    Args:
        generator: Drawn from once a key; its device is the result's.
        count: Number of keys, of which the CPU draws the same as one by one; one without it.
    """
    lowest = -(2**63)
    return torch.randint(lowest, -(lowest + 1), count, generator=generator, device=generator.device)


def no_key(generator: torch.Generator, *count: int) -> Tensor:
    """The key of a write that uses no random number, or of some of them; nothing is drawn."""
    return torch.zeros(count, dtype=torch.int64, device=generator.device)


def philox(key: Tensor, device: Tensor, block: Tensor | int) -> tuple[Tensor, ...]:
    """The four words of a block, whole numbers from 0 to 2³² − 1.

    Args:
        key: Of the write, no dimension.
        device: Numbers of the devices, 0 or more, any shape.
        block: Numbers of the blocks, below 2³², a shape that goes with it.
    """
    nothing = torch.zeros_like(device)
    return rounds_of(key, device & WORD, device >> 32, nothing + block, nothing)


def rounds_of(key: Tensor, x0: Tensor, x1: Tensor, x2: Tensor, x3: Tensor) -> tuple[Tensor, ...]:
    """The words that the rounds make of the four words of a counter."""
    k0, k1 = key & WORD, (key >> 32) & WORD
    for _ in range(ROUNDS):
        p0, p1 = x0 * MULTIPLIERS[0], x2 * MULTIPLIERS[1]
        x0, x1 = (p1 >> 32) & WORD ^ x1 ^ k0, p1 & WORD
        x2, x3 = (p0 >> 32) & WORD ^ x3 ^ k1, p0 & WORD
        k0, k1 = (k0 + KEY_STEPS[0]) & WORD, (k1 + KEY_STEPS[1]) & WORD
    return x0, x1, x2, x3


def normal_pair(first: Tensor, second: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Two independent standard normal numbers from two words each, any shape."""
    radius = (-2.0 * ((first + 1).to(dtype) * _UNIT).log()).sqrt()
    # The turn is taken from the middle of its quarter, where sine and cosine lose no digits.
    quarter = second >> 30
    inside = (second & (_QUARTER_TURN - 1)) - _QUARTER_TURN // 2
    angle = inside.to(dtype) * (0.5 * math.pi / _QUARTER_TURN)
    cosine, sine = angle.cos(), angle.sin()
    odd = (quarter & 1).bool()
    cosine, sine = torch.where(odd, -sine, cosine), torch.where(odd, cosine, sine)
    turned = radius * (1 - 2 * (quarter >> 1)).to(dtype)
    return turned * cosine, turned * sine


def single_uniforms(key: Tensor, like: Tensor) -> Tensor:
    """A uniform number of each device, of a write that draws no other: a word, not a block, each.

    Words k of block ``128·m + j`` are those of the devices ``512·m + 128·k + j``.

    Args:
        key: Of the write, see ``draw_key``.
        like: A vector of as many elements as there are devices, whose type and place they have.

    Returns:
        Shape ``(N,)``.
    """
    groups = -(-len(like) // (4 * SHARED))
    blocks = torch.arange(groups * SHARED, device=like.device)
    words = torch.stack(philox(key, blocks, 0)).view(4, groups, SHARED)
    return words.transpose(0, 1).flatten()[: len(like)].to(like.dtype) * _UNIT


def normals_of_stream(key: Tensor, stream: int, count: int, like: Tensor) -> Tensor:
    """Standard normal numbers of one device, by the four of every block: the first ones first.

    Args:
        key: Of the read or write.
        stream: Number of the device, below 2⁶³.
        count: How many, up to 2³⁴.
        like: A tensor of their type and place.

    Returns:
        Shape ``(count,)``.
    """
    blocks = torch.arange(-(-count // 4), device=like.device)
    one, two, three, four = philox(key, torch.full_like(blocks, stream), blocks)
    pairs = normal_pair(one, two, like.dtype), normal_pair(three, four, like.dtype)
    return torch.cat([each for pair in pairs for each in pair])[:count]


@dataclass(frozen=True)
class DeviceNumbers:
    """The random numbers of some devices in one write.

    Attributes:
        key: Of the write, see ``draw_key``.
        device: Numbers of the devices, shape ``(n,)``.
        dtype: Type of the random numbers.
    """

    key: Tensor
    device: Tensor
    dtype: torch.dtype

    @classmethod
    def of_all(cls, key: Tensor, like: Tensor) -> DeviceNumbers:
        """Those of as many devices as a vector has elements, in its type and on its device."""
        return cls(key, torch.arange(len(like), device=like.device), like.dtype)

    def pick(self, where: Tensor) -> DeviceNumbers:
        """The numbers of some of these devices."""
        return DeviceNumbers(self.key, self.device[where], self.dtype)

    def uniform(self, place: int) -> Tensor:
        """Uniform numbers from 0 to 1 at place 0 or 1, shape ``(n,)``."""
        return philox(self.key, self.device, 0)[place].to(self.dtype) * _UNIT

    def normal(self, place: int | Tensor) -> Tensor:
        """Standard normal numbers at a place from 0 on, or each device's at its own, ``(n,)``."""
        place = place + torch.zeros_like(self.device)
        beyond = place - UNIFORMS
        block = torch.where(beyond < 0, 0, beyond.div(4, rounding_mode="floor") + 1)
        words = philox(self.key, self.device, block)
        second = (beyond < 0) | (beyond % 4 >= 2)
        pair = normal_pair(
            torch.where(second, words[2], words[0]),
            torch.where(second, words[3], words[1]),
            self.dtype,
        )
        return torch.where(place % 2 == 0, *pair)
