"""Words for claims."""

from __future__ import annotations

from experiments.support.record import held_over


def test_a_claim_over_several_cases():
    found = [held_over(passed) for passed in ([True], [True, False], [False, False])]
    assert found == ["held", "partly", "not held"]
