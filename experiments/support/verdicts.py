"""What the verdicts of drawn chips are held against: their true costs, and how many decide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from experiments.support.record import Claim, held_where
from neurograd.judge.proportions import proportion_interval
from neurograd.judge.verdict import Verdict

MARGIN = 0.01
"""How far from its limit a true cost must be for a verdict to be asked for: a point."""

ERRORS = 2.0
"""Standard errors of a true cost that must not reach over the margin."""

OPEN, WRONG = 0.15, 0.05
"""Claimed bounds: the part of inconclusive verdicts, and of wrong ones (1 − confidence)."""

Zone = Literal["off", "near", "unclear"]


@dataclass(frozen=True)
class TrueCost:
    """The mean cost of many chips that the verdict has not seen.

    Attributes:
        value: The mean over chips, infinite where one diverged.
        error: Its standard error over chips, on the same test samples; 0 where one diverged.
        chips: Number of chips, 2 or more.
    """

    value: float
    error: float
    chips: int

    @staticmethod
    def of(costs: Sequence[float]) -> TrueCost:
        """From one cost a chip."""
        mean = float(np.mean(costs))
        spread = float(np.std(costs, ddof=1)) if math.isfinite(mean) else 0.0
        return TrueCost(mean, spread / math.sqrt(len(costs)), len(costs))

    def zone(self, limit: float, errors: float = ERRORS) -> Zone:
        """Whether the cost is more than the margin off a limit, near it, or either by its error."""
        away = abs(self.value - limit)
        if away - errors * self.error > MARGIN:
            return "off"
        return "near" if away + errors * self.error <= MARGIN else "unclear"


def wrong(verdict: str, true: TrueCost, limit: float) -> bool:
    """Whether a verdict contradicts the true cost by more than its ``ERRORS``."""
    if verdict == Verdict.TOLERATED:
        return true.value - ERRORS * true.error > limit
    return verdict == Verdict.NOT_TOLERATED and true.value + ERRORS * true.error <= limit


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The numbers of all chips, and those of each kind of task and batch apart.

    Args:
        rows: Of all chips, by name, as the record keeps them.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows.values():
        for group in (row["task"], f"batch {row['batch']}"):
            groups.setdefault(group, []).append(row)
    return {
        **numbers(list(rows.values())),
        "groups": {name: numbers(found) for name, found in sorted(groups.items())},
        "inconclusive_chips": [k for k, row in rows.items() if _open(row)],
        "unclear_chips": [k for k, row in rows.items() if row["true"]["zone"] == "unclear"],
        "wrong_chips": [k for k, row in rows.items() if row["wrong"]],
        "redrawn_refused": sum(len(row["refused"]) for row in rows.values()),
        "redrawn_not_learned": sum(row["not_learned"] for row in rows.values()),
    }


def numbers(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts of some chips; intervals at 99 %.

    A chip counts as off by more than a point by the mean of its true cost. ``unclear_off`` are
    those of them whose error reaches over the margin, ``unclear_near`` those on its other side;
    ``share_range`` is the part that is inconclusive with all of these counted to either end.
    """
    off = [row for row in rows if row["true"]["off"]]
    sure = [row for row in rows if row["true"]["zone"] == "off"]
    unclear = [row for row in rows if row["true"]["zone"] == "unclear"]
    unclear_open = [row for row in unclear if _open(row)]
    sure_open = sum(_open(row) for row in sure)
    least = _share(sure_open, len(sure) + len(unclear) - len(unclear_open))
    most = _share(sure_open + len(unclear_open), len(sure) + len(unclear_open))
    decided = [row for row in rows if not _open(row)]
    open_ = sum(_open(row) for row in off)
    bad = sum(row["wrong"] for row in rows)
    return {
        "chips": len(rows),
        "off": len(off),
        "off_inconclusive": open_,
        "off_inconclusive_ci": proportion_interval(open_, len(off)) if off else (0.0, 1.0),
        "share_range": (least, most),
        "unclear_off": sum(row["true"]["off"] for row in unclear),
        "unclear_near": sum(not row["true"]["off"] for row in unclear),
        "inconclusive": len(rows) - len(decided),
        "tolerated": sum(row["verdict"] == Verdict.TOLERATED for row in rows),
        "not_tolerated": sum(row["verdict"] == Verdict.NOT_TOLERATED for row in rows),
        "wrong": bad,
        "wrong_ci": proportion_interval(bad, len(rows)) if rows else (0.0, 1.0),
        "first_look": sum(len(row["looks"]) == 1 for row in decided),
        "chips_trained": sum(row["looks"][-1]["chips"] for row in rows),
    }


def _share(count: int, total: int) -> float:
    return count / total if total else 0.0


def _open(row: Mapping[str, Any]) -> bool:
    return bool(row["verdict"] == Verdict.INCONCLUSIVE)


def claims(result: Mapping[str, Any], setting: str) -> list[Claim]:
    """What the project promises of its verdicts, and what came out.

    Args:
        result: From ``summary``.
        setting: How the chips were drawn.
    """
    tasks = ", ".join(
        f"{part['off_inconclusive']} of {part['off']} on {name}"
        for name, part in result["groups"].items()
        if not name.startswith("batch")
    )
    source = "neurograd's verdicts"
    low, high = result["share_range"]
    counted = f"{result['off_inconclusive']} of {result['off']}"
    return [
        Claim(
            "At most 15 % of these chips, of those whose true cost is more than a point from the "
            "limit, end inconclusive.",
            source,
            setting,
            f"{counted} ({tasks}), a count of these chips; {_shown((low, high))} with the "
            f"{result['unclear_off'] + result['unclear_near']} chips whose true cost's error "
            "reaches over the point counted either way",
            held_where((low, high), 0.0, OPEN),
        ),
        Claim(
            "At most 15 % of all chips that are drawn so end inconclusive where their true cost is "
            "more than a point from the limit.",
            source,
            setting,
            f"{counted} ({_shown(result['off_inconclusive_ci'])} at 99 %)",
            held_where(result["off_inconclusive_ci"], 0.0, OPEN),
        ),
        Claim(
            "At most 5 % of the verdicts are wrong.",
            source,
            setting,
            f"{result['wrong']} of {result['chips']} contradict the true cost by more than two "
            f"standard errors ({_shown(result['wrong_ci'])} at 99 %)",
            held_where(result["wrong_ci"], 0.0, WRONG),
        ),
    ]


def _shown(ends: tuple[float, float]) -> str:
    return " to ".join(f"{100 * end:.3g} %" for end in ends)
