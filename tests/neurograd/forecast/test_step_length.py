"""How many updates are taken together."""

from __future__ import annotations

from neurograd.forecast.step_length import (
    MAX_NOISY_STEPS,
    MOST_FORCED,
    Pace,
    min_step_length,
    next_step_length,
)


def test_lengths_sum_to_the_training_and_end_with_single_updates():
    done, before, taken = 0, 0, []
    while done < 1000:
        before = next_step_length(done, 1000, before, 0.0)
        done += before
        taken.append(before)
    assert done == 1000
    assert taken[-1] == 1
    assert len(taken) < 30
    # Strong noise takes fewer together, but not arbitrarily few.
    assert next_step_length(500, 1000, 100, 0.06) == int((0.35 / 0.06) ** 2)
    assert (
        next_step_length(500, 1000, 100, 10.0)
        == min_step_length(500, 1000)
        == 1000 // MAX_NOISY_STEPS
    )
    # Early on it does, as a training learns fastest there.
    assert next_step_length(24, 1000, 100, 10.0) == min_step_length(24, 1000) == 3


def test_noise_is_not_forced_together_for_longer_in_longer_trainings():
    assert min_step_length(500_000, 1_000_000) == MOST_FORCED
    assert next_step_length(500_000, 1_000_000, 10**6, 10.0) == MOST_FORCED
    # A fiftieth of it would be more, and what noise allows is.
    assert next_step_length(500_000, 1_000_000, 10**6, 0.35 / 30) == 900


def test_longest_steps():
    """A part of the training, at most a count, and a smaller part where that is more."""
    assert Pace(most=0.1).longest_step(5000) == 500
    bounded = Pace(most=0.1, longest=200.0, long_part=0.02)
    assert [bounded.longest_step(steps) for steps in (3, 1000, 5000, 50_000)] == [1, 100, 200, 1000]
    assert next_step_length(2000, 5000, 10**6, 0.0, bounded) == 200
