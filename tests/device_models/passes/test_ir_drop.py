"""First-order IR drop against a direct solution of the resistor network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from device_models.chip import Chip
from device_models.passes.ir_drop import IrDrop
from device_models.protocols import ReadPath
from device_models.rules.backprop import Backprop
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network

OUTPUTS, INPUTS = 6, 5


def _weights(signed=True, outputs=OUTPUTS, inputs=INPUTS):
    w = torch.rand(outputs, inputs, generator=generator_for(0, "w"), dtype=torch.float64)
    return 2 * w - 1 if signed else 0.05 + 0.95 * w


def _read(effect, matrix):
    return effect.read(matrix.reshape(-1), generator_for(0)).view(matrix.shape)


class _Network:
    """Nodal analysis of an array of pairs: one input line a column, two output lines a row."""

    def __init__(self, weights, wire_ratio):
        self.outputs, self.inputs = weights.shape
        size = 3 * weights.size
        self.y = np.zeros((size, size))
        self.segment = 1.0 / wire_ratio
        for i in range(self.inputs):
            for j in range(self.outputs):
                node = self.node(0, i, j)
                self._to_ground(node) if j == 0 else self._join(node, self.node(0, i, j - 1))
                for line, sign in ((1, 1.0), (2, -1.0)):
                    other = self.node(line, i, j)
                    self._join(node, other, max(sign * weights[j, i], 0.0))
                    if i == self.inputs - 1:
                        self._to_ground(other)
                    else:
                        self._join(other, self.node(line, i + 1, j))

    def node(self, line, i, j):
        return (line * self.inputs + i) * self.outputs + j

    def _to_ground(self, node):
        self.y[node, node] += self.segment

    def _join(self, a, b, conductance=None):
        g = self.segment if conductance is None else conductance
        self.y[a, a] += g
        self.y[b, b] += g
        self.y[a, b] -= g
        self.y[b, a] -= g

    def forward(self):
        """Current into every pair of amplifiers for a unit voltage at every driver."""
        result = np.zeros((self.outputs, self.inputs))
        for i in range(self.inputs):
            source = np.zeros(len(self.y))
            source[self.node(0, i, 0)] = self.segment
            v = np.linalg.solve(self.y, source)
            for j in range(self.outputs):
                last = self.inputs - 1
                pair = v[self.node(1, last, j)] - v[self.node(2, last, j)]
                result[j, i] = self.segment * pair
        return result

    def backward(self):
        """Current into every driver's end for ±1 at every pair of output lines."""
        result = np.zeros((self.outputs, self.inputs))
        for j in range(self.outputs):
            source = np.zeros(len(self.y))
            source[self.node(1, self.inputs - 1, j)] = self.segment
            source[self.node(2, self.inputs - 1, j)] = -self.segment
            v = np.linalg.solve(self.y, source)
            for i in range(self.inputs):
                result[j, i] = self.segment * v[self.node(0, i, 0)]
        return result


@pytest.mark.parametrize("signed", [False, True], ids=["one-sign", "pairs"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_is_the_first_order_of_the_resistor_network(signed, direction):
    """Every coefficient: the error falls 4 times when the resistance of a segment halves."""
    weights = _weights(signed)
    ratios = [4e-4, 2e-4, 1e-4]
    errors, drops = [], []
    for ratio in ratios:
        exact = getattr(_Network(weights.numpy(), ratio), direction)()
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
    """One input line past two outputs: segments carry 1.5 and 0.5 of the device's current."""
    weights = torch.tensor([[1.0], [0.5]], dtype=torch.float64)
    seen = _read(IrDrop(((2, 1),), 0.01), weights)
    expected = torch.tensor([[1 - 0.01 * (1.5 + 1)], [0.5 * (1 - 0.01 * (2.0 + 0.5))]])
    torch.testing.assert_close(seen, expected.double())


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
    wide = _read(IrDrop(((OUTPUTS, INPUTS),), 1e-3, weight_range=4.0), 4 * weights)
    torch.testing.assert_close(wide, 4 * _read(IrDrop(((OUTPUTS, INPUTS),), 1e-3), weights))


def test_attenuation_ends_at_zero():
    seen = _read(IrDrop(((40, 40),), 0.1), torch.ones(40, 40))
    assert float(seen.min()) == 0.0
    assert float(seen.max()) <= 1.0


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
        ({"wire_ratio": 0.1, "weight_range": 0.0}, "weight_range is 0; allowed: above 0"),
        ({"wire_ratio": 0.1, "array_size": (0, 3)}, "array_size is .0, 3.; allowed: 1 or more"),
    ],
)
def test_refuses_what_no_array_has(arguments, message):
    with pytest.raises(ValueError, match=message):
        IrDrop(((2, 2),), **arguments)


def test_refuses_weights_that_do_not_fit():
    with pytest.raises(ValueError, match="5 weights; allowed: 4"):
        IrDrop(((2, 2),), 0.1).moments(torch.zeros(5))
