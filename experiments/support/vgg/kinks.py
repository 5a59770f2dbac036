"""Figure 5's random students with the kinks that the noise crosses, by draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiments.support.held import held_near, together
from experiments.support.kinked_step import kinked_step
from experiments.support.record import Claim, Run
from experiments.support.vgg.impacts import STYLES
from experiments.support.vgg.students import DEPTHS, Student, Task, make_student
from neurograd.measure.intervals import mean_interval
from neurograd.theory import white_variance_term

PAIRS = 8
"""Antithetic pairs of noise a network."""

NETWORKS = 3
"""Initializations of every start and depth that are measured with kinks."""

LIMIT = 0.1
"""What measured may lie beside predicted, in parts of Eq. 3's term."""


def kinked(students: Sequence[Student]) -> dict[str, Student]:
    """Students that are measured with kinks, by a name that is a file name.

    Random ones of the least and the largest depth, of the first one's widths.
    """
    base, ends = students[0].factor, (min(DEPTHS), max(DEPTHS))
    return {
        f"kinks-{s.name}": s
        for s in students
        if s.start in ("kaiming", "xavier")
        and (s.factor, s.depth in ends, s.index < NETWORKS) == (base, True, True)
    }


def kinks_of(
    run: Run, task: Task, variance: float, rows: dict[str, dict[str, Any]], student: Student
) -> dict[str, Any]:
    """Eq. 3, kinks and measured impact of one student, each over Δt².

    Args:
        run: The run.
        task: What the student learns.
        variance: Total variance of the noise.
        rows: What the experiment measured, by student.
        student: The student.
    """
    problem, w = make_student(run, task, student)
    known = rows[student.name]
    trace, dt = known["hessian_trace"], known["step_size"]
    clean, spread = -dt * problem.gradient(w), dt**2 * variance
    smooth = white_variance_term(spread, trace, len(w), 1.0)
    cost = kinked_step(problem, w, clean, clean, spread, smooth, trace, PAIRS, run.seed)
    scale = 1.0 / dt**2
    return {
        "start": student.start,
        "depth": student.depth,
        "index": student.index,
        "length": dt * variance**0.5 / float(w.norm()),
        "hessian": scale * smooth,
        "kinks": scale * cost.kinks.value,
        "kinks_ci": [scale * end for end in cost.kinks.ci],
        "measured": scale * (smooth + cost.kinks.value + cost.rest.value),
        "rest_ci": [scale * end for end in cost.rest.ci],
        "pairs": PAIRS,
    }


def kink_claim(rows: list[dict[str, Any]], setting: str, variance: float) -> Claim:
    """Lemma 2.1 with kinks on the random students."""
    parts, judged = [], []
    for start in dict.fromkeys(row["start"] for row in rows):
        mine = [row for row in rows if row["start"] == start]
        ratio, ends = mean_interval([row["measured"] / row["hessian"] for row in mine])
        left, ci = mean_interval(
            [(row["measured"] - row["hessian"] - row["kinks"]) / row["hessian"] for row in mine]
        )
        judged.append(held_near(ci, 0.0, LIMIT))
        parts.append(
            f"{STYLES[start][2]}, {len(mine)} networks: measured over Eq. 3's term {ratio:.2f} "
            f"({ends[0]:.2f} to {ends[1]:.2f}), measured less Eq. 3 and kinks over Eq. 3's term "
            f"{left:+.3f} ({ci[0]:+.3f} to {ci[1]:+.3f})"
        )
    depths = sorted({row["depth"] for row in rows})
    lengths = [row["length"] for row in rows]
    return Claim(
        "The impact of variance is ½(σ²/N)·Tr H·Δt² and what the kinks add: what is left lies "
        f"within {LIMIT:g} of Eq. 3's term.",
        "Lemma 2.1 (Eq. 3) with kinks (ours)",
        f"{setting}, total variance {variance:g}, random VGG-{depths[0]} and VGG-{depths[-1]}; "
        f"noise of {min(lengths):.2g} to {max(lengths):.2g} ‖w‖; "
        "kinks averaged over the noise of the measurement itself; mean over networks at 99 %",
        "; ".join(parts),
        together(judged),
    )
