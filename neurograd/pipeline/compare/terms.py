"""What two designs are compared by."""

from __future__ import annotations

from typing import Any

from neurograd.spec import Spec, Targets


def margin_of(targets: Targets, kind: str, margin: float | None, *, deployed: bool) -> float:
    """Cost beyond the first design's that is no harm: what its targets allow where none is given.

    Args:
        targets: Those of the first design.
        kind: ``accuracy_drop`` or ``excess_loss``.
        margin: What was asked for, None where nothing was.
        deployed: Whether it is asked after programming.
    """
    if margin is not None:
        return margin
    if kind != "accuracy_drop":
        return targets.max_excess_loss
    drop = targets.max_accuracy_drop_deployed if deployed else None
    return targets.max_accuracy_drop if drop is None else drop


def shared_times(a: Spec, b: Spec) -> list[float]:
    """Times that the deployments of both specs have, in seconds, in A's order."""
    first, second = (_times(spec.deployment) for spec in (a, b))
    return [time for time in first if time in second]


def _times(deployment: Any) -> list[float]:
    return [] if deployment is None else list(deployment.times)
