"""A layer of leaky integrate-and-fire neurons through time, forward and back.

In compiled loops (``device_models/kernels/spiking``) where there are such for the tensors and the
surrogate derivative, else in tensor operations: the same numbers but for rounding. Potentials,
spikes and errors lie as ``(width, time_steps, n)``. The equations are in ``lif_stack.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from device_models.kernels.compiled import available, loop_of
from device_models.kernels.dispatch import TYPES, plain
from device_models.spiking.surrogate_gradient import Surrogate


@dataclass(frozen=True)
class LifNeurons:
    """Neurons with the same constants.

    Attributes:
        decay: β, 0 to 1.
        threshold: θ, above 0.
        to_zero: Whether a spike resets the potential to 0; else it takes θ off it.
        surrogate: The spike function; a stochastic one by its mean derivative.
    """

    decay: float
    threshold: float
    to_zero: bool
    surrogate: Surrogate

    def spike(self, u: Tensor, bias: Tensor | None, spikes: Tensor) -> None:
        """Turn currents into potentials, and fill in the spikes.

        Args:
            u: Currents without the bias.
            bias: Current at every step, shape ``(width,)``; None for none.
            spikes: Filled, of the same shape as u.
        """
        if _takes(u):
            from device_models.kernels.spiking import lif_loop  # noqa: PLC0415  (compiles at its import)

            given = (u.numpy(), _of_width(u, bias), spikes.numpy())
            _run(lif_loop.spike, u, *given, *self._constants(u))
            return
        if bias is not None:
            u.add_(bias.view(-1, 1, 1))
        for step in range(u.shape[1]):
            now = u[:, step]
            if step:
                before, spiked = u[:, step - 1], spikes[:, step - 1]
                if self.to_zero:
                    now.addcmul_(before, 1.0 - spiked, value=self.decay)
                else:
                    now.add_(before, alpha=self.decay).sub_(spiked, alpha=self.threshold)
            torch.gt(now, self.threshold, out=spikes[:, step])

    def weigh(self, u: Tensor, bias: Tensor | None, shares: Sequence[float]) -> Tensor:
        """Turn currents u into potentials; ``Σ_t k_t s_t`` of their spikes, shape ``(width, n)``.

        Args:
            u: Currents without the bias.
            bias: Current at every step, shape ``(width,)``; None for none.
            shares: k_t of each time step.
        """
        if not _takes(u):
            spikes = torch.empty_like(u)
            self.spike(u, bias, spikes)
            return weighted(spikes, shares)
        from device_models.kernels.spiking import lif_loop  # noqa: PLC0415  (compiles at its import)

        total = u.new_empty(u.shape[0], u.shape[2])
        each = _array(_number_type(u), tuple(shares))
        given = (u.numpy(), _of_width(u, bias), total.numpy(), each)
        _run(lif_loop.weigh, u, *given, *self._constants(u))
        return total

    def pull_back(self, u: Tensor, errors: Tensor, shares: Sequence[float] | None) -> Tensor:
        """Derivatives by the currents from those by the spikes; potentials are overwritten.

        Args:
            u: Potentials.
            errors: Derivatives by the spikes; or ``(width, 1, n)``, the same at every time step.
            shares: What those of each time step are multiplied by, by 1 when None.
        """
        known = self.surrogate.in_loops
        if known is not None and _takes(u):
            from device_models.kernels.spiking import lif_loop  # noqa: PLC0415  (compiles at its import)

            number = _number_type(u)
            each = _array(number, (1.0,) * u.shape[1] if shares is None else tuple(shares))
            name, *values = known
            ends = (getattr(lif_loop, name), *map(number, values))
            given = (u.numpy(), errors.contiguous().numpy(), each)
            _run(lif_loop.pull_back, u, *given, *self._constants(u), *ends)
            return u
        if shares is not None:
            each_step = errors.new_empty(1, len(shares), 1)
            for step, share in enumerate(shares):
                # Filled where it is: a GPU would be waited for to bring numbers there.
                each_step[:, step].fill_(share)
            errors = errors * each_step
        kept = (u <= self.threshold).to(u.dtype) if self.to_zero else None
        found = self.surrogate.pulled_back(u.sub_(self.threshold), errors.expand_as(u))
        for step in reversed(range(u.shape[1] - 1)):
            now, after = found[:, step], found[:, step + 1]
            if kept is None:
                now.add_(after, alpha=self.decay)
            else:
                now.addcmul_(after, kept[:, step], value=self.decay)
        return found

    def _constants(self, u: Tensor) -> tuple[Any, Any, bool]:
        """β, θ and the reset as loops take them."""
        number = _number_type(u)
        return number(self.decay), number(self.threshold), self.to_zero


def weighted(signal: Tensor, shares: Sequence[float]) -> Tensor:
    """``Σ_t k_t x_t``, shape ``(width, n)``."""
    total = signal[:, 0] * shares[0]
    for step, share in enumerate(shares[1:], 1):
        total.add_(signal[:, step], alpha=share)
    return total


def _takes(u: Tensor) -> bool:
    """Whether there are compiled loops, and they take tensors like these."""
    return available() and u.dtype in TYPES and plain(u, u.dtype)


def _of_width(u: Tensor, bias: Tensor | None) -> Any:
    """A bias as loops take it, 0 without one."""
    given = u.new_zeros(u.shape[0]) if bias is None else bias.detach().contiguous()
    return given.numpy()


def _number_type(u: Tensor) -> Any:
    return np.float32 if u.dtype == torch.float32 else np.float64


@lru_cache
def _array(number: Any, values: tuple[float, ...]) -> Any:
    return np.array(values, dtype=number)


def _run(loop: Callable[..., None], u: Tensor, *arguments: Any) -> None:
    loop_of(loop, u.dtype).ready_for(arguments)(*arguments)
