"""Direct feedback alignment: the output's error goes to every layer directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurograd.effects.rules import fixed_feedback
from neurograd.effects.rules.rule import Rule, rule_knobs

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


def _build(parts: Assembly) -> None:
    from device_models import draw_direct_feedback  # noqa: PLC0415  (needs torch)

    fixed_feedback.draw_fixed(parts, draw_direct_feedback)


EFFECT = Rule(
    name="direct_feedback_alignment",
    label="direct feedback alignment",
    order=50,
    keys=fixed_feedback.KEYS,
    build=_build,
    knobs=rule_knobs("direct_feedback_alignment", fixed_feedback.SCALE),
    defaults=fixed_feedback.DEFAULTS,
    optional=fixed_feedback.OPTIONAL,
    on_layers=True,
)
