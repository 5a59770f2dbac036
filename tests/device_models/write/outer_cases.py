"""Write paths and layers of samples that are written as outer products."""

from __future__ import annotations

import torch

from device_models import (
    ExponentialStep,
    JumpTable,
    LinearStep,
    MemristorWrite,
    NominalDevice,
    OneSidedPair,
    PowerStep,
    PulsedWrite,
    draw_crossbar,
    draw_devices,
    nonlinear_response,
)
from device_models.outer_products import OuterProducts
from neurograd.seeding import generator_for

ROWS, COLUMNS, FURTHER = 40, 30, 9
N = ROWS * COLUMNS + ROWS + FURTHER * ROWS
"""A layer with biases, of more than a block of weights, and one without."""

STEPS = {
    "linear": LinearStep(0.3),
    "silent": LinearStep(),
    "exponential": ExponentialStep(0.3, noise_offset=0.01, noise_slope=0.1),
    "power": PowerStep(0.2, 0.7),
    "jumps": JumpTable(
        0.0,
        1.0,
        *torch.tensor(
            [[0.0, 1.0], [0.02, 0.005], [0.01, 0.02], [-0.01, -0.02], [0.01, 0.0]],
            dtype=torch.float64,
        ),
    ),
}


def pulses(step, one_sided, rounding, most, dtype, size=N):
    nominal = NominalDevice(
        dw_min=0.01, dw_min_dtod=0.3, up_down=0.1, w_max_dtod=0.2, w_min_dtod=0.2
    )
    plus, minus = (draw_devices(nominal, size, generator_for(0, k), dtype) for k in (0, 1))
    if one_sided:
        return OneSidedPair(STEPS[step], plus, minus, 0.01, 1.3, rounding, most)
    return PulsedWrite(STEPS[step], plus, (0.011, 0.009), 1.3, rounding, most)


def curves(mapping, fine, rounding, noise, dtype):
    crossbar = draw_crossbar(
        N, weight_range=1.5, mapping=mapping, device_to_device=0.3, stuck_low=0.1,
        generator=generator_for(0, "crossbar"), dtype=dtype,
    )  # fmt: skip
    up, down = (nonlinear_response(s, depression=s < 0) for s in (2.4, -4.88))
    return MemristorWrite(crossbar, up, down, None if fine else (97, 100), noise, rounding)


def products_of(samples, size, seed, dtype):
    """Two layers of normal inputs and errors, half of them 0, whole rows and columns among them."""
    generator = generator_for(seed, "products")

    def half(count):
        values = torch.randn(samples, count, generator=generator, dtype=torch.float64)
        return (values * (torch.rand(samples, count, generator=generator) < 0.5)).to(dtype)

    first = OuterProducts(0, ROWS * COLUMNS, half(COLUMNS), size * half(ROWS))
    further = OuterProducts(N - FURTHER * ROWS, None, half(ROWS), size * half(FURTHER))
    return [further, first]
