"""Backpropagation through time with surrogate derivatives, whole or truncated."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from neurograd.effects.effect import Remedy, change
from neurograd.effects.rules.backprop import build_backprop
from neurograd.effects.rules.rule import Rule, rule_keys, rule_knobs
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import SpecModel, Whole


class TruncationKeys(SpecModel):
    """learning_rule.truncation."""

    truncation: Annotated[int, Whole(1, 10_000)] | None = Field(
        None,
        description="Time steps that the gradient flows back, for surrogate only. Default: null, "
        "all.",
    )


def _is_cut(spec: SpecSections, samples: int) -> bool:
    """A spiking network's clean twin learns by surrogate gradients as well."""
    return spec.learning_rule.truncation is not None


def _remedy(spec: SpecSections) -> Remedy:
    return change("raise", ["learning_rule.truncation"])


EFFECT = Rule(
    name="surrogate",
    label="the surrogate gradient",
    order=20,
    keys=rule_keys(TruncationKeys, 40),
    when=_is_cut,
    build=build_backprop,
    remedy=_remedy,
    knobs=rule_knobs(
        "surrogate",
        ("truncation", "steps that the gradient flows back", -1, 10_000, True, False),
    ),
    optional=("truncation",),
    networks=("spiking",),
)
