"""Feedback alignment: the backward pass goes through fixed random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurograd.effects.rules import fixed_feedback
from neurograd.effects.rules.rule import Rule, rule_knobs

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


def _build(parts: Assembly) -> None:
    from device_models import draw_feedback  # noqa: PLC0415  (needs torch)

    fixed_feedback.draw_fixed(parts, draw_feedback)


EFFECT = Rule(
    name="feedback_alignment",
    label="feedback alignment",
    order=40,
    keys=fixed_feedback.KEYS,
    build=_build,
    knobs=rule_knobs("feedback_alignment", fixed_feedback.SCALE),
    defaults=fixed_feedback.DEFAULTS,
    optional=fixed_feedback.OPTIONAL,
    on_layers=True,
)
