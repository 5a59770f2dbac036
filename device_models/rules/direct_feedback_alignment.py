"""Direct feedback alignment: the output's error reaches every layer through its own random matrix.

Source: Nøkland, NeurIPS 2016, Eq. 7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from device_models.kernels.cudnn_state import derivatives
from device_models.protocols import Problem
from device_models.rules.layerwise import CutPass, LayerwiseRule, draw_projections, per_sample


class FedBackProblem(Protocol):
    """A problem that may have its passes with direct feedback written out."""

    def fed_back(
        self, w: Tensor, feedback: Mapping[str, Tensor], index: Tensor | None = None
    ) -> Tensor | None:
        """The rule's estimate over the samples ``index``, shape ``(N,)``; None where it has not."""
        ...


@dataclass(frozen=True)
class DirectFeedbackAlignment(LayerwiseRule):
    """Gradient whose error goes from the output straight to each hidden activation.

    The activation ``h_l`` that enters layer l gets the error ``e·B_l`` in place of the
    backpropagated one, with e the loss's derivative by the output, or by what goes into its
    activation (a sigmoid, tanh or softmax that is the network's last operation); the derivative of
    the activation function is the layer's own. The last layer's update is the exact gradient, so a
    single layer has no bias. With ``B_l`` the product of the weights that follow, in a network that
    is linear from ``h_l`` to there, it is backpropagation. Has no variance of its own.

    In networks of spiking neurons (``SpikingNetwork``, ``GraphNetwork``) e is that of each time
    step, the derivative by what the output neurons get there: calls of a layer at that step get it.

    Attributes:
        feedback: ``B_l`` by the name of the weight of layer l, shape ``(C, D_l)``: C outputs, D_l
            values per sample of ``h_l``. Layers without one send no error back.
    """

    feedback: Mapping[str, Tensor]

    def _written_out(self, problem: Problem, w: Tensor, index: Tensor | None) -> Tensor | None:
        known: Any = problem
        found: Tensor | None = (
            known.fed_back(w, self.feedback, index) if hasattr(problem, "fed_back") else None
        )
        return found

    def _teaching(self, problem: Problem, cut: CutPass) -> Iterator[Tensor]:
        errors = output_errors(cut)
        counts, taught = Counter(call.weight for call in cut.calls), Counter[str]()
        for call in cut.calls:
            name = call.weight
            if name in self.feedback:
                # Calls that are none of single time steps get the error of all of them.
                stepwise = counts[name] == len(errors)
                error = errors[taught[name]] if stepwise else sum(errors[1:], errors[0])
                taught[name] += 1
                fed_back = error @ self.feedback[name]
                yield (per_sample(call.inputs, len(cut.targets)) * fed_back).sum()


def output_errors(cut: CutPass) -> list[Tensor]:
    """Derivatives of the loss by what drives the outputs, one a time step, shape ``(n, C)`` each.

    Where a network does not say what drives them, those by the outputs themselves.
    """
    by = list(cut.driven) or [cut.outputs]
    errors = derivatives(cut.loss, by, retain_graph=True)
    return [error.reshape(len(error), -1) for error in errors]


def draw_direct_feedback(
    problem: Problem, w: Tensor, generator: torch.Generator, scale: float = 1.0
) -> DirectFeedbackAlignment:
    """Draw the fixed feedback of every layer but the first.

    Entries are uniform with the variance of Xavier initialization, ``2/(C + D_l)``, times
    ``scale²``, independent of the forward weights.

    Args:
        problem: The network that is trained.
        w: Any weights, for the shapes, shape ``(N,)``.
        generator: Source of the feedback.
        scale: Size of the feedback relative to Xavier initialization, above 0.

    Raises:
        ValueError: If scale is not above 0.
    """
    matrices = draw_projections(problem, w, generator, scale, what="feedback")
    return DirectFeedbackAlignment(matrices)
