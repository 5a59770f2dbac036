"""Curves and jumps written as small tables, for tests of what is made of them."""

from __future__ import annotations

import torch

from device_models.write.jump_table import jump_table
from device_models.write.measured_curve import pulse_curves


def _columns(text):
    rows = [line.split(",") for line in text.splitlines()[1:]]
    return [
        [float(cell) if cell else None for cell in column] for column in zip(*rows, strict=True)
    ]


def _pair(first, second):
    there = [k for k, value in enumerate(second) if value is not None]
    return tuple(
        torch.tensor([column[k] for k in there], dtype=torch.float64) for column in (first, second)
    )


def curves_of(text):
    """Curves of the columns pulse, potentiation, depression; cells may be empty at an end."""
    pulse, up, down = _columns(text)
    return pulse_curves(_pair(pulse, up), _pair(pulse, down))


def jumps_of(text, nodes=32):
    """Jumps of the columns conductance, delta_up, delta_down; cells may be empty."""
    before, up, down = _columns(text)
    return jump_table(_pair(before, up), _pair(before, down), nodes)
