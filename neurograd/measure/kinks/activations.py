"""Which kinks an activation has, and what a pre-activation that crosses one leaves behind."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from device_models.activation_calls import ActivationCall
from neurograd.theory import Kink, hard_tanh_kinks, leaky_relu_kinks

_ROOT_HALF = math.sqrt(0.5)
_ROOT_HALF_PI = math.sqrt(0.5 * math.pi)
_INVERSE_ROOT_2PI = 1.0 / math.sqrt(2.0 * math.pi)


def kinks_of(call: ActivationCall) -> tuple[Kink, ...]:
    """The kinks of an activation of one number; none for a pooling, whose kinks are ties."""
    if call.kind == "relu":
        return leaky_relu_kinks()
    if call.kind == "leaky_relu":
        return leaky_relu_kinks(call.options[0])
    if call.kind == "hardtanh":
        return hard_tanh_kinks(*call.options)
    return ()


def above(z: Tensor, kink: Kink) -> Tensor:
    """On which side of the kink the framework's gradient takes each element to be."""
    return z >= kink.place if kink.upper else z > kink.place


def crossed(z: Tensor, moved: Tensor, kinks: tuple[Kink, ...]) -> Tensor:
    """``f(moved) − f(z) − f'(z)·(moved − z)``, without a difference of near numbers.

    Args:
        z: Pre-activation before the step; any shape.
        moved: The same after it.
        kinks: Of the activation f.
    """
    total = torch.zeros_like(z)
    for kink in kinks:
        other = above(z, kink) != above(moved, kink)
        total += kink.jump * torch.where(other, (moved - kink.place).abs(), 0.0)
    return total


def expected_kinks(z: Tensor, mu: Tensor, s: Tensor, kinks: tuple[Kink, ...]) -> Tensor:
    """``neurograd.theory.expected_kinks`` for tensors of float64, without its checks.

    Args:
        z: Pre-activation; any shape.
        mu: Its mean shift by the step.
        s: Its standard deviation, zero or greater.
        kinks: Of the activation.
    """
    landed = z + mu
    total = crossed(z, landed, kinks)
    for kink in kinks:
        t = ((landed - kink.place).abs() / s.clamp_min(torch.finfo(s.dtype).tiny)).clamp_max(1e3)
        density = _INVERSE_ROOT_2PI * torch.exp(-0.5 * t.square())
        tail = density * (1.0 - t * _ROOT_HALF_PI * torch.special.erfcx(t * _ROOT_HALF))
        total += kink.jump * s * tail
    return total
