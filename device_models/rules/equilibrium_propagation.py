"""Equilibrium propagation: two equilibria of a network that relaxes, compared locally.

Sources: Scellier and Bengio, Front. Comput. Neurosci. 2017; symmetric nudging: Laborieux et al.,
Front. Neurosci. 2021; the layered energy, whose free equilibrium is the feed-forward pass:
Whittington and Bogacz, Neural Comput. 2017.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from device_models.kernels.cudnn_state import derivatives
from device_models.layer_hooks import LayerRecorder
from device_models.protocols import Problem, UnstableRuleError
from device_models.rules.layerwise import count_samples, flat_gradient, leaf_parameters


@dataclass(frozen=True)
class _Fall:
    """Nudged energy before and after a relaxation, summed over samples."""

    start: float
    end: float

    def __add__(self, other: _Fall) -> _Fall:
        return _Fall(self.start + other.start, self.end + other.end)


_NO_FALL = _Fall(0.0, 0.0)


@dataclass(frozen=True)
class EquilibriumPropagation:
    """Difference of the energy's derivative between equilibria, per nudging.

    The states s_l stand in for the input of every layer but the first, and for the output. The
    energy is ``E = ½ Σ_l ‖s_l − x_l(s_{l−1})‖²`` with x_l what the network computes from the states
    before; it is 0 at the feed-forward pass, the free equilibrium. The nudged phase descends
    ``E + β·ℓ`` of every sample from there to states ``s^β``. The estimate is the mean over samples
    of ``∂E/∂θ(s^β)/β``, symmetric ``(∂E/∂θ(s^β) − ∂E/∂θ(s^{−β}))/(2β)``.

    The relaxed estimate is the gradient up to order β, symmetric up to β². Too few steps of
    relaxation add a bias: the error has then not reached the first layers. No variance of its own.

    Attributes:
        nudging: β, the pull of the loss on the output, above 0.
        relaxation_steps: Gradient steps of a nudged phase, 1 or more.
        relaxation_rate: Size of such a step, above 0; stable below 2 over the largest eigenvalue of
            the energy's Hessian by the states.
        symmetric: Whether there is a second phase with −β.

    Raises:
        ValueError: If an argument is out of range.
    """

    nudging: float = 0.1
    relaxation_steps: int = 100
    relaxation_rate: float = 0.2
    symmetric: bool = True

    def __post_init__(self) -> None:
        if not self.nudging > 0:
            raise ValueError(f"nudging is {self.nudging:g}; allowed: above 0")
        if self.relaxation_steps < 1:
            raise ValueError(f"relaxation_steps is {self.relaxation_steps}; allowed: 1 or more")
        if not self.relaxation_rate > 0:
            raise ValueError(f"relaxation_rate is {self.relaxation_rate:g}; allowed: above 0")

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
        """Estimate over the samples ``index`` (all when None), shape ``(N,)``.

        Raises:
            ValueError: If the network calls a layer more than once.
            UnstableRuleError: If the relaxation diverges.
        """
        parameters = leaf_parameters(problem, w)
        signs = (1.0, -1.0) if self.symmetric else (1.0,)
        fell = dict.fromkeys(signs, _NO_FALL)
        # The free phase has energy 0 and no derivative by θ.
        total = torch.zeros_like(w)
        for batch in problem.chunks("train", index):
            free = _free_states(problem, parameters, batch[0])
            with torch.enable_grad():
                for sign in signs:
                    states, fall = self._relaxed(
                        problem, parameters, batch, free, sign * self.nudging
                    )
                    fell[sign] = fell[sign] + fall
                    energy = _energy(problem, parameters, batch[0], states)
                    total += sign * flat_gradient(problem, energy, parameters)
        for fall in fell.values():
            self._check_stable(fall, w.dtype)
        return total / (len(signs) * self.nudging * count_samples(problem, index))

    def _check_stable(self, fall: _Fall, dtype: torch.dtype) -> None:
        rounding = torch.finfo(dtype).eps ** 0.5 * abs(fall.start)
        if not fall.end <= fall.start + rounding:
            raise UnstableRuleError(
                f"the relaxation diverges at relaxation_rate {self.relaxation_rate:g} and nudging "
                f"{self.nudging:g}; allowed: small enough for the nudged energy to fall"
            )

    def _relaxed(
        self,
        problem: Problem,
        parameters: Mapping[str, Tensor],
        batch: tuple[Tensor, Tensor],
        free: Sequence[Tensor],
        nudging: float,
    ) -> tuple[list[Tensor], _Fall]:
        """States after gradient descent on ``E + nudging·ℓ`` from the free equilibrium."""
        fixed = {name: tensor.detach() for name, tensor in parameters.items()}
        start = _nudged_energy(problem, fixed, batch, free, nudging)
        states = list(free)
        for _ in range(self.relaxation_steps):
            states = [s.detach().requires_grad_() for s in states]
            nudged = _nudged_energy(problem, fixed, batch, states, nudging)
            slopes = derivatives(nudged, states)
            states = [
                s.detach() - self.relaxation_rate * slope
                for s, slope in zip(states, slopes, strict=True)
            ]
        end = _nudged_energy(problem, fixed, batch, states, nudging)
        return states, _Fall(float(start), float(end))


def _free_states(
    problem: Problem, parameters: Mapping[str, Tensor], inputs: Tensor
) -> list[Tensor]:
    """The feed-forward pass: inputs of all layers but the first, and the output."""
    layers = LayerRecorder(parameters)
    with torch.no_grad(), layers.applied():
        outputs = problem.outputs(parameters, inputs)
    for name, count in Counter(call.weight for call in layers.calls).items():
        if count > 1:
            raise ValueError(
                f"equilibrium propagation: layer {name} is called {count} times; allowed: once"
            )
    return [*(call.inputs for call in layers.calls[1:]), outputs]


def _energy(
    problem: Problem, parameters: Mapping[str, Tensor], inputs: Tensor, states: Sequence[Tensor]
) -> Tensor:
    """Energy summed over samples."""
    terms: list[Tensor] = []

    def clamped(k: int, x: Tensor) -> Tensor:
        if k == 0:
            return x
        terms.append((states[k - 1] - x).square().sum())
        return states[k - 1]

    with LayerRecorder(parameters, change_input=clamped).applied():
        outputs = problem.outputs(parameters, inputs)
    terms.append((states[-1] - outputs).square().sum())
    return 0.5 * torch.stack(terms).sum()


def _nudged_energy(
    problem: Problem,
    parameters: Mapping[str, Tensor],
    batch: tuple[Tensor, Tensor],
    states: Sequence[Tensor],
    nudging: float,
) -> Tensor:
    """``E + nudging·ℓ`` summed over samples, so that each sample relaxes on its own."""
    energy = _energy(problem, parameters, batch[0], states)
    return energy + nudging * problem.sample_losses(states[-1], batch[1]).sum()
