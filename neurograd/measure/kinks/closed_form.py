"""Kinks of fully connected networks in closed form, for independent noise of any variances.

One forward and one backward pass give pre-activations z and derivatives g. The mean step moves z by
its first-order tangent μ. The noise moves it with the variance s² = ∇zᵀC∇z, propagated layer by
layer: noise of a layer's own weights adds ``Σ_i C_i a_i²`` and that of its bias, independently for
every unit; noise from the layers before comes through the gates that are open and the weights, as
one covariance between the units of a layer for each sample. What multiplies noise by noise (the
noise of a weight times a changed activation) is of higher order and left out. With s² each kink's
mean is ``neurograd.theory.expected_kinks``; the noise of a unit is taken to be Gaussian.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from device_models.bare_layers import chain_of, vector_chain_of
from neurograd.measure.kinks.activations import above, expected_kinks
from neurograd.measure.kinks.passes import Places
from neurograd.problem import Problem
from neurograd.theory import Kink, hard_tanh_kinks, leaky_relu_kinks

COVARIANCE_BYTES = 2**27
"""Memory for the covariances of the samples that are taken at once."""

_Activation = nn.ReLU | nn.LeakyReLU | nn.Hardtanh
_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.Hardtanh)


@dataclass(frozen=True, eq=False)
class RandomStep:
    """A step of independent elements, in weight units.

    Attributes:
        mean: Its mean, shape ``(N,)``.
        variance: Variance of every element, shape ``(N,)``; None without noise.
    """

    mean: Tensor
    variance: Tensor | None = None


@dataclass(frozen=True, eq=False)
class _Layer:
    """A linear layer by the names of its parameters, and the activation after it."""

    name: str
    layer: nn.Linear
    activation: _Activation | None


def has_closed_form_kinks(problem: Problem) -> bool:
    """Whether ``closed_form_kinks`` applies.

    True for a ``torch.nn.Sequential`` of linear layers with a ReLU, leaky ReLU, hard tanh or
    nothing after each, without hooks, that share no weights; samples may be flattened first.
    """
    chain = vector_chain_of(problem.module, flat=problem.data()[0].ndim == 2)
    return _alternates([layer for _, layer in chain])


def _alternates(layers: Sequence[nn.Module]) -> bool:
    """Whether an activation comes only after a linear layer, and nothing else is there."""
    before: type[nn.Module] | None = None
    for layer in layers:
        if type(layer) in _ACTIVATIONS:
            if before is not nn.Linear:
                return False
        elif type(layer) is not nn.Linear:
            return False
        before = type(layer)
    return before is not None


def closed_form_kinks(
    problem: Problem, w: Tensor, steps: Sequence[RandomStep]
) -> tuple[np.ndarray, Places]:
    """Expected cost of the kinks that each step crosses, in units of the loss; in float64.

    Args:
        problem: Network, loss and data.
        w: Weights before the steps, shape ``(N,)``.
        steps: Means and variances of the steps, all counted from ``w``.

    Returns:
        One value a step, shape ``(len(steps),)``, and where the network's kinks are.

    Raises:
        ValueError: If the network has no closed form (see ``has_closed_form_kinks``).
    """
    if not has_closed_form_kinks(problem):
        raise ValueError("this network has no closed form of its kinks; use sampled_kinks")
    layers = list(_layers(problem.module))
    weights = _Weights(problem, layers, w)
    moved = [
        (
            _Weights(problem, layers, step.mean, fixed=0.0),
            None if step.variance is None else _Weights(problem, layers, step.variance, fixed=0.0),
        )
        for step in steps
    ]
    values = np.zeros(len(steps))
    places = Places(sum(layer.activation is not None for layer in layers), 0, 0)
    widest = max(layer.layer.out_features for layer in layers)
    samples = max(1, COVARIANCE_BYTES // (3 * 8 * widest**2))
    for chunk, targets in problem.chunks("train"):
        for x, y in zip(chunk.split(samples), targets.split(samples), strict=True):
            at = _pass(problem, layers, weights, x, y)
            places = places.plus(_places(at))
            for k, (mean, variance) in enumerate(moved):
                values[k] += _cost(layers, weights, at, mean, variance)
    return values, places


def _layers(module: nn.Module) -> Iterator[_Layer]:
    children = [each for each in chain_of(module) if isinstance(each[1], nn.Linear | _Activation)]
    for k, (name, layer) in enumerate(children):
        if isinstance(layer, nn.Linear):
            after = children[k + 1][1] if k + 1 < len(children) else None
            yield _Layer(name, layer, after if isinstance(after, _Activation) else None)


class _Weights:
    """A flat vector as matrices and biases in float64; what is not trained stays as it is."""

    def __init__(
        self, problem: Problem, layers: Sequence[_Layer], flat: Tensor, fixed: float | None = None
    ) -> None:
        named = problem.parameters_of(flat)

        def part(name: str, own: Tensor) -> Tensor:
            found = named.get(name)
            if found is None:
                found = own if fixed is None else torch.full_like(own, fixed)
            return found.detach().double()

        self.matrices = [part(f"{each.name}.weight", each.layer.weight) for each in layers]
        self.biases = [
            None if each.layer.bias is None else part(f"{each.name}.bias", each.layer.bias)
            for each in layers
        ]


@dataclass(frozen=True, eq=False)
class _Unit:
    """The units after one linear layer, for some samples.

    Attributes:
        inputs: What the layer sees, shape ``(n, inputs)``.
        z: Pre-activations, shape ``(n, units)``.
        slope: Slope of the activation there; None without one.
        kinks: Of the activation.
        gradient: ∂L/∂(output of the unit) of the mean loss; None without an activation.
    """

    inputs: Tensor
    z: Tensor
    slope: Tensor | None
    kinks: tuple[Kink, ...]
    gradient: Tensor | None


def _pass(
    problem: Problem, layers: Sequence[_Layer], weights: _Weights, x: Tensor, y: Tensor
) -> list[_Unit]:
    """One forward and one backward pass over some samples."""
    a = x.flatten(1).double()
    inputs, zs, outputs = [], [], []
    with torch.enable_grad():
        for k, each in enumerate(layers):
            inputs.append(a.detach())
            z = functional.linear(a, weights.matrices[k], weights.biases[k])
            zs.append(z.detach())
            # An activation may work in place, and the kinks are counted from z.
            a = z if each.activation is None else each.activation(z.clone())
            if each.activation is not None:
                a = a.requires_grad_() if not a.requires_grad else a
                outputs.append(a)
        targets = y.double() if y.is_floating_point() else y
        loss = problem.sample_losses(a, targets).sum() / problem.num_samples
    gradients = iter(torch.autograd.grad(loss, outputs) if outputs else ())
    units = []
    for each, seen, z in zip(layers, inputs, zs, strict=True):
        if each.activation is None:
            units.append(_Unit(seen, z, None, (), None))
        else:
            low, kinks = _shape(each.activation)
            slope = low + sum(kink.jump * above(z, kink).double() for kink in kinks)
            units.append(_Unit(seen, z, torch.as_tensor(slope), kinks, next(gradients)))
    return units


def _shape(activation: _Activation) -> tuple[float, tuple[Kink, ...]]:
    """Slope far below all kinks, and the kinks."""
    if isinstance(activation, nn.ReLU):
        return 0.0, leaky_relu_kinks()
    if isinstance(activation, nn.LeakyReLU):
        return activation.negative_slope, leaky_relu_kinks(activation.negative_slope)
    return 0.0, hard_tanh_kinks(activation.min_val, activation.max_val)


def _places(units: Sequence[_Unit]) -> Places:
    count = at_kink = 0
    for unit in units:
        if unit.gradient is not None:
            matters = unit.gradient != 0
            count += int(matters.sum())
            at_kink += sum(int(((unit.z == k.place) & matters).sum()) for k in unit.kinks)
    return Places(0, count, at_kink)


def _cost(
    layers: Sequence[_Layer],
    weights: _Weights,
    units: Sequence[_Unit],
    mean: _Weights,
    variance: _Weights | None,
) -> float:
    """Σ g·J·κ over units and samples; g is that of the mean loss."""
    total = 0.0
    shift: Tensor | None = None
    spread = _Spread()
    last = max((k for k, each in enumerate(layers) if each.activation is not None), default=-1)
    for k, unit in enumerate(units[: last + 1]):
        mu = functional.linear(unit.inputs, mean.matrices[k], mean.biases[k])
        if shift is not None:
            mu = mu + shift @ weights.matrices[k].T
        if variance is None:
            s = torch.zeros_like(mu)
        else:
            own = functional.linear(unit.inputs.square(), variance.matrices[k], variance.biases[k])
            s = spread.through(weights.matrices[k], own, whole=k < last).clamp_min(0.0).sqrt()
        if unit.slope is None or unit.gradient is None:
            shift = mu
            continue
        kappa = expected_kinks(unit.z, mu, s, unit.kinks)
        total += float((unit.gradient * kappa).sum())
        shift = mu * unit.slope
        if k < last:
            spread.gate(unit.slope)
    return total


class _Spread:
    """Covariance between the units of a layer, one matrix a sample; a diagonal while it is one."""

    def __init__(self) -> None:
        self._diagonal: Tensor | None = None
        self._matrix: Tensor | None = None

    def through(self, weight: Tensor, own: Tensor, *, whole: bool) -> Tensor:
        """Go through a linear layer; the variances of its units, shape ``(n, units)``.

        Args:
            weight: The layer's matrix.
            own: Variance by the noise of the layer's own weights, shape ``(n, units)``.
            whole: Whether the covariances are needed beyond this layer.
        """
        if self._matrix is None and self._diagonal is None:
            self._diagonal = own
            return own
        if self._matrix is None:
            assert self._diagonal is not None
            if not whole:
                return own + self._diagonal @ weight.square().T
            half = weight * self._diagonal.unsqueeze(1)
        else:
            half = weight @ self._matrix
            if not whole:
                return own + torch.einsum("nij,ij->ni", half, weight)
        self._matrix = half @ weight.T
        self._matrix.diagonal(dim1=1, dim2=2).add_(own)
        return self._matrix.diagonal(dim1=1, dim2=2)

    def gate(self, slope: Tensor) -> None:
        """Go through an activation of the given slopes, shape ``(n, units)``."""
        if self._matrix is not None:
            self._matrix = self._matrix * slope.unsqueeze(1) * slope.unsqueeze(2)
        elif self._diagonal is not None:
            self._diagonal = self._diagonal * slope.square()
