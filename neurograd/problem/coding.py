"""Values as spike trains: rate coding, latency coding, or a constant current.

The trains are drawn once and are part of the data set, so that a loss is a function of the weights.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

Coding = Literal["rate", "latency", "current"]
"""Codes that make spike trains of values; a user's own trains need none."""

LATENCY_TAU = 5.0
LATENCY_THRESHOLD = 0.01


def encode(inputs: Tensor, coding: Coding, time_steps: int, generator: torch.Generator) -> Tensor:
    """Encode values from 0 to 1 as input of a spiking network.

    Args:
        inputs: Values, shape ``(n, features)``.
        coding: ``rate``: in every time step a spike with the value as probability; ``latency``: one
            spike, the earlier the larger the value, none where the value is below 0.01 (the linear
            code of ``snntorch.spikegen.latency``); ``current``: the value itself in every step.
        time_steps: Number T of time steps, 1 or more (2 or more for latency).
        generator: Source of the spikes of rate coding.

    Returns:
        Spikes or currents, shape ``(n, T, features)``, in the inputs' type.

    Raises:
        ValueError: If the coding is unknown, there are too few steps or a value is not in 0 to 1.
    """
    if coding not in get_args(Coding):
        raise ValueError(f"coding is {coding!r}; allowed: {', '.join(get_args(Coding))}")
    least = 2 if coding == "latency" else 1
    if time_steps < least:
        raise ValueError(f"time_steps is {time_steps}; allowed for {coding}: {least} or more")
    if coding != "current" and not bool(((inputs >= 0) & (inputs <= 1)).all()):
        raise ValueError(f"{coding} coding needs inputs from 0 to 1; allowed here: current")
    values = inputs.unsqueeze(1).expand(-1, time_steps, -1)
    if coding == "current":
        return values.contiguous()
    if coding == "rate":
        return torch.bernoulli(values, generator=generator)
    from snntorch import spikegen  # noqa: PLC0415  (only latency coding needs it)

    trains: Tensor = spikegen.latency(
        inputs.to(torch.float32),
        num_steps=time_steps,
        tau=LATENCY_TAU,
        threshold=LATENCY_THRESHOLD,
        normalize=True,
        linear=True,
        clip=True,
    )
    return trains.transpose(0, 1).to(inputs.dtype).contiguous()
