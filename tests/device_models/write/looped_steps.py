"""Steps of which compiled loops follow trains of many pulses."""

from __future__ import annotations

from device_models import LinearStep
from device_models.write.pulsed_step import ExponentialStep, PowerStep

LOOPED = [
    LinearStep(0.3),
    LinearStep(),
    LinearStep(0.3, multiplicative=True),
    ExponentialStep(0.3, noise_offset=0.01, noise_slope=0.1),
    ExponentialStep(),
    PowerStep(0.2, 0.7),
    PowerStep(0.0, 0.0),
    PowerStep(0.1, 2.0),
]
