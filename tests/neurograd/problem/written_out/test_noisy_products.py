"""Noise of a read by what it is multiplied by, against reads of all weights."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from device_models.kernels.counter_numbers import draw_key
from device_models.outer_products import ReadSpread, sample_gradients, summed_gradients
from neurograd.problem.written_out import noisy_products
from neurograd.problem.written_out.noisy_products import NoisyProducts
from neurograd.seeding import generator_for
from tests.neurograd.cases import classification

DRAWS = 3000


def by_products(std, a, d, generator):
    ahead, back = d.new_zeros(len(a), d.shape[1]), a.new_zeros(a.shape)
    read = NoisyProducts.forward(std, draw_key(generator), 5, a, ahead, biased=False)
    read.backward(d, back)
    return torch.cat([ahead.flatten(), back.flatten()])


@pytest.mark.parametrize(
    ("samples", "compiled"),
    [(1, True), (3, True), (7, True), (7, False)],
    ids=["one", "few", "more than outputs", "without a compiler"],
)
def test_both_passes_have_the_covariance_of_one_matrix(samples, compiled, monkeypatch):
    """Every entry of the covariance is that of s·M, within its interval of 99 % over all.

    The second sample is the first one again: its products are the same.
    """
    monkeypatch.setattr(noisy_products, "available", lambda: compiled)
    std, generator = 0.3, generator_for(1)
    a = torch.randn(samples, 6, generator=generator, dtype=torch.float64)
    d = torch.randn(samples, 4, generator=generator, dtype=torch.float64)
    if samples > 1:
        a[1] = a[0]
    ahead = torch.einsum("np,om->nomp", a, torch.eye(4, dtype=torch.float64))
    back = torch.einsum("nm,pi->nimp", d, torch.eye(6, dtype=torch.float64))
    linear = torch.cat([ahead.reshape(-1, 24), back.reshape(-1, 24)])
    wanted = std**2 * linear @ linear.t()
    draws = torch.stack([by_products(std, a, d, generator_for(2, k)) for k in range(DRAWS)])
    found = draws.t() @ draws / DRAWS
    sizes = wanted.diagonal()
    error = ((sizes[:, None] * sizes + wanted.square()) / DRAWS).sqrt()
    entries = len(sizes) * (len(sizes) + 1) // 2
    worst = float(((found - wanted).abs() / error).max())
    assert worst < stats.norm.ppf(1.0 - 0.005 / entries)
    if samples > 1:
        assert torch.allclose(draws[:, :4], draws[:, 4:8])


def test_gradients_are_those_behind_a_read_of_all_weights():
    """Mean and variance of a batch's gradients through a whole network; 99 % over all weights."""
    layers = [torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)]
    problem = classification(layers, (3,), 3, samples=5)
    w, index, std = problem.initial_weights, torch.tensor([3, 0]), 0.4

    def plain(k):
        generator = generator_for(5, k)
        noise = torch.randn(w.shape, generator=generator, dtype=w.dtype)
        return problem.gradient(w + std * noise, index)

    def fast(k):
        (layers,) = problem.sample_products(w, index, ReadSpread(std, generator_for(7, k)))
        total = summed_gradients(layers, w)
        torch.testing.assert_close(total, sum(sample_gradients(layers, w)))
        return total

    draws = DRAWS // 2
    one, other = (torch.stack([f(k) for k in range(draws)]) for f in (plain, fast))
    bound = stats.norm.ppf(1.0 - 0.005 / (2 * len(w)))
    for power in (1, 2):
        difference = (one**power).mean(0) - (other**power).mean(0)
        error = (((one**power).var(0) + (other**power).var(0)) / draws).sqrt()
        assert float((difference.abs() / error).max()) < bound
    assert (
        problem.sample_products(w, torch.arange(33) % 5, ReadSpread(std, generator_for(0))) is None
    )
