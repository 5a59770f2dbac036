"""Node perturbation: the loss's change with noise on the pre-activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurograd.effects.rules import perturbations
from neurograd.effects.rules.rule import Rule, rule_knobs
from neurograd.errors import NeurogradError

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


def _build(parts: Assembly) -> None:
    from device_models import NodePerturbation  # noqa: PLC0415  (needs torch)

    rule, problem = parts.spec.learning_rule, parts.problem
    try:
        NodePerturbation.check_rows(problem, problem.initial_weights)
    except ValueError as error:
        raise NeurogradError(f"learning_rule.name: {error}") from None
    parts.rule = NodePerturbation(rule.perturbation or 1e-3, rule.samples or 1)


EFFECT = Rule(
    name="node_perturbation",
    label="node perturbation",
    order=90,
    keys=(*perturbations.SIZE_KEYS, *perturbations.SAMPLE_KEYS),
    build=_build,
    knobs=rule_knobs("node_perturbation", perturbations.SAMPLES, perturbations.SIZE),
    defaults=perturbations.DEFAULTS,
    on_layers=True,
)
