"""torch's flags inside the passes of a problem, and outside of them.

No GPU is needed: for those of cuDNN the CPU is taken for one.
"""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn
from torch.backends import cudnn

from device_models import Backprop
from device_models.kernels import cudnn_state
from device_models.kernels.cudnn_state import (
    WITHOUT_CUDNN,
    WITHOUT_FUSED_ATTENTION,
    WITHOUT_TF32,
    full_precision,
    pass_contexts,
)
from neurograd.problem import Problem
from neurograd.seeding import generator_for

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def state():
    """Whether cuDNN is on, and whether convolutions may take TF32."""
    parts = [
        part.fp32_precision for name in ("conv", "rnn") if (part := getattr(cudnn, name, None))
    ]
    return cudnn.enabled, cudnn.allow_tf32, parts


def attention():
    """Which kernels of attention are on: fused ones, and that of products."""
    cuda = torch.backends.cuda
    fused = cuda.flash_sdp_enabled, cuda.mem_efficient_sdp_enabled, cuda.cudnn_sdp_enabled
    return [is_on() for is_on in fused], cuda.math_sdp_enabled()


class Watched(nn.Module):
    """Says what the flags are in each pass through it."""

    def __init__(self, layer, made):
        super().__init__()
        self.layer, self.made = layer, made
        self.o = nn.Linear(4, 3)
        self.forward_passes, self.backward_passes = [], []

    def forward(self, x):
        self.forward_passes.append(state())
        h = self.made(self, x)
        if h.requires_grad:
            h.register_hook(lambda g: self.backward_passes.append(state()))
        return self.o(h)


def recurrent():
    return Watched(nn.LSTM(4, 4, batch_first=True), lambda m, x: m.layer(x[:, None])[0][:, -1])


def convolution():
    def made(module, x):
        return module.layer(x[:, None]).square().sum(1)

    return Watched(nn.Sequential(nn.Conv1d(1, 2, 1), nn.BatchNorm1d(2)), made)


def problem_of(module):
    x = torch.randn(9, 4, generator=generator_for(0))
    return Problem(module, nn.CrossEntropyLoss(), x, torch.arange(9) % 3, dtype=torch.float32)


def passes_of(problem):
    """The module of a problem after every kind of pass, beside that of batch normalization."""
    w = problem.initial_weights
    problem.loss(w)
    problem.gradient(w)
    problem.hvp(w, torch.ones_like(w))
    problem.per_sample_gradient_square_norms(w)
    Backprop().gradient(problem, w, generator_for(0))
    return problem.module


@pytest.fixture
def as_cuda(monkeypatch):
    """The CPU counts as a device with cuDNN."""
    monkeypatch.setattr(cudnn_state, "_has_cudnn", lambda device: True)


@pytest.mark.usefixtures("as_cuda")
@pytest.mark.parametrize(("make", "enabled"), [(recurrent, False), (convolution, True)])
def test_the_flags_inside_of_passes(make, enabled):
    before = state()
    assert before[:2] == (True, True)
    module = passes_of(problem_of(make()))
    assert len(module.forward_passes) > 4
    assert {(on, tf32) for on, tf32, _ in module.forward_passes} == {(enabled, False)}
    assert len(module.backward_passes) > 3
    assert not any(tf32 for _, tf32, _ in module.backward_passes)
    assert state() == before


def test_nothing_is_switched_on_the_cpu():
    before = state()
    module = passes_of(problem_of(recurrent()))
    assert all(each == before for each in module.forward_passes + module.backward_passes)
    assert pass_contexts(nn.LSTM(4, 4), CPU) == ()
    assert full_precision(CPU) is not WITHOUT_TF32
    assert full_precision(CUDA) is WITHOUT_TF32
    assert pass_contexts(nn.Sequential(nn.Linear(4, 4)), CUDA) == (WITHOUT_TF32,)
    assert pass_contexts(nn.Sequential(nn.GRU(4, 4)), CUDA) == (WITHOUT_TF32, WITHOUT_CUDNN)


@pytest.mark.usefixtures("as_cuda")
def test_an_error_in_a_pass_leaves_the_flags():
    def refuses(module, x):
        raise RuntimeError("no")

    before = state()
    problem = problem_of(Watched(nn.LSTM(4, 4), refuses))
    with pytest.raises(RuntimeError, match="no"):
        problem.loss(problem.initial_weights)
    assert state() == before


@pytest.mark.parametrize(
    ("switch", "state"),
    [(WITHOUT_CUDNN, state), (WITHOUT_TF32, state), (WITHOUT_FUSED_ATTENTION, attention)],
)
def test_threads_that_overlap_leave_the_flags(switch, state):
    """The second one begins inside of the first and ends after it."""
    before, seen = state(), []
    turns = [threading.Event() for _ in range(3)]

    def first():
        with switch:
            turns[0].set()
            turns[1].wait(10)
        turns[2].set()

    def second():
        turns[0].wait(10)
        with switch:
            turns[1].set()
            turns[2].wait(10)
            seen.append(state())

    threads = [threading.Thread(target=each) for each in (first, second)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert seen
    assert seen[0] != before
    assert state() == before


def test_attention_is_derived_twice():
    seen = []

    class Attends(nn.TransformerEncoderLayer):
        def forward(self, x):
            seen.append(attention())
            return super().forward(x)

    before = attention()
    module = nn.Sequential(
        Attends(4, 2, 8, activation="gelu", batch_first=True), nn.Flatten(), nn.Linear(12, 3)
    )
    x = torch.randn(9, 3, 4, generator=generator_for(0), dtype=torch.float64)
    problem = Problem(module, nn.CrossEntropyLoss(), x, torch.arange(9) % 3)
    w, v = problem.initial_weights, torch.randn(problem.num_parameters, dtype=torch.float64)
    problem.gradient(w)
    assert seen[-1] == before
    product = problem.hvp(w, v)
    assert seen[-1] == ([False] * 3, True)
    assert attention() == before
    ahead, behind = (problem.gradient(w + step * v) for step in (1e-5, -1e-5))
    torch.testing.assert_close(product, (ahead - behind) / 2e-5, rtol=1e-5, atol=1e-8)


SETTINGS = {
    "as torch has it": {},
    "no TF32": {"allow_tf32": False},
    "convolutions alone": {"conv": "ieee"},
    "all": {"conv": "ieee", "rnn": "ieee"},
    "inherited": {"conv": "none", "rnn": "none"},
}


@pytest.mark.skipif(not hasattr(cudnn, "conv"), reason="torch has one flag")
@pytest.mark.parametrize("set_by_program", SETTINGS.values(), ids=SETTINGS)
def test_what_a_program_has_set_comes_back(set_by_program):
    def precisions():
        return cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision

    def flag():
        try:
            return cudnn.allow_tf32
        except RuntimeError:  # precisions that differ
            return None

    try:
        for name, value in set_by_program.items():
            if name == "allow_tf32":
                cudnn.allow_tf32 = value
            else:
                getattr(cudnn, name).fp32_precision = value
        before = flag(), precisions()
        with WITHOUT_TF32:
            assert precisions() == ("ieee", "ieee")
            with WITHOUT_TF32:
                pass
            assert precisions() == ("ieee", "ieee")
        assert (flag(), precisions()) == before
    finally:
        cudnn.allow_tf32 = True
    assert precisions() == ("tf32", "tf32")
