"""Reading devices that were programmed once: drift from what they hold, and its compensation."""

from __future__ import annotations

import pytest
import torch

from device_models import ConductanceDrift, WeightCells, draw_deviates
from device_models.read.programmed_devices import ProgrammedDevices, drift_compensation
from neurograd.seeding import generator_for

W = torch.linspace(-1, 1, 41).double()


def drift_of(cells, ratio=1000.0, exponent=(0.05, 0.02)):
    draw = draw_deviates(2 * len(W), generator_for(3)).view(2, -1)
    deviate = draw if cells.reference is None else draw[0]
    return ConductanceDrift(ratio, deviate, cells, exponent)


@pytest.mark.parametrize("cells", [WeightCells(1.0, 0.05), WeightCells(2.0, 0.05, 0.5)])
def test_devices_that_hold_a_weight_drift_as_a_read_of_that_weight(cells):
    drift = drift_of(cells)
    devices = ProgrammedDevices(*cells.conductances(W), cells, cells.beyond(W))
    expected = drift.read(W, generator_for(0))
    assert devices.weights(drift).equal(expected)
    assert not torch.allclose(expected, W, atol=0.05)
    torch.testing.assert_close(devices.weights(), W)


def test_both_cells_drift_from_where_they_stand():
    """A common mode that programming left drifts too: by hand."""
    cells = WeightCells(1.0)
    plus, minus = torch.full_like(W, 0.8), torch.full_like(W, 0.3)
    drift = drift_of(cells)
    devices = ProgrammedDevices(plus, minus, cells, torch.zeros_like(W))
    nu = (0.05 + 0.02 * drift.deviate).abs()
    torch.testing.assert_close(devices.weights(drift), 0.8 * 1000 ** -nu[0] - 0.3 * 1000 ** -nu[1])


def test_a_drift_alike_everywhere_is_made_up_for():
    cells, layer = WeightCells(1.0), (torch.arange(41) > 20).long()
    drift = drift_of(cells, exponent=(0.07, 0.0))
    aged = drift.read(W, generator_for(0))
    assert not torch.allclose(aged, W, rtol=0.1)
    torch.testing.assert_close(aged * drift_compensation(W, aged, layer), W)


def test_every_layer_has_its_own_factor():
    """The mean magnitude of each layer is brought back, and nothing else."""
    layer = (torch.arange(41) > 10).long()
    aged = torch.where(layer > 0, 0.5 * W, 0.9 * W)
    aged[:5] *= 0.7
    factors = drift_compensation(W, aged, layer)
    assert factors.unique().numel() == 2
    assert float(factors[-1]) == pytest.approx(2.0)
    back = aged * factors
    for number in (0, 1):
        part = layer == number
        assert float(back[part].abs().mean()) == pytest.approx(float(W[part].abs().mean()))
    assert not torch.allclose(back[:11], W[:11], rtol=0.05)


def test_what_has_vanished_is_not_brought_back():
    layer = torch.zeros(41, dtype=torch.long)
    factors = drift_compensation(W, torch.zeros_like(W), layer)
    assert factors.unique().tolist() == [1.0]


def test_at_t0_nothing_has_drifted():
    cells = WeightCells(1.0)
    devices = ProgrammedDevices(*cells.conductances(W), cells, torch.zeros_like(W))
    assert devices.weights(drift_of(cells, ratio=1.0)).equal(devices.weights())
