"""Local losses: every hidden layer learns from a random readout of its own activations.

Source: Mostafa, Ramesh and Cauwenberghs, Front. Neurosci. 2018.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.protocols import Problem
from device_models.rules.layerwise import CutPass, LayerwiseRule, draw_projections, per_sample


@dataclass(frozen=True)
class LocalLoss(LayerwiseRule):
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

    def _teaching(self, problem: Problem, cut: CutPass) -> Iterator[Tensor]:
        for name, readout in self.readouts.items():
            hidden = [
                per_sample(call.inputs, len(cut.targets))
                for call in cut.calls
                if call.weight == name and call.inputs.requires_grad
            ]
            for h in hidden:
                local = (h @ readout.T).reshape(cut.outputs.shape)
                losses = problem.sample_losses(local, cut.targets)
                yield losses.sum() / cut.samples / len(hidden)


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
    return LocalLoss(draw_projections(problem, w, generator, scale, what="readout"))
