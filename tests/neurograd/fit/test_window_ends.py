"""Steps that stop at the window's ends: against integration, and told from those that go on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from experiments.support.fit_files import draw_source
from neurograd.fit.choice import choose
from neurograd.fit.models.curves import CURVES
from neurograd.fit.models.model import Model
from neurograd.fit.models.state_space import run_filter
from neurograd.fit.models.trains import Trains, line_up
from neurograd.fit.models.window_ends import reaching, stop

BY_NAME = {curve.name: curve for curve in CURVES}


@pytest.mark.parametrize("mean", [-0.03, 0.02, 0.5, 0.97, 1.04])
def test_a_reading_of_a_stopped_state_is_that_of_the_integral(mean):
    """Density, and mean and variance before and behind it, on a fine grid of the state."""
    spread, read, place = 0.03**2, 0.02**2, np.clip(mean, 0.0, 1.0) + 0.015
    x = np.linspace(mean - 0.3, mean + 0.3, 600_001)
    weight = stats.norm.pdf(x, mean, np.sqrt(spread)) * (x[1] - x[0])
    state = np.clip(x, 0.0, 1.0)
    seen = weight * stats.norm.pdf(place, state, np.sqrt(read))
    one = np.full((1, 1), 1.0)
    found = stop(mean * one, spread * one, place * one, read * one, np.array([True]))
    if mean == 0.5:
        assert found is None
        return
    assert found is not None
    constant = 0.5 * np.log(2.0 * np.pi)
    assert found.term.item() - constant == pytest.approx(np.log(seen.sum()), abs=1e-6)
    for weights, middle, square in (
        (weight, found.expected, found.variance),
        (seen, found.mean, found.spread),
    ):
        exact = (weights * state).sum() / weights.sum()
        assert middle.item() == pytest.approx(exact, abs=1e-7)
        assert square.item() == pytest.approx(
            (weights * (state - exact) ** 2).sum() / weights.sum(), rel=1e-4, abs=1e-9
        )


def test_only_runs_near_an_end_are_stopped():
    mean = np.array([[0.5, 0.02, 0.5], [0.5, 0.5, 0.97]])
    assert reaching(mean, np.full((2, 3), 0.01**2)).tolist() == [False, True, True]


def cut_file(seed: int, cycles: int = 2) -> Trains:
    source = replace(
        draw_source("constant over the window", np.random.default_rng(seed)), stops=True
    )
    return line_up(source.file(np.random.default_rng(seed + 1), cycles).runs)


def by_grid(values: np.ndarray, what: dict[str, float], count: int) -> float:
    """Log likelihood of a run up by Bayes' rule on a grid of states, with a mass at either end."""
    x = np.linspace(0.0, 1.0, count)
    half = 0.5 * (x[1] - x[0])
    edges = np.concatenate([[-np.inf], x[1:-1] - half, [1.0 - half, np.inf]])
    edges[1] = half
    state = np.zeros(count)
    state[0] = 1.0
    step = x[:, None] + what["step"]
    move = np.diff(stats.norm.cdf(edges[None], step, what["noise"]), axis=1)
    total = 0.0
    for number, value in enumerate(values):
        if number:
            state = state @ move
        likely = state * stats.norm.pdf(value, x, what["read"])
        total += float(np.log(likely.sum()))
        state = likely / likely.sum()
    return total


WHAT = {"step": 1.0 / 40.0, "noise": 0.012, "read": 0.02}


def one_run() -> tuple[np.ndarray, Model, np.ndarray]:
    """Readings of a run of 50 pulses that spends its last fifth at the end, and the truth of it."""
    rng = np.random.default_rng(5)
    x, way = 0.0, [0.0]
    for _ in range(50):
        x = float(np.clip(x + WHAT["step"] + WHAT["noise"] * rng.standard_normal(), 0.0, 1.0))
        way.append(x)
    readings = np.array(way) + WHAT["read"] * rng.standard_normal(51)
    by_name = {
        "low": 0.0,
        "high": 1.0,
        "read": np.log(WHAT["read"]),
        "potentiation.pulses": np.log(40.0),
        "potentiation.noise": np.log(WHAT["noise"]),
    }
    model = replace(Model.of(BY_NAME["constant"], alone(readings)), stops=True)
    return readings, model, np.array([[by_name[name] for name in model.names]])


def alone(readings: np.ndarray) -> Trains:
    return Trains(readings[:, None], np.array([True]), np.zeros(1, int), 0.0, 1.0)


def test_the_filter_is_that_of_a_grid_of_states():
    """The Gaussian state costs 0.05 of log likelihood at most.

    Steps that go on are 5 behind, so a missing stop shows.
    """
    readings, model, point = one_run()
    trains = alone(readings)
    exact = by_grid(readings, WHAT, 1501)
    stopping = run_filter(trains, model.dynamics(point, trains))
    going_on = run_filter(trains, replace(model, stops=False).dynamics(point, trains))
    assert stopping.log_likelihood.item() == pytest.approx(exact, abs=0.05)
    assert going_on.log_likelihood.item() < exact - 5.0


def test_what_stopped_holds_nothing_of_a_change_of_the_start():
    """Five deviations beyond the end nothing passes; four before it all does, less what is read."""
    spread, read = np.full((1, 3), 0.02**2), np.full((1, 3), 0.04**2)
    mean, seen = np.array([[1.1, 0.92, 0.92]]), np.array([True, True, False])
    found = stop(mean, spread, np.clip(mean, 0.0, 1.0), read, np.full(3, True))
    assert found is not None
    weight, carried = np.full((1, 3), 9.0), np.full((1, 3), 0.5)
    found.hold(mean, spread.copy(), weight, carried, seen)
    assert weight[0] == pytest.approx([0.0, 0.5 * 0.8, 0.5], abs=1e-4)


def test_blank_readings_at_an_end_leave_the_state_there():
    """A run of which every second reading is blank: the same on the grid of its readings."""
    trains = cut_file(3)
    model = replace(Model.of(BY_NAME["constant over the window"], trains), stops=True)
    blank = replace(
        trains, values=np.where(np.arange(len(trains.values))[:, None] % 2, np.nan, trains.values)
    )
    point = model.first_values(trains, 0.5)[None]
    whole, thinned = (run_filter(each, model.dynamics(point, each)) for each in (trains, blank))
    assert np.isnan(thinned.innovations[1::2]).all()
    ends = thinned.states[:, 0][np.isfinite(thinned.innovations[:, 0])]
    assert ends.min() >= 0.0
    assert ends.max() <= 1.0
    assert np.abs(thinned.states[::2] - whole.states[::2]).max() < 0.1


def test_files_say_whether_pulses_stop():
    curves = (BY_NAME["constant over the window"], BY_NAME["constant"])
    choice = choose(cut_file(7, 4), curves)
    chosen = choice.chosen
    assert chosen is not None
    assert (chosen.name, chosen.stops) == (curves[0].name, True)
    going_on = next(e for e in choice.tried if (e.name, e.stops) == (curves[0].name, False))
    assert chosen.log_likelihood > going_on.log_likelihood + 5.0
    assert any(line.startswith("Pulses are taken to stop at") for line in choice.notes())
