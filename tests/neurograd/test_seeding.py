"""Seeds."""

from __future__ import annotations

import pytest
import torch

from neurograd.seeding import generator_for


def test_generators_depend_on_their_path_alone():
    first = torch.rand(3, generator=generator_for(1, "a", 2))
    generator_for(1, "b", 2)
    assert torch.rand(3, generator=generator_for(1, "a", 2)).equal(first)
    for other in (generator_for(2, "a", 2), generator_for(1, "b", 2), generator_for(1, "a", 3)):
        assert not torch.rand(3, generator=other).equal(first)
    with pytest.raises(ValueError, match="from 0"):
        generator_for(-1)
