"""Minibatch sampling: an update sees a random part of the training set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change
from neurograd.effects.knob import Knob
from neurograd.effects.sections import SpecSections
from neurograd.effects.training_keys import held_length
from neurograd.keys.fields import SpecModel, Whole

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class BatchKeys(SpecModel):
    """learning_rule.batch_size."""

    batch_size: Annotated[int | Literal["full"], Whole(1, 10_000_000, word="full")] = Field(
        "full", description="Samples an update: 'full' or 1 to 10000000. Default: full."
    )


def is_batched(spec: SpecSections, samples: int) -> bool:
    """Whether an update sees a part of the training samples only."""
    size = spec.learning_rule.batch_size
    return isinstance(size, int) and size < samples


def _build(parts: Assembly) -> None:
    from device_models import Minibatch  # noqa: PLC0415  (needs torch)

    spec = parts.spec
    parts.rule = Minibatch(parts.rule, spec.learning_rule.batch_size, order=spec.training.order)


def _remedy(spec: SpecSections) -> Remedy:
    return change("raise", [EFFECT.key])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    if is_batched(spec, samples):
        size = spec.learning_rule.batch_size

        def settings(value: float) -> dict[str, Any]:
            return in_batches(spec, samples, round(value))

        yield Knob(EFFECT.key, "batch size", size, -1, 1, samples, settings, whole=True)


def in_batches(spec: SpecSections, samples: int, size: int) -> dict[str, Any]:
    """The keys of a spec with batches of another size and as many updates, with their values.

    As many epochs would be fewer updates of larger batches, of the same step size: less training,
    and less noise for that alone.

    Args:
        spec: The spec, with batches.
        samples: Number of training samples.
        size: The other size.
    """
    epoch_length = -(-samples // spec.learning_rule.batch_size)
    return {EFFECT.key: size, **held_length(spec.training, epoch_length)}


EFFECT = Effect(
    name="minibatch",
    label="minibatch sampling",
    key="learning_rule.batch_size",
    stage=Stage.BATCH,
    keys=(Keys("learning_rule", BatchKeys, 10),),
    when=is_batched,
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=30,
)
