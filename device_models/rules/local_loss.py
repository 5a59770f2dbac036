"""Local losses: every hidden layer learns from a random readout of its own activations.

Source: Mostafa, Ramesh and Cauwenberghs, Front. Neurosci. 2018.
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
class LocalLoss:
    """Gradient of each layer's own loss; none crosses from one layer to another.

    The activation ``h_l`` that enters layer l is read out as ``h_l·R_lᵀ`` with a fixed random
    ``R_l``, and the layer before l follows the gradient of the network's loss at that readout. The
    last layer follows the network's loss at its output, which is the exact gradient. Where a layer
    is called once per time step its loss is the mean over the calls. Has no variance of its own.

    Attributes:
        readouts: ``R_l`` by the name of the weight of layer l, shape ``(C, D_l)``: C outputs, D_l
            values per sample of ``h_l``. Activations without one have no loss.
    """

    readouts: Mapping[str, Tensor]

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
            for name, readout in self.readouts.items():
                hidden = [
                    per_sample(call.inputs, len(inputs))
                    for call in layers.calls
                    if call.weight == name and call.inputs.requires_grad
                ]
                for h in hidden:
                    local = (h @ readout.T).reshape(outputs.shape)
                    loss = loss + problem.sample_losses(local, targets).mean() / len(hidden)
            return flat_gradient(problem, loss, parameters)


def draw_readouts(
    problem: Problem, w: Tensor, generator: torch.Generator, scale: float = 1.0
) -> LocalLoss:
    """Draw the fixed readout of every hidden activation.

    Entries are uniform with the variance of Xavier initialization, ``2/(C + D_l)``, times
    ``scale²``.

    Args:
        problem: The network that is trained.
        w: Any weights, for the shapes, shape ``(N,)``.
        generator: Source of the readouts.
        scale: Size of the readouts relative to Xavier initialization, above 0.

    Raises:
        ValueError: If scale is not above 0.
    """
    if not scale > 0:
        raise ValueError(f"readout scale is {scale:g}; allowed: above 0")
    return LocalLoss(MappingProxyType(draw_projections(problem, w, generator, scale)))
