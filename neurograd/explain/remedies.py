"""Which key of a spec to change, and in which direction, so that an effect gets smaller."""

from __future__ import annotations

from neurograd.effects.effect import Effect, Remedy
from neurograd.spec import Spec


def remedy(effect: Effect, spec: Spec) -> Remedy:
    """The keys that an effect comes from in this spec.

    Args:
        effect: One of ``active_effects``.
        spec: The validated spec.
    """
    return effect.remedy(spec)
