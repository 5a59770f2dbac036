"""Exact Hessian diagonal of fully connected networks, smooth activations included.

A pre-activation ``z = W a + b`` is linear in its own layer's weights, so within that layer

    ∂²L/∂W_ij² = ∂²L/∂z_i² · a_j²,      ∂²L/∂b_i² = ∂²L/∂z_i²

for any activation. The Hessian of a sample's loss in the pre-activations goes down the layers as

    H_z = f'(z) (Wᵀ H_above W) f'(z) + diag(f''(z) · ∂L/∂a)

(Botev, Ritter and Barber, ICML 2017, Eqs. 7 and 8). It is kept as vectors with weights, which start
as the C of the loss's own Hessian; a smooth activation's diagonal term adds one vector a unit two
layers further down, where its products first mix. No matrix of h² numbers a sample is formed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from device_models.bare_layers import vector_chain_of
from neurograd.problem import Problem

CHUNK_BYTES = 2**23
"""Memory for the vectors of the samples that are taken at once: what caches hold is fastest."""

MOST_PRODUCTS = 180
"""Hessian-vector products that the stochastic trace takes: the exact one may cost as much."""

_PRODUCT_WORK = 4
"""Multiplications a weight and sample of one Hessian-vector product: two passes back."""

_SMOOTH = (nn.Tanh, nn.Sigmoid, nn.Softplus, nn.SiLU, nn.GELU)
_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.Hardtanh, *_SMOOTH)


@dataclass(frozen=True, eq=False)
class _Stage:
    """A linear layer by the name of its parameters, and the activation after it."""

    name: str
    layer: nn.Linear
    activation: nn.Module | None

    @property
    def smooth(self) -> bool:
        return type(self.activation) in _SMOOTH


def has_fully_connected_diagonal(problem: Problem) -> bool:
    """Whether ``fully_connected_diagonal`` applies and is worth its work.

    True for a ``torch.nn.Sequential`` of linear layers without hooks that share no weights, with an
    activation or nothing after each, samples flattened first or vectors, under cross-entropy or
    squared error, where the work is at most that of ``MOST_PRODUCTS`` Hessian-vector products: not
    with smooth activations between three or more very wide layers.
    """
    if problem.loss_function.name not in ("cross_entropy", "mse", "class_mse"):
        return False
    # Converters around the products are not in the recursion.
    if problem._passes:
        return False
    stages = _stages(problem.module, flat=problem.data()[0].ndim == 2)
    return bool(stages) and _work(stages) <= MOST_PRODUCTS * _PRODUCT_WORK * problem.num_parameters


def _stages(module: nn.Module, *, flat: bool) -> list[_Stage]:
    """The layers in their order; empty where the module is anything else."""
    stages: list[_Stage] = []
    for name, layer in vector_chain_of(module, flat=flat):
        if type(layer) is nn.Linear:
            stages.append(_Stage(name, layer, None))
        elif type(layer) in _ACTIVATIONS and stages and stages[-1].activation is None:
            stages[-1] = _Stage(stages[-1].name, stages[-1].layer, layer)
        else:
            return []
    return stages


def _vectors(stages: Sequence[_Stage]) -> list[int]:
    """Vectors that are carried to each layer's pre-activations, the first layer's first."""
    carried, count, waiting = [], stages[-1].layer.out_features, 0
    for stage in reversed(stages):
        carried.append(count)
        count += waiting
        waiting = stage.layer.out_features if stage.smooth else 0
    return carried[::-1]


def _work(stages: Sequence[_Stage]) -> int:
    """Multiplications a sample."""
    return sum(
        count * stage.layer.weight.numel()
        for count, stage in zip(_vectors(stages)[:-1], stages[1:], strict=True)
    ) + sum(stage.layer.weight.numel() for stage in stages)


def fully_connected_diagonal(problem: Problem, w: Tensor) -> Tensor:
    """Exact diagonal of the Hessian of the mean training loss at ``w``, shape ``(N,)``.

    At a kink of a piecewise linear activation this is the second derivative of the piece that the
    framework's gradient takes. Samples are taken a few at a time where the network is large.

    Args:
        problem: Network, loss and data, of ``has_fully_connected_diagonal``.
        w: Weights, shape ``(N,)``.

    Source:
        Botev, Ritter and Barber, ICML 2017, Eqs. 7 and 8.
    """
    stages = _stages(problem.module, flat=problem.data()[0].ndim == 2)
    parameters = problem.parameters_of(w.detach())
    diagonal = {name: torch.zeros_like(p) for name, p in parameters.items()}
    widest = max(
        count * stage.layer.out_features
        for count, stage in zip(_vectors(stages), stages, strict=True)
    )
    # A product of the vectors is made beside them.
    samples = max(1, CHUNK_BYTES // (2 * widest * problem.dtype.itemsize))
    for chunk, targets in problem.chunks("train"):
        for x, y in zip(chunk.split(samples), targets.split(samples), strict=True):
            _add_chunk(problem, stages, parameters, (x, y), diagonal)
    return problem.flatten(diagonal) / problem.num_samples


def _add_chunk(
    problem: Problem,
    stages: Sequence[_Stage],
    parameters: Mapping[str, Tensor],
    samples: tuple[Tensor, Tensor],
    diagonal: dict[str, Tensor],
) -> None:
    """Add the sum over some samples."""
    a = samples[0].flatten(1)
    inputs, slopes, bends = [], [], []
    for stage in stages:
        inputs.append(a)
        weight, bias = _weights(stage, parameters)
        a, slope, bend = _activated(stage, functional.linear(a, weight, bias))
        slopes.append(slope)
        bends.append(bend)
    vectors = problem.loss_function.hessian_factors(a)
    assert vectors is not None
    gradient = _output_gradient(problem, a, samples[1])
    curvature = _Curvature(vectors)
    for k in reversed(range(len(stages))):
        slope, bend = slopes[k], bends[k]
        curvature.gate(slope, None if bend is None else bend * gradient)
        _add_layer(stages[k].name, curvature.diagonal(), inputs[k], diagonal)
        if k > 0:
            weight = _weights(stages[k], parameters)[0]
            gradient = (gradient if slope is None else gradient * slope) @ weight
            curvature.descend(weight)


def _weights(stage: _Stage, parameters: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Matrix and bias; what is not trained stays as the module has it."""
    weight = parameters.get(f"{stage.name}.weight", stage.layer.weight.detach())
    bias = stage.layer.bias
    if bias is None:
        return weight, None
    return weight, parameters.get(f"{stage.name}.bias", bias.detach())


def _activated(stage: _Stage, z: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Output, slope and second derivative of the activation; None for 1 and for 0 everywhere."""
    if stage.activation is None:
        return z, None, None
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        a = stage.activation(leaf.clone())  # it may work in place
        (slope,) = torch.autograd.grad(a.sum(), leaf, create_graph=stage.smooth)
        bend = torch.autograd.grad(slope.sum(), leaf)[0] if stage.smooth else None
    return a.detach(), slope.detach(), bend


def _output_gradient(problem: Problem, outputs: Tensor, targets: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = outputs.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(problem.sample_losses(leaf, targets).sum(), leaf)
    return gradient


def _add_layer(name: str, second: Tensor, inputs: Tensor, diagonal: dict[str, Tensor]) -> None:
    """Add a layer's part from ∂²L/∂z², shape ``(n, units)``."""
    weight, bias = f"{name}.weight", f"{name}.bias"
    if weight in diagonal:
        diagonal[weight] += second.T @ inputs.square()
    if bias in diagonal:
        diagonal[bias] += second.sum(0)


class _Curvature:
    """Each sample's Hessian of its loss in one layer's numbers: ``Σ_r c_r v_r v_rᵀ + diag(d)``.

    A diagonal from the layer above is not spread into vectors before a second product needs them:
    until then it waits as the matrix that it went through.
    """

    def __init__(self, vectors: Tensor) -> None:
        self._vectors = vectors  # (r, n, units)
        self._factors: Tensor | None = None  # c, (r, n, 1); None for 1
        self._own: Tensor | None = None  # d, (n, units)
        self._waiting: tuple[Tensor, Tensor] | None = None  # matrix above, its d
        self._slope: Tensor | None = None

    def gate(self, slope: Tensor | None, own: Tensor | None) -> None:
        """Go through an activation, which adds a diagonal of its own, shape ``(n, units)``."""
        if slope is not None:
            self._vectors = self._vectors * slope
        self._slope, self._own = slope, own

    def diagonal(self) -> Tensor:
        """Second derivatives, shape ``(n, units)``."""
        squares = self._vectors.square()
        total = (squares if self._factors is None else squares.mul_(self._factors)).sum(0)
        if self._waiting is not None:
            matrix, above = self._waiting
            spread = above @ matrix.square()
            total += spread if self._slope is None else spread * self._slope.square()
        return total if self._own is None else total + self._own

    def descend(self, matrix: Tensor) -> None:
        """Go down through a linear layer's matrix, shape ``(units, inputs)``."""
        if self._waiting is not None:
            above, own = self._waiting
            rows = above.unsqueeze(1)
            if self._slope is not None:
                rows = rows * self._slope
            self._vectors = torch.cat([self._vectors, rows.expand(-1, len(own), -1)])
            factors = self._factors
            if factors is None:
                factors = torch.ones_like(self._vectors[: -len(own.T), :, :1])
            self._factors = torch.cat([factors, own.T.unsqueeze(2)])
        self._vectors = self._vectors @ matrix
        self._waiting = None if self._own is None else (matrix, self._own)
        self._own = None
