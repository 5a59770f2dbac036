"""The Manhattan rule: the sign of the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from neurograd.effects.rules.rule import Rule, rule_keys, rule_knobs
from neurograd.keys.fields import Number, SpecModel

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class MagnitudeKeys(SpecModel):
    """learning_rule.magnitude."""

    magnitude: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Size of every element of the Manhattan rule's estimate, above 0. "
        "Default: null, the gradient's mean |element|.",
    )


def _build(parts: Assembly) -> None:
    from device_models import Manhattan  # noqa: PLC0415  (needs torch)

    parts.rule = Manhattan(parts.spec.learning_rule.magnitude)


EFFECT = Rule(
    name="manhattan",
    label="the Manhattan rule",
    order=120,
    keys=rule_keys(MagnitudeKeys, 80),
    build=_build,
    knobs=rule_knobs(
        "manhattan", ("magnitude", "size of the estimate's elements", 1, 1e6, False, True)
    ),
    optional=("magnitude",),
    mean_over_samples=False,
)
