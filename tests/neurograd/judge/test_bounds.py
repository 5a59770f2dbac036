"""Bounds on tables of 0, 1 and −1 cover: rates, alike samples and chips, few chips and many.

Each part is that of 1000 tables with a fixed seed. One-sided 95 % bounds miss in at most 7.4 % of
them and 99 % bounds in at most 2.1 % unless the true rate is above the nominal one, but for 1 case
in 2000 each (binomial).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from neurograd.judge.bounds import GROWTH, MeanOverChips, MeanOverTable, MeanOverTies
from tests.neurograd.judge.simulation import Tables, coverage

COUNT = 1000
CASES = (
    (Tables(100, 0.02, 0.0, 0.0, 2.0), 10),  # the same few samples on all chips
    (Tables(100, 0.02, 0.0, 0.3, 3.0), 20),
    (Tables(360, 0.06, 0.02, 0.3, 1.0), 3),
    (Tables(360, 0.1, 0.01, 0.3, 1.0), 5),  # chips that differ
    (Tables(360, 0.03, 0.01, 0.1, 1.0), 20),
    (Tables(100, 0.05, 0.05, 0.0, 0.3), 5),  # as much gained as lost
    (Tables(200, 0.03, 0.01, 0.2, 1.0, paired=True), 5),
)


@pytest.mark.parametrize(("tables", "chips"), CASES, ids=str)
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_bounds_cover(tables, chips, confidence):
    most = stats.binom.isf(1 / 2000, COUNT, 1 - confidence) / COUNT
    upper, lower = coverage(tables, chips, confidence, COUNT, seed=1)
    assert upper <= most
    assert lower <= most


@pytest.mark.parametrize(
    ("samples", "limits"), [(360, (0.002, 0.05)), (30, (0.02, 0.4)), (4, (0.1, 0.9))]
)
@pytest.mark.parametrize("error", [0.1, 0.05, 0.01])
def test_few_lost_samples_of_chips_that_are_alike_bound_as_often_as_they_say(
    samples, limits, error
):
    """Exact, by the binomial distribution: chips that are at a limit are found within it by chance.

    Scores alone miss two times as often as they say at 90 %, and 1.4 times at 95 %.
    """
    lost = np.arange(samples + 1)
    tables = ((np.arange(samples) < count) * np.ones((5, 1)) for count in lost)
    bounds = np.array([MeanOverTable.of(table).bound(error, 1) for table in tables])
    chances = [
        stats.binom.pmf(lost, samples, limit)[bounds <= limit].sum()
        for limit in np.linspace(*limits, 100)
    ]
    assert max(chances) <= error
    assert samples == 4 or max(chances) >= 0.5 * error


def test_bounds_are_no_wider_than_they_must_be():
    """Where normal theory holds, misses are near nominal: 95 % bounds in 2.5 % of tables at least.

    With 100 chips-by-samples tables of 20 chips that differ, all of the spread is that of chips.
    """
    upper, lower = coverage(Tables(400, 0.3, 0.03, 0.5, 0.5), 20, 0.95, COUNT, seed=2)
    assert min(upper, lower) >= stats.binom.ppf(1 / 2000, COUNT, 0.045) / COUNT


def test_chips_and_samples_have_quantiles_of_their_own():
    """Few chips count with Student's t, and both parts add up."""
    chips = MeanOverTable(0.0, 3, 400, 4e-4, 0.0, 0.0, 0.5, 0.5, 1.0)
    samples = MeanOverTable(0.0, 3, 400, 0.0, 0.0, 4e-4, 0.5, 0.5, 1.0)
    both = MeanOverTable(0.0, 3, 400, 4e-4, 0.0, 4e-4, 0.5, 0.5, 1.0)
    ends = [mean.bound(0.05, 1) for mean in (samples, chips, both)]
    # 0.02 in units of one entry, at the bound's own variance of nearly 1 - d**2.
    assert ends[0] == pytest.approx(0.02 * 1.645, rel=0.03)
    assert ends[1] == pytest.approx(0.02 * 2.92, rel=0.03)
    assert ends[2] ** 2 == pytest.approx(ends[0] ** 2 + ends[1] ** 2, rel=0.03)
    # Chips that differ do so by more where they cost more.
    less = MeanOverTable(0.1, 3, 400, 4e-4, 0.0, 0.0, 0.1, 0.0, 0.1)
    differ = MeanOverTable(0.1, 3, 400, 4e-4, 4e-4, 0.0, 0.1, 0.0, 0.1)
    assert differ.bound(0.05, 1) > less.bound(0.05, 1)
    assert differ.bound(0.05, -1) == pytest.approx(less.bound(0.05, -1))
    assert both.chip_variance() == pytest.approx(3 * 4e-4)


@pytest.mark.parametrize("mean", [-0.3, 0.0, 0.1, 0.25, 0.6])
def test_parts_at_another_mean_are_the_likeliest(mean):
    """Positive, negative and equal samples of that mean, of the largest multinomial likelihood."""
    table = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=(4, 50))
    found = MeanOverTable.of(table)
    up, down = found.positive, found.negative

    def unlikely(part):
        rest = 1.0 - 2.0 * part + mean
        return -up * np.log(part) - down * np.log(part - mean) - (1 - up - down) * np.log(rest)

    ends = (max(0.0, mean) + 1e-9, 0.5 * (1.0 + mean) - 1e-9)
    best = optimize.minimize_scalar(
        unlikely, bounds=ends, method="bounded", options={"xatol": 1e-9}
    )
    assert found._positive_at(mean) == pytest.approx(best.x, abs=1e-6)


def test_a_spread_that_is_not_known_is_none():
    """Of a single chip, and where one diverged."""
    for values in ((0.3,), (0.1, math.inf), (math.inf, math.inf)):
        assert MeanOverChips.of(values).chip_variance() == 0
    assert MeanOverChips.of((0.1, 0.3)).chip_variance() == pytest.approx(0.02)


def test_chips_stand_apart_by_more_than_samples_make_them():
    """Variance of a mean from chips: mean square of rows, and that less the one of the rest."""
    rates = np.array([0.1, 0.3, 0.5, 0.9])[:, None]
    table = (np.random.default_rng(1).random((4, 30)) < rates).astype(float)
    rows = 30 * table.mean(1).var(ddof=1)
    rest = table - table.mean(1, keepdims=True) - table.mean(0) + table.mean()
    found = MeanOverTable.of(table)
    assert found.rows == pytest.approx(rows / 120)
    assert found.apart == pytest.approx((rows - (rest**2).sum() / (3 * 29)) / 120)
    assert 0 < found.apart < found.rows


def test_a_measurement_of_few_chips_that_differ_has_an_end():
    """By hand: t quantiles of the chips' own spread, where that of a verdict has no end."""
    differ = MeanOverTable(0.1, 3, 400, 4e-4, 4e-4, 0.0, 0.1, 0.0, 0.1)
    assert differ.bound(0.02, 1) == 1
    upper = differ.measured().bound(0.02, 1)
    few = 1 / 400**2 * stats.norm.isf(0.02) ** 2  # the samples' part that no table shows
    more = upper * (1 - upper) + 1 / 400, 0.1 - 0.01 + 1 / 400
    spread = math.sqrt(4e-4 * stats.t.isf(0.02, 2) ** 2 + few * more[0] / more[1])
    assert upper - 0.1 == pytest.approx(spread, rel=1e-3)
    assert differ.measured().bound(0.02, -1) == differ.bound(0.02, -1)


def test_upper_bounds_of_costs_let_the_spread_grow():
    """By hand: 5 chips of mean 0.1 and spread 0.05, the bound at its own spread."""
    costs = MeanOverChips.of_costs((0.05, 0.05, 0.1, 0.15, 0.15))
    plain = MeanOverChips.of((0.05, 0.05, 0.1, 0.15, 0.15))
    upper = costs.bound(0.05, 1)
    spread = 0.05 / math.sqrt(5) * (upper / 0.1) ** GROWTH
    assert (upper - 0.1) / spread == pytest.approx(stats.t.isf(0.05, 4))
    assert upper > plain.bound(0.05, 1)
    assert costs.bound(0.05, -1) == plain.bound(0.05, -1)
    # However few and different, there is an end; chips that are better than the clean one have one.
    assert math.isfinite(MeanOverChips.of_costs((0.0, 0.1)).bound(0.001, 1))
    assert -0.1 < MeanOverChips.of_costs((-0.1, -0.11, -0.09)).bound(0.05, 1) < -0.05


def test_the_parts_of_a_table_are_those_of_a_two_way_layout():
    """Mean squares from their definitions: chips, samples, and what neither of them explains."""
    table = np.random.default_rng(2).integers(-1, 2, (4, 30)) * 1.0
    chips, samples = table.shape
    rows, columns = table.mean(1, keepdims=True), table.mean(0, keepdims=True)
    rest = ((table - rows - columns + table.mean()) ** 2).sum() / ((chips - 1) * (samples - 1))
    of_rows, of_columns = samples * rows.var(ddof=1), chips * columns.var(ddof=1)
    found = MeanOverTable.of(table)
    assert found.rows == pytest.approx(of_rows / table.size)
    assert found.apart == pytest.approx(max(0.0, of_rows - rest) / table.size)
    assert found.columns == pytest.approx(max(0.0, of_columns - rest) / table.size)


@pytest.mark.parametrize("chips", [2, 5, 20])
def test_chips_that_all_lose_all_say_how_many_do(chips):
    """Of chips that lose all in a part p of all cases and nothing else, S all do in p^S of them.

    The lower bound is above the true mean in the stated part of cases where p^S is that part, and
    never in any other: it is what S chips of which none is left can say.
    """
    error = 0.05
    found = MeanOverChips.of_costs([1.0] * chips, 1.0)
    low = found.bound(error, -1)
    assert low**chips == pytest.approx(error)
    assert found.bound(error, 1) == 1.0
    assert found.measured().bound(error, -1) == low
    # Costs that are the same below the most have no error, nor have numbers without one.
    assert MeanOverChips.of_costs([0.4] * chips, 1.0).bound(error, -1) == pytest.approx(0.4)
    assert MeanOverChips.of([1.0] * chips).bound(error, -1) == 1.0
    # Of pairs that do so on both sides the rest may differ by all.
    pairs = MeanOverTies(chips, 1.0)
    assert pairs.bound(error, 1) == -pairs.bound(error, -1) == pytest.approx(1.0 - low)
    assert pairs.with_chips(1).bound(error, 1) == math.inf
    assert pairs.measured() == pairs
