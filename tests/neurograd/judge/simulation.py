"""How often verdicts err, on simulated tables of 0, 1 and −1 with spread chips.

``python -m tests.neurograd.judge.simulation`` writes all of it to ``simulation.json`` beside this
file (ten minutes); tests take parts. The form of the bounds was chosen on other settings and seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.special import ndtri

from neurograd.judge.bounds import MeanOverTable
from neurograd.judge.cost import Allowed, Baseline, judge_chips
from neurograd.judge.looks import Plan
from neurograd.judge.verdict import Verdict
from neurograd.measure.intervals import CONFIDENCE
from tests.neurograd.judge.networks import Judged

RECORD = Path(__file__).with_suffix(".json")

CLEAN = 0.93
"""Part of the samples that the clean twin classifies correctly."""

CLEAN_LOSS, BASELINE = 0.1, Baseline(2.3, 0.1)


@dataclass(frozen=True)
class Tables:
    """Costs by chip and test sample, with a known mean.

    A sample that the clean twin has right is lost, or one that it has wrong is gained, where a
    normal score of chip, sample and pair falls below a threshold (a probit model). Beside it, chips
    may lose a gamma-distributed multiple of what they lose in the mean.

    Attributes:
        samples: Number of test samples.
        lost: Part of all samples that chips lose.
        gained: Part of all samples that chips gain, at most ``1 − CLEAN``.
        chip_spread: Standard deviation of chips in units of that of single pairs.
        sample_spread: Standard deviation of samples in the same.
        paired: Whether every chip has a clean twin of its own, which is right on other samples.
        factor: Standard deviation of the multiple, 0 or more.
    """

    samples: int
    lost: float
    gained: float
    chip_spread: float
    sample_spread: float
    paired: bool = False
    factor: float = 0.0

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
        falls = scale * ndtri(np.minimum(1.0, self._lost(generator, chips) / CLEAN))
        rises = scale * ndtri(self.gained / (1 - CLEAN))
        lost, gained = chip + sample + pair < falls, -chip + sample + pair < rises
        return np.where(right, lost * 1.0, gained * -1.0)

    def networks(
        self, generator: np.random.Generator, chips: int
    ) -> tuple[list[Judged], list[Judged]]:
        """Clean twins, one of each chip, and chips, whose costs are those of a table."""
        table = self.draw(generator, chips)
        common = (table > 0).any(0) | ~(table < 0).any(0)
        right = table >= 0 if self.paired else np.broadcast_to(common, table.shape)
        found = right & ~(table > 0) | (table < 0)
        return [Judged(CLEAN_LOSS, row) for row in right], [
            Judged(CLEAN_LOSS, row) for row in found
        ]

    def _lost(self, generator: np.random.Generator, chips: int) -> np.ndarray:
        """What each chip loses in the mean, shape ``(chips, 1)``."""
        if self.factor == 0:
            return np.full((chips, 1), self.lost)
        shape, scale = self.factor**-2, self.factor**2
        return self.lost * generator.gamma(shape, scale, (chips, 1))


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


@dataclass(frozen=True)
class Losses:
    """Parts of the decrease of the loss that chips lose: gamma-distributed, with normal noise.

    Attributes:
        mean: The true mean cost.
        spread: Standard deviation of the gamma-distributed part in units of the mean, 0 or more.
        noise: That of the normal part in the same.
    """

    mean: float
    spread: float
    noise: float = 0.0

    def networks(
        self, generator: np.random.Generator, chips: int
    ) -> tuple[list[Judged], list[Judged]]:
        """Clean twins and chips, which have no accuracy."""
        cost = 1.0 + self.noise * generator.standard_normal(chips)
        if self.spread > 0:
            cost += generator.gamma(self.spread**-2, self.spread**2, chips) - 1.0
        decrease = BASELINE.loss - CLEAN_LOSS
        losses = CLEAN_LOSS + decrease * self.mean * cost
        return [Judged(CLEAN_LOSS)] * chips, [Judged(float(loss)) for loss in losses]


@dataclass(frozen=True)
class Outcome:
    """Verdicts of many designs.

    Attributes:
        tolerated: Part of 'tolerated' at each look.
        not_tolerated: Part of 'not tolerated' at each look.
        chips: Mean number of chips.
    """

    tolerated: tuple[float, ...]
    not_tolerated: tuple[float, ...]
    chips: float


def verdicts(
    tables: Tables | Losses, plan: Plan, limit: float, confidence: float, count: int, seed: int
) -> Outcome:
    """Verdicts with more chips until they are decided."""
    generator = np.random.default_rng(seed)
    allowed = Allowed(limit, limit, confidence)
    found = {verdict: np.zeros(len(plan.sizes)) for verdict in Verdict}
    for _ in range(count):
        twins, chips = tables.networks(generator, plan.most)
        size: int | None = plan.sizes[0]
        while size is not None:
            judged = judge_chips(BASELINE, allowed, twins[:size], chips[:size], plan)
            size = judged.more
        found[judged.verdict][len(judged.looks) - 1] += 1
    trained = sum(float(parts @ plan.sizes) for parts in found.values()) / count
    tolerated, not_tolerated = (
        found[Verdict.TOLERATED] / count,
        found[Verdict.NOT_TOLERATED] / count,
    )
    return Outcome(tuple(tolerated.tolist()), tuple(not_tolerated.tolist()), trained)


PLAN = Plan(5, 40, 4)
"""The default of a spec."""

SETTINGS = (
    Tables(100, 0.04, 0.01, 0.1, 1.0),
    Tables(100, 0.08, 0.01, 0.3, 1.0),
    Tables(360, 0.02, 0.005, 0.1, 1.0),
    Tables(360, 0.05, 0.02, 0.0, 0.5),
    Tables(360, 0.05, 0.02, 0.3, 1.0),
    Tables(360, 0.08, 0.01, 0.3, 1.0),
    Tables(360, 0.04, 0.01, 0.5, 1.0),
    Tables(360, 0.04, 0.01, 0.0, 1.0, factor=0.5),
    Tables(800, 0.06, 0.01, 0.3, 0.5),
    Tables(1000, 0.04, 0.01, 0.3, 1.0, paired=True),
    Tables(1000, 0.15, 0.02, 0.6, 0.5),
    Tables(1000, 0.08, 0.02, 0.0, 0.5, factor=0.6),
)
"""Judged at 95 %; every fourth at 99 % as well."""

LOSSES = (
    Losses(0.05, 0.4),
    Losses(0.05, 0.7),
    Losses(0.05, 0.25, 0.25),
    Losses(0.05, 0.0, 0.3),
)
"""Judged at 95 % and at 99 %."""

ORDINARY = (
    Tables(360, 0.02, 0.01, 0.1, 1.0),
    Tables(360, 0.04, 0.01, 0.1, 1.0),
    Tables(1000, 0.02, 0.01, 0.2, 1.0),
    Tables(1000, 0.04, 0.01, 0.2, 1.0),
)
"""Chips a point within or beyond a limit of 2 %."""


CASES = [(0.95, drawn) for drawn in SETTINGS] + [(0.99, drawn) for drawn in SETTINGS[::4]]
LOSS_CASES = [(confidence, drawn) for confidence in (0.95, 0.99) for drawn in LOSSES]


def errors(
    cases: Sequence[tuple[float, Tables | Losses]], count: int, seed: int
) -> Iterator[dict[str, object]]:
    """Verdicts at the limit, each of which is an error."""
    for k, (confidence, drawn) in enumerate(cases):
        found = verdicts(drawn, PLAN, drawn.mean, confidence, count, seed + k)
        wrong = {"tolerated": sum(found.tolerated), "not_tolerated": sum(found.not_tolerated)}
        yield {
            type(drawn).__name__.lower(): asdict(drawn),
            "confidence": confidence,
            "wrong": {side: [part, *between(part, count)] for side, part in wrong.items()},
            "by_look": asdict(found),
        }


def between(part: float, count: int) -> tuple[float, float]:
    """The exact interval at 99 % of a part of designs."""
    found = stats.binomtest(round(part * count), count).proportion_ci(CONFIDENCE)
    return float(found.low), float(found.high)


def decided(count: int, seed: int) -> Iterator[dict[str, object]]:
    """Verdicts of ordinary chips."""
    for k, tables in enumerate(ORDINARY):
        found = verdicts(tables, PLAN, 0.02, 0.95, count, seed + k)
        yield {
            "tables": asdict(tables),
            "limit": 0.02,
            "confidence": 0.95,
            "by_look": asdict(found),
        }


def single(count: int, seed: int) -> Iterator[dict[str, object]]:
    """Bounds of a single look."""
    for k, tables in enumerate(SETTINGS):
        for chips in (3, 5, 20):
            upper, lower = coverage(tables, chips, 0.95, count, seed + k)
            yield {"tables": asdict(tables), "chips": chips, "upper": upper, "lower": lower}


def main() -> None:
    """Write simulated error rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--record", type=Path, default=RECORD)
    options = parser.parse_args()
    count, seed = options.tables, options.seed
    record = {
        "command": "python -m tests.neurograd.judge.simulation",
        "designs": count,
        "seed": seed,
        "at_the_limit": [*errors(CASES, count, seed)],
        "losses_at_the_limit": [*errors(LOSS_CASES, count, seed + 300)],
        "ordinary": [*decided(count // 3, seed + 100)],
        "single_looks": [*single(count, seed + 200)],
    }
    options.record.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
