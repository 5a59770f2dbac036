"""Batch normalization, dropout, recurrent and spiking parts of a user's module."""

from __future__ import annotations

import copy
import threading

import pytest
import snntorch
import torch
from torch import nn
from torch.nn import functional

from neurograd.effects.chip_builder import matrices_outside_layers
from neurograd.errors import ModelError
from neurograd.problem import Problem
from neurograd.problem.module_parts import CALIBRATION, copy_of
from neurograd.seeding import generator_for
from tests.neurograd.cases import Gru


def _data(samples=60, inputs=12, classes=3, seed=0):
    generator = generator_for(seed, "data")
    x = 2.0 + torch.randn(samples, inputs, generator=generator, dtype=torch.float64)
    return x, torch.arange(samples) % classes


def _problem(module, samples=60, **options):
    return Problem(module, nn.CrossEntropyLoss(), *_data(samples), **options)


def _seeded(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return make()


def _normalized():
    return _seeded(
        lambda: nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    )


class Spiking(nn.Module):
    """Leaky neurons behind a convolution; their state is theirs with ``hidden``."""

    def __init__(self, hidden=False):
        super().__init__()
        self.c = nn.Conv1d(1, 2, 5, stride=2)
        self.l = snntorch.Leaky(beta=0.9, threshold=0.5, init_hidden=hidden)
        self.o = nn.Linear(8, 3)
        self.hidden = hidden

    def forward(self, x):
        c, out = self.c(x[:, None]), 0.0
        m = None if self.hidden else self.l.init_leaky()
        for _ in range(4):
            if self.hidden:
                spikes = self.l(c)
            else:
                spikes, m = self.l(c, m)
            out = out + self.o(spikes.flatten(1))
        return out / 4


# -- batch normalization ------------------------------------------------------------------------


def test_fresh_batch_normalization_gets_the_statistics_of_the_training_samples():
    module = _normalized()
    problem = _problem(module)
    x, _ = problem.data()
    z = copy.deepcopy(module).double()[0](x)
    norm = problem.module[1]
    torch.testing.assert_close(norm.running_mean, z.mean(0))
    torch.testing.assert_close(norm.running_var, z.var(0))
    normalized = norm(z)
    torch.testing.assert_close(
        normalized.mean(0), torch.zeros(8, dtype=z.dtype), atol=1e-12, rtol=0
    )
    assert problem.parts.calibrated == ("1",)
    assert norm.momentum == module[1].momentum
    assert not norm.training
    # The user's own object is as it was.
    assert int(module[1].num_batches_tracked) == 0


def test_chunks_do_not_change_the_statistics():
    parts = [_problem(_normalized(), chunk_size=size).module[1] for size in (7, 4096)]
    assert torch.equal(parts[0].running_mean, parts[1].running_mean)
    assert torch.equal(parts[0].running_var, parts[1].running_var)


def test_many_samples_are_taken_evenly_over_the_set():
    samples = 3 * CALIBRATION
    x, y = _data(samples)
    x = x + torch.linspace(0, 30, samples, dtype=x.dtype)[:, None]  # in order, as of classes
    module = nn.Sequential(nn.BatchNorm1d(12, affine=False), nn.Linear(12, 3))
    norm = Problem(module, nn.CrossEntropyLoss(), x, y).module[0]
    torch.testing.assert_close(norm.running_mean, x.mean(0), rtol=0.01, atol=0)


def test_statistics_that_a_network_comes_with_are_kept():
    module = _normalized()
    module.train()
    module(_data(seed=1)[0].float())
    before = module[1].running_mean.double()
    problem = _problem(module)
    assert problem.parts.kept == ("1",)
    assert problem.parts.calibrated == ()
    assert torch.equal(problem.module[1].running_mean, before)


@pytest.mark.parametrize("name", ["running_mean", "running_var"])
def test_statistics_without_a_count_of_batches_are_kept(name):
    module = _normalized()
    module[1].get_buffer(name).fill_(3.0)
    problem = _problem(module)
    assert problem.parts.kept == ("1",)
    assert problem.module[1].get_buffer(name).unique().tolist() == [3.0]


def test_statistics_do_not_move_with_passes_or_replicas():
    problem = _problem(_normalized())
    before = problem.module[1].running_mean.clone()
    other = problem.replica()
    other.gradient(other.initial_weights)
    problem.gradient(problem.initial_weights)
    assert torch.equal(problem.module[1].running_mean, before)
    assert torch.equal(other.module[1].running_mean, before)
    assert other.loss(problem.initial_weights) == problem.loss(problem.initial_weights)


def test_normalization_by_the_batch_at_hand_is_refused():
    module = nn.Sequential(nn.Linear(12, 3), nn.BatchNorm1d(3, track_running_stats=False))
    with pytest.raises(ModelError, match=r"layer 1 normalizes by the batch at hand.*GroupNorm"):
        _problem(module)


def _instance(**options):
    """Maps of 2 channels with 6 values, and 12 of the next layer."""
    return nn.Sequential(
        nn.Unflatten(1, (2, 6)),
        nn.InstanceNorm1d(2, track_running_stats=True, **options),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


def test_fresh_instance_normalization_by_running_statistics_gets_those_of_the_training_samples():
    """As it is it would be the identity in evaluation mode."""
    problem = _problem(_instance())
    x, _ = problem.data()
    maps = x.view(-1, 2, 6)
    norm = problem.module[1]
    assert problem.parts.calibrated == ("1",)
    torch.testing.assert_close(norm.running_mean, maps.mean(2).mean(0))
    torch.testing.assert_close(norm.running_var, maps.var(2).mean(0))
    assert float((norm(maps) - maps).abs().min()) > 0.1
    problem.check_network()


def test_instance_normalization_keeps_statistics_that_it_came_with_or_needs_none():
    module = _instance(affine=True)
    module[1].running_mean.fill_(3.0)
    problem = _problem(module)
    assert (problem.parts.kept, problem.parts.calibrated) == (("1",), ())
    assert problem.module[1].running_mean.unique().tolist() == [3.0]
    module[1] = nn.InstanceNorm1d(2)
    problem = _problem(module)
    assert (problem.parts.kept, problem.parts.calibrated) == ((), ())
    problem.check_network()


UNFIT = {
    "lazy": (nn.LazyLinear(3), 60, "weight has no shape before the first call; allowed"),
    "lazy norm": (nn.LazyBatchNorm1d(), 60, "weight has no shape before the first call; allowed"),
    "meta": (nn.Linear(12, 3, device="meta"), 60, "weight is on the meta device, without values"),
    "complex": (nn.Linear(12, 3, dtype=torch.complex64), 60, "weight is of type complex64; all"),
    "wrong size": (nn.Linear(11, 8), 60, r"refuses inputs of shape \(60, 12\).*: RuntimeError"),
    "and one sample": (nn.Linear(11, 8), 1, r"refuses inputs of shape \(1, 12\)"),
    "one sample": (nn.Linear(12, 8), 1, r"\(1\) gets no statistics of 1 training sample: "),
}


@pytest.mark.parametrize(("first", "samples", "said"), UNFIT.values(), ids=UNFIT)
def test_modules_that_no_problem_can_be_made_of(first, samples, said):
    module = nn.Sequential(first, nn.BatchNorm1d(8), nn.Linear(8, 3))
    with pytest.raises(ModelError, match=said) as told:
        _problem(module, samples)
    assert "\n" not in str(told.value)


HELD = {"lock": threading.Lock(), "generator": (each for each in "ab")}


@pytest.mark.parametrize("kind", HELD)
def test_a_module_that_holds_what_cannot_be_copied_is_refused_by_name(kind):
    module = nn.Sequential(nn.Linear(12, 8), nn.Linear(8, 3))
    module[1].held = {"in it": [HELD[kind]]}
    said = rf"the module's 1\.held \(dict\) cannot be copied, .*: TypeError: .*{kind}.*; allowed: "
    with pytest.raises(ModelError, match=said) as told:
        _problem(module)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda m, y: (y, y), "outputs of type tuple; allowed: one tensor"),
        (lambda m, y: y.argmax(1), "outputs of type int64; allowed: .* a floating type"),
    ],
)
def test_outputs_that_are_no_tensor_of_numbers_are_refused(function, said):
    problem = _problem(Wrapped(function))
    w = problem.initial_weights
    for call in (problem.check_network, lambda: problem.loss(w), lambda: problem.gradient(w)):
        with pytest.raises(ModelError, match=said) as told:
            call()
        assert str(told.value).startswith("the network gives outputs")


# -- dropout, and what is random or remembers ---------------------------------------------------


def test_dropout_is_off():
    module = _seeded(lambda: nn.Sequential(nn.Linear(12, 8), nn.Dropout(0.5), nn.Linear(8, 3)))
    problem = _problem(module)
    without = _problem(nn.Sequential(module[0], module[2]))
    w = problem.initial_weights
    problem.check_network()
    assert problem.parts.dropout == ("1",)
    assert torch.equal(problem.gradient(w), without.gradient(w))


class Wrapped(nn.Module):
    def __init__(self, function, outputs=3):
        super().__init__()
        self.o = nn.Linear(12, outputs)
        self.function = function

    def forward(self, x):
        return self.function(self, self.o(x))


def _remembers(module, y):
    module.last = y.mean() + getattr(module, "last", 0.0)
    return y + module.last


REFUSED = {
    "random": (lambda m, y: functional.dropout(y, 0.5), "other outputs at the next call"),
    "memory": (_remembers, "other outputs at the next call"),
    "batch": (lambda m, y: y - y.mean(0), "depends on the other samples"),
    "few": (lambda m, y: y[:, :2], r"shape \(8, 2\) for 8 samples of 3 classes"),
    "flat": (lambda m, y: y.flatten(), r"shape \(24,\)"),
    "raises": (lambda m, y: y @ y, r"refuses inputs of shape \(8, 12\).*RuntimeError"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_function_of_weights_and_sample_is_refused(name):
    function, message = REFUSED[name]
    with pytest.raises(ModelError, match=message) as told:
        _problem(Wrapped(function)).check_network()
    assert "\n" not in str(told.value)


def test_outputs_that_would_be_broadcast_to_the_targets_are_refused():
    x, _ = _data()
    problem = Problem(nn.Linear(12, 1), nn.MSELoss(), x, x[:, :2])
    with pytest.raises(ModelError, match=r"shape \(8, 1\) for targets of shape \(8, 2\)"):
        problem.check_network()


# -- recurrent and spiking ----------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [False, True])
def test_every_call_of_a_spiking_module_begins_at_rest(hidden):
    problem = _problem(_seeded(lambda: Spiking(hidden)))
    w, (x, _) = problem.initial_weights, problem.data()
    problem.check_network()
    once = problem.outputs(problem.parameters_of(w), x)
    assert torch.equal(problem.outputs(problem.parameters_of(w), x), once)
    problem.gradient(w)
    assert problem.replica().loss(w) == problem.loss(w)
    assert problem.parts.spiking == ("l",)
    assert once.dtype == torch.float64
    # The spikes matter: outputs are not those of silent neurons.
    assert float((once - problem.module.o.bias).abs().max()) > 0.01


def test_the_pass_of_a_fresh_batch_normalization_leaves_no_state():
    module = Spiking(hidden=True)
    module.c = nn.Sequential(module.c, nn.BatchNorm1d(2))
    problem = _problem(module)
    assert problem.parts.calibrated == ("c.1",)
    assert float(problem.module.c[1].running_mean.abs().max()) > 0
    assert problem.module.l.mem.numel() == module.l.mem.numel()
    problem.check_network()


def test_a_state_that_a_pass_has_left_can_be_copied():
    module = Spiking(hidden=True)
    module(_data()[0].float())
    assert module.l.mem.grad_fn is not None
    other = copy_of(module)
    assert other.l.mem.grad_fn is None
    assert torch.equal(other.l.mem, module.l.mem)
    assert torch.equal(other.o.weight, module.o.weight)
    assert other.o.weight is not module.o.weight


@pytest.mark.parametrize("make", [Gru, Spiking])
def test_gradient_norms_of_samples_without_a_vectorized_derivative(make):
    problem = _problem(_seeded(make), samples=6)
    w = problem.initial_weights
    norms = problem.per_sample_gradient_square_norms(w)
    alone = [problem.gradient(w, torch.tensor([k])).square().sum() for k in range(6)]
    torch.testing.assert_close(norms, torch.stack(alone))


def test_parameters_outside_of_layers():
    assert _problem(Spiking()).outside_layers == {}
    assert _problem(_normalized()).outside_layers == {"1.weight": 1, "1.bias": 1}
    gates = {f"r.{kind}_{part}_l0": size for kind, size in (("weight", 2), ("bias", 1))
             for part in ("ih", "hh")}  # fmt: skip
    assert _problem(Gru()).outside_layers == gates


class Tied(nn.Module):
    """Layers, one of whose matrices is used a second time, by ``again``."""

    def __init__(self, again):
        super().__init__()
        self.e, self.m, self.o = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(12, 3)
        self.again = again

    def forward(self, x):
        return self.o(torch.relu(self.again(self, torch.relu(self.m(torch.relu(self.e(x)))))))


class TiedEmbedding(nn.Module):
    """An output layer with the matrix of the embedding."""

    def __init__(self):
        super().__init__()
        self.e, self.h, self.o = nn.Embedding(3, 4), nn.Linear(4, 4), nn.Linear(4, 3, bias=False)
        self.o.weight = self.e.weight

    def forward(self, x):
        return self.o(torch.relu(self.h(self.e(x[:, 0].long().remainder(3)))))


USED_AGAIN = {
    "transposed": (lambda m, h: functional.linear(h, m.e.weight.t()), ["e.weight"]),
    "written out": (lambda m, h: h @ m.m.weight, ["m.weight"]),
    "of a function": (lambda m, h: functional.linear(h, torch.tanh(m.m.weight)), ["m.weight"]),
    "bias": (lambda m, h: h * m.e.bias, []),
    "as a layer": (lambda m, h: functional.linear(h, m.e.weight, m.m.bias), []),
    "without a gradient": (lambda m, h: h + m.e.weight.detach().sum(), []),
    "not at all": (lambda m, h: h, []),
}


@pytest.mark.parametrize("name", USED_AGAIN)
def test_weights_that_are_used_a_second_time_outside_of_layers(name):
    again, matrices = USED_AGAIN[name]
    problem = _problem(Tied(again))
    outside = {"e.bias": 1} if name == "bias" else dict.fromkeys(matrices, 2)
    assert problem.outside_layers == outside
    assert matrices_outside_layers(problem) == matrices


def test_an_output_layer_that_is_tied_to_the_embedding_is_outside_of_layers():
    assert _problem(TiedEmbedding()).outside_layers == {"e.weight": 2}


def test_layers_that_share_a_matrix_are_layers():
    module = Tied(lambda m, h: h)
    module.m.weight = module.e.weight
    assert _problem(module).outside_layers == {}


def test_a_module_object_at_two_places_has_the_weights_of_a_call_there_and_its_own_after_it():
    """As if the one object were called twice by a forward of its own."""
    torch.manual_seed(0)
    shared = nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5))
    module = nn.Sequential(nn.Linear(12, 5), shared, nn.ReLU(), shared, nn.Linear(5, 3))
    problem = _problem(module)
    x, y = problem.data("train")
    w = problem.initial_weights + 0.1 * torch.randn(problem.num_parameters, dtype=torch.float64)
    gradient = problem.gradient(w)
    for each in (problem, problem.replica()):
        assert all(p.is_leaf for _, p in each.module.named_parameters(remove_duplicate=False))
        assert torch.equal(each.gradient(w), gradient)
    own = problem.module
    for name, parameter in own.named_parameters():
        parameter.data = problem.parameters_of(w)[name].clone()
    nn.functional.cross_entropy(own(x), y).backward()
    expected = torch.cat([p.grad.reshape(-1) for p in own.parameters()])
    torch.testing.assert_close(gradient, expected)


def test_outputs_without_a_slope_have_nothing_outside_of_layers():
    assert _problem(Wrapped(lambda m, y: y.detach())).outside_layers == {}
