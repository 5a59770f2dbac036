"""A learning rule whose errors name the keys of a spec that mend them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from device_models import UnstableRuleError
from device_models.protocols import BatchRule
from neurograd.errors import NeurogradError


class UnstableKeyError(NeurogradError, UnstableRuleError):
    """A learning rule's own dynamics diverge with the numbers that it was given."""


@dataclass(frozen=True)
class KeyedRule:
    """A rule with the keys that its numbers came from.

    Attributes:
        rule: The rule.
        key: The key that is wrong where the rule can not train the network.
        stability_key: The key that is wrong where its own dynamics diverge.
    """

    rule: BatchRule
    key: str
    stability_key: str

    @property
    def deterministic(self) -> bool:
        """Whether the rule gives the same estimate for the same weights and batch."""
        return self.rule.deterministic

    @property
    def mean_over_samples(self) -> bool:
        """Whether the mean estimate over a batch is the mean of those over its samples."""
        return self.rule.mean_over_samples

    def gradient(
        self,
        problem: Any,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """One estimate over the samples ``index``, shape ``(N,)``.

        Raises:
            NeurogradError: With the key in front of what is wrong.
        """
        try:
            return self.rule.gradient(problem, w, generator, index)
        except UnstableRuleError as error:
            raise UnstableKeyError(f"{self.stability_key}: {error}") from None
        except ValueError as error:
            raise NeurogradError(f"{self.key}: {error}") from None
