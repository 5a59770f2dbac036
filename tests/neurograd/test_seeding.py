"""Seeds."""

from __future__ import annotations

import itertools
import zlib

import numpy as np
import pytest
import torch

from neurograd.seeding import _hash_of, generator_for


def test_generators_depend_on_their_path_alone():
    first = torch.rand(3, generator=generator_for(1, "a", 2))
    generator_for(1, "b", 2)
    assert torch.rand(3, generator=generator_for(1, "a", 2)).equal(first)
    for other in (generator_for(2, "a", 2), generator_for(1, "b", 2), generator_for(1, "a", 3)):
        assert not torch.rand(3, generator=other).equal(first)
    for wrong in ((-1,), (0, -1), (1 << 64,)):
        with pytest.raises(ValueError, match="from 0"):
            generator_for(*wrong)


def test_no_two_paths_share_a_hash():
    numbers = (0, 1, 2, 3, 4, 5, 6, 0x5EED, 1 << 32, (1 << 32) + 1)
    keys = [(seed,) for seed in numbers]
    for length in range(6):
        keys += [(0, "a", *path) for path in itertools.product((0, 1, 0x5EED), repeat=length)]
    keys += [(*pair, *path) for pair in itertools.product(numbers, repeat=2) for path in ((), (7,))]
    # what a key is spelled out as, taken for a key itself
    keys += [(0, 0, zlib.crc32(b"a"), 0, 0, 0, 3, 0x5EED), (0, 1, 1, 0x5EED), (1, 0, 1, 0x5EED)]
    assert len(set(keys)) == len(keys)
    seeds = {generator_for(*key).initial_seed() for key in keys}
    assert len(seeds) == len(keys)


@pytest.mark.parametrize("path", [(), ("a",), ("a", 1), ("moments", 0, 3), ("noise", 1, 0, 0)])
def test_keys_that_numpy_tells_apart_keep_its_stream(path):
    words = [5, *(zlib.crc32(p.encode()) if isinstance(p, str) else p for p in path)]
    state = np.random.SeedSequence(words).generate_state(1, np.uint64)
    assert generator_for(5, *path).initial_seed() == int(state[0]) >> 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 15, 32, 33, 40])
def test_hashes_are_those_of_numpys_seed_sequence(count):
    """Of words at both ends of their range, and anywhere; long keys as well."""
    drawn = np.random.default_rng(count)
    for _ in range(50):
        anywhere = drawn.integers(0, 2**32, count)
        ends = drawn.choice([0, 1, 2**32 - 1], count)
        key = [int(word) for word in np.where(drawn.random(count) < 0.5, anywhere, ends)]
        state = np.random.SeedSequence(key).generate_state(1, np.uint64)
        assert _hash_of(key) == int(state[0])
