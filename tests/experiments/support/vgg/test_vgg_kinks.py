"""Which VGG students are measured with kinks, and what their numbers say."""

from __future__ import annotations

from experiments.support.vgg.kinks import LIMIT, kink_claim, kinked
from experiments.support.vgg.students import Student


def test_random_students_of_the_least_and_the_largest_depth():
    students = [
        Student(start, depth, factor, index)
        for start in ("trained", "kaiming", "xavier")
        for depth in (11, 13, 19)
        for factor in (16, 8)
        for index in range(4)
    ]
    found = kinked(students)
    assert len(found) == 12
    assert all(s.start != "trained" and s.depth != 13 and s.factor == 16 for s in found.values())


def _rows(*left):
    """Networks whose measured impact is a part of Eq. 3's term beside the prediction."""
    return [
        {
            "start": "xavier",
            "depth": depth,
            "hessian": 2.0,
            "kinks": 1.0,
            "measured": 3.0 + 2 * x,
            "length": 0.1,
        }
        for depth, x in zip((11, 19, 11), left, strict=True)
    ]


def test_the_claim_is_held_by_its_interval():
    made = kink_claim(_rows(0.001, -0.001, 0.0), "digits", 400.0)
    assert made.held == "held"
    assert "random, Xavier, 3 networks: measured over Eq. 3's term 1.50" in made.measured
    assert kink_claim(_rows(0.0, 0.0, 1.5 * LIMIT), "digits", 400.0).held == "inconclusive"
    low, high = 1.9 * LIMIT, 2.1 * LIMIT
    assert kink_claim(_rows(low, high, 2 * LIMIT), "digits", 400.0).held == "not held"
