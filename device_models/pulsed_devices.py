"""A chip's pulsed devices: what device-to-device variation makes of the nominal one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.pulsed_step import DeviceValues


@dataclass(frozen=True)
class NominalDevice:
    """A pulsed device as published; spreads are over devices, relative to what they vary.

    Attributes:
        dw_min: Mean step of one pulse, above 0.
        dw_min_dtod: Its spread.
        log_normal: Whether that spread is log-normal (with this standard deviation of the log).
        up_down: Asymmetry of the steps up and down.
        up_down_dtod: Its spread, absolute.
        w_max: Mean upper bound.
        w_min: Mean lower bound.
        w_max_dtod: Spread of the upper bound.
        w_min_dtod: Spread of the lower bound.
        gamma: Slopes of a linear step up and down, from 0; 1 with ``soft_bounds``.
        gamma_dtod: Their spread, absolute.
        soft_bounds: Whether the step falls to 0 at each device's own bound.
        reference_std: Spread of the reference device, absolute.
        subtract_symmetry_point: Whether the reference stands at each device's symmetry point,
            where steps up and down are equal (soft bounds only).
        corrupt: Probability of a device that no pulse moves.

    Raises:
        ValueError: If the bounds are not on either side of 0, or dw_min is not above 0.
    """

    dw_min: float = 0.001
    dw_min_dtod: float = 0.0
    log_normal: bool = False
    up_down: float = 0.0
    up_down_dtod: float = 0.0
    w_max: float = 1.0
    w_min: float = -1.0
    w_max_dtod: float = 0.0
    w_min_dtod: float = 0.0
    gamma: tuple[float, float] = (0.0, 0.0)
    gamma_dtod: float = 0.0
    soft_bounds: bool = False
    reference_std: float = 0.0
    subtract_symmetry_point: bool = False
    corrupt: float = 0.0

    def __post_init__(self) -> None:
        if not self.dw_min > 0:
            raise ValueError(f"dw_min is {self.dw_min:g}; allowed: above 0")
        if not self.w_min <= 0 < self.w_max:
            raise ValueError(
                f"bounds are {self.w_min:g} and {self.w_max:g}; allowed: at most 0, and above 0"
            )


def draw_devices(
    nominal: NominalDevice,
    num_weights: int,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float64,
) -> DeviceValues:
    """Draw a chip's devices: ``Δ^d = dw_min·(spread + d·(up_down + up_down_dtod·ξ))``.

    A direction is never inverted: steps, and bounds on their side of 0, keep their sign (aihwkit's
    ``enforce_consistency``). Every property draws the same numbers whatever the others are.

    Args:
        nominal: The published device.
        num_weights: Number N of devices.
        generator: Source of the chip's fixed variation.
        dtype: Type of the weights.
    """
    device = generator.device

    def normal(spread: float) -> Tensor:
        draw = torch.randn(num_weights, generator=generator, dtype=dtype, device=device)
        return draw * spread if spread else torch.zeros(1, dtype=dtype, device=device)

    size = normal(nominal.dw_min_dtod)
    gain = torch.exp(size) if nominal.log_normal else 1.0 + size
    balance = nominal.up_down + normal(nominal.up_down_dtod)
    high = (nominal.w_max * (1.0 + normal(nominal.w_max_dtod))).abs()
    low = -(nominal.w_min * (1.0 + normal(nominal.w_min_dtod))).abs()
    slopes = [gamma + normal(nominal.gamma_dtod) for gamma in nominal.gamma]
    reference = normal(nominal.reference_std)
    draw = torch.rand(num_weights, generator=generator, dtype=dtype, device=device)
    alive = (draw >= nominal.corrupt).to(dtype) if nominal.corrupt else torch.ones_like(gain)
    step_up, step_down = (nominal.dw_min * (gain + d * balance).abs() for d in (1.0, -1.0))
    if nominal.soft_bounds:
        slope_up, slope_down = -1.0 / high, -1.0 / low
    else:
        slope_up = -slopes[0].abs() / nominal.w_max
        slope_down = -slopes[1].abs() / nominal.w_min if nominal.w_min else 0.0 * slopes[1]
    if nominal.subtract_symmetry_point:
        # Where Δ⁺(1 − h/b_max) = Δ⁻(1 − h/b_min).
        reference = reference + (step_up - step_down) / (step_up / high - step_down / low)
    return DeviceValues(
        alive * step_up, alive * step_down, low, high, slope_up, slope_down, reference
    )


def published_states(nominal: NominalDevice) -> int:
    """Number of steps from bound to bound of the nominal device."""
    return math.ceil((nominal.w_max - nominal.w_min) / nominal.dw_min)
