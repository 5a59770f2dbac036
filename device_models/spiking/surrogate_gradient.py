"""Surrogate derivatives of the spike, by snntorch's names and formulas.

The forward pass is the Heaviside step of the membrane potential above threshold; the backward pass
takes a surrogate derivative ψ in place of its derivative, which is 0 almost everywhere (Neftci,
Mostafa and Zenke, IEEE Signal Processing Magazine 2019). The formulas are snntorch's own
(Eshraghian et al., Proc. IEEE 2023); spikes keep the type of the membrane potential, where
snntorch's are float32.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from snntorch import surrogate as snn_surrogate
from torch import Tensor

LoopSurrogate = tuple[str, float, float]
"""Name of a surrogate derivative in ``lif_loop``, its sharpness and its factor."""


@dataclass(frozen=True)
class _Kind:
    """A surrogate of snntorch.

    Attributes:
        function: Its two passes.
        defaults: Its parameters.
        pulled_back: Its backward pass in few passes over memory, which overwrites the potential;
            None where snntorch's own is taken.
        in_loops: What compiled loops call it, and the two numbers that they take of its parameters
            (``lif_loop.pull_back``); None where they do not know it.
    """

    function: type[torch.autograd.Function]
    defaults: tuple[tuple[str, float], ...] = ()
    pulled_back: Callable[..., Tensor] | None = None
    in_loops: Callable[..., LoopSurrogate] | None = None


def _through_fast_sigmoid(potential: Tensor, error: Tensor, slope: float) -> Tensor:
    """``error/(slope·|u| + 1)²``."""
    square = potential.abs_().mul_(slope).add_(1.0).square_()
    return torch.div(error, square, out=square)


def _through_atan(potential: Tensor, error: Tensor, alpha: float) -> Tensor:
    """``α/2·error/(1 + (π/2·α·u)²)``."""
    square = potential.mul_(math.pi / 2 * alpha).square_().add_(1.0)
    return torch.div(error, square, out=square).mul_(alpha / 2)


SURROGATES: Mapping[str, _Kind] = MappingProxyType(
    {
        "straight_through_estimator": _Kind(snn_surrogate.StraightThroughEstimator),
        "triangular": _Kind(snn_surrogate.Triangular, (("threshold", 1.0),)),
        "fast_sigmoid": _Kind(
            snn_surrogate.FastSigmoid,
            (("slope", 25.0),),
            _through_fast_sigmoid,
            lambda slope: ("FAST_SIGMOID", slope, 1.0),
        ),
        "atan": _Kind(
            snn_surrogate.ATan,
            (("alpha", 2.0),),
            _through_atan,
            lambda alpha: ("ATAN", math.pi / 2 * alpha, alpha / 2),
        ),
        "heaviside": _Kind(snn_surrogate.Heaviside),
        "sigmoid": _Kind(snn_surrogate.Sigmoid, (("slope", 25.0),)),
        "spike_rate_escape": _Kind(snn_surrogate.SpikeRateEscape, (("beta", 1.0), ("slope", 25.0))),
        "SSO": _Kind(snn_surrogate.StochasticSpikeOperator, (("mean", 0.0), ("variance", 0.2))),
        "LSO": _Kind(snn_surrogate.LeakySpikeOperator, (("slope", 0.1),)),
        "SFS": _Kind(snn_surrogate.SparseFastSigmoid, (("slope", 25.0), ("B", 1.0))),
    }
)
"""snntorch's surrogates by its own function names, with their parameters and defaults."""


def surrogate_parameters(name: str) -> dict[str, float]:
    """Parameters of a surrogate with snntorch's defaults.

    Raises:
        ValueError: If there is no surrogate of that name.
    """
    if name not in SURROGATES:
        near = difflib.get_close_matches(str(name), SURROGATES, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ";"
        raise ValueError(f"surrogate '{name}' is unknown{hint} allowed: {', '.join(SURROGATES)}")
    return dict(SURROGATES[name].defaults)


class _Spike(torch.autograd.Function):
    """Forward and backward of one of snntorch's surrogates in the membrane potential's type."""

    @staticmethod
    def forward(
        ctx: Any,
        potential: Tensor,
        function: Any,
        values: tuple[float, ...],
        generator: torch.Generator | None,
    ) -> Tensor:
        ctx.function, ctx.generator = function, generator
        spikes: Tensor = function.forward(ctx, potential, *values)
        return spikes.to(potential.dtype)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        if ctx.function is snn_surrogate.StochasticSpikeOperator:
            gradient = _stochastic_backward(ctx, grad_outputs[0])
        else:
            gradient = ctx.function.backward(ctx, *grad_outputs)
        return (gradient[0] if isinstance(gradient, tuple) else gradient), None, None, None


class _Kept:
    """What a forward pass keeps for the backward pass, without a graph."""

    saved_tensors: tuple[Tensor, ...] = ()

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors."""
        self.saved_tensors = tensors


def _stochastic_backward(ctx: Any, grad: Tensor) -> Tensor:
    """SSO's derivative: 1 above threshold, ``(U(−½, ½) + mean)·variance`` below.

    snntorch draws U from the global generator; here it comes from the rule's own. Without one the
    mean over U is taken, which is what the surrogate is in expectation.
    """
    _, spikes = ctx.saved_tensors
    uniform = torch.full_like(grad, 0.5)
    if ctx.generator is not None:
        uniform = torch.rand(
            grad.shape, generator=ctx.generator, dtype=grad.dtype, device=grad.device
        )
    below = (uniform - 0.5 + ctx.mean) * ctx.variance
    return torch.where(spikes > 0, grad, grad * below)


@dataclass(frozen=True)
class Surrogate:
    """A spike function with a surrogate derivative.

    Attributes:
        name: One of ``SURROGATES``.
        parameters: Its parameters; those left out are snntorch's defaults.

    Raises:
        ValueError: If the name or a parameter is unknown.
    """

    name: str = "fast_sigmoid"
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = surrogate_parameters(self.name)
        for key in self.parameters:
            if key not in known:
                allowed = ", ".join(known) or "none"
                raise ValueError(
                    f"surrogate {self.name} has no parameter '{key}'; allowed: {allowed}"
                )

    @property
    def values(self) -> dict[str, float]:
        """All parameters by name."""
        return {**surrogate_parameters(self.name), **self.parameters}

    @property
    def in_loops(self) -> LoopSurrogate | None:
        """What compiled loops take of it; None where they do not know it."""
        of_values = SURROGATES[self.name].in_loops
        return None if of_values is None else of_values(*self.values.values())

    @property
    def stochastic(self) -> bool:
        """Whether the derivative is drawn anew in every backward pass."""
        return self.name == "SSO" and self.values["variance"] > 0

    def __call__(self, potential: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Spikes (0 or 1) for the membrane potential above threshold, any shape."""
        spikes: Tensor = _Spike.apply(
            potential, SURROGATES[self.name].function, tuple(self.values.values()), generator
        )
        return spikes

    def derivative(self, potential: Tensor) -> Tensor:
        """ψ at the membrane potential above threshold, same shape; SSO's is its mean."""
        return self.pulled_back(potential.detach().clone(), torch.ones_like(potential))

    def pulled_back(self, potential: Tensor, error: Tensor) -> Tensor:
        """``ψ(potential)·error`` without a graph; SSO's is its mean.

        Args:
            potential: Membrane potentials above threshold, any shape; overwritten.
            error: Derivatives by the spikes, same shape or one that broadcasts to it.
        """
        kind, values = SURROGATES[self.name], tuple(self.values.values())
        if kind.pulled_back is not None:
            return kind.pulled_back(potential, error, *values)
        kept = _Kept()
        _Spike.forward(kept, potential, kind.function, values, None)
        gradient = _Spike.backward(kept, error.expand_as(potential))[0]
        assert gradient is not None  # all of snntorch's have one
        return gradient
