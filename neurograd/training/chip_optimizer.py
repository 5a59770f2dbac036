"""A ``torch.optim``-style optimizer whose updates go through a chip's synapses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.nn import Parameter

from device_models import WritePath
from neurograd.errors import ModelError

_NOISE = "noise"
"""Key of the generator's state in a copy or a pickle."""


class ChipOptimizer(torch.optim.Optimizer):
    """Gradient descent through write effects: ``w ← w + write(−Δt·grad)``.

    The gradients are whatever the user's own backward pass leaves in ``.grad``; the optimizer adds
    what the synapses make of them. All parameters together are one flat vector of shape ``(N,)``,
    in the order given, as the write effects were made for. Δt is the group's ``lr``, which
    ``torch.optim.lr_scheduler`` changes. A copy or a pickle goes on with the same noise. Writes of
    another type, such as those of a chip in float64 for a module in float32, are computed in theirs
    where that is the finer one; the module keeps its own, to which the weights are rounded.

    Args:
        parameters: The module's parameters, on one device and of one type.
        writes: Write effects for N weights, applied in order.
        step_size: Δt, above 0.
        seed: Seed of the write noise.

    Raises:
        ValueError: If the step size is not above 0, there are several parameter groups, or the
            write effects are for other weights (another number, type or device).
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        writes: Iterable[WritePath],
        step_size: float,
        seed: int,
    ) -> None:
        if not step_size > 0:
            raise ValueError(f"step_size is {step_size:g}; allowed: above 0")
        super().__init__(parameters, {"lr": step_size})
        self._writes = tuple(writes)
        self._generator = self._new_generator().manual_seed(seed)
        w = self._checked(step_size)
        self._dtype = w.dtype
        self._assign(w)

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step with the gradients that are there.

        Args:
            closure: Computes the loss and its gradients again, as in ``torch.optim``.

        Raises:
            ModelError: If a gradient has NaN or infinite entries.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        w = self._flat().to(self._dtype)
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self._parameters()]
        increment = torch.cat([g.reshape(-1) for g in gradients]).to(w) * -self._step_size
        if not bool(torch.isfinite(increment).all()):
            raise ModelError("the gradient has NaN or infinite entries; allowed: finite numbers")
        self._assign(w + self._written(w, increment, self._generator))
        return loss

    def state_dict(self) -> dict[str, Any]:
        """State with the generator's, so that a resumed training goes on with the same noise."""
        return {**super().state_dict(), "generator": self._generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what ``state_dict`` gave.

        Raises:
            ValueError: If it is the state of another optimizer, which has no noise.
        """
        state = dict(state_dict)
        if "generator" not in state:
            raise ValueError("the state has no generator; allowed: a state of a ChipOptimizer")
        self._generator.set_state(state.pop("generator").cpu())
        super().load_state_dict(state)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take the one group of parameters that there is.

        Raises:
            ValueError: If there is one already: write effects are made for its N weights.
        """
        if self.param_groups:
            raise ValueError("parameter groups: allowed: one, since a chip has one step size")
        super().add_param_group(param_group)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: generators have no pickle of their own in every torch."""
        own = {"_writes": self._writes, "_dtype": self._dtype, _NOISE: self._generator.get_state()}
        return {**super().__getstate__(), **own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy; torch calls it with groups and state alone to load a state."""
        rest = dict(state)
        noise = rest.pop(_NOISE, None)
        super().__setstate__(rest)
        if noise is not None:
            self._generator = self._new_generator().set_state(noise)

    @property
    def _step_size(self) -> float:
        return float(self.param_groups[0]["lr"])

    def _new_generator(self) -> torch.Generator:
        return torch.Generator(device=self._parameters()[0].device)

    def _parameters(self) -> list[Parameter]:
        parameters: list[Parameter] = self.param_groups[0]["params"]
        return parameters

    def _program(self, w: Tensor) -> Tensor:
        for effect in self._writes:
            w = effect.program(w)
        return w

    def _written(self, w: Tensor, increment: Tensor, generator: torch.Generator) -> Tensor:
        for effect in self._writes:
            increment = effect.write(w, increment, generator)
        return increment

    def _checked(self, step_size: float) -> Tensor:
        """The programmed weights, shape ``(N,)``, once a write of a step of them was tried."""
        own = self._flat()
        try:
            w = self._program(own)
            tried = self._written(w, torch.full_like(w, step_size), self._new_generator())
        except (RuntimeError, IndexError, ValueError) as error:
            raise _of_others(own, " ".join(str(error).split())) from error
        for found in (w, tried):
            if found.shape != own.shape:
                raise _of_others(own, f"they give shape {tuple(found.shape)}")
        return w

    def _flat(self) -> Tensor:
        return torch.cat([p.detach().reshape(-1) for p in self._parameters()])

    def _assign(self, w: Tensor) -> None:
        with torch.no_grad():
            parts = torch.split(w, [p.numel() for p in self._parameters()])
            for p, part in zip(self._parameters(), parts, strict=True):
                p.copy_(part.view_as(p))


def _of_others(w: Tensor, problem: str) -> ValueError:
    return ValueError(
        f"writes: are not for these {w.numel()} weights of type {w.dtype} on {w.device} "
        f"({problem}); allowed: write effects that were made for them"
    )
