"""Random quadratics and the bounds on them."""

from __future__ import annotations

import torch

from experiments.support.fig7.quadratics import (
    MOST_WEIGHTS,
    Quadratics,
    ascends,
    random_quadratics,
    thresholds,
)
from neurograd.seeding import generator_for


def test_random_quadratics_are_what_they_are_said_to_be():
    found = random_quadratics(3000, 2.4, generator_for(0, "random"))
    assert torch.allclose(found.g.norm(dim=1), torch.ones(3000, dtype=torch.float64))
    assert torch.allclose(found.beta.norm(dim=1), torch.ones(3000, dtype=torch.float64))
    assert torch.equal(found.lam.amax(1), found.lam[:, 0])
    assert torch.allclose(found.lam[:, 0] * found.step_size, found.s)
    assert bool((found.lam < 0).any())
    sizes = (found.g != 0).sum(1)
    assert sizes.min() == 1
    assert sizes.max() == MOST_WEIGHTS


def test_a_bias_of_the_other_sign_breaks_the_safe_bound():
    """The worst direction ascends just above the bound; turned round it descends."""
    found = random_quadratics(500, 1.9, generator_for(1, "random"))
    first = torch.zeros_like(found.g)
    first[:, 0] = 1.0
    sharp = Quadratics(found.lam, first, first, found.step_size, found.s)
    just_above = 1.001 * thresholds(sharp, "safe")
    sign = torch.where(found.s <= 1, 1.0, -1.0).unsqueeze(1)
    assert bool(ascends(sharp, just_above, sign * first).all())
    assert not bool(ascends(sharp, just_above, -sign * first).any())
