"""Values as spike trains."""

from __future__ import annotations

import math

import pytest
import torch

from neurograd.problem.coding import encode
from neurograd.seeding import generator_for


def test_rate_coding_has_the_values_as_rates():
    values = torch.tensor([[0.0, 0.2, 0.7, 1.0]]).double()
    trains = encode(values, "rate", 20000, generator_for(0))
    assert trains.shape == (1, 20000, 4)
    rates = trains.mean(1)[0]
    assert rates[0] == 0.0
    assert rates[3] == 1.0
    # Two binomial proportions at 99.9 %.
    assert float(rates[1]) == pytest.approx(0.2, abs=3.5 * math.sqrt(0.16 / 20000))
    assert float(rates[2]) == pytest.approx(0.7, abs=3.5 * math.sqrt(0.21 / 20000))
    assert encode(values, "rate", 50, generator_for(0)).equal(
        encode(values, "rate", 50, generator_for(0))
    )


def test_latency_coding_has_one_spike_the_earlier_the_larger():
    values = torch.tensor([[0.0, 0.1, 0.5, 1.0]]).double()
    trains = encode(values, "latency", 10, generator_for(0))
    assert trains.dtype == torch.float64
    assert trains.sum(1).tolist() == [[0.0, 1.0, 1.0, 1.0]]
    times = trains.argmax(1)[0]
    assert times[3] == 0
    assert times[3] < times[2] < times[1]


def test_current_coding_and_bad_arguments():
    values = torch.tensor([[-1.0, 2.0]]).double()
    assert encode(values, "current", 3, generator_for(0)).equal(values.unsqueeze(1).repeat(1, 3, 1))
    for coding, steps, message in (
        ("rate", 3, "needs inputs from 0 to 1"),
        ("latency", 1, "2 or more"),
        ("current", 0, "time_steps is 0"),
        ("burst", 3, "coding is 'burst'"),
    ):
        with pytest.raises(ValueError, match=message):
            encode(values, coding, steps, generator_for(0))
