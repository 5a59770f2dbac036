"""Weight quantization: the passes, or the memory itself, see weights of a few bits.

Weights are stored at ``update_bits``, or at ``weight_bits`` where no finer memory (a device,
``update_bits``) holds them; what the passes see of a finer memory is rounded to ``weight_bits``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from neurograd.effects.digital_grid import digital_grid
from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change
from neurograd.effects.knob import Knob, bits
from neurograd.effects.sections import SpecSections
from neurograd.effects.whole_steps import stepped
from neurograd.keys.fields import BITS, SpecModel

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class WeightRoundingKeys(SpecModel):
    """quantization.weight_bits and quantization.weight_rounding."""

    weight_bits: Annotated[int, BITS] | None = Field(
        None,
        description="Bits (two's complement) of a weight as forward and backward pass see it, 1 to "
        "32; without a device and update_bits also as it is stored. Default: null, full precision.",
    )
    weight_rounding: Literal["nearest", "stochastic"] = Field(
        "nearest",
        description="How weights are rounded for the passes; without a device and update_bits "
        "nothing is rounded there. Default: nearest.",
    )


def _are_rounded(spec: SpecSections, samples: int) -> bool:
    return spec.quantization is not None and spec.quantization.weight_bits is not None


def _are_stored(spec: SpecSections) -> bool:
    """Whether no finer memory holds the weights."""
    return spec.device is None and spec.quantization.update_bits is None


def _build(parts: Assembly) -> None:
    from device_models import UpdateRounding, WeightRounding  # noqa: PLC0415  (needs torch)

    quantization = parts.spec.quantization
    grid = digital_grid(parts, quantization.weight_bits)
    if _are_stored(parts.spec):
        parts.digital_writes.append(UpdateRounding(grid, quantization.update_rounding))
    else:
        parts.digital_reads.append(WeightRounding(grid, quantization.weight_rounding))


def _remedy(spec: SpecSections) -> Remedy:
    return stepped(EFFECT.key, spec) if _are_stored(spec) else change("raise", [EFFECT.key])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    now = None if spec.quantization is None else spec.quantization.weight_bits
    yield bits(EFFECT.key, "weight resolution", now, 1, 32 if now else 16)


EFFECT = Effect(
    name="weight_rounding",
    label="weight quantization",
    key="quantization.weight_bits",
    stage=Stage.DIGITAL,
    order=10,
    keys=(Keys("quantization", WeightRoundingKeys, 10),),
    when=_are_rounded,
    build=_build,
    also=("quantization.weight_rounding",),
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=40,
    acts={
        "quantization.weight_rounding": "on what passes see, with quantization.weight_bits, of "
        "weights that a device or quantization.update_bits stores"
    },
)
