"""Arrays that scale their inputs or hold a part of a layer each: every rule, or a refusal."""

from __future__ import annotations

import pytest
import torch

from device_models import Backprop, Chip, Converters
from device_models.protocols import ArrayPass, taken_of_calls
from tests.conformance.cases import DTYPES, RULES, Place
from tests.conformance.matrix import rounding

FINE = {
    "managed": Converters(
        output_range=0.1, noise_management="abs_max", bound_management="iterative"
    ),
    "tiles": Converters(array_size=(2, 2)),
}
"""Converters without bits: what they do beside rounding cancels."""


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("kind", FINE)
def test_what_fine_arrays_make_of_a_layer_is_the_layer(kind, name, dtype):
    """Up to rounding, for every rule that is not refused."""
    place, passes = Place(dtype, "cpu"), FINE[kind]
    assert isinstance(passes, ArrayPass)
    # Pulse trains have biases in the array, where there are no converters: none to compare.
    options = {"bias": False} if name.startswith("pulse_trains") else {}
    problem = RULES[name].problem(place, **options)
    rule, w = RULES[name].make(problem, place), problem.initial_weights
    taken = taken_of_calls(rule)
    if taken == "values" or (taken == "products" and kind == "tiles"):
        with pytest.raises(ValueError, match="takes"):
            Chip(rule, 0.1, passes=(passes,))
        return
    plain, found = (
        Chip(rule, 0.1, passes=each).estimate(problem, w, place.generator(name))
        for each in ((), (passes,))
    )
    assert found.dtype == dtype
    tolerance = 10.0 * rounding(dtype) / RULES[name].perturbation
    assert float((found - plain).abs().max()) <= tolerance * float(plain.abs().max())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_noise_of_passes_is_drawn_from_the_update(dtype):
    """The same seed gives the same estimate, another one another; the mean has none."""
    place = Place(dtype, "cpu")
    problem = RULES["backprop"].problem(place)
    chip = Chip(Backprop(), 0.1, passes=(Converters(output_noise=0.1, array_size=(2, 3)),))
    w = problem.initial_weights
    first, same, other = (chip.estimate(problem, w, place.generator(k)) for k in "aab")
    assert first.dtype == dtype
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    tolerance = rounding(dtype)
    mean = chip.expected_estimate(problem, w, place.generator("a"))
    torch.testing.assert_close(mean, problem.gradient(w), rtol=tolerance, atol=tolerance)
