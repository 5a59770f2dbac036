"""What rules with fixed random feedback or readouts have in common: seed, scale and drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from neurograd.effects.rules.rule import rule_keys
from neurograd.errors import NeurogradError
from neurograd.keys.fields import SEED, Number, SpecModel

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class FeedbackKeys(SpecModel):
    """learning_rule.feedback_seed and learning_rule.feedback_scale."""

    feedback_seed: Annotated[int, SEED] | None = Field(
        None,
        description="Seed of fixed random feedback or readouts, for rules that have them. "
        "Default: null, taken from measure.seed.",
    )
    feedback_scale: Annotated[float, Number(0, above=True)] | None = Field(
        None, description="Scale of fixed random feedback or readouts, above 0. Default: 1."
    )


KEYS = rule_keys(FeedbackKeys, 20)
DEFAULTS: Mapping[str, Any] = {"feedback_scale": 1.0}
OPTIONAL = ("feedback_seed",)
SCALE = ("feedback_scale", "scale of the feedback", 1, 1e6, False, True)


def draw_fixed(parts: Assembly, draw: Callable[..., Any]) -> None:
    """A rule whose feedback or readouts are drawn once for a chip.

    Args:
        parts: The chip that is being assembled.
        draw: Draws the rule for a problem, its weights, a generator and a scale.

    Raises:
        NeurogradError: If the network is none that the rule can train.
    """
    from neurograd.seeding import generator_for  # noqa: PLC0415  (needs torch)

    rule, problem = parts.spec.learning_rule, parts.problem
    seed = parts.spec.measure.seed if rule.feedback_seed is None else rule.feedback_seed
    generator = generator_for(seed, "feedback", parts.index, device=problem.device)
    try:
        parts.rule = draw(problem, problem.initial_weights, generator, rule.feedback_scale or 1.0)
    except ValueError as error:
        raise NeurogradError(f"learning_rule.name: {error}; allowed: backprop") from None
