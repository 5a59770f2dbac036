"""What Eq. 3 with kinks leaves out, taken apart."""

from __future__ import annotations

import pytest
import torch

from experiments.kinks import NETWORKS, fully_connected
from experiments.support.kink_causes import PARTS, cause_claim, causes, initial_claim
from neurograd.measure.curvature import exact_diagonal
from neurograd.measure.estimate import Estimate
from neurograd.measure.kinks import RandomStep, closed_form_kinks
from neurograd.seeding import generator_for


@pytest.fixture(scope="module")
def parts():
    """Parts of strong noise on a small network, and the mean change of its loss."""
    problem = fully_connected([8], 0)
    w = problem.initial_weights
    for _ in range(200):
        w = w - 0.2 * problem.gradient(w)
    std, count = 0.15, 60
    noise = [RandomStep(torch.zeros_like(w), torch.full_like(w, std**2))]
    smooth = 0.5 * std**2 * float(exact_diagonal(problem, w).sum())
    predicted = smooth + float(closed_form_kinks(problem, w, noise)[0][0])
    found = causes(problem, w, std, predicted, count, 0, 0)
    base, changes = problem.per_sample_losses(w), []
    for k in range(count):
        moved = std * torch.randn(len(w), generator=generator_for(0, "causes", 0, k), dtype=w.dtype)
        both = problem.per_sample_losses(w + moved) + problem.per_sample_losses(w - moved)
        changes.append(float((0.5 * both - base).mean()) / predicted)
    return found, Estimate.mean_of(changes)


def test_the_parts_make_up_what_is_left(parts):
    """Prediction and parts are the measured change at 99.9 %: the parts' means are 0 in theory."""
    found, measured = parts
    whole = 1.0 + sum(found[part] for part in PARTS if part != "loss_tangent")
    low, high = measured.interval(0.999)
    assert low <= whole <= high
    assert high - low < 0.8


def test_strong_noise_is_beyond_the_losss_second_order(parts):
    found, _ = parts
    low, high = found["loss_ci"]
    assert not low <= 0 <= high
    assert abs(found["mean"]) < abs(found["loss"])


def test_a_network_without_closed_form():
    problem = NETWORKS["cnn"].make(0)
    found = causes(problem, problem.initial_weights, 0.01, 1.0, 2, 0, 0)
    assert all(found[f"{part}_ci"][0] <= found[part] <= found[f"{part}_ci"][1] for part in PARTS)


def _row(step, **changes):
    row = {"title": "X", "step": step, "predicted": 1.0, "hessian": 0.4, "kinks": 0.6}
    for part in PARTS:
        row |= {part: 0.01, f"{part}_ci": (0.0, 0.02)}
    return row | changes


def test_claims_are_held_by_intervals():
    rows = [_row(0), _row(10, loss=0.5)]
    assert (cause_claim(rows).held, initial_claim(rows).held) == ("held", "held")
    assert cause_claim([_row(10, spread_ci=(0.06, 0.08))]).held == "not held"
    assert cause_claim([_row(10, spread_ci=(0.01, 0.08))]).held == "inconclusive"
