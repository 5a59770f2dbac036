"""A spec's learning rule: its name and the keys of all rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, create_model, model_validator

from neurograd.effects.effect import Keys
from neurograd.effects.registry import rules, section
from neurograd.keys.fields import SpecModel, fill, refuse, spec_problem

RULES = {rule.name: rule for rule in rules()}
"""Every rule, by its name."""

RULE_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    name: rule.defaults for name, rule in RULES.items()
}
"""Defaults of the keys that only some rules have."""

SPIKING_ONLY = tuple(name for name, rule in RULES.items() if rule.networks == ("spiking",))
RATE_ONLY = tuple(name for name, rule in RULES.items() if rule.networks == ("rate",))

_RuleName: Any = Literal[tuple(RULES)]
_NameKeys = create_model(
    "NameKeys",
    __base__=SpecModel,
    name=(
        _RuleName,
        Field(
            "backprop",
            description="The rule. Default: backprop; surrogate for a spiking network.",
        ),
    ),
)
_Sections: Any = section("learning_rule", Keys("learning_rule", _NameKeys, 0))


class LearningRule(_Sections):
    """What the chip computes as its gradient."""

    @model_validator(mode="before")
    @classmethod
    def _fill_rule(cls, data: Any) -> Any:
        name = data.get("name") if isinstance(data, Mapping) else None
        if not isinstance(name, str) or name not in RULES:
            return data
        return fill(data, RULE_DEFAULTS[name])

    @model_validator(mode="after")
    def _check_keys(self) -> LearningRule:
        every = {key for rule in RULES.values() for key in rule.own_keys}
        for key in type(self).model_fields:
            if key not in every or key in RULES[self.name].own_keys:
                continue
            having = [name for name, rule in RULES.items() if key in rule.own_keys]
            refuse(self, (key,), f"is for name {' or '.join(having)} only, not {self.name}")
        if self.write_each == "sample" and not RULES[self.name].mean_over_samples:
            problem = (
                f"sample is not there for {self.name}, whose estimate of a batch is no mean over "
                "its samples; allowed: batch (batch_size 1 takes and writes them one by one)"
            )
            raise spec_problem(problem, "write_each")
        return self
