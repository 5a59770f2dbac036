"""A spiking network of layers of leaky integrate-and-fire neurons, with its surrogate gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from device_models.bare_layers import is_hooked
from device_models.spiking.lif_stack import Layer, LifStack
from device_models.spiking.network import SpikingNetwork
from neurograd.problem.losses import SlopedLoss, has_slope


@dataclass(frozen=True)
class SpikingStack:
    """A spiking network whose layers are as it was built, and a loss of known slope.

    Attributes:
        passes: What its neurons do.
        shapes: Shapes of all parameters, in the order of the flat vector.
        places: Where in that order matrix and bias of each layer stand; None without a bias.
        loss: The loss.
    """

    passes: LifStack
    shapes: tuple[torch.Size, ...]
    places: tuple[tuple[int, int | None], ...]
    loss: SlopedLoss

    @classmethod
    def of(cls, module: nn.Module, loss: object, targets: Tensor) -> Self | None:
        """The stack that a module is; None where it is another network.

        Args:
            module: In evaluation mode; all its parameters have to be trained.
            loss: Its loss.
            targets: Training targets, first dimension n.
        """
        if not isinstance(module, SpikingNetwork) or not isinstance(loss, SlopedLoss):
            return None
        if type(module) is not SpikingNetwork or is_hooked(module):
            return None
        parameters, passes = list(module.parameters()), module.written_out
        if passes is None or not all(each.requires_grad for each in parameters):
            return None
        place = {id(each): k for k, each in enumerate(parameters)}
        places = tuple(
            (place[id(weight)], None if bias is None else place[id(bias)])
            for weight, bias in module.tensors
        )
        shapes = tuple(each.shape for each in parameters)
        fits = has_slope(targets, shapes[places[-1][0]][0], loss)
        return cls(passes, shapes, places, loss) if fits else None

    def outputs(self, w: Tensor, inputs: Tensor) -> Tensor:
        """Outputs ``(n, outputs)`` for inputs ``(n, time_steps, inputs)``, without a graph."""
        return self.passes.outputs(inputs, self._layers(w))

    def gradient(
        self, w: Tensor, inputs: Tensor, targets: Tensor, count: int,
        feedback: Mapping[int, Tensor] | None = None,
    ) -> Tensor:  # fmt: skip
        """Sum of the samples' surrogate gradients over ``count``, shape ``(N,)``.

        Args:
            w: Weights, shape ``(N,)``.
            inputs: Inputs of n samples, shape ``(n, time_steps, inputs)``.
            targets: Their targets.
            count: Samples that the loss is a mean over.
            feedback: Of direct feedback (``LifStack.add_gradient``), by the layer's matrix.
        """
        back = None if feedback is None else [feedback.get(place) for place, _ in self.places]

        def slope(outputs: Tensor, part: slice) -> Tensor:
            return self.loss.slope(outputs, targets[part]).div_(count)

        result = torch.zeros_like(w)
        self.passes.add_gradient(inputs, self._layers(w), slope, self._layers(result), back)
        return result

    def sample_gradients(self, w: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Surrogate gradient of every sample's loss, shape ``(n, N)``.

        Arguments as above; ``w`` may have a row of weights for each sample, ``(n, N)``.
        """

        def slope(outputs: Tensor, part: slice) -> Tensor:
            return self.loss.slope(outputs, targets[part])

        result = w.new_zeros(len(inputs), w.shape[-1])
        self.passes.add_gradient(inputs, self._layers(w), slope, self._layers(result))
        return result

    def _layers(self, w: Tensor) -> list[Layer]:
        """Matrices and biases that view into ``w``, of shape ``(N,)`` or ``(n, N)``."""
        parts = w.split([shape.numel() for shape in self.shapes], -1)
        views = [part.unflatten(-1, shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return [(views[k], None if bias is None else views[bias]) for k, bias in self.places]
