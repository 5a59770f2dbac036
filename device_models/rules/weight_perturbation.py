"""Weight perturbation: the loss's response to random changes of all weights at once.

Sources: Jabri and Flower, IEEE Trans. Neural Netw. 1992; Cauwenberghs, NeurIPS 1993; Werfel, Xie
and Seung, Neural Comput. 2005; Züge, Klos and Memmesheimer, Phys. Rev. X 2023.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from device_models.protocols import Problem
from device_models.rules.forward_gradient import along_random_directions
from device_models.rules.layerwise import count_samples
from device_models.rules.loss_comparisons import Read, seen_weights


@dataclass(frozen=True)
class WeightPerturbation:
    """``(L(w + εξ) − L(w − εξ))/(2ε)·ξ``, the mean over independent standard normal ξ.

    One-sided it is ``(L(w + εξ) − L(w))/ε·ξ``. Its mean is the gradient of the loss smoothed by
    the perturbation: the bias is of order ε², and 0 on a quadratic loss.

    On a chip every loss has a read of its own, behind which w is perturbed. With independent noise
    of standard deviation s in each read, their difference has ``⟨g, r₁ − r₂⟩/(2ε)`` more, and the
    variance of a weight ``s²‖g‖²/(2ε²)``.

    Attributes:
        perturbation: ε, standard deviation of the change of a weight, above 0.
        samples: Number K of perturbations in one estimate, 1 or more.
        two_sided: Whether the loss is measured at both ends; otherwise at ``w`` and one end.
        read: What each loss sees of the weights; they themselves when None.

    Raises:
        ValueError: If an argument is out of range.
    """

    compares_losses: ClassVar[Literal[True]] = True

    perturbation: float = 1e-3
    samples: int = 1
    two_sided: bool = True
    read: Read | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.perturbation > 0:
            raise ValueError(f"perturbation is {self.perturbation:g}; allowed: above 0")
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}; allowed: 1 or more")

    @property
    def deterministic(self) -> bool:
        """Always False: the perturbation is random."""
        return False

    @property
    def mean_over_samples(self) -> bool:
        """Always True."""
        return True

    def reading(self, read: Read) -> Self:
        """The same rule with a read for every loss."""
        return replace(self, read=read)

    @torch.no_grad()
    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """One estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        samples = count_samples(problem, index)

        def loss(change: Tensor | float) -> Tensor:
            parameters = problem.parameters_of(seen_weights(self.read, w, generator) + change)
            parts = [
                problem.sample_losses(problem.outputs(parameters, inputs), targets).sum() / samples
                for inputs, targets in problem.chunks("train", index)
            ]
            return torch.stack(parts).sum()

        estimate = torch.zeros_like(w)
        clean = None if self.two_sided else loss(0.0)
        for _ in range(self.samples):
            noise = torch.randn(w.shape, generator=generator, dtype=w.dtype, device=w.device)
            change = self.perturbation * noise
            if clean is None:
                slope = (loss(change) - loss(-change)) / (2.0 * self.perturbation)
            else:
                slope = (loss(change) - clean) / self.perturbation
            estimate += slope * noise
        return estimate / self.samples

    def expected(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Mean of an estimate, shape ``(N,)``: the exact gradient: its bias is of order ε².

        Behind converters and of spikes the loss is a staircase: the mean is the gradient of what
        the perturbation smooths of it, not that of a pass (``Chip.knows_mean``).
        """
        return problem.gradient(w, index)

    def estimates_about(self, mean: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Independent estimates for a small perturbation about their mean, shape ``(count, N)``.

        ``⟨g,ξ⟩ξ``, which needs no loss: exact for any perturbation on a quadratic loss when
        two-sided, as even orders cancel.

        Args:
            mean: Their mean g, shape ``(N,)``.
            count: How many.
            generator: Source of the perturbations.
        """
        return along_random_directions(mean, count, self.samples, generator)

    def total_variance(self, problem: Problem, w: Tensor) -> float:
        """Closed-form total variance ``(N + 1)‖g‖²/K`` for a small perturbation.

        From ``E[⟨g,ξ⟩²‖ξ‖²] = (N + 2)‖g‖²``. Exact for any perturbation on a quadratic loss when
        two-sided, as even orders cancel.
        """
        square_norm = float(problem.gradient(w).square().sum())
        return (problem.num_parameters + 1) * square_norm / self.samples
