"""Cycle-to-cycle noise."""

from __future__ import annotations

import torch

from device_models.write.cycle_to_cycle import cycle_to_cycle_std


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_cycle_to_cycle_noise_grows_with_the_root_of_the_pulses():
    torch.testing.assert_close(
        cycle_to_cycle_std(_tensor(0, 1, 4, 9), 0.05), _tensor(0, 0.05, 0.1, 0.15)
    )
