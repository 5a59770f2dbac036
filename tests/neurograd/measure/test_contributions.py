"""What effects add to the cost of a step, and when their parts are shares."""

from __future__ import annotations

import math

import pytest

from device_models import Backprop, Chip, FixedPointGrid, UpdateRounding
from device_models.updates.momentum import Momentum
from device_models.updates.recipe import Recipe
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


@pytest.mark.parametrize("recipe", [None, Recipe(Momentum(0.9), weight_decay=0.3)])
@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
def test_what_is_left_without_an_effect_is_the_step_of_the_chip_without_it(rounding, recipe):
    """On a quadratic loss: ⟨g, d⟩ + ½(dᵀHd + Σ H_ii·var_i) of the step d, less the clean step's.

    Stochastic rounding costs by its noise alone, rounding to the nearest by its bias alone. A
    recipe's clean step is not along −g.
    """
    problem, dt = linear_regression(samples=30), 0.2
    w = problem.initial_weights
    grids = {"fine": FixedPointGrid(9, 1.0), "coarse": FixedPointGrid(5, 1.0)}
    chips = {
        name: Chip(Backprop(), dt, writes=(UpdateRounding(grid, rounding),), recipe=recipe)
        for name, grid in grids.items()
    }
    w = chips["coarse"].program(w)
    g, hessian = problem.gradient(w), dense_hessian(problem, w)
    if recipe is not None:
        # A memory of another gradient, as after a first update elsewhere.
        _, state = recipe.step(recipe.start(w), problem.gradient(0.5 * w), w)
        chips = {name: chip.at(state) for name, chip in chips.items()}
    clean = chips["coarse"].clean_direction(g, w)
    assert clean.equal(g) == (recipe is None)
    variants = {(name, name): chip for name, chip in chips.items()}
    found = contributions_of(
        problem,
        chips["coarse"],
        variants,
        w,
        g,
        problem.hessian_product(w),
        exact_diagonal(problem, w),
        draws=4,
        seed=0,
        clean=None if recipe is None else clean,
    )
    left = {part.name: part.predicted_without for part in found}

    def change(step):
        return float(g @ step) + 0.5 * float(step @ hessian @ step)

    for name, chip in chips.items():
        form = chip.closed_form(problem, w)
        noise = 0.5 * dt**2 * float(hessian.diagonal() @ form.variance)
        bias = change(dt * form.mean) - change(-dt * clean)
        assert left[name] == pytest.approx(noise + bias, rel=1e-6)
        of_noise = 1.0 if rounding == "stochastic" else 0.0
        assert noise == pytest.approx(of_noise * left[name], rel=1e-6)
        assert abs(left[name]) > 1e-6 * abs(change(-dt * clean))
