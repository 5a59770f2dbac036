"""Rounding towards 0 of numbers that are whole but for the rounding of real numbers.

A whole number of steps in weight units, divided by the step again, may come out just below it:
truncated, it would lose a whole step. This file is the reference, on any kind of device;
``device_models.kernels.number_loops`` and ``device_models.kernels.gpu`` make the same of a number.
"""

from __future__ import annotations

import torch
from torch import Tensor

LOST = 8.0
"""Units in the last place that the few operations from a whole number of steps lose at most."""


def truncated(x: Tensor, size: Tensor | float = 1.0) -> Tensor:
    """Numbers rounded towards 0; those within ``LOST`` of a whole number become that one.

    Args:
        x: Any numbers.
        size: Largest number that x comes from, in units of x: more than 1 where x is a difference;
            a number, or a shape that goes with that of x.
    """
    near = x.round()
    lost = LOST * torch.finfo(x.dtype).eps * x.abs().clamp_min(size)
    return torch.where((x - near).abs() <= lost, near, x.trunc())
