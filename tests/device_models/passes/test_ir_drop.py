"""IR drop against a direct solution of the resistor network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from device_models.chip import Chip
from device_models.passes.ir_drop import FIRST_ORDER_ERROR, IrDrop
from device_models.protocols import ReadPath
from device_models.rules.backprop import Backprop
from device_models.write.weight_cells import WeightCells
from neurograd.seeding import generator_for
from tests.device_models.passes.resistor_network import seen_by_passes
from tests.neurograd.cases import relu_network

OUTPUTS, INPUTS = 6, 5


def _weights(signed=True, outputs=OUTPUTS, inputs=INPUTS):
    w = torch.rand(outputs, inputs, generator=generator_for(0, "w"), dtype=torch.float64)
    return 2 * w - 1 if signed else 0.05 + 0.95 * w


def _read(effect, matrix):
    return effect.read(matrix.reshape(-1), generator_for(0)).view(matrix.shape)


def _exact(weights, wire_ratio, direction="forward"):
    """What an array of pairs with no conductance at weight 0 makes of weights."""
    plus, minus = weights.clamp_min(0.0).numpy(), (-weights).clamp_min(0.0).numpy()
    return seen_by_passes(plus, minus, wire_ratio, direction)


@pytest.mark.parametrize("signed", [False, True], ids=["one-sign", "pairs"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_is_the_first_order_of_the_resistor_network(signed, direction):
    """Every coefficient: the error falls 4 times when the resistance of a segment halves."""
    weights = _weights(signed)
    ratios = [4e-4, 2e-4, 1e-4]
    errors, drops = [], []
    for ratio in ratios:
        exact = _exact(weights, ratio, direction)
        seen = _read(IrDrop((tuple(weights.shape),), ratio), weights).numpy()
        errors.append(np.abs(seen - exact))
        drops.append(np.abs(seen - weights.numpy()))
    for k in (0, 1):
        assert errors[k].max() / errors[k + 1].max() == pytest.approx(4, rel=0.05)
        quotient = errors[k][errors[k] > 1e-9] / errors[k + 1][errors[k] > 1e-9]
        assert np.allclose(quotient, 4, rtol=0.25)
    # The correction itself is first order and far larger than what it leaves.
    assert errors[-1].max() < 0.02 * drops[-1].max()


def test_two_devices_by_hand():
    """One input line past four output lines: its segments carry 1.5, 0.5, 0.5 and nothing."""
    weights = torch.tensor([[1.0], [0.5]], dtype=torch.float64)
    seen = _read(IrDrop(((2, 1),), 1e-3), weights)
    expected = torch.tensor([[1 - 1e-3 * (1.5 + 1)], [0.5 * (1 - 1e-3 * (2.5 + 0.5))]])
    torch.testing.assert_close(seen, expected.double())


@pytest.mark.parametrize("wire_ratio", [1e-3, 5e-3, 2e-2, 0.1])
def test_large_losses_are_those_of_the_network(wire_ratio):
    """A layer of the digits, where the first order takes more than there is."""
    weights = 0.27 * _weights(outputs=16, inputs=64)
    seen = _read(IrDrop(((16, 64),), wire_ratio), weights).numpy()
    exact = _exact(weights, wire_ratio)
    np.testing.assert_allclose(seen, exact, rtol=1e-9, atol=1e-12)
    assert np.abs(exact).sum() < 0.95 * float(weights.abs().sum())


def test_a_weight_is_off_by_a_part_of_the_window_at_most():
    """Whatever the loss and the window: first order up to a loss, the network beyond."""
    weights, orders = _weights(outputs=8, inputs=7), []
    for smallest in (0.0, 0.5, 0.85):
        cells = WeightCells(smallest=smallest)
        plus, minus = cells.conductances(weights)
        for wire_ratio in np.geomspace(1e-6, 1e-2, 17):
            seen = _read(IrDrop(((8, 7),), wire_ratio, cells), weights).numpy()
            exact = seen_by_passes(plus.numpy(), minus.numpy(), wire_ratio) / (1 - smallest)
            error = np.abs(seen - exact).max()
            assert error < FIRST_ORDER_ERROR
            orders.append(error > 1e-9)
    assert {True, False} == set(orders)


@pytest.mark.parametrize(
    ("smallest", "gain", "error"),
    [(0.1 / 59, 0.987, 0.005), (0.5, 0.913, 0.032), (50 / 59, 0.869, 0.061)],
)
def test_the_on_off_ratio_loads_the_wires(smallest, gain, error):
    """A layer of 64 inputs at 1e-4: numbers of a direct solution, other weights drawn alike."""
    rng = np.random.default_rng(0)
    w = rng.uniform(-1, 1, (16, 64)) * np.sqrt(6 / 80)
    cells = WeightCells(smallest=smallest)
    seen = _read(IrDrop(((16, 64),), 1e-4, cells), torch.tensor(w)).numpy()
    plus, minus = (np.maximum(sign * w, 0) for sign in (1, -1))
    window = 1 - smallest
    exact = seen_by_passes(smallest + window * plus, smallest + window * minus, 1e-4) / window
    np.testing.assert_allclose(seen, exact, rtol=0, atol=FIRST_ORDER_ERROR)
    found = float((seen * w).sum() / (w * w).sum())
    rest = np.linalg.norm(seen - found * w) / np.linalg.norm(w)
    assert found == pytest.approx(gain, abs=6e-4)
    assert rest == pytest.approx(error, abs=6e-4)


@pytest.mark.parametrize("wire_ratio", [1e-5, 5e-3])
def test_a_device_beside_a_reference_stands_in_the_middle_at_weight_zero(wire_ratio):
    """The reference is a resistor on a line beside the device's: both lose alike at weight 0."""
    weights = _weights()
    weights[0, 0] = 0.0
    cells = WeightCells(span=2.0, smallest=0.1, reference=0.5)
    seen = _read(IrDrop(((OUTPUTS, INPUTS),), wire_ratio, cells), weights).numpy()
    place = (1 + weights.numpy()) / 2
    exact = seen_by_passes(0.1 + 0.9 * place, np.full_like(place, 0.55), wire_ratio) * 2 / 0.9
    np.testing.assert_allclose(seen, exact, rtol=0, atol=2 * FIRST_ORDER_ERROR)
    pair = _read(IrDrop(((OUTPUTS, INPUTS),), wire_ratio), weights).numpy()
    assert np.abs(pair - exact).max() > 5 * np.abs(seen - exact).max()


def test_what_no_conductance_stands_for_is_not_attenuated():
    """Devices that reach below the nominal window hold weights below it."""
    cells = WeightCells(span=2.0, reference=0.5)
    w = torch.tensor([[-1.3, 0.4]]).double()
    nearly = _read(IrDrop(((1, 2),), 1e-12, cells), w)
    torch.testing.assert_close(nearly, w, rtol=0, atol=1e-10)
    cut = _read(IrDrop(((1, 2),), 0.05, cells), w.clamp_min(-1.0))
    torch.testing.assert_close(
        _read(IrDrop(((1, 2),), 0.05, cells), w), cut + torch.tensor([[-0.3, 0.0]])
    )


def test_a_read_is_that_of_the_weights_it_is_given():
    """What was seen last is kept, and does not stand for other weights or follow changes."""
    effect, weights = IrDrop(((OUTPUTS, INPUTS),), 1e-2), _weights()
    first = _read(effect, weights)
    kept = first.clone()
    first.zero_()
    assert _read(effect, weights).equal(kept)
    weights[0, 0] += 0.1
    fresh = IrDrop(((OUTPUTS, INPUTS),), 1e-2)
    assert _read(effect, weights).equal(_read(fresh, weights))
    single = effect.read(weights.float().reshape(-1), generator_for(0))
    assert single.dtype == torch.float32


def test_the_corner_at_driver_and_amplifier_loses_least():
    loss = 1 - _read(IrDrop(((OUTPUTS, INPUTS),), 1e-3), torch.ones(OUTPUTS, INPUTS))
    assert int(loss.argmin()) == INPUTS - 1
    assert int(loss.argmax()) == (OUTPUTS - 1) * INPUTS
    rows, columns = loss.diff(dim=0), loss.diff(dim=1)
    assert bool((rows > 0).all())
    assert bool((columns < 0).all())


def test_no_resistance_is_the_identity():
    w = torch.randn(30, generator=generator_for(0), dtype=torch.float64)
    effect = IrDrop(((6, 5),), 0.0)
    assert effect.read(w, generator_for(0)).equal(w)
    assert effect.moments(w).mean.equal(w)


def test_tiles_are_arrays_of_their_own():
    weights = _weights(outputs=7, inputs=5)
    seen = _read(IrDrop(((7, 5),), 0.01, array_size=(4, 3)), weights)
    for rows, columns in (
        (slice(0, 4), slice(0, 3)),
        (slice(4, 7), slice(0, 3)),
        (slice(0, 4), slice(3, 5)),
        (slice(4, 7), slice(3, 5)),
    ):
        tile = weights[rows, columns].contiguous()
        alone = _read(IrDrop((tuple(tile.shape),), 0.01), tile)
        torch.testing.assert_close(seen[rows, columns], alone)
    whole = _read(IrDrop(((7, 5),), 0.01, array_size=(100, 100)), weights)
    torch.testing.assert_close(whole, _read(IrDrop(((7, 5),), 0.01), weights))
    assert float(whole.norm()) < float(seen.norm())


def test_biases_are_digital_and_kernels_are_matrices():
    shapes = ((4, 2, 3, 3), (4,), (5, 6), (5,))
    w = torch.randn(72 + 4 + 30 + 5, generator=generator_for(0), dtype=torch.float64) / 3
    before = w.clone()
    seen = IrDrop(shapes, 1e-3).read(w, generator_for(0))
    assert w.equal(before)
    assert seen[72:76].equal(w[72:76])
    assert seen[-5:].equal(w[-5:])
    torch.testing.assert_close(
        seen[:72].view(4, 18), _read(IrDrop(((4, 18),), 1e-3), w[:72].view(4, 18))
    )
    assert bool((seen[:72].abs() < w[:72].abs()).all())


def test_conductance_is_a_part_of_the_weight_range():
    weights = _weights()
    wide = _read(IrDrop(((OUTPUTS, INPUTS),), 1e-3, WeightCells(4.0)), 4 * weights)
    torch.testing.assert_close(wide, 4 * _read(IrDrop(((OUTPUTS, INPUTS),), 1e-3), weights))


def test_nothing_is_cut():
    """Far beyond the first order every device still counts, and for less than it holds."""
    seen = _read(IrDrop(((40, 40),), 0.1), torch.ones(40, 40).double())
    assert float(seen.min()) > 0.0
    assert float(seen.max()) < 1.0


def test_moments_are_the_read_in_a_chip():
    problem = relu_network()
    w = problem.initial_weights
    shapes = tuple(tuple(p.shape) for p in problem.parameters_of(w).values())
    effect = IrDrop(shapes, 1e-3)
    assert isinstance(effect, ReadPath)
    moments = effect.moments(w)
    assert moments.mean.equal(effect.read(w, generator_for(0)))
    assert moments.total_variance == 0.0
    chip = Chip(Backprop(), 0.1, reads=(effect,))
    assert chip.closed_form(problem, w).mean.equal(-problem.gradient(moments.mean))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"wire_ratio": -1.0}, "wire_ratio is -1; allowed: 0 or more"),
        ({"wire_ratio": 0.1, "array_size": (0, 3)}, "array_size is .0, 3.; allowed: 1 or more"),
    ],
)
def test_refuses_what_no_array_has(arguments, message):
    with pytest.raises(ValueError, match=message):
        IrDrop(((2, 2),), **arguments)


def test_refuses_arrays_that_are_too_large_to_solve():
    """Unless the first order is certain to hold, all devices full."""
    with pytest.raises(ValueError, match=r"500 by 600 weights is too large .* 256 by 256 weights"):
        IrDrop(((500, 600),), 1e-6)
    IrDrop(((500, 600),), 1e-8)
    IrDrop(((500, 600),), 0.1, array_size=(256, 256))
    IrDrop(((500,), (500, 1)), 0.1)


def test_refuses_weights_that_do_not_fit():
    with pytest.raises(ValueError, match="5 weights; allowed: 4"):
        IrDrop(((2, 2),), 0.1).moments(torch.zeros(5))
