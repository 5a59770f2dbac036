"""Runs that go against their pulses: left out, kept, or the file refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurograd.errors import DataError
from neurograd.fit.device_fit import fit_device
from neurograd.fit.measurements import DIRECTIONS, Measurements, Run
from neurograd.fit.models.wrong_way import clearly_against, right_way
from neurograd.fit.reading import read_measurements

UP, DOWN = DIRECTIONS
RISING, FALLING = np.linspace(1.0, 5.0, 20), np.linspace(5.0, 1.0, 20)


def _runs(*values: np.ndarray, direction=UP) -> list[Run]:
    return [Run(direction, each, cycle=cycle) for cycle, each in enumerate(values)]


def _walks(seed: int, drift: float, kick: float, read: float = 0.0, count: int = 40) -> np.ndarray:
    """2,000 runs, shape ``(2000, count + 1)``."""
    rng = np.random.default_rng(seed)
    steps = drift + kick * rng.standard_normal((2000, count))
    ways = np.concatenate([np.zeros((2000, 1)), steps.cumsum(1)], axis=1)
    return ways + read * rng.standard_normal(ways.shape)


@pytest.mark.parametrize(
    ("kick", "read", "count"),
    [(1.0, 0.0, 40), (1.0, 1.0, 40), (0.05, 1.0, 40), (1.0, 0.0, 3), (1.0, 0.0, 7)],
)
def test_noise_alone_seldom_goes_clearly_against_the_pulses(kick, read, count):
    """Of runs without any drift 0.013 % go so far to one side, of however many steps they are.

    Of 7 steps, all fall in 0.8 %, and the mean lies four standard errors on one side in 0.4 %. How
    the noise is shared out follows what the steps make likely, which is wrong in some runs: at most
    0.4 % are allowed, of which 2,000 runs with 0.2 % have more with a probability of 2 %.
    """
    assert len(clearly_against(UP, list(_walks(0, 0.0, kick, read, count)))) <= 8


@pytest.mark.parametrize(
    ("values", "clear"),
    [
        (np.linspace(0.7, 0.1, 8), True),
        (np.arange(8.0, 0.0, -1.0), True),
        (np.array([7.0, 5.5, 4.1, 3.4, 2.0, 1.6, 0.9, 0.2]), False),
        (np.cumsum(-np.random.default_rng(2).random(14)), True),
        (np.array([2.0, 1.0]), False),
    ],
)
def test_short_runs_that_fall_are_clear_where_their_steps_are_the_same(values, clear):
    """No noise explains equal steps; 13 steps that all fall are noise in 0.012 %, 7 in 0.8 %.

    Of a single step no noise is known.
    """
    with np.errstate(all="raise"):
        assert clearly_against(UP, [values]) == ([0] if clear else [])


@pytest.mark.parametrize(("kick", "read"), [(0.3, 0.0), (0.1, 1.0)])
def test_runs_that_drift_against_their_pulses_show(kick, read):
    """40 steps of −0.5 are 10 or more of the deviations that noise of pulses gives them."""
    assert len(clearly_against(UP, list(_walks(1, -0.5, kick, read)))) > 1960
    assert not clearly_against(DOWN, list(_walks(1, -0.5, kick, read)))


def test_a_run_the_wrong_way_round_is_left_out_and_named():
    runs = _runs(RISING, RISING, FALLING, RISING) + _runs(FALLING, direction=DOWN)
    kept, notes = right_way(runs)
    assert [run.cycle for run in kept if run.direction == UP] == [0, 1, 3]
    assert notes == (
        "1 of 4 runs of potentiation is left out, which falls against the pulses: run 3 from 4.58 "
        "to 1.42",
    )


def test_a_device_that_lost_a_direction_is_left_out_as_a_whole():
    runs = [Run(UP, FALLING if device == 1 else RISING, device) for device in range(4)]
    runs += [Run(DOWN, FALLING, device) for device in range(4)]
    kept, notes = right_way(runs)
    assert {run.device for run in kept} == {0, 2, 3}
    assert notes[0].endswith("device 2, run 1 from 4.58 to 1.42")
    assert notes[1:] == ("device 2 is left out as a whole: no run of one direction is left",)


def test_runs_that_go_with_their_device_are_not_said_to_be_kept():
    """Device 2 has no run up that is left; its run down, which noise carried back, goes as well."""
    back = np.array([3.0, 2.0, 4.0, 1.5, 4.5, 2.5, 3.5, 3.2])
    runs = [Run(UP, FALLING if device == 1 else RISING, device) for device in range(4)]
    runs += [Run(DOWN, back if device == 1 else FALLING, device) for device in range(4)]
    kept, notes = right_way(runs)
    assert {run.device for run in kept} == {0, 2, 3}
    assert "kept" not in " ".join(notes)


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (_runs(FALLING), "a run of potentiation falls from 4.58 to 1.42; allowed: readings in the"),
        (_runs(RISING, FALLING, RISING, FALLING), r"to 1.42 \(2 of 4 clearly do\); allowed"),
        (_runs(RISING, direction=DOWN), "a run of depression rises from 1.42 to 4.58; allowed"),
    ],
)
def test_more_than_a_third_is_refused(runs, words):
    with pytest.raises(DataError, match=words):
        right_way(runs)


def test_runs_that_end_on_the_wrong_side_in_the_mean_are_refused():
    """Noise may explain each of them; a direction that they do not tell is none to fit."""
    runs = _runs(*_walks(3, -0.1, 1.0)[:9])
    assert not clearly_against(UP, [run.conductance for run in runs])
    with pytest.raises(DataError, match="9 do in the mean"):
        right_way(runs)


def test_a_fit_says_which_runs_it_is_without_and_which_it_keeps():
    """Noise of 16 % of the window a pulse: a fit without the runs that it carried back would take
    the steps for larger ones and their noise for less; the interval (95 %, fixed seed) holds it."""
    rng = np.random.default_rng(4)
    runs = []
    for direction in DIRECTIONS:
        for cycle in range(10):
            way = [0.0]
            for _ in range(20):
                step = (1 - way[-1]) / 40 + 0.16 * rng.standard_normal()
                way.append(min(max(way[-1] + step, 0.0), 1.0))
            reads = np.array(way) + 0.01 * rng.standard_normal(21)
            runs.append(Run(direction, reads if direction == UP else 1 - reads, cycle=cycle))
    runs[2] = replace(runs[2], conductance=np.linspace(0.9, 0.1, 21))
    fit = fit_device(Measurements(tuple(runs), "relative", (), ()), "soft_bounds")
    assert "1 of 10 runs of potentiation is left out" in " ".join(fit.notes)
    assert "of their start, no further than noise of pulses explains: kept" in " ".join(fit.notes)
    for direction in DIRECTIONS:
        noise = fit.number(f"write.cycle_to_cycle.{direction}")
        levels = fit.number(f"conductance.levels.{direction}")
        assert noise.low < 0.16 < noise.high
        assert levels.low < 40 < levels.high


def test_a_file_with_one_run_the_wrong_way_round_is_read(tmp_path):
    """One column the wrong way round of four is left to the fit; two are named as before."""
    heads = "pulse,LTP1,LTP2,LTP3,LTP4,LTD1"
    path = tmp_path / "device.csv"
    for wrong, refused in ((1, False), (2, True)):
        ways = [FALLING] * wrong + [RISING] * (4 - wrong) + [FALLING]
        lines = [",".join(map(str, (k, *row))) for k, row in enumerate(zip(*ways, strict=True))]
        path.write_text("\n".join([heads, *lines]) + "\n", encoding="utf-8")
        if refused:
            with pytest.raises(DataError, match="LTP1 falls from 5 to 1; allowed: from the small"):
                read_measurements(path)
        else:
            assert "1 of 4 runs of pot" in right_way(read_measurements(path).runs)[1][0]
