"""Equilibrium propagation: the difference of a nudged and a free equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from neurograd.effects.rules.rule import Rule, rule_keys, rule_knobs
from neurograd.keys.fields import Number, SpecModel, Whole

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class RelaxationKeys(SpecModel):
    """learning_rule.nudging, relaxation_steps, relaxation_rate and symmetric."""

    nudging: Annotated[float, Number(0, above=True)] | None = Field(
        None, description="Nudging strength of equilibrium_propagation, above 0. Default: 0.1."
    )
    relaxation_steps: Annotated[int, Whole(1, 10_000)] | None = Field(
        None, description="Steps of its nudged phase. Default: 100."
    )
    relaxation_rate: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Size of such a step, above 0; too large a one diverges. Default: 0.2.",
    )
    symmetric: bool | None = Field(None, description="Whether it nudges both ways. Default: true.")


def _build(parts: Assembly) -> None:
    from device_models import EquilibriumPropagation  # noqa: PLC0415  (needs torch)
    from neurograd.training.keyed_rule import KeyedRule  # noqa: PLC0415

    rule = parts.spec.learning_rule
    relaxing = EquilibriumPropagation(
        nudging=rule.nudging or 0.1,
        relaxation_steps=rule.relaxation_steps or 100,
        relaxation_rate=rule.relaxation_rate or 0.2,
        symmetric=rule.symmetric is not False,
    )
    parts.rule = KeyedRule(relaxing, "learning_rule.name", "learning_rule.relaxation_rate")


EFFECT = Rule(
    name="equilibrium_propagation",
    label="equilibrium propagation",
    order=110,
    keys=rule_keys(RelaxationKeys, 70),
    build=_build,
    knobs=rule_knobs(
        "equilibrium_propagation",
        ("nudging", "nudging strength", 1, 1e6, False, True),
        ("relaxation_steps", "steps of the nudged phase", -1, 10_000, True, False),
        ("relaxation_rate", "relaxation rate", 1, 1e6, False, True),
    ),
    defaults={
        "nudging": 0.1,
        "relaxation_steps": 100,
        "relaxation_rate": 0.2,
        "symmetric": True,
    },
    networks=("rate",),
    on_layers=True,
)
