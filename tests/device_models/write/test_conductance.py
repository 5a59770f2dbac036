"""The conductance window."""

from __future__ import annotations

import math

import pytest
import torch

from device_models.write.conductance import ConductanceRange


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_conductance_window():
    window = ConductanceRange(2e-6, 10e-6)
    assert window.on_off_ratio == pytest.approx(5)
    torch.testing.assert_close(window.conductance(_tensor(0, 0.5, 1)), _tensor(2e-6, 6e-6, 10e-6))
    torch.testing.assert_close(window.fraction(_tensor(2e-6, 10e-6)), _tensor(0, 1))
    assert math.isinf(ConductanceRange().on_off_ratio)
    with pytest.raises(ValueError, match="allowed"):
        ConductanceRange(2e-6, 1e-6)
    with pytest.raises(ValueError, match="weight_range"):
        ConductanceRange(weight_range=0)
