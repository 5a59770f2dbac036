"""What a digital part makes of a chip's gradient estimate before it asks for a write.

    ĝ → clipped → + λ·w → momentum or Adam → times the layer's step size → increment −Δt·u

All of it is exact arithmetic beside the arrays; only what follows, the write, is analog.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from device_models.updates.momentum import Momentum
from device_models.updates.optimizer import Optimizer, OptimizerState

_CLIP_FLOOR = 1e-6
"""Added to a norm before it divides, as torch.nn.utils.clip_grad_norm_ does."""


@dataclass(frozen=True)
class Recipe:
    """Clipping, weight decay, an optimizer, and a step size for every weight.

    Attributes:
        optimizer: Momentum or Adam.
        weight_decay: λ of the term λ·w that is added to the estimate, as torch.optim.SGD and
            torch.optim.Adam do (L2, not decoupled), 0 or more. The weights are those of the read
            that the estimate comes from, or of one more where each of its passes has its own.
        clip: Largest norm of the estimate, above 0; longer ones are shortened to it, as by
            torch.nn.utils.clip_grad_norm_. None for no such bound.
        rates: Step size of every weight over the chip's Δt, above 0, shape ``(N,)``; None for one
            step size.

    Raises:
        ValueError: If a number is out of range.
    """

    optimizer: Optimizer = field(default_factory=Momentum)
    weight_decay: float = 0.0
    clip: float | None = None
    rates: Tensor | None = None

    def __post_init__(self) -> None:
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay is {self.weight_decay:g}; allowed: 0 or more")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip is {self.clip:g}; allowed: above 0")
        if self.rates is not None and not bool((self.rates > 0).all()):
            raise ValueError("rates: one is not above 0; allowed: above 0")

    def start(self, w: Tensor) -> OptimizerState:
        """The optimizer's memory before the first update, for weights of shape ``(N,)``."""
        return self.optimizer.start(w)

    def gradient(self, estimate: Tensor, seen: Tensor) -> Tensor:
        """What the optimizer is given: the estimate clipped, with the decay, shape ``(N,)``.

        Args:
            estimate: The chip's gradient estimate, shape ``(N,)``.
            seen: Weights as they were read for it, shape ``(N,)``.
        """
        found = estimate
        if self.clip is not None:
            found = found * (self.clip / (found.norm() + _CLIP_FLOOR)).clamp_max(1.0)
        return found + self.weight_decay * seen if self.weight_decay else found

    def step(
        self, state: OptimizerState, estimate: Tensor, seen: Tensor
    ) -> tuple[Tensor, OptimizerState]:
        """The requested u of shape ``(N,)``, in gradient units of the chip's Δt, and the memory.

        Args:
            state: The optimizer's memory before the update.
            estimate: The chip's gradient estimate, shape ``(N,)``.
            seen: Weights as they were read for it, shape ``(N,)``.
        """
        u, after = self.optimizer.step(state, self.gradient(estimate, seen))
        return (u if self.rates is None else self.rates * u), after
