"""Backpropagation: the gradient itself, on spiking networks through the surrogate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurograd.effects.rules.rule import Rule, never

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


def build_backprop(parts: Assembly) -> None:
    """The gradient, on spiking networks through the surrogate derivative."""
    from device_models import Backprop, Surrogate, SurrogateBptt  # noqa: PLC0415  (needs torch)

    network = parts.spec.network
    if network.kind == "rate" or network.surrogate is None:
        parts.rule = Backprop()
        return
    surrogate = Surrogate(network.surrogate.name, network.surrogate.parameters())
    parts.rule = SurrogateBptt(parts.spec.learning_rule.truncation, surrogate.stochastic)


EFFECT = Rule(name="backprop", label="backpropagation", order=10, when=never, build=build_backprop)
