"""The forward gradient: directional derivatives along random directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurograd.effects.rules import perturbations
from neurograd.effects.rules.rule import Rule, rule_knobs

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


def _build(parts: Assembly) -> None:
    from device_models import ForwardGradient  # noqa: PLC0415  (needs torch)

    parts.rule = ForwardGradient(parts.spec.learning_rule.samples or 1)


EFFECT = Rule(
    name="forward_gradient",
    label="the forward gradient",
    order=100,
    keys=perturbations.SAMPLE_KEYS,
    build=_build,
    knobs=rule_knobs("forward_gradient", perturbations.SAMPLES),
    defaults={"samples": 1},
)
