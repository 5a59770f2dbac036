"""What data and a network for them are refused for, each in one line."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from neurograd.errors import DataError, ModelError
from neurograd.problem import Problem
from neurograd.problem.losses import ClassSquaredError
from neurograd.seeding import generator_for

X = torch.randn(100, 3, generator=generator_for(0))
Y = (X[:, 0] > 0).long()
NAN = torch.where(torch.arange(100)[:, None] == 70, math.nan, X)


def problem_of(loss, targets, *, inputs=X, outputs=2, test_inputs=X, test_targets=None):
    tested = targets if test_targets is None else test_targets
    return Problem(
        nn.Linear(3, outputs), loss, inputs, targets, test_inputs=test_inputs, test_targets=tested
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"test_targets": Y[:50]}, r"100 inputs and 50 targets \(test\); allowed: as many"),
        ({"test_targets": Y[:0], "test_inputs": X[:0]}, r"0 inputs and 0 .* allowed: .*1 or more"),
        ({"test_targets": Y.double()}, "test targets of type float64 .* training .* int64"),
        ({"test_targets": Y[:, None]}, r"shape \(100, 1\) beside training .* shape \(100,\)"),
        ({"test_inputs": NAN}, "test inputs: sample 70 has NaN or infinite"),
        ({"inputs": NAN}, "train inputs: sample 70 has NaN or infinite"),
        ({"inputs": X.double() * 1e308 * 1e2}, "train inputs: sample 0 has NaN or infinite"),
        ({"inputs": X + 1j}, r"train inputs of type complex64 .* allowed: .* real numbers"),
        ({"test_targets": Y + 0.7j}, r"test targets of type complex64 and shape \(100,\); allowed"),
        ({"inputs": X.numpy()}, r"train inputs of type ndarray; allowed: .*torch\.as_tensor"),
        ({"test_targets": Y.tolist()}, r"test targets of type list; allowed: a tensor"),
        ({"test_inputs": X[0, 0]}, r"test inputs of type float32 and shape \(\); allowed"),
    ],
)
def test_samples_that_do_not_fit_each_other(changed, said):
    with pytest.raises(DataError, match=said) as told:
        problem_of(nn.CrossEntropyLoss(), Y, **changed)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("loss", "targets", "changed", "said"),
    [
        (nn.CrossEntropyLoss(), Y, {"test_targets": 3 * Y}, "samples of 4 classes; allowed"),
        (nn.CrossEntropyLoss(), Y - 100 * (1 - Y), {}, "class -100; allowed: 0 or more"),
        (nn.CrossEntropyLoss(), Y, {"test_targets": Y - 1}, "class -1; allowed: 0 or more"),
        (nn.CrossEntropyLoss(), Y[:, None], {}, r"shape \(100, 1\); allowed: class indices"),
        (nn.CrossEntropyLoss(), X.softmax(1), {"outputs": 3}, "cross_entropy has .* class indices"),
        (ClassSquaredError(), X.softmax(1), {"outputs": 3}, "class_mse has .* class indices"),
        (nn.MSELoss(), Y[:, None], {"outputs": 1}, "mse has .* int64 .* a floating type"),
        (nn.MSELoss(), X, {"outputs": 3, "test_targets": NAN}, "test targets: sample 70 has NaN"),
    ],
)
def test_targets_that_a_loss_does_not_take(loss, targets, changed, said):
    problem = problem_of(loss, targets, **changed)
    with pytest.raises((DataError, ModelError), match=said) as told:
        problem.check_network()
    assert "\n" not in str(told.value)


def test_test_inputs_that_the_network_refuses():
    problem = problem_of(nn.CrossEntropyLoss(), Y, test_inputs=X[:, :2])
    with pytest.raises(ModelError, match=r"refuses inputs of shape \(8, 2\)"):
        problem.check_network()


class Embeds(nn.Module):
    def __init__(self, whole):
        super().__init__()
        self.whole, self.rows, self.o = whole, nn.Embedding(5, 2), nn.Linear(2, 2)

    def forward(self, x):
        return self.o(self.rows(x.long() if self.whole else x).mean(1))


def test_an_embedding_takes_its_places_as_whole_numbers_in_its_forward_pass():
    places = torch.arange(40).reshape(10, 4) % 5
    problem = Problem(Embeds(whole=False), nn.CrossEntropyLoss(), places, Y[:10])
    with pytest.raises(ModelError, match=r"float64, which whole .* \(x\.long\(\) in forward\): "):
        problem.check_network()
    Problem(Embeds(whole=True), nn.CrossEntropyLoss(), places, Y[:10]).check_network()
    with pytest.raises(ModelError, match=r"type torch\.float64: RuntimeError"):
        Problem(Embeds(whole=False), nn.CrossEntropyLoss(), places + 0.5, Y[:10]).check_network()


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), ClassSquaredError()])
@pytest.mark.parametrize("kind", [torch.uint8, torch.int32, torch.bool])
def test_classes_of_any_whole_type_are_the_same_problem(loss, kind):
    module = nn.Linear(3, 2)
    one, other = (Problem(module, loss, X, y) for y in (Y, Y.to(kind)))
    other.check_network()
    w = one.initial_weights
    assert other.loss(w) == one.loss(w)
    assert other.gradient(w).equal(one.gradient(w))


def _each(outputs, targets):
    return nn.functional.cross_entropy(outputs, targets, reduction="none")


def _mixed(outputs, targets):
    losses = _each(outputs, targets)
    return losses / losses.mean()


def _drawn(outputs, targets):
    return _each(outputs, targets) + torch.rand(len(outputs))


def _failing(outputs, targets):
    raise RuntimeError("two\nlines")


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (_mixed, "the loss of a sample depends on the other samples of the batch; allowed: "),
        (_drawn, "the loss gives other values at the next call .*; allowed: a loss without rand"),
        (_failing, r"the loss refuses outputs of shape \(8, 2\) .*int64: RuntimeError: two lines"),
        (lambda o, y: 1.0, r"the loss gives float; allowed: one value a sample, shape \(8,\)"),
        (nn.NLLLoss(), r"the loss gives shape \(\); allowed: one value a sample, shape \(8,\)"),
    ],
)
def test_losses_that_are_no_function_of_one_sample(loss, said):
    problem = problem_of(loss, Y)
    with pytest.raises(ModelError, match=said) as told:
        problem.check_network()
    assert "\n" not in str(told.value)
    problem_of(_each, Y).check_network()


def test_an_own_loss_may_leave_out_targets_that_are_no_numbers():
    def of_known(outputs, targets):
        return (outputs - targets).nan_to_num(0.0).square().mean(1)

    problem = problem_of(of_known, NAN, outputs=3)
    problem.check_network()
    assert math.isfinite(problem.loss(problem.initial_weights))
