"""What effects add to the cost of a step, and when their parts are shares."""

from __future__ import annotations

import math

import pytest

from device_models import Backprop, Chip, FixedPointGrid, UpdateRounding
from neurograd.measure.contributions import contributions_of, shares_of
from neurograd.measure.curvature import exact_diagonal
from tests.neurograd.cases import dense_hessian, linear_regression


@pytest.mark.parametrize("unit", [1e-20, 1e12])
def test_shares_do_not_depend_on_the_unit(unit):
    """A share of 1e-8 is one, and one of 1e-15 is rounding, however large the whole is."""
    whole, without = 0.4, [0.1, 0.4 * (1 - 1e-8), 0.4 * (1 + 1e-15)]
    found = shares_of(unit * whole, [unit * each for each in without])
    assert found == pytest.approx([0.75, 1e-8, 0.0], rel=1e-6, abs=0)


def test_parts_of_opposite_sign_and_rounding_are_no_shares():
    """Red where a share of −563 % stands beside one of 95 %."""
    assert shares_of(0.4, [0.1, 0.3]) == pytest.approx([0.75, 0.25])
    assert shares_of(-0.4, [-0.1, -0.3]) == pytest.approx([0.75, 0.25])
    assert shares_of(0.4, [0.4 * (1 + 4e-16), 0.1]) == pytest.approx([0.0, 0.75])
    assert all(math.isnan(share) for share in shares_of(0.4, [0.02, 2.65]))
    assert all(math.isnan(share) for share in shares_of(0.0, [0.1]))


def test_what_is_left_without_an_effect_is_the_step_of_the_chip_without_it():
    """On a quadratic loss: ⟨g, d⟩ + ½(dᵀHd + Σ H_ii·var_i) of the step d, less the clean step's."""
    problem, dt = linear_regression(samples=30), 0.2
    w = problem.initial_weights
    grids = {"fine": FixedPointGrid(9, 1.0), "coarse": FixedPointGrid(5, 1.0)}
    chips = {
        name: Chip(Backprop(), dt, writes=(UpdateRounding(grid, "stochastic"),))
        for name, grid in grids.items()
    }
    w = chips["coarse"].program(w)
    g, hessian = problem.gradient(w), dense_hessian(problem, w)
    diagonal = exact_diagonal(problem, w)
    variants = {(name, name): chip for name, chip in chips.items()}
    found = contributions_of(
        problem,
        chips["coarse"],
        variants,
        w,
        g,
        problem.hessian_product(w),
        diagonal,
        draws=4,
        seed=0,
    )
    left = {part.name: part.predicted_without for part in found}

    def change(step):
        return float(g @ step) + 0.5 * float(step @ hessian @ step)

    for name, chip in chips.items():
        form = chip.closed_form(problem, w)
        noise = 0.5 * dt**2 * float(hessian.diagonal() @ form.variance)
        expected = change(dt * form.mean) + noise - change(-dt * g)
        assert noise > 0.1 * abs(expected)
        assert left[name] == pytest.approx(expected, rel=1e-6)
