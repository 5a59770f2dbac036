"""Philox against its authors' own numbers, its two implementations, and what is made of it."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from device_models.kernels import counter_numbers, number_loops
from device_models.kernels.counter_numbers import (
    DeviceNumbers,
    draw_key,
    normal_pair,
    philox,
    single_uniforms,
)
from neurograd.seeding import generator_for

DTYPES = (torch.float32, torch.float64)


def _key(low, high):
    return torch.tensor(np.uint64(low | high << 32).astype(np.int64))


@numba.njit
def _block(device, block, key):
    return number_loops.block_of(device, block, key)


@numba.njit
def _pairs(words, others, out, real):
    for i in range(words.size):
        out[0, i], out[1, i] = number_loops.normal_pair(words[i], others[i], real)


@numba.njit
def _exponentials(x, out):
    for i in range(x.size):
        out[i] = number_loops.exp_of(x[i], x.dtype.type)


@numba.njit
def _exponentials_less_1(x, out):
    for i in range(x.size):
        out[i] = number_loops.expm1_of(x[i], x.dtype.type)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponentials_less_1_are_numpys_to_2_units_of_the_last_place(dtype):
    """Also of tiny numbers; beyond 87 they are those of 87; NaN stays NaN."""
    tiny = np.geomspace(1e-30, 1.0, 2_000)
    x = np.concatenate([np.linspace(-87.0, 87.0, 100_001)[1:-1], tiny, -tiny, [0.0]]).astype(dtype)
    found = np.empty_like(x)
    _exponentials_less_1(x, found)
    expected = np.expm1(x.astype(np.float64)).astype(dtype)
    assert (abs(found - expected) <= 2 * np.spacing(abs(expected))).all()
    x = np.array([-np.inf, -1e4, 1e4, np.inf, np.nan], dtype)
    found = np.empty_like(x)
    _exponentials_less_1(x, found)
    most = np.expm1(dtype(87.0))
    np.testing.assert_allclose(found, [-1.0, -1.0, most, most, np.nan], rtol=1e-5)


@pytest.mark.parametrize(("dtype", "most"), [(np.float32, 87.0), (np.float64, 690.0)])
def test_exponentials_are_numpys_to_2_units_of_the_last_place(dtype, most):
    """Over all of its range, at 0, and beyond: 0 and infinity; NaN stays NaN."""
    inside = np.linspace(-most, most, 100_001)[1:-1]
    x = np.concatenate([inside, np.linspace(-1.0, 1.0, 20_001), [0.0, -0.0]]).astype(dtype)
    found = np.empty_like(x)
    _exponentials(x, found)
    expected = np.exp(x.astype(np.float64)).astype(dtype)
    assert (abs(found - expected) <= 2 * np.spacing(expected)).all()
    x = np.array([-np.inf, -1e4, 1e4, np.inf, np.nan], dtype)
    found = np.empty_like(x)
    _exponentials(x, found)
    np.testing.assert_array_equal(found, np.array([0.0, 0.0, np.inf, np.inf, np.nan], dtype))


# Of Random123's kat_vectors, as far as blocks have counters (device, block): word 3 is 0 here.
KNOWN = [(0, 0, 0, 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8))]


@pytest.mark.parametrize(("device", "block", "low", "high", "words"), KNOWN)
def test_known_answers(device, block, low, high, words):
    found = philox(_key(low, high), torch.tensor([device]), block)
    assert tuple(int(each) for each in found) == words


def test_known_answers_of_other_counters(monkeypatch):
    """All four words of the counter and both of the key, ten rounds and seven."""
    full = 0xFFFFFFFF
    pi = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    cases = [
        (10, (full,) * 4, (full, full), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (10, pi, (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
        (7, (0,) * 4, (0, 0), (0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48)),
    ]
    for rounds, counter, key, words in cases:
        monkeypatch.setattr(counter_numbers, "ROUNDS", rounds)
        x = [torch.tensor(each) for each in counter]
        found = counter_numbers.rounds_of(_key(*key), *x)
        assert tuple(int(each) for each in found) == words


@settings(max_examples=100, deadline=None)
@given(device=st.integers(0, 2**40), block=st.integers(0, 2**32 - 1), key=st.integers(0, 2**64 - 1))
def test_loops_make_the_same_words(device, block, key):
    there = philox(_key(key & 0xFFFFFFFF, key >> 32), torch.tensor([device]), block)
    here = _block(np.uint64(device), np.uint64(block), np.uint64(key))
    assert tuple(int(each) for each in there) == tuple(int(each) for each in here)


@pytest.mark.parametrize("dtype", DTYPES)
def test_loops_make_the_same_normal_numbers(dtype):
    """Words at the ends of their range and at random ones, to a few units of rounding."""
    drawn = torch.randint(0, 2**32, (2, 20_000), generator=generator_for(0, "words"))
    edges = torch.tensor([0, 1, 2, 2**29, 2**30 - 1, 2**30, 2**31, 2**32 - 2, 2**32 - 1])
    first, second = torch.cat([drawn, torch.cartesian_prod(edges, edges).T], 1)
    expected = torch.stack(normal_pair(first, second, dtype))
    real = np.float32 if dtype == torch.float32 else np.float64
    found = np.empty(expected.shape, real)
    _pairs(first.numpy().astype(np.uint64), second.numpy().astype(np.uint64), found, real)
    assert bool(torch.isfinite(expected).all())
    tolerance = 20 * torch.finfo(dtype).eps
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", [0, 1, 2, 5])
def test_numbers_are_uniform_and_normal(dtype, place):
    """Kolmogorov and Smirnov at 0.1 % each, and no correlation with the next place at 0.1 %."""
    count = 20_000
    numbers = DeviceNumbers.of_all(draw_key(generator_for(1)), torch.empty(count, dtype=dtype))
    z, after = numbers.normal(place).double(), numbers.normal(place + 1).double()
    assert stats.kstest(z.numpy(), "norm").pvalue > 1e-3
    assert stats.pearsonr(z.numpy(), after.numpy()).pvalue > 1e-3
    assert stats.pearsonr(z[1:].numpy(), z[:-1].numpy()).pvalue > 1e-3
    assert stats.pearsonr(z.square().numpy(), after.square().numpy()).pvalue > 1e-3
    if place < counter_numbers.UNIFORMS:
        u = numbers.uniform(place).double()
        assert stats.kstest(u.numpy(), "uniform").pvalue > 1e-3
        assert stats.pearsonr(u.numpy(), z.numpy()).pvalue > 1e-3


def test_places_are_told_apart_and_devices_have_their_own():
    numbers = DeviceNumbers.of_all(draw_key(generator_for(2)), torch.empty(50).double())
    every = torch.stack([numbers.normal(place) for place in range(12)])
    assert len(every.unique()) == every.numel()
    some = torch.tensor([3, 40, 41])
    mixed = torch.tensor([0, 7, 2])
    torch.testing.assert_close(numbers.pick(some).normal(mixed), every[mixed, some], rtol=0, atol=0)
    other = DeviceNumbers.of_all(draw_key(generator_for(3)), torch.empty(50).double())
    assert not bool((other.normal(0) == every[0]).any())


def test_keys_are_those_of_the_generator():
    keys = {int(draw_key(generator_for(seed))) for seed in range(50)}
    assert len(keys) == 50
    assert min(keys) < 0 < max(keys)
    assert int(draw_key(generator_for(0))) == int(draw_key(generator_for(0)))
    generator = generator_for(1)
    alone = [int(draw_key(generator)) for _ in range(40)]
    assert draw_key(generator_for(1), 40).tolist() == alone
    assert math.log2(max(abs(key) for key in keys)) > 60


def test_a_number_each_is_uniform_whatever_the_others_are():
    """Kolmogorov and Smirnov at 0.1 %, no correlation of neighbours or of those of a block."""
    key, count = draw_key(generator_for(4)), 20_000
    u = single_uniforms(key, torch.empty(count, dtype=torch.float64))
    assert stats.kstest(u.numpy(), "uniform").pvalue > 1e-3
    for apart in (1, counter_numbers.SHARED, 4 * counter_numbers.SHARED):
        assert stats.pearsonr(u[apart:].numpy(), u[:-apart].numpy()).pvalue > 1e-3
    # Words of 32 bits: two of 20,000 are the same for one key in 20.
    assert len(u.unique()) >= count - 1
    fewer = single_uniforms(key, torch.empty(1000, dtype=torch.float64))
    assert torch.equal(fewer, u[:1000])
