"""Passes of small batches behind converters in one loop, against those under hooks."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
from torch import nn

from device_models import Converters, PulseTrains
from device_models.layer_hooks import LayerHook
from device_models.outer_products import MOST_SAMPLES, ReadSpread, summed_gradients
from device_models.passes.converter_use import watched
from neurograd.problem import Problem
from neurograd.problem.losses import ClassSquaredError, CrossEntropy
from neurograd.seeding import generator_for

SAMPLES = MOST_SAMPLES + 8
NETWORKS = {
    "relu": (
        [nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 3)],
        CrossEntropy(),
    ),
    "sigmoid outputs": (
        [nn.Linear(6, 5, bias=False), nn.Sigmoid(), nn.Linear(5, 4), nn.Sigmoid()],
        ClassSquaredError(),
    ),
    "tanh": ([nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4, bias=False)], CrossEntropy()),
}
MANAGED = {"noise_management": "abs_max", "bound_management": "iterative"}
CONVERTERS = {
    "matched": {"dac_bits": 5, "adc_bits": 6},
    "ranges": {"dac_bits": 4, "adc_bits": 5, "input_range": 0.8, "output_range": 1.1},
    "clipping alone": {"input_range": 0.5},
    "without clipping": {"dac_bits": 3, "input_range": 0.5, "clips": False},
    "ranges of errors": {"dac_bits": 4, "error_input_range": 0.01, "error_output_range": 0.02},
    "managed": {"dac_bits": 7, "adc_bits": 9, "input_range": 1.0, "output_range": 0.7, **MANAGED},
    "managed bounds": {"dac_bits": 6, "output_range": 0.3, "bound_management": "iterative"},
    "beyond the halvings": {"output_range": 1e-4, "bound_management": "iterative"},
}
BATCHES = {"one": [3], "one of them twice": [5, 5, 0, 1, 2, 9, 4], "several": list(range(SAMPLES))}


def problem_of(name: str) -> Problem:
    layers, loss = NETWORKS[name]
    network, generator = nn.Sequential(*layers), generator_for(3, name)
    for parameter in network.parameters():
        parameter.data = 0.6 * torch.randn(parameter.shape, generator=generator)
    inputs = torch.randn(SAMPLES, 6, generator=generator, dtype=torch.float64)
    inputs[5] = 0.0
    return Problem(network, loss, inputs, torch.arange(SAMPLES) % 3)


def behind(problem: Problem, generator: torch.Generator | None = None, **keys) -> Problem:
    converters = Converters(**keys)
    drawn = converters if generator is None else converters.drawn_from(generator)
    return problem.through(drawn.applied)


def under_hooks(problem: Problem, w: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """The gradient by automatic differentiation."""
    leaf = w.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(problem.mean_loss(problem.parameters_of(leaf), index), leaf)
    return gradient


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("keys", CONVERTERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_under_hooks(name, keys, batch):
    problem = behind(problem_of(name), **CONVERTERS[keys])
    w, index = problem.initial_weights, torch.tensor(BATCHES[batch])
    found = list(problem.sample_products(w, index))
    assert len(found) == -(-len(index) // MOST_SAMPLES)
    total, expected = (
        sum(summed_gradients(each, w) for each in found),
        under_hooks(problem, w, index),
    )
    torch.testing.assert_close(total, expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(problem.gradient(w, index), expected, rtol=0, atol=1e-13)
    exact = problem_of(name).gradient(w, index)
    assert float((total - exact).norm() / exact.norm()) > 1e-3


def test_small_batches_go_through_the_loop_and_others_through_hooks(monkeypatch):
    problem = behind(problem_of("relu"), dac_bits=4)
    w, taken = problem.initial_weights, []
    known = Problem.sample_products
    monkeypatch.setattr(Problem, "sample_products", lambda *given: taken.append(1) or known(*given))
    for count in (1, MOST_SAMPLES):
        problem.gradient(w, torch.arange(count))
    assert len(taken) == 2
    problem.gradient(w, torch.arange(SAMPLES))
    problem.gradient(w)
    assert len(taken) == 2


def test_each_samples_errors_and_the_biases_in_digital():
    """Inputs and errors are those of the arrays; biases get errors that nothing has coded."""
    problem = behind(problem_of("relu"), dac_bits=3)
    w, index = problem.initial_weights, torch.tensor([1, 7])
    (layers,) = problem.sample_products(w, index)
    assert [layer.digital for layer in layers] == [False] * 3 + [True] * 3
    for array, biases in zip(layers[:3], layers[3:], strict=True):
        assert bool((biases.inputs == 1).all())
        step = biases.errors.abs().amax(1, keepdim=True) / 3
        coded = (biases.errors / step).round() * step
        torch.testing.assert_close(array.errors, coded, rtol=0, atol=1e-14)
    single = [under_hooks(problem, w, each) / 2 for each in index.split(1)]
    for n, expected in enumerate(single):
        one = torch.zeros_like(w)
        for layer in layers:
            layer.matrix_in(one).copy_(torch.outer(layer.errors[n], layer.inputs[n]))
        torch.testing.assert_close(one, expected, rtol=0, atol=1e-13)


DRAWS = 700
DIRECTIONS = 12
NOISY = {
    "noise of sums": (0.0, {"dac_bits": 6, "adc_bits": 7, "output_noise": 0.1}),
    "a read": (0.2, {"dac_bits": 6, "adc_bits": 8}),
    "a read that coarse inputs meet again": (
        0.4,
        {"dac_bits": 2, "input_range": 1.0, "output_range": 0.4, **MANAGED},
    ),
    "both and managed": (
        0.2,
        {"dac_bits": 5, "adc_bits": 8, "output_range": 0.5, "output_noise": 0.05, **MANAGED},
    ),
}


@pytest.mark.parametrize("kind", NOISY)
def test_noise_has_the_distribution_of_that_under_hooks(kind):
    """The gradients' joint one, along some directions: Kolmogorov and Smirnov at 99 % over all.

    Samples share a read; where bounds are managed, an array gets some inputs twice.
    """
    std, keys = NOISY[kind]
    problem = problem_of("relu")
    w, index = problem.initial_weights, torch.tensor([3, 8, 3, 11])
    found, expected = [], []
    for k in range(DRAWS):
        generator = generator_for(1, k)
        see, noise = behind(problem, generator, **keys), ReadSpread(std, generator)
        (layers,) = see.sample_products(w, index, noise if std else None)
        found.append(summed_gradients(layers, w))
        generator = generator_for(2, k)
        read = w + std * torch.randn(len(w), generator=generator, dtype=w.dtype)
        expected.append(under_hooks(behind(problem, generator, **keys), read, index))
    one, other = torch.stack(found), torch.stack(expected)
    spread = other.std(0).clamp_min(1e-12)
    directions = torch.randn(len(w), DIRECTIONS, generator=generator_for(3), dtype=w.dtype)
    along = [((each - other.mean(0)) / spread) @ directions for each in (one, other)]
    # The squares, too: they tell how weights vary together.
    values = [torch.cat([each, each.square()], 1).numpy() for each in along]
    least = min(
        stats.ks_2samp(values[0][:, k], values[1][:, k]).pvalue for k in range(2 * DIRECTIONS)
    )
    assert least > 0.01 / (2 * DIRECTIONS)


def test_noise_of_biases_is_that_of_one_read():
    """A bias is read once for all samples: outputs of samples with inputs of 0 are the same."""
    problem = problem_of("relu")
    w, index = problem.initial_weights, torch.tensor([5, 5])
    see = behind(problem, adc_bits=12)
    (layers,) = see.sample_products(w, index, ReadSpread(0.3, generator_for(0)))
    last = layers[0]
    torch.testing.assert_close(last.inputs[0], last.inputs[1], rtol=0, atol=1e-9)
    (exact,) = see.sample_products(w, index)
    assert float((last.inputs - exact[0].inputs).abs().max()) > 0.01


def test_the_same_seed_draws_the_same_and_each_pass_another():
    problem, keys = problem_of("relu"), {"adc_bits": 6, "output_noise": 0.1}
    w, index = problem.initial_weights, torch.tensor([3, 8])
    one, again = (behind(problem, generator_for(4), **keys) for _ in range(2))
    first = one.gradient(w, index)
    assert torch.equal(first, again.gradient(w, index))
    assert not torch.equal(first, one.gradient(w, index))
    silent = behind(problem, **keys)
    assert torch.equal(silent.gradient(w, index), silent.gradient(w, index))


def test_nothing_is_drawn_before_products_are_asked_for():
    generator = generator_for(5)
    see, state = behind(problem_of("relu"), generator, output_noise=0.1), generator.get_state()
    products = see.sample_products(see.initial_weights, torch.tensor([0]))
    assert torch.equal(generator.get_state(), state)
    next(products)
    assert not torch.equal(generator.get_state(), state)


def test_all_products_are_of_the_weights_as_they_were():
    """A write of the first ones changes none of the others."""
    problem = behind(problem_of("relu"), dac_bits=5)
    w, index = problem.initial_weights.clone(), torch.arange(SAMPLES)
    expected = [summed_gradients(each, w) for each in problem.sample_products(w, index)]
    found = []
    for layers in problem.sample_products(w, index):
        found.append(summed_gradients(layers, w))
        w += 1.0
    assert len(found) == 2
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


def not_taken():
    problem, none = problem_of("relu"), torch.empty(0, dtype=torch.int64)
    one = torch.tensor([0])
    coded, counting = behind(problem, dac_bits=4), watched(Converters(dac_bits=4))[0]
    bare = nn.Sequential(nn.Linear(6, 4), nn.LeakyReLU(), nn.Linear(4, 3))
    other = Problem(bare, CrossEntropy(), *problem.data())
    return {
        "arrays of a size": (behind(problem, dac_bits=4, array_size=(4, 4)), one),
        "two passes": (coded.through(Converters(adc_bits=4).applied), one),
        "converters that are watched": (problem.through(counting.applied), one),
        "another hook": (problem.through(LayerHook().applied), one),
        "no sample": (coded, none),
        "samples that are none": (coded, torch.tensor([SAMPLES])),
        "samples from the end": (coded, torch.tensor([-1])),
        "another network": (behind(other, dac_bits=4), one),
    }


@pytest.mark.parametrize("name", not_taken())
def test_what_is_left_to_hooks(name):
    problem, index = not_taken()[name]
    assert problem.sample_products(problem.initial_weights, index) is None


def test_hooks_of_rules_meet_the_layers():
    problem = behind(problem_of("relu"), dac_bits=4)
    with LayerHook().applied():
        assert problem.sample_products(problem.initial_weights, torch.tensor([0])) is None


def test_noise_of_a_read_is_of_one_pass_only():
    problem, noise = behind(problem_of("relu"), dac_bits=4), ReadSpread(0.1, generator_for(0))
    w = problem.initial_weights
    assert problem.sample_products(w, torch.arange(MOST_SAMPLES), noise) is not None
    assert problem.sample_products(w, torch.arange(MOST_SAMPLES + 1), noise) is None


def test_trains_take_the_same_lines():
    """Moments of trains of one sample, from hooks, and those of the products' own lines."""
    problem = behind(problem_of("relu"), dac_bits=6, adc_bits=8)
    w, index = problem.initial_weights, torch.tensor([4])
    trains = PulseTrains(2.0**-7, 0.5, kind="deterministic")
    (layers,) = trains.sample_products(problem, w, index)
    (found,) = trains.sample_estimates(layers, 1, w, generator_for(0))
    expected = trains.gradient(problem, w, generator_for(0), index)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_errors_go_back_through_the_read_that_inputs_met_last(monkeypatch):
    """Where an array gets an input again, its last product knows of the read as well.

    With g = 2(y − 1) and y = s(W + sM)x', E[g sM] = 2s·std²·x', at 99 % for both weights. Here x'
    is far from parallel to the input that came before, which is clipped: loops take no such ranges
    but here.
    """
    monkeypatch.setattr(Converters, "halves_one_by_one", False)
    std, scale, draws = 0.2, 8.0, 3000
    first, last = nn.Linear(1, 2, bias=False), nn.Linear(2, 1, bias=False)
    first.weight.data = torch.tensor([[11.0], [2.0]])
    last.weight.data = torch.tensor([[-3.0, 16.0]])
    x, y = torch.tensor([[0.4]]), torch.tensor([0])
    problem = Problem(nn.Sequential(first, last), ClassSquaredError(), x, y)
    see = behind(problem, input_range=0.5, output_range=1.2, bound_management="iterative")
    w, index, left = problem.initial_weights, torch.tensor([0]), []
    for k in range(draws):
        above, below = next(see.sample_products(w, index, ReadSpread(std, generator_for(7, k))))
        assert float(below.inputs) == pytest.approx(0.1)
        # Of the input (0.5, 0.5) an eighth of what was clipped: 0.1 and no quarter.
        assert 0.05 < float(above.inputs[0, 1]) < 0.15
        assert float(above.inputs[0, 0]) == 0.5
        g = float(above.errors) / scale
        noise = below.errors[0] / 4.0 - g * w[2:]
        left.append(noise - 2.0 * scale * std**2 * above.inputs[0])
    values = torch.stack(left)
    z = values.mean(0) / (values.std(0) / draws**0.5)
    assert float(z.abs().max()) < stats.norm.ppf(1.0 - 0.01 / 4)


def test_products_of_many_samples_are_made_a_chunk_at_a_time():
    """Memory is bounded by the chunks: those of a later chunk see the weights as they are then."""
    layers, loss = NETWORKS["tanh"]
    known = problem_of("tanh")
    small = Problem(nn.Sequential(*layers), loss, *known.data(), chunk_size=16)
    see, w = behind(small, dac_bits=5), known.initial_weights.clone()
    index = torch.arange(SAMPLES)
    products = see.sample_products(w, index)
    first = summed_gradients(next(products), w)
    w += 1.0
    rest = [summed_gradients(each, w) for each in products]
    assert len(rest) == -(-SAMPLES // 16) - 1
    factor = 16 / SAMPLES
    expected = under_hooks(see, known.initial_weights, index[:16]) * factor
    torch.testing.assert_close(first, expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(
        rest[0], under_hooks(see, w, index[16:32]) * factor, rtol=0, atol=1e-13
    )


def test_samples_may_be_told_as_tensors_are_indexed():
    problem = behind(problem_of("relu"), dac_bits=5)
    w = problem.initial_weights
    expected = under_hooks(problem, w, torch.tensor([1, 2]))
    torch.testing.assert_close(problem.gradient(w, [1, 2]), expected, rtol=0, atol=1e-13)
