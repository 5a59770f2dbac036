"""The passes of a chip as a problem's forward passes go through them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import torch

from device_models.protocols import ArrayPass, LearningRule, PassPath, Problem

SomeProblem = TypeVar("SomeProblem", bound=Problem)


def check_rule(passes: Iterable[PassPath], rule: LearningRule) -> None:
    """Refuse a rule that arrays are not there for.

    Raises:
        ValueError: One line that says why.
    """
    for effect in passes:
        if isinstance(effect, ArrayPass):
            effect.check_rule(rule)


def through(
    problem: SomeProblem, passes: Iterable[PassPath], generator: torch.Generator | None
) -> SomeProblem:
    """The problem whose products go through passes.

    Args:
        problem: Network, loss and data.
        passes: The passes, in order.
        generator: What their noise is drawn from; None for its mean.
    """
    for effect in passes:
        # By the name: a look at a whole protocol takes as long as a small write.
        drawn_from = None if generator is None else getattr(effect, "drawn_from", None)
        drawn = effect if drawn_from is None else drawn_from(generator)
        problem = problem.through(drawn.applied)
    return problem
