"""The passes of a plain stack of linear layers written out: few matrix products and no graph.

For layers ``z_k = W_k a_{k−1} + c_k``, ``a_k = φ(z_k)`` and the derivative δ_K of a sample's loss
in the outputs, backpropagation is

    δ_{k−1} = φ'(z_{k−1}) ∘ W_kᵀ δ_k,      ∂L/∂W_k = Σ_n δ_k a_{k−1}ᵀ,      ∂L/∂c_k = Σ_n δ_k

(Rumelhart, Hinton and Williams, Nature 323, 1986); those of spiking layers are in
``device_models/spiking/lif_stack.py``. Sums are those of automatic differentiation but rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from types import MappingProxyType
from typing import Self

import torch
from torch import Tensor, nn

from device_models.bare_layers import is_hooked
from device_models.kernels.counter_numbers import draw_key
from device_models.outer_products import OuterProducts, ReadSpread
from neurograd.problem.losses import SlopedLoss, has_slope
from neurograd.problem.written_out.fused_passes import FusedPasses
from neurograd.problem.written_out.noisy_products import NoisyProducts

_aten = torch.ops.aten


@dataclass(frozen=True)
class _Activation:
    """φ, and what it makes of an error: ``φ'(z) ∘ δ`` by its own output ``φ(z)``.

    Both are written where their first argument is, which nothing else needs: memory that is new to
    a core costs a training as much time as the arithmetic on it.
    """

    apply: Callable[[Tensor], Tensor]
    back: Callable[[Tensor, Tensor], Tensor]
    name: str


_ACTIVATIONS: Mapping[type[nn.Module], _Activation] = MappingProxyType(
    {
        nn.ReLU: _Activation(
            torch.relu_,
            lambda error, output: _aten.threshold_backward.grad_input(
                error, output, 0, grad_input=error
            ),
            "relu",
        ),
        nn.Tanh: _Activation(
            torch.tanh_,
            lambda error, output: _aten.tanh_backward.grad_input(error, output, grad_input=error),
            "tanh",
        ),
        nn.Sigmoid: _Activation(
            torch.sigmoid_,
            lambda error, output: _aten.sigmoid_backward.grad_input(
                error, output, grad_input=error
            ),
            "sigmoid",
        ),
    }
)
_NOTHING = (nn.Flatten, nn.Identity, nn.Dropout)
"""Modules that change no number in evaluation mode; samples are flat to begin with."""


@dataclass(frozen=True)
class Factors:
    """What one layer's gradient is made of: that of sample n is ``error_n inputs_nᵀ``.

    Attributes:
        weight: Which parameter of the network is the layer's matrix, by its place in their order.
        bias: Which one its bias is; None without one.
        inputs: What the layer gets, shape ``(n, inputs)``.
        errors: Derivatives of the samples' part of the loss in its product, shape
            ``(n, outputs)``.
    """

    weight: int
    bias: int | None
    inputs: Tensor
    errors: Tensor

    def flattened(self) -> Factors:
        """Those of several networks, whose samples follow each other."""
        return replace(self, inputs=self.inputs.flatten(0, 1), errors=self.errors.flatten(0, 1))


@dataclass(frozen=True)
class _Layer:
    weight: int
    bias: int | None
    activation: _Activation | None = None


@dataclass(frozen=True)
class LayerStack:
    """A network that is linear layers with activations between, and a loss of known slope.

    Attributes:
        layers: The layers in forward order.
        shapes: Shapes of all parameters, in the order of the flat vector.
        loss: The loss.
    """

    layers: tuple[_Layer, ...]
    shapes: tuple[torch.Size, ...]
    loss: SlopedLoss

    @classmethod
    def of(cls, module: nn.Module, loss: object, inputs: Tensor, targets: Tensor) -> Self | None:
        """The stack that a module is; None where it is another network.

        Every parameter has to be trained and one of a layer, each layer used once, and nothing may
        be hooked to a module.

        Args:
            module: In evaluation mode.
            loss: Its loss.
            inputs: Training inputs, shape ``(n, ...)``.
            targets: Training targets, first dimension n.
        """
        modules = _in_order(module)
        if modules is None or not isinstance(loss, SlopedLoss):
            return None
        parameters = list(module.parameters())
        layers = _layers(modules, {id(each): place for place, each in enumerate(parameters)})
        if layers is None or not all(each.requires_grad for each in parameters):
            return None
        used = [place for layer in layers for place in (layer.weight, layer.bias)]
        if sorted(place for place in used if place is not None) != list(range(len(parameters))):
            return None
        shapes = tuple(each.shape for each in parameters)
        flat = inputs.ndim == 2 or isinstance(modules[0], nn.Flatten)
        if not flat or not _follow(layers, shapes, inputs[0].numel()):
            return None
        fits = has_slope(targets, shapes[layers[-1].weight][0], loss)
        return cls(layers, shapes, loss) if fits else None

    def factors(
        self,
        w: Tensor,
        inputs: Tensor,
        targets: Tensor,
        count: int = 1,
        noise: ReadSpread | None = None,
    ) -> list[Factors]:
        """Inputs and errors of every layer, from the last one to the first.

        Args:
            w: Weights, shape ``(N,)``, or those of K networks, shape ``(K, N)``.
            inputs: Inputs of n samples, shape ``(n, ...)``, or of m samples of each network, shape
                ``(K, m, inputs)``, which come one network after the other in what is found.
            targets: Their targets, first dimension n or K·m.
            count: Samples that the loss is a mean over; with 1, each has its own loss.
            noise: Of the read that both passes see; none when None. Of one network only.
        """
        parameters = self.parameters(w)
        passed, reads = self._passed(parameters, inputs, noise)
        error = self.slope(passed[-1], targets)
        if count != 1:
            error = error.div_(count)
        found: list[Factors] = []
        for layer in reversed(self.layers):
            output = passed.pop()
            if found:
                above = found[-1].weight
                through = error @ parameters[above]
                if above in reads:
                    reads[above].backward(error, through)
                error = through
            if layer.activation is not None:
                error = layer.activation.back(error, output)
            found.append(Factors(layer.weight, layer.bias, passed[-1], error))
        return found if w.dim() == 1 else [each.flattened() for each in found]

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Derivatives of samples' losses, like ``outputs``, which are of one network or several."""
        flat = outputs if outputs.dim() == 2 else outputs.flatten(0, 1)
        return self.loss.slope(flat, targets).view(outputs.shape)

    def _passed(
        self, parameters: Sequence[Tensor], inputs: Tensor, noise: ReadSpread | None
    ) -> tuple[list[Tensor], dict[int, NoisyProducts]]:
        """Inputs and what every layer passes on, and the noise of each layer's weights."""
        several = parameters[0].dim() > len(self.shapes[0])
        passed, reads = [inputs if several else inputs.flatten(1)], dict[int, NoisyProducts]()
        key, views = draw_key(noise.generator) if noise else None, self._views
        for layer in self.layers:
            a, matrix, biased = passed[-1], parameters[layer.weight].mT, layer.bias is not None
            if layer.bias is None:
                z = a @ matrix
            elif several:
                z = torch.baddbmm(parameters[layer.bias].unsqueeze(1), a, matrix)
            else:
                z = torch.addmm(parameters[layer.bias], a, matrix)
            if noise is not None and key is not None:
                place = layer.weight
                reads[place] = NoisyProducts.forward(noise.std, key, views[place][2], a, z, biased)
            passed.append(z if layer.activation is None else layer.activation.apply(z))
        return passed, reads

    def outputs(self, w: Tensor, inputs: Tensor) -> Tensor:
        """Outputs of one network, shape ``(n, C)``; arguments as for ``factors``."""
        return self._passed(self.parameters(w), inputs, None)[0][-1]

    def gradient(self, w: Tensor, inputs: Tensor, targets: Tensor, count: int) -> Tensor:
        """Sum of the samples' gradients over ``count``, shape ``(N,)``.

        Arguments as for ``factors``.
        """
        result = torch.empty_like(w)
        parts = self.parameters(result)
        for each in self.factors(w, inputs, targets, count):
            torch.mm(each.errors.t(), each.inputs, out=parts[each.weight])
            if each.bias is not None:
                torch.sum(each.errors, 0, out=parts[each.bias])
        return result

    def sample_products(
        self, w: Tensor, inputs: Tensor, targets: Tensor, count: int,
        noise: ReadSpread | None = None,
    ) -> list[OuterProducts]:  # fmt: skip
        """The gradients of the samples' losses over ``count`` as outer products, layer by layer.

        Arguments as for ``factors``.
        """
        firsts = [first for _, _, first in self._views]
        return [
            OuterProducts(
                firsts[each.weight],
                None if each.bias is None else firsts[each.bias],
                each.inputs,
                each.errors,
            )
            for each in self.factors(w, inputs, targets, count, noise=noise)
        ]

    @cached_property
    def fused(self) -> FusedPasses | None:
        """What a compiled loop over small batches takes of it; None for another loss."""
        found, views = [], self._views
        for layer in reversed(self.layers):
            (height, width), _, first = views[layer.weight]
            bias = -1 if layer.bias is None else views[layer.bias][2]
            name = None if layer.activation is None else layer.activation.name
            found.append((first, bias, width, height, name))
        return FusedPasses.of(found, self.loss)

    def square_norms(self, w: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Squared norm of every sample's gradient, ``Σ_k ‖δ_k‖²(‖a_{k−1}‖² + 1)``, shape ``(n,)``.

        Arguments as for ``factors``.
        """
        total = w.new_zeros(len(inputs))
        for each in self.factors(w, inputs, targets):
            lines = each.inputs.square().sum(1) + (each.bias is not None)
            total += each.errors.square().sum(1) * lines
        return total

    def parameters(self, w: Tensor) -> list[Tensor]:
        """Parameters that view into ``w``, in their order.

        Args:
            w: Contiguous, shape ``(N,)``, or ``(K, N)``, whose parameters have K first.
        """
        begin, views = w.storage_offset(), self._views
        if w.dim() == 1:
            return [w.as_strided(shape, stride, begin + at) for shape, stride, at in views]
        count, apart = w.shape[0], w.stride(0)
        return [w.as_strided((count, *s), (apart, *by), begin + at) for s, by, at in views]

    @cached_property
    def _views(self) -> tuple[tuple[torch.Size, tuple[int, ...], int], ...]:
        """Shape, strides and first element of every parameter in the flat vector."""
        firsts = accumulate((shape.numel() for shape in self.shapes), initial=0)
        strides = ((shape[-1], 1) if len(shape) == 2 else (1,) for shape in self.shapes)
        return tuple(zip(self.shapes, strides, firsts, strict=False))


def _in_order(module: nn.Module) -> list[nn.Module] | None:
    """The modules in the order in which they are applied; None where that is not known."""
    if is_hooked(module):
        return None
    if type(module) is nn.Sequential:
        found: list[nn.Module] = []
        for each in module:
            inner = _in_order(each)
            if inner is None:
                return None
            found += inner
        return found
    known = type(module) in (nn.Linear, *_ACTIVATIONS, *_NOTHING)
    plain = not isinstance(module, nn.Flatten) or (module.start_dim, module.end_dim) == (1, -1)
    return [module] if known and plain else None


def _layers(modules: Sequence[nn.Module], places: Mapping[int, int]) -> tuple[_Layer, ...] | None:
    """The layers with their activations; None where one is not between layers."""
    found: list[_Layer] = []
    for module in modules:
        if isinstance(module, nn.Linear):
            bias = None if module.bias is None else places[id(module.bias)]
            found.append(_Layer(places[id(module.weight)], bias))
        elif type(module) in _ACTIVATIONS:
            if not found or found[-1].activation is not None:
                return None
            found[-1] = _Layer(found[-1].weight, found[-1].bias, _ACTIVATIONS[type(module)])
    return tuple(found) or None


def _follow(layers: Sequence[_Layer], shapes: Sequence[torch.Size], inputs: int) -> bool:
    """Whether each layer takes as many numbers as the one before it gives."""
    sizes = [shapes[layer.weight] for layer in layers]
    return [taken for _, taken in sizes] == [inputs, *(given for given, _ in sizes[:-1])]
