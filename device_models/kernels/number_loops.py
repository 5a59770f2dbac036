"""The numbers of ``counter_numbers`` in compiled loops: see there for what they are.

Logarithm, sine and cosine are the polynomials of Sun's fdlibm (``e_log.c``, ``k_sin.c``,
``k_cos.c``), without a branch and a call, so that a processor takes several devices at a time.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from device_models.kernels.compiled import called, chosen_by_types, inlined
from device_models.kernels.counter_numbers import KEY_STEPS, MULTIPLIERS, ROUNDS, WORD
from device_models.kernels.whole_numbers import LOST

_M0, _M1 = (np.uint64(each) for each in MULTIPLIERS)
_W0, _W1 = (np.uint64(each) for each in KEY_STEPS)
_WORD = np.uint64(WORD)
_HALF = np.uint64(32)
_ONE = np.uint64(1)
_QUARTER = np.uint32(2**30)
_HALF_TURN = np.uint32(2**31)
_INSIDE = np.uint32(2**30 - 1)
_MIDDLE = np.int32(2**29)

# Their sum is ln 2; the first is short, so that multiples of it lose nothing.
_LOG_2_HIGH = 0.693359375
_LOG_2_LOW = -2.12194440054690583e-4

BLOCK = 512
"""Devices whose pulses are counted before any of them is moved."""

STOCHASTIC, NEAREST, TRUNCATE, UNROUNDED = 0, 1, 2, 3
"""Ways to round."""

ROUNDINGS = {
    "stochastic": STOCHASTIC,
    "nearest": NEAREST,
    "truncate": TRUNCATE,
    "none": UNROUNDED,
}
"""The same by the names of ``device_models.write.rounding``."""


@inlined
def block_of(device: Any, block: Any, key: Any) -> Any:
    """The four words of a block, of 64 bits each, for numbers of 64 bits without a sign."""
    x0, x1, x2, x3 = device & _WORD, device >> _HALF, block, np.uint64(0)
    k0, k1 = key & _WORD, key >> _HALF
    for _ in range(ROUNDS):
        p0, p1 = _M0 * x0, _M1 * x2
        x0, x1 = (p1 >> _HALF) ^ x1 ^ k0, p1 & _WORD
        x2, x3 = (p0 >> _HALF) ^ x3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _W0) & _WORD, (k1 + _W1) & _WORD
    return x0, x1, x2, x3


@inlined
def unit(word: Any, real: Any) -> Any:
    """A word as a number from 0 to 1, of the type ``real``."""
    return real(word) * real(2.0**-32)


@inlined
def power_of_two(power: Any, real: Any) -> Any:
    """2 to a whole power from −126 to 127, by the bits of a number of 32 bits."""
    return real(np.int32((np.int32(power) + np.int32(127)) << np.int32(23)).view(np.float32))


@inlined
def log_of(x: Any, real: Any) -> Any:
    """Logarithm of a number from 1e-37 to 1e37."""
    # Of a number that rounds up to a power of 2 in 32 bits, the next exponent does as well.
    exponent = np.int32(np.float32(x).view(np.int32) >> np.int32(23)) - np.int32(126)
    mantissa = x * power_of_two(-exponent, real)
    small = mantissa < real(math.sqrt(0.5))
    mantissa *= real(2.0) if small else real(1.0)
    power = real(np.int32(exponent)) - (real(1.0) if small else real(0.0))
    f = mantissa - real(1.0)
    s = f / (real(2.0) + f)
    z = s * s
    series = real(1.479819860511658591e-01)
    series = series * z + real(1.531383769920937332e-01)
    series = series * z + real(1.818357216161805012e-01)
    series = series * z + real(2.222219843214978396e-01)
    series = series * z + real(2.857142874366239149e-01)
    series = series * z + real(3.999999999940941908e-01)
    series = series * z + real(6.666666666666735130e-01)
    half = real(0.5) * f * f
    return power * real(math.log(2.0)) - ((half - s * (half + series * z)) - f)


@inlined
def log_of_unit(word: Any, real: Any) -> Any:
    """Logarithm of (word + 1)/2³²."""
    # In 32 bits, of which a processor takes twice as many at a time as of 64; the highest word,
    # whose sum is 0 there, is told by a product, as a condition would take them one by one.
    more, below = np.uint32(word + _ONE), np.uint32(~word)
    highest = max(real(0.0), real(1.0) - real(below))
    return log_of((real(more) + highest * real(2.0**32)) * real(2.0**-32), real)


@inlined
def exp_of(x: Any, real: Any) -> Any:
    """The exponential of x; 0 and infinity where it is beyond the type's numbers, or nearly."""
    wide = real(1.0) + real(2.0**-40) != real(1.0)
    most = real(690.0) if wide else real(87.0)
    inside = x if abs(x) < most else real(0.0)
    power = np.rint(inside * real(1.0 / math.log(2.0)))
    high = inside - power * real(_LOG_2_HIGH)
    low = power * real(_LOG_2_LOW)
    rest = high - low
    z = rest * rest
    series = real(4.13813679705723846039e-08)
    series = series * z + real(-1.65339022054652515390e-06)
    series = series * z + real(6.61375632143793436117e-05)
    series = series * z + real(-2.77777777770155933842e-03)
    series = series * z + real(1.66666666666666019037e-01)
    c = rest - z * series
    mantissa = real(1.0) - ((low - rest * c / (real(2.0) - c)) - high)
    # In parts, as an eighth of the exponent fits into 32 bits for either type.
    whole = np.int32(power)
    part = power_of_two(whole >> np.int32(3), real)
    part *= part
    part *= part
    value = mantissa * power_of_two(whole & np.int32(7), real) * part * part
    beyond = real(0.0) if x < real(0.0) else real(np.inf)
    return value if abs(x) < most else (x if np.isnan(x) else beyond)


@inlined
def expm1_of(x: Any, real: Any) -> Any:
    """The exponential of x less 1; numbers beyond −87 and 87 are taken for these."""
    inside = x if x > real(-87.0) else real(-87.0)
    inside = inside if inside < real(87.0) else real(87.0)
    power = np.rint(inside * real(1.0 / math.log(2.0)))
    high = inside - power * real(_LOG_2_HIGH)
    low = power * real(_LOG_2_LOW)
    rest = high - low
    lost = (high - rest) - low
    half = real(0.5) * rest
    square = rest * half
    series = real(-2.01099218183624371326e-07)
    series = series * square + real(4.00821782732936239552e-06)
    series = series * square + real(-7.93650757867487942473e-05)
    series = series * square + real(1.58730158725481460165e-03)
    series = series * square + real(-3.33333333333331316428e-02)
    series = real(1.0) + square * series
    t = real(3.0) - series * half
    e = square * ((series - t) / (real(6.0) - rest * t))
    e = rest * (e - lost) - lost - square
    whole = np.int32(power)
    # 2 to the power in two parts, as 2 to its opposite has to be a number as well.
    near = real(1.0) - power_of_two(-whole, real) - (e - rest)
    value = near * power_of_two(whole, real)
    return x if np.isnan(x) else value


@inlined
def sine(x: Any, z: Any, real: Any) -> Any:
    """Sine from −π/4 to π/4; z is x²."""
    series = real(1.58969099521155010221e-10)
    series = series * z + real(-2.50507602534068634195e-08)
    series = series * z + real(2.75573137070700676789e-06)
    series = series * z + real(-1.98412698298579493134e-04)
    series = series * z + real(8.33333333332248946124e-03)
    series = series * z + real(-1.66666666666666324348e-01)
    return x + x * z * series


@inlined
def cosine(z: Any, real: Any) -> Any:
    """Cosine from −π/4 to π/4, of x² = z."""
    series = real(-1.13596475577881948265e-11)
    series = series * z + real(2.08757232129817482790e-09)
    series = series * z + real(-2.75573143513906633035e-07)
    series = series * z + real(2.48015872894767294178e-05)
    series = series * z + real(-1.38888888888741095749e-03)
    series = series * z + real(4.16666666666666019037e-02)
    return real(1.0) - (real(0.5) * z - z * z * series)


@inlined
def normal_pair(first: Any, second: Any, real: Any) -> Any:
    """Two independent standard normal numbers from two words of 32 bits."""
    radius = np.sqrt(real(-2.0) * log_of_unit(first, real))
    inside = np.int32(np.int32(second & _INSIDE) - _MIDDLE)
    angle = real(inside) * real(0.5 * math.pi / 2**30)
    square = angle * angle
    c, s = cosine(square, real), sine(angle, square, real)
    odd = np.uint32(second & _QUARTER) != 0
    turned = radius if second < _HALF_TURN else -radius
    return turned * (-s if odd else c), turned * (c if odd else s)


@called
def words_of(device: Any, size: Any, block: Any, key: Any, words: Any) -> None:
    """The four words of a block of some devices, in rows of ``BLOCK`` numbers of 32 bits."""
    for k in range(size):
        r0, r1, r2, r3 = block_of(device[k], np.uint64(block), key)
        words[k], words[BLOCK + k] = np.uint32(r0), np.uint32(r1)
        words[2 * BLOCK + k], words[3 * BLOCK + k] = np.uint32(r2), np.uint32(r3)


@called
def normals_of(words: Any, size: Any, noise: Any, more_noise: Any) -> None:
    """Pairs of standard normal numbers from the first two rows of words, ``BLOCK`` words each."""
    real = noise.dtype.type
    for k in range(size):
        noise[k], more_noise[k] = normal_pair(words[k], words[BLOCK + k], real)


@called
def pick(values: Any, device: Any, size: Any, near: Any, found: Any) -> None:
    """Values of some devices, which are neighbours in their order where they are ``near``.

    Arrays of one value have the same one for all.
    """
    # Neighbours are copied: a processor takes several at a time.
    if values.size == 1:
        for k in range(size):
            found[k] = values[0]
    elif near:
        close = values[np.int64(device[0]) :]
        for k in range(size):
            found[k] = close[k]
    else:
        for k in range(size):
            found[k] = values[device[k]]


@inlined
def are_near(device: Any, size: Any) -> Any:
    """Whether one or more devices whose numbers rise are neighbours."""
    return np.int64(device[size - 1]) - np.int64(device[0]) == size - 1


@called
def gather(values: Any, device: Any, size: Any, found: Any) -> None:
    """As ``pick``, of one or more devices whose numbers rise."""
    pick(values, device, size, are_near(device, size), found)


@called
def to_front(order: Any, count: Any, device: Any, words: Any) -> None:
    """Devices in these places go to the front, with the last two of their rows of words."""
    for k in range(count):
        device[k] = device[order[k]]
    for row in (2 * BLOCK, 3 * BLOCK):
        for k in range(count):
            words[row + k] = words[row + order[k]]


@called
def clear(realized: Any, begin: Any, end: Any) -> None:
    """Nothing is realized of the devices from ``begin`` to ``end``."""
    found = realized[begin:end]
    for k in range(found.size):
        found[k] = 0


@inlined
def truncated(x: Any, size: Any, real: Any) -> Any:
    """``whole_numbers.truncated`` of a number."""
    near, far = np.rint(x), abs(x)
    lost = real(LOST) * np.finfo(real).eps * (size if far < size else far)
    return near if abs(x - near) <= lost else np.trunc(x)


@inlined
def round_all(numbers: Any, units: Any, size: Any, rounding: Any, real: Any) -> None:
    """Numbers of 0 or more become whole ones; the units are uniform from 0 to 1."""
    if rounding == STOCHASTIC:
        for j in range(size):
            low = np.floor(numbers[j])
            numbers[j] = low + (real(1.0) if units[j] < numbers[j] - low else real(0.0))
    elif rounding == NEAREST:
        for j in range(size):
            numbers[j] = np.rint(numbers[j])
    elif rounding == TRUNCATE:
        for j in range(size):
            numbers[j] = truncated(numbers[j], real(1.0), real)


@called
def devices_asked(begin: Any, size: Any, increment: Any, device: Any, numbers: Any) -> Any:
    """How many devices of a block have an increment; they and it go to the front of two arrays.

    Where none is asked for there is no pulse, whatever the rounding: nothing is drawn.
    """
    # Counted first: where all are asked a processor takes several at a time.
    asked, count = increment[begin:], 0
    for j in range(size):
        count += asked[j] != 0
    if count == size:
        for j in range(size):
            device[j], numbers[j] = np.uint64(begin) + np.uint64(j), asked[j]
        return count
    count = 0
    for j in range(size):
        device[count] = np.uint64(begin + j)
        numbers[count] = asked[j]
        count += numbers[count] != 0
    return count


def _bits(values: Any) -> Any:
    """Numbers as whole ones of as many bits: those of 0 or more are in the same order."""
    raise NotImplementedError


@chosen_by_types(_bits)
def _bits_of(values: Any) -> Any:
    return _bits_of_short if values.dtype.bitwidth == 32 else _bits_of_long


def _bits_of_short(values: Any) -> Any:
    return values.view(np.int32)


def _bits_of_long(values: Any) -> Any:
    return values.view(np.int64)


@called
def largest_size(values: Any) -> Any:
    """Largest size of some values; NaN where one is, whose bits are above those of all numbers."""
    bits = _bits(values)
    most, sign = bits.dtype.type(0), np.iinfo(bits.dtype).max
    for k in range(bits.size):
        most = max(most, bits.dtype.type(bits[k] & sign))
    found = np.empty(1, bits.dtype)
    found[0] = most
    return found.view(values.dtype)[0]
