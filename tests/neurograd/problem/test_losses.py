"""Losses: what users hand in, and their Hessians."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from neurograd.problem import Problem
from neurograd.problem.losses import (
    LONG,
    ClassSquaredError,
    CrossEntropy,
    CustomLoss,
    MeanSquaredError,
    as_loss,
)
from neurograd.seeding import generator_for


def test_losses_by_what_the_user_hands_in():
    assert isinstance(as_loss(nn.CrossEntropyLoss()), CrossEntropy)
    assert isinstance(as_loss(nn.MSELoss()), MeanSquaredError)
    own = CrossEntropy()
    assert as_loss(own) is own
    assert isinstance(as_loss(lambda out, y: out[:, 0]), CustomLoss)
    for loss in (nn.CrossEntropyLoss(label_smoothing=0.1), nn.MSELoss(reduction="sum")):
        with pytest.raises(ValueError, match="options"):
            as_loss(loss)
    with pytest.raises(ValueError, match="one value a sample"):
        as_loss(lambda out, y: out.mean()).per_sample(torch.ones(3, 2), torch.ones(3))


class _Halved(nn.CrossEntropyLoss):
    def forward(self, outputs, targets):
        return 0.5 * nn.functional.cross_entropy(outputs, targets, reduction="none")


def _hooked():
    loss = nn.MSELoss(reduction="none")
    loss.register_forward_hook(lambda module, given, losses: 0.5 * losses.mean(1))
    return loss


@pytest.mark.parametrize("loss", [_Halved(), _hooked()])
def test_a_loss_made_from_one_of_torchs_is_what_it_computes(loss):
    out = torch.randn(5, 3, generator=generator_for(1), dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 1, 0]) if isinstance(loss, _Halved) else out + 1
    plain = CrossEntropy() if isinstance(loss, _Halved) else MeanSquaredError()
    torch.testing.assert_close(as_loss(loss).per_sample(out, y), 0.5 * plain.per_sample(out, y))


@pytest.mark.parametrize("loss", [CrossEntropy(), MeanSquaredError(), ClassSquaredError()])
def test_hessian_factors_are_the_losses_hessian(loss):
    out = torch.randn(1, 4, generator=generator_for(0), dtype=torch.float64)
    y = torch.tensor([2]) if loss.name != "mse" else torch.randn(1, 4).double()
    hessian = torch.autograd.functional.hessian(
        lambda o: loss.per_sample(o.unsqueeze(0), y).sum(), out[0]
    )
    factors = loss.hessian_factors(out)[:, 0]
    torch.testing.assert_close(factors.T @ factors, hessian)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3)])
def test_squared_error_of_outputs_of_any_shape_is_torchs(shape):
    loss, generator = MeanSquaredError(), generator_for(3)
    out, y = (torch.randn(5, *shape, generator=generator, dtype=torch.float64) for _ in range(2))
    expected = nn.functional.mse_loss(out, y)
    losses = loss.per_sample(out, y)
    assert losses.shape == (5,)
    torch.testing.assert_close(losses.mean(), expected)
    leaf = out.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss.per_sample(leaf, y).sum(), leaf)
    torch.testing.assert_close(loss.slope(out, y), slope)
    hessian = torch.autograd.functional.hessian(
        lambda o: loss.per_sample(o.unsqueeze(0), y[:1]).sum(), out[0]
    )
    factors = loss.hessian_factors(out)
    size = out[0].numel()
    assert factors.shape == (size, *out.shape)
    factors = factors[:, 0].reshape(size, size)
    torch.testing.assert_close(factors.T @ factors, hessian.reshape(size, size))


def test_squared_error_of_one_number_a_sample_needs_no_second_dimension():
    """Outputs (n,) and outputs (n, 1) are one problem."""
    x = torch.randn(20, 6, generator=generator_for(4), dtype=torch.float64)
    y, layer = x.sin().sum(1), nn.Linear(6, 1)
    flat = Problem(nn.Sequential(layer, nn.Flatten(0)), nn.MSELoss(), x, y)
    column = Problem(nn.Sequential(layer), nn.MSELoss(), x, y[:, None])
    flat.check_network()
    w = flat.initial_weights
    assert flat.loss(w) == pytest.approx(column.loss(w), rel=1e-12)
    torch.testing.assert_close(flat.gradient(w), column.gradient(w))
    torch.testing.assert_close(flat.hvp(w, w), column.hvp(w, w))
    norms = (each.per_sample_gradient_square_norms(w) for each in (flat, column))
    torch.testing.assert_close(*norms)


def test_squared_error_of_classes_is_that_against_one_at_the_class():
    out = torch.rand(3, 4, generator=generator_for(1), dtype=torch.float64)
    y = torch.tensor([2, 0, 3])
    wanted = torch.zeros(3, 4, dtype=torch.float64)
    wanted[0, 2] = wanted[1, 0] = wanted[2, 3] = 1.0
    expected = MeanSquaredError().per_sample(out, wanted)
    assert torch.equal(ClassSquaredError().per_sample(out, y), expected)


@pytest.mark.parametrize("samples", [3, LONG, 3 * LONG])
def test_cross_entropy_and_its_slope_are_torchs_for_few_and_for_many_samples(samples):
    generator = generator_for(2)
    out = (
        100.0 * torch.randn(samples, 5, generator=generator, dtype=torch.float64)
    ).requires_grad_()
    y = torch.randint(5, (samples,), generator=generator)
    expected = nn.functional.cross_entropy(out, y, reduction="none")
    (slope,) = torch.autograd.grad(expected.sum(), out)
    own = CrossEntropy().per_sample(out, y)
    torch.testing.assert_close(own, expected)
    torch.testing.assert_close(torch.autograd.grad(own.sum(), out)[0], slope)
    torch.testing.assert_close(CrossEntropy().slope(out.detach(), y), slope)
