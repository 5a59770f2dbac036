"""The numbers of a spec that can be turned, and the spec with one of them at another value."""

from __future__ import annotations

from neurograd.effects.knob import Knob
from neurograd.effects.registry import knobs_of
from neurograd.errors import SpecError
from neurograd.pipeline.changed import with_settings
from neurograd.spec import Spec


def turn(knob: Knob, spec: Spec, value: float) -> Spec:
    """The spec with a number at another value.

    Raises:
        SpecError: If the value does not go with the rest of the spec.
    """
    return with_settings(spec, knob.settings(value))


def find_knobs(spec: Spec, samples: int, *, layers: bool = True) -> list[Knob]:
    """All knobs of a spec: active numbers, and those that are 0 or ideal but exist for it.

    Args:
        spec: The validated spec.
        samples: Number of training samples, the largest batch.
        layers: Whether what acts on layers can act on the network.
    """
    return [knob for knob in knobs_of(spec, samples, layers=layers) if _exists(knob, spec)]


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
