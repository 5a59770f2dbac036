"""Step sizes along a training, against torch's own schedulers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from neurograd.training.schedules import (
    ConstantStep,
    CosineDecay,
    StepDecay,
    factor_at,
    mean_factor,
    steady_updates,
)


def _torch_factors(make, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, found = make(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "make"),
    [
        (StepDecay(7, 0.3), lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.3)),
        (CosineDecay(20), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20)),
        (
            CosineDecay(20, 0.05),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20, eta_min=0.05),
        ),
    ],
)
def test_step_sizes_are_those_of_torch(schedule, make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = _torch_factors(make, 20)
    assert schedule.factors(np.arange(20.0)) == pytest.approx(exact, rel=1e-12)
    assert factor_at(schedule, 13) == pytest.approx(exact[13])
    assert mean_factor(schedule, 5, 10) == pytest.approx(np.mean(exact[5:15]))


def test_the_end_of_a_cosine_keeps_its_digits():
    """π²/(4T²) for the last of many updates, to 1e-6 of it."""
    steps = 10**7
    exact = (np.pi / (2 * steps)) ** 2
    assert factor_at(CosineDecay(steps), steps - 1) == pytest.approx(exact, rel=1e-6)


def test_how_long_a_step_size_is_steady():
    assert steady_updates(ConstantStep(), 3, 50, 1.2) == 50
    assert steady_updates(StepDecay(10, 0.5), 3, 50, 1.2) == 7
    assert steady_updates(StepDecay(10, 0.9), 3, 50, 1.2) == 17
    cosine = CosineDecay(1000)
    count = steady_updates(cosine, 500, 400, 1.2)
    factors = cosine.factors(500.0 + np.arange(count + 1))
    assert factors[0] / factors[-2] <= 1.2 < factors[0] / factors[-1]
    assert steady_updates(cosine, 998, 2, 1.2) == 1


@pytest.mark.parametrize(
    ("kind", "numbers", "allowed"),
    [
        (StepDecay, (0, 0.5), "1 or more"),
        (StepDecay, (5, 0.0), "above 0 and up to 1"),
        (StepDecay, (5, 1.1), "above 0 and up to 1"),
        (CosineDecay, (0,), "1 or more"),
        (CosineDecay, (5, -0.1), "0 to 1"),
    ],
)
def test_numbers_that_are_not_allowed(kind, numbers, allowed):
    with pytest.raises(ValueError, match=f"allowed: {allowed}"):
        kind(*numbers)
