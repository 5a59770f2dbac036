"""Passes of small batches in one loop against torch's products, and the noise of a read in both."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from device_models.outer_products import (
    PackedProducts,
    ReadSpread,
    sample_gradients,
    summed_gradients,
)
from neurograd.problem import Problem
from neurograd.problem.losses import ClassSquaredError, CrossEntropy, MeanSquaredError
from neurograd.problem.written_out import fused_passes, noisy_products
from neurograd.seeding import generator_for

SAMPLES = 17
NETWORKS = {
    "one layer": ([nn.Linear(6, 3)], CrossEntropy()),
    "relu": (
        [nn.Flatten(), nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 3)],
        CrossEntropy(),
    ),
    "tanh": ([nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4, bias=False)], CrossEntropy()),
    "sigmoid outputs": (
        [nn.Linear(6, 5, bias=False), nn.Sigmoid(), nn.Linear(5, 4), nn.Sigmoid()],
        ClassSquaredError(),
    ),
    "linear": ([nn.Linear(6, 7), nn.Linear(7, 4)], CrossEntropy()),
}
BATCHES = {
    "one": [3],
    "one of them twice": [4, 0, 4],
    "a tile and more": [4, 0, 9, 10, 7, 11, 2],
    "more than weights of a row": list(range(SAMPLES)),
}


def problem_of(name: str, dtype: torch.dtype = torch.float64) -> Problem:
    layers, loss = NETWORKS[name]
    network, generator = nn.Sequential(*layers), generator_for(3, name)
    for parameter in network.parameters():
        parameter.data = 0.6 * torch.randn(parameter.shape, generator=generator)
    inputs = torch.randn(SAMPLES, 6, generator=generator, dtype=torch.float64)
    shaped = inputs.view(SAMPLES, 2, 3) if isinstance(layers[0], nn.Flatten) else inputs
    return Problem(network, loss, shaped, torch.arange(SAMPLES) % 3, dtype=dtype)


def products_of(problem: Problem, batch: list[int], std: float) -> list[torch.Tensor]:
    index, noise = torch.tensor(batch), ReadSpread(std, generator_for(4)) if std else None
    chunks = problem.sample_products(problem.initial_weights, index, noise)
    assert chunks is not None
    (layers,) = chunks
    fused = isinstance(layers, PackedProducts)
    assert fused == fused_passes.available()
    return [each for layer in layers for each in (layer.inputs, layer.errors)]


@pytest.mark.parametrize("plain", ["loops of the noise", "without a compiler"])
@pytest.mark.parametrize("std", [0.0, 0.3], ids=["no read", "noise of a read"])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("name", NETWORKS)
def test_factors_are_those_of_torchs_products(name, batch, std, plain, monkeypatch):
    """With the noise of a read, too: its numbers are the same."""
    problem = problem_of(name)
    found = products_of(problem, BATCHES[batch], std)
    monkeypatch.setattr(fused_passes, "available", lambda: False)
    if plain == "without a compiler":
        monkeypatch.setattr(noisy_products, "available", lambda: False)
    wanted = products_of(problem, BATCHES[batch], std)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_noise_of_a_read_is_there():
    problem = problem_of("relu")
    silent, noisy = (products_of(problem, [1, 2], std) for std in (0.0, 0.3))
    assert all(not torch.equal(*pair) for pair in zip(silent[:-2], noisy[:-2], strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["32 bits", "64 bits"])
def test_gradients_of_a_wide_layer(dtype):
    """More numbers of a read than a block of random words gives."""
    generator = generator_for(5)
    network = nn.Sequential(nn.Linear(70, 601), nn.ReLU(), nn.Linear(601, 10))
    inputs = torch.randn(12, 70, generator=generator)
    problem = Problem(network, CrossEntropy(), inputs, torch.arange(12) % 10, dtype=dtype)
    w, index = problem.initial_weights, torch.arange(12)
    (layers,) = problem.sample_products(w, index)
    bound = 1e-6 if dtype == torch.float32 else 1e-14
    torch.testing.assert_close(summed_gradients(layers, w), problem.gradient(w), rtol=0, atol=bound)
    found = products_of(problem, list(range(12)), 0.2)
    wanted = _without_loops(problem, list(range(12)), 0.2)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=10 * bound)


def _without_loops(problem, batch, std):
    with pytest.MonkeyPatch.context() as patch:
        for module in (fused_passes, noisy_products):
            patch.setattr(module, "available", lambda: False)
        return products_of(problem, batch, std)


def test_packed_products_are_layers_in_one_vector():
    problem = problem_of("relu")
    w, index = problem.initial_weights, torch.tensor([2, 5])
    (layers,) = problem.sample_products(w, index)
    assert isinstance(layers, PackedProducts)
    assert layers.samples == 2
    assert [layer.first for layer in layers[1:]] == [layer.first for layer in layers][1:]
    total = sum(sample_gradients(layers, w))
    torch.testing.assert_close(total, problem.gradient(w, index), rtol=0, atol=1e-14)
    assert layers[0].inputs.data_ptr() == layers.factors.data_ptr()


def test_samples_that_are_none_are_left_to_torch():
    problem = problem_of("one layer")
    w = problem.initial_weights
    (layers,) = problem.sample_products(w, torch.tensor([-1, 0]))
    assert not isinstance(layers, PackedProducts)
    torch.testing.assert_close(layers[0].inputs[0], problem.data()[0][-1])
    with pytest.raises(IndexError):
        next(problem.sample_products(w, torch.tensor([0, SAMPLES])))


def test_other_batches_go_by_torchs_products(monkeypatch):
    problem = problem_of("relu")
    w, index = problem.initial_weights, torch.arange(9)
    few = problem_of("relu")
    few.chunk_size = 4
    assert [isinstance(each, PackedProducts) for each in few.sample_products(w, index)] == 3 * [
        False
    ]
    values = Problem(
        nn.Sequential(nn.Linear(6, 3)),
        MeanSquaredError(),
        problem.data()[0].flatten(1),
        torch.zeros(SAMPLES, 3),
    )
    (layers,) = values.sample_products(values.initial_weights, index)
    assert not isinstance(layers, PackedProducts)
    monkeypatch.setattr(fused_passes, "MOST_PRODUCTS", 100)
    (layers,) = problem.sample_products(w, index)
    assert not isinstance(layers, PackedProducts)


def test_weights_that_are_no_numbers_are_seen_as_by_torch(monkeypatch):
    problem = problem_of("relu")
    problem.initial_weights[0] = torch.nan
    found = products_of(problem, [0, 1, 2], 0.0)
    monkeypatch.setattr(fused_passes, "available", lambda: False)
    for one, other in zip(found, products_of(problem, [0, 1, 2], 0.0), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-13, equal_nan=True)
    assert found[1].isnan().all()
