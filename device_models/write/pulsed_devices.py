"""A chip's pulsed devices: what device-to-device variation makes of the nominal one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from device_models.write.pulsed_step import DeviceValues, Step


@dataclass(frozen=True)
class NominalDevice:
    """A pulsed device as published; spreads are over devices, relative to what they vary.

    Attributes:
        dw_min: Mean step of one pulse over devices, above 0; their median with ``log_normal``.
        dw_min_dtod: Its spread.
        log_normal: Whether that spread is log-normal (with this standard deviation of the log).
        up_down: Asymmetry β: steps up are ``1 + β``, steps down ``1 − β``. So aihwkit documents it,
            but its simulator 1.2.0 leaves the larger step at 1 and makes the smaller one
            ``1 − |β|``: the same devices with another dw_min and β, see
            ``experiments/aihwkit_comparison.py``.
        up_down_dtod: Its spread, absolute.
        w_max: Mean upper bound.
        w_min: Mean lower bound.
        w_max_dtod: Spread of the upper bound.
        w_min_dtod: Spread of the lower bound.
        gamma: Slopes of a linear step up and down, that by which it shrinks from 0 to the nominal
            bound; below 0 it grows. 1 with ``soft_bounds``.
        gamma_dtod: Their spread, absolute.
        soft_bounds: Whether the step falls to 0 at each device's own bound.
        reference_std: Spread of the reference device, absolute.
        subtract_symmetry_point: Whether the reference stands at each device's symmetry point,
            where steps up and down are equal (soft bounds only).
        corrupt: Probability of a device that is stuck, and that nothing moves.
        corrupt_range: Stuck devices are stuck at a state from −corrupt_range to corrupt_range,
            uniform, within their bounds.

    Raises:
        ValueError: If the bounds are not on either side of 0, or dw_min is not above 0, or
            corrupt is not from 0 to 1, or corrupt_range is negative.
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
    corrupt_range: float = 0.01

    def __post_init__(self) -> None:
        if not self.dw_min > 0:
            raise ValueError(f"dw_min is {self.dw_min:g}; allowed: above 0")
        if not self.w_min <= 0 < self.w_max:
            raise ValueError(
                f"bounds are {self.w_min:g} and {self.w_max:g}; allowed: at most 0, and above 0"
            )
        if not 0 <= self.corrupt <= 1:
            raise ValueError(f"corrupt is {self.corrupt:g}; allowed: 0 to 1")
        if not self.corrupt_range >= 0:
            raise ValueError(f"corrupt_range is {self.corrupt_range:g}; allowed: 0 or more")


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

    def uniform() -> Tensor:
        return torch.rand(num_weights, generator=generator, dtype=dtype, device=device)

    size = normal(nominal.dw_min_dtod)
    gain = torch.exp(size) if nominal.log_normal else 1.0 + size
    balance = nominal.up_down + normal(nominal.up_down_dtod)
    high = nominal.w_max * (1.0 + normal(nominal.w_max_dtod))
    low = nominal.w_min * (1.0 + normal(nominal.w_min_dtod))
    if not nominal.w_min:
        # Devices that begin at 0, as those of one-sided pairs, have no other side to be turned to.
        high = high.abs()
    # A wide spread can turn a bound over: the larger one is then taken as the upper one.
    low, high = -torch.minimum(low, high).abs(), torch.maximum(low, high).abs()
    slopes = [gamma + normal(nominal.gamma_dtod) for gamma in nominal.gamma]
    reference = normal(nominal.reference_std)
    step_up, step_down = (nominal.dw_min * (gain + d * balance).abs() for d in (1.0, -1.0))
    if nominal.soft_bounds:
        slope_up, slope_down = -1.0 / high, -1.0 / low
    else:
        slope_up = _linear_slope(slopes[0], nominal.gamma[0], nominal.w_max, low)
        slope_down = 0.0 * slopes[1]
        if nominal.w_min:
            slope_down = _linear_slope(slopes[1], nominal.gamma[1], nominal.w_min, high)
    shift = torch.zeros(1, dtype=dtype, device=device)
    if nominal.subtract_symmetry_point:
        # Where Δ⁺(1 − h/b_max) = Δ⁻(1 − h/b_min).
        shift = (step_up - step_down) / (step_up / high - step_down / low)
    working = DeviceValues(step_up, step_down, low, high, slope_up, slope_down, reference + shift)
    if not nominal.corrupt:
        return working
    stuck = uniform() < nominal.corrupt
    return _with_stuck(working, stuck, uniform(), nominal.corrupt_range, reference)


def _linear_slope(drawn: Tensor, gamma: float, bound: float, start: Tensor) -> Tensor:
    """Slope of a linear step that shrinks towards a bound, or grows where gamma is below 0.

    Args:
        drawn: Gamma of every device, shape ``(N,)``; variation does not turn its sign.
        gamma: Nominal gamma.
        bound: Nominal bound that pulses move to.
        start: Bound that they come from, of every device. A growing step is 0 there at the least,
            so that no pulse moves a device against its direction.
    """
    if gamma >= 0:
        return -drawn.abs() / bound
    steepest = -1.0 / start
    return (drawn.abs() / bound).abs().minimum(steepest.abs()).copysign(steepest)


def _with_stuck(
    devices: DeviceValues, stuck: Tensor, place: Tensor, reach: float, reference: Tensor
) -> DeviceValues:
    """Devices of which some do not move and hold a state within ±reach and their bounds.

    Args:
        devices: All devices as if they worked.
        stuck: Which do not, shape ``(N,)``.
        place: Where in the range each of these is, 0 to 1, shape ``(N,)``.
        reach: Largest size of a state that is held.
        reference: Reference of a stuck device, which has no symmetry point.
    """
    bottom = devices.low.clamp_min(-reach)
    held = bottom + place * (devices.high.clamp_max(reach) - bottom)
    still = torch.zeros_like(held)
    return replace(
        devices,
        step_up=torch.where(stuck, still, devices.step_up),
        step_down=torch.where(stuck, still, devices.step_down),
        low=torch.where(stuck, held, devices.low),
        high=torch.where(stuck, held, devices.high),
        reference=torch.where(stuck, reference, devices.reference),
    )


def without_range(devices: DeviceValues, stuck: Tensor) -> DeviceValues:
    """Devices of which some stay at a state of 0, whatever they are pulsed.

    Args:
        devices: All devices.
        stuck: Which stay, shape ``(N,)``.
    """
    still = {
        name: torch.where(stuck, torch.zeros_like(value), value)
        for name, value in vars(devices).items()
        if name in ("step_up", "step_down", "low", "high")
    }
    return replace(devices, **still)


def nominal_steps(step: Step, nominal: NominalDevice) -> tuple[float, float]:
    """Mean step of a pulse up and of one down of the nominal device, in units of the weight range.

    From weight 0. What a controller should take one pulse for where the step at 0 is not dw_min,
    as with asymmetric, exponential and power steps: the ``dw_min`` of a write path.

    Args:
        step: Mean and spread of one pulse's step.
        nominal: The published device; its spreads are left out.
    """
    plain = NominalDevice(
        dw_min=nominal.dw_min,
        up_down=nominal.up_down,
        w_max=nominal.w_max,
        w_min=nominal.w_min,
        gamma=nominal.gamma,
        soft_bounds=nominal.soft_bounds,
        subtract_symmetry_point=nominal.subtract_symmetry_point,
    )
    devices = draw_devices(plain, 1, torch.Generator())
    directions = torch.tensor([True, False])
    up, down = step.moments(devices.reference.expand(2), directions, devices)[0].tolist()
    return up, down
