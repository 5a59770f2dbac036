"""The conductances that hold weights, by hand."""

from __future__ import annotations

import pytest
import torch

from device_models import WeightCells

W = torch.tensor([-1.0, -0.25, 0.0, 0.5]).double()


def by_hand(found, *expected):
    for cell, values in zip(found, expected, strict=True):
        torch.testing.assert_close(cell, torch.tensor(values).double())


def test_a_pair_holds_a_weight_in_one_device_and_the_other_stands_at_the_bottom():
    by_hand(
        WeightCells(span=2.0, smallest=0.2).conductances(W),
        [0.2, 0.2, 0.2, 0.2 + 0.8 * 0.25],
        [0.2 + 0.8 * 0.5, 0.2 + 0.8 * 0.125, 0.2, 0.2],
    )


def test_a_device_beside_a_reference():
    by_hand(
        WeightCells(span=2.0, smallest=0.2, reference=0.5).conductances(W),
        [0.2, 0.2 + 0.8 * 0.375, 0.6, 0.2 + 0.8 * 0.75],
        [0.6] * 4,
    )
    each = WeightCells(span=1.5, reference=torch.tensor([1.0, 0.5, 0.25, 0.0]).double())
    by_hand(
        each.conductances(W),
        [1 / 3, 0.5 - 1 / 6, 0.25, 1 / 3],
        [1.0, 0.5, 0.25, 0.0],
    )


@pytest.mark.parametrize(
    "cells",
    [
        WeightCells(),
        WeightCells(3.0, 0.9),
        WeightCells(2.0, 0.0, 0.5),
        WeightCells(1.1, 0.3, 0.2),
    ],
)
def test_weights_come_back_from_their_cells(cells):
    """Those that would need a conductance below 0 as well: the third part."""
    w = torch.linspace(-4, 4, 33, dtype=torch.float64)
    plus, minus = cells.conductances(w)
    assert bool((plus >= 0).all())
    assert bool((minus >= 0).all())
    torch.testing.assert_close(cells.weights(plus, minus) + cells.beyond(w), w)
    assert bool((cells.beyond(w) <= 0).all())
    if cells.reference is None:
        assert float(cells.beyond(w).abs().max()) == 0
    else:
        assert float(cells.beyond(w)[0]) < 0
        assert float(cells.beyond(w)[-1]) == 0


def test_a_reference_below_its_window_conducts_nothing():
    """By hand: places −0.5, 0.1 and −0.1 in a window from 0.2; what is cut stays in the weight."""
    reference = torch.tensor([-0.5, 0.1, -0.1]).double()
    cells = WeightCells(span=2.0, smallest=0.2, reference=reference)
    w = torch.tensor([1.2, -0.4, 0.2]).double()
    by_hand(cells.conductances(w), [0.2 + 0.8 * 0.1, 0.2 - 0.8 * 0.1, 0.2], [0.0, 0.28, 0.12])
    # −0.2 of a conductance is cut of the first reference: 0.2·2/0.8 of its weight.
    by_hand((cells.beyond(w),), [0.5, 0.0, 0.0])
    torch.testing.assert_close(cells.weights(*cells.conductances(w)) + cells.beyond(w), w)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"span": 0.0}, "span is 0; allowed: above 0"),
        ({"smallest": 1.0}, "smallest is 1; allowed: 0 to below 1"),
        ({"smallest": -0.1}, "smallest is -0.1; allowed: 0 to below 1"),
    ],
)
def test_refuses_what_no_window_is(arguments, message):
    with pytest.raises(ValueError, match=message):
        WeightCells(**arguments)
