"""What rules that average over random perturbations have in common: their size and number."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from neurograd.effects.rules.rule import rule_keys
from neurograd.keys.fields import Number, SpecModel, Whole


class PerturbationKeys(SpecModel):
    """learning_rule.perturbation."""

    perturbation: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Size of the perturbation of weights or pre-activations, above 0. "
        "Default: 0.001.",
    )


class SampleKeys(SpecModel):
    """learning_rule.samples."""

    samples: Annotated[int, Whole(1, 10_000)] | None = Field(
        None, description="Perturbations that an update averages over. Default: 1."
    )


SIZE_KEYS = rule_keys(PerturbationKeys, 50)
SAMPLE_KEYS = rule_keys(SampleKeys, 60)
DEFAULTS = {"perturbation": 1e-3, "samples": 1}
SAMPLES = ("samples", "perturbations of an update", -1, 10_000, True, False)
SIZE = ("perturbation", "size of the perturbation", 1, 1e6, False, True)
