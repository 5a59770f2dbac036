"""How often verdicts err, on simulated tables of 0, 1 and −1 with spread chips.

``python -m tests.neurograd.judge.simulation`` prints all of it (minutes); tests take parts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from neurograd.judge.bounds import MeanOverTable
from neurograd.judge.cost import Allowed, Baseline, judge_chips
from neurograd.judge.looks import Plan
from neurograd.judge.verdict import Verdict
from tests.neurograd.judge.networks import Judged

CLEAN = 0.93
"""Part of the samples that the clean twin classifies correctly."""

RATES = ((0.01, 0.0), (0.02, 0.0), (0.03, 0.01), (0.06, 0.02), (0.1, 0.01))
SPREADS = ((0.0, 0.3), (0.0, 2.0), (0.1, 1.0), (0.3, 1.0), (0.3, 3.0))
CHIPS, SAMPLES = (3, 5, 10, 20), (100, 360)


@dataclass(frozen=True)
class Tables:
    """Costs by chip and test sample, with a known mean.

    A sample that the clean twin has right is lost, or one that it has wrong is gained, where a
    normal score of chip, sample and pair falls below a threshold (a probit model).

    Attributes:
        samples: Number of test samples.
        lost: Part of all samples that chips lose.
        gained: Part of all samples that chips gain, at most ``1 − CLEAN``.
        chip_spread: Standard deviation of chips in units of that of single pairs.
        sample_spread: Standard deviation of samples in the same.
        paired: Whether every chip has a clean twin of its own, which is right on other samples.
    """

    samples: int
    lost: float
    gained: float
    chip_spread: float
    sample_spread: float
    paired: bool = False

    @property
    def mean(self) -> float:
        """The true mean cost."""
        return self.lost - self.gained

    def draw(self, generator: np.random.Generator, chips: int) -> np.ndarray:
        """One table, shape ``(chips, samples)``."""
        size = (chips, self.samples)
        scale = np.sqrt(1 + self.chip_spread**2 + self.sample_spread**2)
        chip = self.chip_spread * generator.standard_normal((chips, 1))
        sample = self.sample_spread * generator.standard_normal((1, self.samples))
        pair = generator.standard_normal(size)
        right = generator.random(size if self.paired else (1, self.samples)) < CLEAN
        falls = scale * stats.norm.ppf(self.lost / CLEAN)
        rises = scale * stats.norm.ppf(self.gained / (1 - CLEAN))
        lost, gained = chip + sample + pair < falls, -chip + sample + pair < rises
        return np.where(right, lost * 1.0, gained * -1.0)


def coverage(
    tables: Tables, chips: int, confidence: float, count: int, seed: int
) -> tuple[float, float]:
    """Parts of tables whose upper and whose lower bound is on the wrong side of the mean."""
    generator = np.random.default_rng(seed)
    error, wrong = 1 - confidence, np.zeros(2)
    for _ in range(count):
        mean = MeanOverTable.of(tables.draw(generator, chips))
        wrong += mean.bound(error, 1) < tables.mean, mean.bound(error, -1) > tables.mean
    return float(wrong[0]) / count, float(wrong[1]) / count


def networks(table: np.ndarray) -> tuple[Judged, list[Judged]]:
    """A clean twin and chips whose costs are those of a table."""
    right = (table > 0).any(0) | ~(table < 0).any(0)
    return Judged(0.1, right), [Judged(0.1, right & ~(row > 0) | (row < 0)) for row in table]


@dataclass(frozen=True)
class Outcome:
    """Verdicts of many designs.

    Attributes:
        tolerated: Part of 'tolerated'.
        not_tolerated: Part of 'not tolerated'.
        chips: Mean number of chips.
    """

    tolerated: float
    not_tolerated: float
    chips: float


def verdicts(
    tables: Tables, plan: Plan, limit: float, confidence: float, count: int, seed: int
) -> Outcome:
    """Verdicts with more chips until they are decided."""
    generator = np.random.default_rng(seed)
    allowed, baseline = Allowed(limit, limit, confidence), Baseline(2.3, 0.1)
    found = dict.fromkeys(Verdict, 0)
    trained = 0
    for _ in range(count):
        clean, chips = networks(tables.draw(generator, plan.most))
        size: int | None = plan.sizes[0]
        while size is not None:
            judged = judge_chips(baseline, allowed, clean, chips[:size], plan)
            trained += 0 if judged.more else size
            size = judged.more
        found[judged.verdict] += 1
    return Outcome(
        found[Verdict.TOLERATED] / count, found[Verdict.NOT_TOLERATED] / count, trained / count
    )


def settings() -> Iterator[Tables]:
    """All tables that are looked at."""
    for samples in SAMPLES:
        for lost, gained in RATES:
            for chip, sample in SPREADS:
                yield Tables(samples, lost, gained, chip, sample)


def main() -> None:
    """Print simulated error rates over nominal ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for confidence in (0.95, 0.99):
        for chips in CHIPS:
            for tables in settings():
                upper, lower = coverage(tables, chips, confidence, options.tables, options.seed)
                print("bounds", confidence, chips, tables, f"{upper:.4f} {lower:.4f}", flush=True)
        for tables in settings():
            plan = Plan(5, 20, 4)
            found = verdicts(tables, plan, tables.mean, confidence, options.tables, options.seed)
            print("verdicts", confidence, tables, found, flush=True)


if __name__ == "__main__":
    main()
