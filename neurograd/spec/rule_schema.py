"""The keys of a spec's learning rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.keys.fields import SEED, Number, SpecModel, Whole, fill, refuse

RuleName = Literal[
    "backprop",
    "surrogate",
    "eprop",
    "feedback_alignment",
    "direct_feedback_alignment",
    "sign_symmetric",
    "local_loss",
    "weight_perturbation",
    "node_perturbation",
    "forward_gradient",
    "equilibrium_propagation",
    "manhattan",
]

SPIKING_ONLY = ("surrogate", "eprop")
RATE_ONLY = ("equilibrium_propagation",)

_FEEDBACK: Mapping[str, Any] = {"feedback_scale": 1.0}
_PERTURBED: Mapping[str, Any] = {"perturbation": 1e-3, "samples": 1}

RULE_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "backprop": {},
    "surrogate": {},
    "eprop": {"feedback": "random", **_FEEDBACK},
    "feedback_alignment": _FEEDBACK,
    "direct_feedback_alignment": _FEEDBACK,
    "sign_symmetric": {},
    "local_loss": _FEEDBACK,
    "weight_perturbation": _PERTURBED,
    "node_perturbation": _PERTURBED,
    "forward_gradient": {"samples": 1},
    "equilibrium_propagation": {
        "nudging": 0.1,
        "relaxation_steps": 100,
        "relaxation_rate": 0.2,
        "symmetric": True,
    },
    "manhattan": {},
}
"""Defaults of the keys that only some rules have."""

_OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "surrogate": ("truncation",),
    "eprop": ("feedback_seed",),
    "feedback_alignment": ("feedback_seed",),
    "direct_feedback_alignment": ("feedback_seed",),
    "local_loss": ("feedback_seed",),
    "manhattan": ("magnitude",),
}


def rule_keys(name: str) -> set[str]:
    """Keys that a rule has beside name and batch_size."""
    return {*RULE_DEFAULTS[name], *_OPTIONAL.get(name, ())}


class LearningRule(SpecModel):
    """What the chip computes as its gradient."""

    name: RuleName = Field(
        "backprop", description="The rule. Default: backprop; surrogate for a spiking network."
    )
    batch_size: Annotated[int | Literal["full"], Whole(1, 10_000_000, word="full")] = Field(
        "full", description="Samples an update: 'full' or 1 to 10000000. Default: full."
    )
    feedback_seed: Annotated[int, SEED] | None = Field(
        None,
        description="Seed of fixed random feedback or readouts, for rules that have them. "
        "Default: null, taken from measure.seed.",
    )
    feedback_scale: Annotated[float, Number(0, above=True)] | None = Field(
        None, description="Scale of fixed random feedback or readouts, above 0. Default: 1."
    )
    feedback: Literal["random", "symmetric"] | None = Field(
        None,
        description="Learning signals of e-prop: fixed random weights, or the transposed forward "
        "ones. Default: random.",
    )
    truncation: Annotated[int, Whole(1, 10_000)] | None = Field(
        None,
        description="Time steps that the gradient flows back, for surrogate only. Default: null, "
        "all.",
    )
    perturbation: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Size of the perturbation of weights or pre-activations, above 0. "
        "Default: 0.001.",
    )
    samples: Annotated[int, Whole(1, 10_000)] | None = Field(
        None, description="Perturbations that an update averages over. Default: 1."
    )
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
    magnitude: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Size of every element of the Manhattan rule's estimate, above 0. "
        "Default: null, the gradient's mean |element|.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_rule(cls, data: Any) -> Any:
        name = data.get("name") if isinstance(data, Mapping) else None
        if not isinstance(name, str) or name not in RULE_DEFAULTS:
            return data
        return fill(data, RULE_DEFAULTS[name])

    @model_validator(mode="after")
    def _check_keys(self) -> LearningRule:
        allowed = rule_keys(self.name)
        for key in type(self).model_fields:
            if key in ("name", "batch_size") or key in allowed:
                continue
            rules = [name for name in RULE_DEFAULTS if key in rule_keys(name)]
            refuse(self, (key,), f"is for name {' or '.join(rules)} only, not {self.name}")
        return self
