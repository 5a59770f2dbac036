"""The numbers that can be turned, of a spec or a chip, and the spec with one at another value."""

from __future__ import annotations

from neurograd.effects.knob import Knob
from neurograd.effects.minibatch import is_batched
from neurograd.effects.registry import knobs_of
from neurograd.errors import SpecError
from neurograd.pipeline.changed import with_settings
from neurograd.pipeline.own.chip_numbers import chip_knobs, with_numbers
from neurograd.pipeline.own.handed_over import has_own_chip
from neurograd.spec import Spec


def turn(knob: Knob, spec: Spec, value: float) -> Spec:
    """The spec, or the chip that a program has handed over beside it, with a number changed.

    Raises:
        SpecError: If the value does not go with the rest of the spec.
    """
    if has_own_chip(spec):
        return with_numbers(spec, knob.settings(value))
    return with_settings(spec, knob.settings(value))


def find_knobs(spec: Spec, samples: int, *, layers: bool = True) -> list[Knob]:
    """All knobs of a spec: active numbers, and those that are 0 or ideal but exist for it.

    Of a chip that a program has handed over those of its parts (``chip_knobs``).

    Args:
        spec: The validated spec.
        samples: Number of training samples, the largest batch.
        layers: Whether what acts on layers can act on the network.

    Raises:
        NeurogradError: If such a chip has no number that can be turned.
    """
    if has_own_chip(spec):
        return chip_knobs(spec.handed_over)
    return [knob for knob in knobs_of(spec, samples, layers=layers) if _exists(knob, spec)]


def length_notes(spec: Spec, samples: int) -> list[str]:
    """What of a training does not follow the size of its batches while that is turned.

    Args:
        spec: The validated spec.
        samples: Number of training samples.
    """
    if spec.training.epochs is None or has_own_chip(spec) or not is_batched(spec, samples):
        return []
    return [
        f"Batches of other sizes are tried with as many updates as now, "
        f"{spec.count_updates(samples)}, not with as many epochs."
    ]


def _exists(knob: Knob, spec: Spec) -> bool:
    """Whether the rest of the spec allows another value (a measured table has its own noise)."""
    probe = knob.low if knob.harmful < 0 else knob.high
    now = knob.now if knob.now is not None else knob.high
    middle = knob.rounded(0.5 * (now + probe))
    try:
        turn(knob, spec, middle)
    except SpecError:
        return False
    return knob.low < knob.high
