"""What is said to do about what comes after training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from neurograd.explain import with_reasons
from neurograd.explain.ageing import _action, _cause
from neurograd.explain.cause import NOTHING, NOTHING_IN_TRAINING
from neurograd.judge.verdict import Verdict
from neurograd.records.mitigation import MitigationGuide
from neurograd.spec import validate_spec


def _left_out(effects, verdict, saves):
    cost = SimpleNamespace(value=0.1, ci=(0.0, 0.2), verdict=verdict)
    return SimpleNamespace(
        leaves_out=True, effects=effects, saves_ci=saves, cost=cost, time=0.0, label="it",
        remedy=f"lower key{effects}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "saves", "said"),
    [
        (Verdict.INCONCLUSIVE, (-0.1, 0.05), False),
        (Verdict.NOT_TOLERATED, (-0.1, 0.05), False),
        (Verdict.TOLERATED, (-0.1, 0.05), True),
        (Verdict.INCONCLUSIVE, (0.01, 0.2), True),
    ],
)
def test_what_is_not_known_to_help_is_no_thing_to_do(verdict, saves, said):
    """Of one effect, or of all together where no single one is known to save anything."""
    single, both = _left_out(1, Verdict.INCONCLUSIVE, (-0.2, 0.1)), _left_out(2, verdict, saves)
    deployment = [SimpleNamespace(cost=SimpleNamespace(confidence=0.99))]
    together = SimpleNamespace(deployment_trials=[single, both], deployment=deployment)
    assert (_action(together) == ["What to do after training: lower key1 (not tried)."]) == said
    alone = SimpleNamespace(deployment_trials=[_left_out(1, verdict, saves)], deployment=deployment)
    assert bool(_action(alone)) == said


def test_advice_on_the_training_alone_says_so():
    guide = MitigationGuide.model_construct(advice=(NOTHING, "More."))
    assert with_reasons._of_training(guide).advice == (NOTHING_IN_TRAINING, "More.")


@pytest.mark.parametrize(
    ("verdict", "said"), [("inconclusive", True), ("not tolerated", True), ("tolerated", False)]
)
def test_what_may_cost_something_after_training_is_named_where_it_was_not_tried(verdict, said):
    device = {"drift": {"t0": "20 s", "exponent": 0.05}}
    deployment = {"program_error": "4 %", "times": ["1 h"]}
    spec = validate_spec({"device": device, "deployment": deployment, "task": {"name": "digits"}})
    later = SimpleNamespace(verdict=Verdict(verdict))
    report = SimpleNamespace(deployment_trials=[], deployment=[later])
    words = (
        "Possible cause after training, beside what acts in training: the programming error or "
        "conductance drift; what each of them costs was not tried."
    )
    assert _cause(spec, report, "w") == ([words] if said else [])
