"""E-prop: eligibility traces of every synapse times a learning signal that is broadcast.

Source: Bellec, Scherr, Subramoney, Hajek, Salaj, Legenstein and Maass, Nat. Commun. 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from device_models.protocols import Problem
from device_models.rules.direct_feedback_alignment import DirectFeedbackAlignment
from device_models.rules.layerwise import draw_projections, hidden_sizes
from device_models.scaled_layers import OUTPUT_SCALE


@dataclass(frozen=True)
class EProp:
    """``∂W_ji = Σ_t L_j^t ψ_j^t x̄_i^t`` for leaky integrate-and-fire neurons.

    The eligibility trace ``ψ_j^t x̄_i^t`` is local: ψ the surrogate derivative at the neuron's
    potential, x̄ the presynaptic spikes filtered by the membrane's decay. It equals the gradient
    through the neuron's own state with its inputs held fixed, which is how it is computed. The
    learning signal ``L_j^t = Σ_k B_jk δ_k^t`` is the error of the output neurons' currents, sent to
    each hidden neuron directly; what a spike does to other hidden neurons is left out.

    For mean potentials ``δ^t = k_t e``, with the outputs' error e after the last step and the share
    ``k_t = (1 + β + … + β^{T−1−t})/T`` of a step's current: e times traces that are low-pass
    filtered by the readout's decay. For outputs that spike δ goes through their own surrogate
    derivative: ``ψ_k e_k`` times the same filtered traces where a spike takes the threshold off.

    A network of one layer has the gradient of backpropagation through time, and so has one with a
    hidden layer and symmetric feedback.

    Attributes:
        feedback: B by the name of the weight that the neurons feed, shape ``(C, D)``; None for
            symmetric feedback, the product of the forward weights that follow.
    """

    feedback: Mapping[str, Tensor] | None = None

    takes_calls: ClassVar[Literal["values"]] = "values"

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    @property
    def mean_over_samples(self) -> bool:
        """Always True."""
        return True

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        feedback = symmetric_feedback(problem, w) if self.feedback is None else self.feedback
        return DirectFeedbackAlignment(feedback).gradient(problem, w, generator, index)


def symmetric_feedback(problem: Problem, w: Tensor) -> dict[str, Tensor]:
    """Products of the forward weights from each hidden layer to the output, shape ``(C, D)``.

    A weight counts with the learned factor of its layer, where there is one.
    """
    parameters = problem.parameters_of(w)
    sizes, _ = hidden_sizes(problem, w)
    feedback: dict[str, Tensor] = {}
    product: Tensor | None = None
    for name in reversed(sizes):
        weight = parameters[name].detach()
        factor = parameters.get(f"{name.removesuffix('weight')}{OUTPUT_SCALE}")
        if factor is not None:
            weight = factor.detach() * weight
        product = weight if product is None else product @ weight
        feedback[name] = product
    return feedback


def draw_eprop(
    problem: Problem, w: Tensor, generator: torch.Generator, scale: float = 1.0
) -> EProp:
    """Draw fixed random learning signals; entries as for direct feedback alignment.

    Raises:
        ValueError: If scale is not above 0.
    """
    return EProp(draw_projections(problem, w, generator, scale, what="feedback"))
