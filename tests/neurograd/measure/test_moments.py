"""The unbiased estimators of bias and variance, and their intervals."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from device_models import (
    Backprop,
    Chip,
    FixedPointGrid,
    MemristorWrite,
    Minibatch,
    UpdateRounding,
    WhiteNoise,
    draw_crossbar,
    draw_feedback,
    nonlinear_response,
)
from neurograd.errors import ModelError
from neurograd.measure.draw_groups import GroupAccumulator
from neurograd.measure.moments import MAX_GROUPS, REPORT_EVERY, measure_moments
from neurograd.seeding import generator_for
from tests.neurograd.cases import relu_network, smooth_network

N = 300


def _gradient(size=N):
    return torch.randn(size, generator=generator_for(0, "g"), dtype=torch.float64)


def _white(g, bias, std, factor=None):
    def sample(generator):
        if factor is None:
            noise = torch.randn(g.shape, generator=generator, dtype=torch.float64)
        else:
            noise = factor @ torch.randn(factor.shape[1], generator=generator, dtype=torch.float64)
        return -g + bias + std * noise

    return sample


@pytest.mark.parametrize("draws", [40, 400])
@pytest.mark.parametrize("bias", [0.3, 1.0])
def test_known_bias_and_variance_lie_in_the_99_percent_intervals(draws, bias):
    g = _gradient()
    moments = measure_moments(_white(g, bias, 0.7), g, draws, seed=2)
    low, high = moments.b_ci
    assert low <= bias <= high
    assert low > 0
    low, high = moments.total_variance_ci
    assert low <= N * 0.49 <= high
    assert moments.num_parameters == N
    assert float(moments.beta.norm()) == pytest.approx(math.sqrt(N))


def test_intervals_cover_as_often_as_they_say():
    """500 repetitions at 99 %: at least 97.8 % cover but for a chance of 1 in 200."""
    g = _gradient(60)
    hits_b = hits_v = 0
    for seed in range(500):
        moments = measure_moments(_white(g, 0.25, 1.0), g, 60, seed=seed)
        hits_b += moments.b_ci[0] <= 0.25 <= moments.b_ci[1]
        hits_v += moments.total_variance_ci[0] <= 60.0 <= moments.total_variance_ci[1]
    assert hits_b >= 489
    assert hits_v >= 489


@pytest.mark.parametrize("size", [1, 2, 60])
@pytest.mark.parametrize("length", [1.0, 2.0])
def test_intervals_cover_a_bias_that_noise_of_one_or_two_directions_may_cancel(length, size):
    """500 repetitions as above; without what noise along a bias adds, of one weight 430 cover."""
    g, draws = _gradient(size), 60
    bias = length / math.sqrt(draws * size)
    # Of 60 weights all get the same noise, along the bias.
    factor = torch.full((size, 1), 1.0 / math.sqrt(size), dtype=torch.float64)
    factor = torch.eye(size, dtype=torch.float64) if size < 3 else factor
    hits = 0
    for seed in range(500):
        moments = measure_moments(_white(g, bias, 1.0, factor), g, draws, seed=seed)
        hits += moments.b_ci[0] <= bias <= moments.b_ci[1]
    assert hits >= 489


@pytest.mark.parametrize("rank", [1, 3, N])
def test_no_bias_is_reported_where_there_is_none(rank):
    """10 draws, 300 repetitions: at 99 % no more than 8 false alarms but for 1 chance in 200."""
    g = _gradient()
    factor = torch.randn(N, rank, generator=generator_for(1, "f"), dtype=torch.float64)
    alarms = 0
    for seed in range(300):
        moments = measure_moments(_white(g, 0.0, 2.0, factor), g, 10, seed=seed)
        alarms += moments.detected
        assert moments.b_ci[1] > 0
    assert alarms <= 8


def test_undetected_bias_is_zero_with_an_upper_bound():
    g = _gradient()
    moments = measure_moments(_white(g, 0.0, 5.0), g, 10, seed=0)
    assert moments.b == 0.0
    assert moments.b_ci[0] == 0.0
    assert moments.b_ci[1] > 0.0
    assert not moments.beta.any()


def test_the_plain_mean_would_have_reported_a_bias():
    """What the U-statistic is for: ‖mean‖ of pure noise is far from 0."""
    g = _gradient()
    moments = measure_moments(_white(g, 0.0, 5.0), g, 10, seed=0)
    plain = float(moments.bias.norm()) / math.sqrt(N)
    assert plain == pytest.approx(5.0 / math.sqrt(10), rel=0.1)


def test_squared_bias_is_unbiased():
    """Mean over 400 repetitions within its 99 % interval of the truth."""
    g = _gradient(20)
    bias, values = 0.4, []
    for seed in range(400):
        moments = measure_moments(_white(g, bias, 1.0), g, 6, seed=seed)
        square = float(moments.bias.square().sum()) - moments.total_variance / 6
        values.append(square)
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    assert abs(np.mean(values) - 20 * bias**2) < 2.6 * error


def test_deterministic_estimator_has_no_variance_and_an_exact_bias():
    g = _gradient()
    moments = measure_moments(lambda generator: -g + 0.5, g, 7, seed=0)
    assert moments.b == pytest.approx(0.5, rel=1e-14)
    assert moments.b_ci == pytest.approx((0.5, 0.5), rel=1e-12)
    assert moments.total_variance == pytest.approx(0.0, abs=1e-25)
    assert moments.inverse_noise_ratio == pytest.approx(0.0, abs=1e-12)


def test_exact_gradient_descent_has_exactly_no_bias_and_no_variance():
    g = _gradient()
    moments = measure_moments(lambda generator: -g, g, 5, seed=0)
    assert (moments.b, moments.b_ci) == (0.0, (0.0, 0.0))
    assert (moments.total_variance, moments.total_variance_ci) == (0.0, (0.0, 0.0))
    assert moments.gain == 1.0
    assert moments.cosine == pytest.approx(1.0)


def test_rounding_of_the_arithmetic_is_no_bias():
    g = _gradient()
    moments = measure_moments(lambda generator: (g * -0.1) / 0.1, g, 5, seed=0)
    assert moments.b == 0.0
    assert moments.b_ci[0] == 0.0


def test_tiny_noise_on_a_large_bias_keeps_its_digits():
    g = _gradient()
    moments = measure_moments(_white(g, 3.0, 1e-9), g, 200, seed=0)
    low, high = moments.total_variance_ci
    assert low <= N * 1e-18 <= high
    assert high - low < 0.1 * N * 1e-18


@pytest.mark.parametrize("gain", [0.25, 1.0, 3.0])
def test_gain_splits_the_bias(gain):
    """A rescaled gradient is all along g; a bias across g leaves the gain at 1."""
    g = _gradient()
    across = torch.randn(N, generator=generator_for(3, "a"), dtype=torch.float64)
    across -= g * float(g @ across) / float(g @ g)
    moments = measure_moments(lambda generator: -gain * g + 0.1 * across, g, 5, seed=0)
    assert moments.gain == pytest.approx(gain)
    assert moments.bias_parallel == pytest.approx((gain - 1) * float(g.norm()), abs=1e-12)
    assert moments.bias_orthogonal == pytest.approx(0.1 * float(across.norm()), rel=1e-6)
    expected = (
        gain * float(g.norm()) / math.hypot(gain * float(g.norm()), 0.1 * float(across.norm()))
    )
    assert moments.cosine == pytest.approx(expected)


def test_all_of_the_bias_is_across_a_gradient_of_0():
    g = torch.zeros(N, dtype=torch.float64)
    bias = _gradient()
    moments = measure_moments(lambda generator: bias, g, 5, seed=0)
    assert math.isnan(moments.gain)
    assert moments.bias_orthogonal == pytest.approx(float(bias.norm()))
    assert measure_moments(lambda generator: g, g, 5, seed=0).bias_orthogonal == 0.0


def test_cosine_of_a_mean_that_stands_out_of_the_noise_over_all_weights():
    """The noise of the mean has twice its squared length, which is known to 6 % all the same."""
    g = _gradient(4000)
    std = math.sqrt(2.0 * 20 * float(g @ g) / 4000)
    found = measure_moments(_white(g, 0.0, std), g, 20, seed=0).cosine
    assert found == pytest.approx(1.0, abs=0.15)


def test_cosine_of_a_mean_that_is_lost_in_noise_is_not_a_number():
    g = 1e-6 * _gradient()
    assert math.isnan(measure_moments(_white(g, 0.0, 1.0), g, 20, seed=0).cosine)


def _low_rank(mean, directions, size):
    """Noise of a few directions alone, of a variance of ``size`` summed over the weights."""
    scale = math.sqrt(size) / float(directions.norm())

    def sample(generator):
        part = torch.randn(directions.shape[1], generator=generator, dtype=torch.float64)
        return mean + scale * (directions @ part)

    return sample


def test_cosine_of_a_mean_that_is_lost_in_noise_of_few_directions():
    """Its length is known far worse than in white noise, which says how far it is off in this.

    The mean is 0, so that no cosine may be told in any of 20 draws, whose noise has one to ten
    directions, one of them the gradient's.
    """
    directions = torch.randn(2000, 10, generator=generator_for(5, "d"), dtype=torch.float64)
    g, nothing = directions[:, 0].clone(), torch.zeros(2000, dtype=torch.float64)
    for seed in range(20):
        some = directions[:, : 1 + seed % 10]
        found = measure_moments(_low_rank(nothing, some, 1.0), g, 40, seed=seed)
        assert math.isnan(found.cosine)
        assert all(map(math.isnan, found.cosine_ci))


@pytest.mark.parametrize("rank", [3, 300])
@pytest.mark.parametrize("cosine", [0.5, 1.0])
def test_interval_of_the_cosine(cosine, rank):
    """At 99 %: of 100 intervals 94 or more hold it, 1 in 10,000 times fewer do."""
    draw = generator_for(6, "c")
    g, across = torch.randn(2, 300, generator=draw, dtype=torch.float64)
    across -= g * float(g @ across) / float(g @ g)
    turned = cosine * g / g.norm() + math.sqrt(1 - cosine**2) * across / across.norm()
    directions = torch.randn(300, rank, generator=draw, dtype=torch.float64)
    found = [
        measure_moments(_low_rank(-turned, directions, 2.0), g, 40, seed) for seed in range(100)
    ]
    assert sum(each.cosine_ci[0] <= cosine <= each.cosine_ci[1] for each in found) >= 94
    assert all(-1.0 <= each.cosine_ci[0] <= each.cosine_ci[1] <= 1.0 for each in found)
    assert max(each.cosine_ci[1] - each.cosine_ci[0] for each in found) < 0.6


def test_cosine_without_noise_is_known_and_of_two_draws_is_not():
    g = _gradient()
    sure = measure_moments(lambda generator: -2.0 * g, g, 2, seed=0)
    assert sure.cosine == pytest.approx(1.0)
    assert sure.cosine_ci == (sure.cosine, sure.cosine)
    assert math.isnan(measure_moments(_white(g, 0.0, 0.01), g, 2, seed=0).cosine)
    assert measure_moments(_white(g, 0.0, 0.01), g, 3, seed=0).cosine == pytest.approx(1.0, abs=0.1)


def test_zero_gradient_has_no_gain_and_infinite_noise_ratio():
    g = torch.zeros(N, dtype=torch.float64)
    moments = measure_moments(_white(g, 0.0, 1.0), g, 20, seed=0)
    assert math.isnan(moments.gain)
    assert math.isinf(moments.inverse_noise_ratio)
    silent = measure_moments(lambda generator: -g, g, 3, seed=0)
    assert silent.inverse_noise_ratio == 0.0


def test_same_seed_same_bits_and_other_seed_other_draws():
    g = _gradient()
    first, second = (measure_moments(_white(g, 0.1, 1.0), g, 50, seed=4) for _ in range(2))
    assert torch.equal(first.mean, second.mean)
    assert first.b_ci == second.b_ci
    other = measure_moments(_white(g, 0.1, 1.0), g, 50, seed=5)
    assert not torch.equal(first.mean, other.mean)
    elsewhere = measure_moments(_white(g, 0.1, 1.0), g, 50, seed=4, point=1)
    assert not torch.equal(first.mean, elsewhere.mean)


def test_draws_do_not_depend_on_how_many_there_are():
    g = _gradient()
    seen: list[list[torch.Tensor]] = []
    for draws in (10, 25):
        kept: list[torch.Tensor] = []
        sample = _white(g, 0.0, 1.0)

        def record(generator, kept=kept, sample=sample):
            kept.append(sample(generator))
            return kept[-1]

        measure_moments(record, g, draws, seed=0)
        seen.append(kept)
    assert all(torch.equal(a, b) for a, b in zip(seen[0], seen[1][:10], strict=True))


def test_merging_partial_results_gives_the_whole():
    values = torch.randn(90, 20, generator=generator_for(0, "v"), dtype=torch.float64) + 5
    nothing = torch.zeros_like(values[0])
    whole = GroupAccumulator(values[0])
    for value in values:
        whole.add(value, nothing)
    merged = GroupAccumulator(values[0])
    for part in values.split([1, 40, 49]):
        accumulator = GroupAccumulator(values[0])
        for value in part:
            accumulator.add(value, nothing)
        merged.merge(accumulator)
    merged.merge(GroupAccumulator(values[0]))
    assert merged.count == whole.count == 90
    torch.testing.assert_close(merged.mean, whole.mean, rtol=1e-14, atol=0)
    torch.testing.assert_close(merged.scatter, whole.scatter, rtol=1e-12, atol=0)
    torch.testing.assert_close(whole.scatter / 89, values.var(0), rtol=1e-12, atol=0)


def _noise_along(direction, deviations):
    """Of the overall mean: along a direction or, if more, in the noise's own ones (Tr Σ²/Tr Σ)."""
    x, groups = deviations.numpy(), len(deviations)
    along = (
        float(np.var(x @ direction.numpy(), ddof=0)) + float((x @ direction.numpy()).mean()) ** 2
    )
    along *= groups / (groups - 1) / float(direction.square().sum())
    gram = x @ x.T
    # Tr Σ² from four different groups each: the mean of ((x_i − x_j)·(x_k − x_l))²/4.
    i, j, k, m = np.ix_(*[np.arange(groups)] * 4)
    product = gram[i, k] - gram[i, m] - gram[j, k] + gram[j, m]
    different = (i != j) & (i != k) & (i != m) & (j != k) & (j != m) & (k != m)
    square = float((product[different] ** 2).mean()) / 4.0
    trace = float(np.square(x).sum()) / (groups - 1)
    return max(along, square / trace) / groups


@pytest.mark.parametrize(("draws", "bias"), [(7, 0.5), (53, 2.0), (230, 2.0)])
def test_intervals_are_those_of_a_jackknife_that_leaves_groups_out(draws, bias):
    """Every group left out of the draws themselves; 53 draws make groups of two sizes."""
    g = _gradient(5)
    sample = _white(g, bias, 1.3)
    moments = measure_moments(sample, g, draws, seed=4, point=3)
    each = torch.stack([sample(generator_for(4, "moments", 3, k)) for k in range(draws)]) + g
    groups = min(draws, MAX_GROUPS)
    ends = np.linspace(0, draws, groups + 1).astype(int)
    numbers = torch.arange(draws)
    squares, variances, gains = [], [], []
    for start, stop in pairwise(ends):
        inside = (numbers >= start) & (numbers < stop)
        left = each[~inside]
        variances.append(float(left.var(0).sum()))
        squares.append(float(left.mean(0).square().sum()) - variances[-1] / len(left))
        gains.append(1.0 - float(each[inside].mean(0) @ g / (g @ g)))

    def half(values):
        spread = float(np.var(values)) * (groups - 1)
        return float(stats.t.ppf(0.995, groups - 1)) * math.sqrt(spread)

    variance = float(each.var(0).sum())
    square = float(each.mean(0).square().sum()) - variance / draws
    assert moments.total_variance == pytest.approx(variance)
    low, high = moments.total_variance_ci
    assert high == pytest.approx(variance + half(variances))
    assert low == pytest.approx(max(0.0, variance - half(variances)))
    means = torch.stack([each[start:stop].mean(0) for start, stop in pairwise(ends)])
    noise = _noise_along(each.mean(0), means - each.mean(0))
    length = math.sqrt(max(0.0, square + noise))
    length += float(stats.t.ppf(0.995, groups - 1)) * math.sqrt(noise)
    high = max(square + half(squares), length**2)
    assert moments.b_ci[1] ** 2 * 5 == pytest.approx(high)
    assert moments.b_ci[0] ** 2 * 5 == pytest.approx(max(0.0, square - half(squares)))
    assert (moments.b_ci[0] > 0) == (draws > 7)
    # The means of groups of nearly one size: their spread over √G.
    low, high = moments.gain_ci
    middle = 1.0 - float(each.mean(0) @ g / (g @ g))
    error = math.sqrt(np.square(np.array(gains) - middle).sum() / (groups * (groups - 1)))
    assert moments.gain == pytest.approx(middle)
    assert high - middle == pytest.approx(float(stats.t.ppf(0.995, groups - 1)) * error)


@pytest.mark.parametrize("draws", [2, 3])
def test_few_draws_have_wide_intervals(draws):
    g = _gradient()
    moments = measure_moments(_white(g, 0.0, 1.0), g, draws, seed=0)
    low, high = moments.total_variance_ci
    assert low <= N <= high
    assert not moments.detected


@pytest.mark.parametrize("draws", [3, 130, 4100])
def test_every_draw_is_reported_once(draws):
    g, told = _gradient(2), []
    measure_moments(_white(g, 0.0, 1.0), g, draws, seed=0, progress=told.append)
    assert sum(told) == draws
    assert max(told) <= REPORT_EVERY


def test_bad_samplers_are_refused():
    g = _gradient()
    with pytest.raises(ValueError, match="allowed: 2 or more"):
        measure_moments(_white(g, 0.0, 1.0), g, 1, seed=0)
    with pytest.raises(ModelError, match="shape"):
        measure_moments(lambda generator: g[:3], g, 3, seed=0)
    with pytest.raises(ModelError, match="NaN"):
        measure_moments(lambda generator: g * math.nan, g, 3, seed=0)


def _chips():
    """A chip of every model with its closed form, on one problem."""
    problem = relu_network()
    size, step_size = problem.num_parameters, 0.3

    def crossbar(**options):
        return draw_crossbar(size, generator=generator_for(0, "chip"), **options)

    up = nonlinear_response(1.94, depression=False)
    down = nonlinear_response(-0.61, depression=True)
    writes = {
        "memristor": MemristorWrite(crossbar(), up, down, (40, 40), 0.05),
        "memristor_continuous": MemristorWrite(crossbar(), up, down, None, 0.02),
        "memristor_faulty": MemristorWrite(
            crossbar(device_to_device=0.2, stuck_low=0.1, stuck_high=0.1, mapping="reference"),
            up,
            down,
            (97, 100),
            0.01,
            "nearest",
        ),
        "stochastic_rounding": UpdateRounding(FixedPointGrid(8), "stochastic"),
        "nearest_rounding": UpdateRounding(FixedPointGrid(8), "nearest"),
    }
    for name, write in writes.items():
        yield name, problem, Chip(Backprop(), step_size, writes=(write,))
    feedback = draw_feedback(problem, problem.initial_weights, generator_for(0, "feedback"))
    yield "feedback_alignment", problem, Chip(feedback, step_size)


@pytest.mark.parametrize(("name", "problem", "chip"), [pytest.param(*c, id=c[0]) for c in _chips()])
def test_measured_moments_of_every_model_agree_with_its_closed_form(name, problem, chip):
    """Bias and total variance within their 99 % intervals."""
    w = chip.program(problem.initial_weights)
    g = problem.gradient(w)
    closed = chip.closed_form(problem, w)
    moments = measure_moments(chip.sampler(problem, w), g, 3000, seed=1)
    low, high = moments.total_variance_ci
    slack = 1e-12 * closed.total_variance
    assert low - slack <= closed.total_variance <= high + slack
    b = float((closed.mean + g).norm()) / math.sqrt(len(g))
    low, high = moments.b_ci
    assert low * (1 - 1e-12) <= b <= high * (1 + 1e-12)


def test_minibatch_moments_agree_with_the_closed_form():
    problem = smooth_network()
    w = problem.initial_weights
    rule = Minibatch(Backprop(), 16)
    chip = Chip(rule, 0.1)
    moments = measure_moments(chip.sampler(problem, w), problem.gradient(w), 2000, seed=1)
    low, high = moments.total_variance_ci
    assert low <= rule.total_variance(problem, w) <= high
    assert not moments.detected


def test_white_noise_moments_agree_with_the_closed_form():
    problem = smooth_network()
    w = problem.initial_weights
    chip = Chip(WhiteNoise(Backprop(), bias=0.02, total_variance=20.0), 0.1)
    moments = measure_moments(chip.sampler(problem, w), problem.gradient(w), 4000, seed=1)
    low, high = moments.total_variance_ci
    assert low <= 20.0 <= high
    assert moments.b_ci[0] <= 0.02 <= moments.b_ci[1]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_moments_on_cuda():
    g = _gradient().cuda()

    def sample(generator):
        return -g + torch.randn(g.shape, generator=generator, dtype=g.dtype, device=g.device)

    moments = measure_moments(sample, g, 100, seed=0)
    low, high = moments.total_variance_ci
    assert low <= N <= high


@pytest.mark.parametrize("seed", range(4))
def test_noise_of_the_mean_is_not_in_the_bias_across_g(seed):
    """Noise along g alone moves the mean along g, and the part across it not at all."""
    g = _gradient(5)
    across = torch.zeros_like(g)
    across[0], across[1] = -g[1], g[0]
    size = float(across.norm())

    def sample(generator):
        noise = torch.randn((), generator=generator, dtype=torch.float64)
        return -g + 3.0 * across + 0.8 * size * noise * g / g.norm()

    moments = measure_moments(sample, g, 8, seed)
    assert moments.detected
    assert moments.bias_orthogonal == pytest.approx(3.0 * size)
