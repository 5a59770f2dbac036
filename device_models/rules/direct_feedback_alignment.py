"""Direct feedback alignment: the output's error reaches every layer through its own random matrix.

Source: Nøkland, NeurIPS 2016, Eq. 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from device_models.layer_hooks import (
    LayerCalls,
    detached,
    draw_projections,
    flat_gradient,
    leaf_parameters,
    per_sample,
)
from device_models.protocols import Problem


@dataclass(frozen=True)
class DirectFeedbackAlignment:
    """Gradient whose error goes from the output straight to each hidden activation.

    The activation ``h_l`` that enters layer l gets the error ``e·B_l`` in place of the
    backpropagated one, with e the loss's derivative by the output; the derivative of the
    activation function is the layer's own. The last layer's update is the exact gradient, so a
    single layer has no bias. With ``B_l`` the product of the weights that follow, in a network that
    is linear from ``h_l`` on, it is backpropagation. Has no variance of its own.

    Attributes:
        feedback: ``B_l`` by the name of the weight of layer l, shape ``(C, D_l)``: C outputs, D_l
            values per sample of ``h_l``. Layers without one send no error back.
    """

    feedback: Mapping[str, Tensor]

    @property
    def deterministic(self) -> bool:
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
        inputs, targets = problem.batch(index)
        parameters = leaf_parameters(problem, w)
        layers = LayerCalls(parameters, change_input=detached)
        with torch.enable_grad():
            with layers:
                outputs = problem.outputs(parameters, inputs)
            loss = problem.sample_losses(outputs, targets).mean()
            (error,) = torch.autograd.grad(loss, outputs, retain_graph=True)
            # A scalar whose derivative by h_l is the fed back error.
            for call in layers.calls:
                if call.weight in self.feedback:
                    fed_back = error.flatten(1) @ self.feedback[call.weight]
                    loss = loss + (per_sample(call.inputs, len(inputs)) * fed_back).sum()
            return flat_gradient(problem, loss, parameters)


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
    if not scale > 0:
        raise ValueError(f"feedback scale is {scale:g}; allowed: above 0")
    return DirectFeedbackAlignment(MappingProxyType(draw_projections(problem, w, generator, scale)))
