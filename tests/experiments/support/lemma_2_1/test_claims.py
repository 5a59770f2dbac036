"""Judgements of made rows, whose answers are known."""

from __future__ import annotations

import pytest

from experiments.support.lemma_2_1.claims import additive, agreement, passes


def rows_of(factor: float) -> list[dict]:
    made = []
    for k in range(1, 7):
        for kind, b, variance in (("noise", 0.0, 1.0), ("bias", 0.1, 0.0), ("both", 0.1, 1.0)):
            size = 10.0**-k * ((b != 0) + variance) * (factor if kind == "both" else 1.0)
            made.append(
                {"kind": kind, "point": 0, "step_size": 10.0 ** -k, "b": b, "length": 1e-3,
                 "total_variance": variance, "predicted": size, "measured": size}
            )  # fmt: skip
    return made


def test_additive_and_passes():
    assert additive(rows_of(1.0)).ratio == pytest.approx(1)
    assert additive(rows_of(1.5)).ratio == pytest.approx(1.5)
    assert passes(agreement(rows_of(1.0)))
    bent = [{**r, "measured": r["measured"] ** 1.05} for r in rows_of(1.0)]
    assert not passes(agreement(bent))
    wrong = [{**r, "measured": -r["measured"] if k == 0 else r["measured"]}
             for k, r in enumerate(rows_of(1.0))]  # fmt: skip
    assert not passes(agreement(wrong))
