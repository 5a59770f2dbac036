"""Local losses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from device_models.rules.local_loss import draw_readouts
from neurograd.problem.losses import MeanSquaredError
from neurograd.seeding import generator_for
from tests.device_models.rules.cases import deep, named, repeated
from tests.neurograd.cases import (
    smooth_network,
)


@pytest.mark.parametrize("network", [deep, smooth_network])
def test_local_losses_by_hand(network):
    """Each layer alone, on the loss of the readout of its own activation."""
    problem = network()
    w = problem.initial_weights
    rule = draw_readouts(problem, w, generator_for(0))
    layers = list(problem.module)
    estimate = named(problem, rule)
    h, targets = problem.data()
    for k in range(0, len(layers) - 1, 2):
        signal = layers[k + 1](layers[k](h))
        readout = rule.readouts[f"{k + 2}.weight"]
        loss = problem.sample_losses(signal @ readout.T, targets).mean()
        for name, p in layers[k].named_parameters():
            (expected,) = torch.autograd.grad(loss, p, retain_graph=True)
            torch.testing.assert_close(estimate[f"{k}.{name}"], expected, rtol=1e-10, atol=1e-14)
        h = signal.detach()


def test_local_loss_of_a_repeated_layer_is_the_mean_over_its_calls():
    problem = repeated()
    w = problem.initial_weights
    rule = draw_readouts(problem, w, generator_for(0))
    p = {n: t.clone().requires_grad_() for n, t in problem.parameters_of(w).items()}
    x, y = problem.data()
    h = [torch.tanh(functional.linear(x, p["first.weight"], p["first.bias"]))]
    for _ in range(3):
        h.append(torch.tanh(functional.linear(h[-1].detach(), p["again.weight"], p["again.bias"])))
    loss = sum(
        MeanSquaredError().per_sample(h[k] @ rule.readouts[name].T, y).mean() / calls
        for k, name, calls in (
            (0, "again.weight", 3),
            (1, "again.weight", 3),
            (2, "again.weight", 3),
            (3, "last.weight", 1),
        )
    )
    estimate = named(problem, rule)
    for name in ("first.weight", "again.weight"):
        (expected,) = torch.autograd.grad(loss, p[name], retain_graph=True)
        torch.testing.assert_close(estimate[name], expected, rtol=1e-10, atol=1e-14)
