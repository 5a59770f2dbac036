"""E-prop: eligibility traces times a broadcast learning signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from neurograd.effects.rules import fixed_feedback
from neurograd.effects.rules.rule import Rule, rule_keys, rule_knobs
from neurograd.keys.fields import SpecModel

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class SignalKeys(SpecModel):
    """learning_rule.feedback."""

    feedback: Literal["random", "symmetric"] | None = Field(
        None,
        description="Learning signals of e-prop: fixed random weights, or the transposed forward "
        "ones. Default: random.",
    )


def _build(parts: Assembly) -> None:
    from device_models import EProp, draw_eprop  # noqa: PLC0415  (needs torch)

    if parts.spec.learning_rule.feedback == "symmetric":
        parts.rule = EProp()
    else:
        fixed_feedback.draw_fixed(parts, draw_eprop)


EFFECT = Rule(
    name="eprop",
    label="e-prop",
    order=30,
    keys=(*fixed_feedback.KEYS, *rule_keys(SignalKeys, 30)),
    build=_build,
    knobs=rule_knobs("eprop", fixed_feedback.SCALE),
    defaults={"feedback": "random", **fixed_feedback.DEFAULTS},
    optional=fixed_feedback.OPTIONAL,
    networks=("spiking",),
    on_layers=True,
)
