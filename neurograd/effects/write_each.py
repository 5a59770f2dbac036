"""Samples written one by one: what cancels within a batch is written all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from neurograd.effects.effect import Effect, Keys, Remedy, Stage
from neurograd.effects.sections import SpecSections
from neurograd.keys.fields import SpecModel

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class WriteEachKeys(SpecModel):
    """learning_rule.write_each."""

    write_each: Literal["batch", "sample"] = Field(
        "batch",
        description="What is written at a time: the sum over a batch, or every sample of it for "
        "itself, one after the other, as arrays without a memory for the sum do. Default: batch.",
    )


def _writes_samples(spec: SpecSections, samples: int) -> bool:
    """Whether an update is more than one write of something that rounds, bends or spreads it."""
    if spec.learning_rule.write_each != "sample" or 1 in (spec.learning_rule.batch_size, samples):
        return False
    quantization = spec.quantization
    digital = quantization is not None and (quantization.update_bits or quantization.weight_bits)
    return spec.device is not None or bool(digital)


def _build(parts: Assembly) -> None:
    parts.write_each = "sample"


def _remedy(spec: SpecSections) -> Remedy:
    return Remedy(EFFECT.key, f"set {EFFECT.key} to batch")


EFFECT = Effect(
    name="write_each",
    label="writing every sample for itself",
    key="learning_rule.write_each",
    stage=Stage.BATCH,
    order=10,
    keys=(Keys("learning_rule", WriteEachKeys, 15),),
    when=_writes_samples,
    build=_build,
    remedy=_remedy,
)
