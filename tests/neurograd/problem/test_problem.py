"""Problems, losses, training, and the optimizer for a user's own module."""

from __future__ import annotations

import copy
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from device_models import (
    Backprop,
    Chip,
    FixedPointGrid,
    MemristorWrite,
    ReadNoise,
    UnstableRuleError,
    UpdateRounding,
    WhiteNoise,
    draw_crossbar,
)
from neurograd.errors import ModelError
from neurograd.forecast import forecast_chip
from neurograd.forecast.frozen import PointSummary, frozen_excess_loss, predict_excess_loss
from neurograd.judge.verdict import Cost, Verdict, judge, mean_interval, mean_over_chips
from neurograd.measure.curvature.spectrum import Spectrum, measure_spectrum
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy, CustomLoss, MeanSquaredError, as_loss
from neurograd.seeding import generator_for
from neurograd.training.chip_optimizer import ChipOptimizer
from neurograd.training.loop import train
from tests.neurograd.cases import dense_hessian, linear_regression, relu_network, smooth_network


def test_gradient_is_torchs_own():
    problem = relu_network()
    w = problem.initial_weights
    module = copy.deepcopy(problem.module)
    x, y = problem.data()
    nn.functional.cross_entropy(module(x), y).backward()
    expected = torch.cat([p.grad.reshape(-1) for p in module.parameters()])
    torch.testing.assert_close(problem.gradient(w), expected, rtol=1e-12, atol=1e-15)
    index = torch.tensor([3, 5, 8])
    part = Problem(problem.module, CrossEntropy(), x[index], y[index])
    torch.testing.assert_close(problem.gradient(w, index), part.gradient(w))


def test_hessian_product_is_the_dense_one():
    problem = smooth_network()
    w = problem.initial_weights
    v = torch.randn(w.shape, generator=generator_for(0), dtype=w.dtype)
    torch.testing.assert_close(problem.hvp(w, v), dense_hessian(problem, w) @ v)


@pytest.mark.parametrize("chunk_size", [1, 7, 119])
def test_chunks_change_nothing(chunk_size):
    whole, parts = smooth_network(), smooth_network(chunk_size=chunk_size)
    w = whole.initial_weights
    v = torch.randn(w.shape, generator=generator_for(0), dtype=w.dtype)
    torch.testing.assert_close(whole.gradient(w), parts.gradient(w), rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(whole.hvp(w, v), parts.hvp(w, v), rtol=1e-11, atol=1e-14)
    assert whole.loss(w) == pytest.approx(parts.loss(w), rel=1e-13)
    assert whole.accuracy(w) == parts.accuracy(w)


def test_per_sample_gradient_norms_are_a_loops():
    problem = smooth_network()
    w = problem.initial_weights
    loop = [float(problem.gradient(w, torch.tensor([k])).square().sum()) for k in range(20)]
    norms = problem.per_sample_gradient_square_norms(w)
    np.testing.assert_allclose(norms[:20], loop, rtol=1e-10)
    assert len(norms) == problem.num_samples


def test_the_users_module_is_left_alone_and_frozen_weights_stay_out():
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))
    module[0].weight.requires_grad_(False)
    state = copy.deepcopy(module.state_dict())
    problem = Problem(module, nn.CrossEntropyLoss(), torch.randn(6, 3), torch.tensor([0, 1] * 3))
    assert problem.num_parameters == 4 + 8 + 2
    problem.gradient(problem.initial_weights)
    assert module.training
    assert module[0].weight.dtype == torch.float32
    assert all(
        torch.equal(a, b) for a, b in zip(state.values(), module.state_dict().values(), strict=True)
    )
    w = problem.initial_weights
    assert problem.flatten(problem.parameters_of(w)).equal(w)
    assert problem.loss(w) == problem.loss(w)  # dropout is off


def test_replicas_compute_side_by_side():
    problem = relu_network()
    weights = [problem.initial_weights + 0.1 * k for k in range(8)]
    serial = [problem.gradient(w) for w in weights]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda w: problem.replica().gradient(w), weights))
    assert all(torch.equal(a, b) for a, b in zip(serial, threaded, strict=True))
    assert problem.replica().data()[0] is problem.data()[0]


def test_not_a_number_is_said_in_one_line():
    problem = relu_network()
    w = problem.initial_weights.clone()
    problem.check_finite(w)
    w[0] = math.nan
    with pytest.raises(ModelError, match="training samples; allowed"):
        problem.check_finite(w)
    kink = Problem(
        nn.Linear(2, 1),
        lambda out, y: out.squeeze(1).sub(out.squeeze(1)).abs().sqrt() + y,
        torch.randn(4, 2),
        torch.zeros(4),
    )
    with pytest.raises(ModelError, match="gradient"):
        kink.check_finite(kink.initial_weights)


def test_bad_problems_are_refused():
    x, y = torch.randn(4, 2), torch.zeros(4, 1)
    with pytest.raises(ValueError, match="as many"):
        Problem(nn.Linear(2, 1), nn.MSELoss(), x, y[:3])
    with pytest.raises(ValueError, match="both or neither"):
        Problem(nn.Linear(2, 1), nn.MSELoss(), x, y, test_inputs=x)
    with pytest.raises(ValueError, match="chunk_size"):
        Problem(nn.Linear(2, 1), nn.MSELoss(), x, y, chunk_size=0)
    with pytest.raises(ModelError, match="no trainable weights"):
        Problem(nn.ReLU(), nn.MSELoss(), x, y)


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


@pytest.mark.parametrize("loss", [CrossEntropy(), MeanSquaredError()])
def test_hessian_factors_are_the_losses_hessian(loss):
    out = torch.randn(1, 4, generator=generator_for(0), dtype=torch.float64)
    y = torch.tensor([2]) if loss.name == "cross_entropy" else torch.randn(1, 4).double()
    hessian = torch.autograd.functional.hessian(
        lambda o: loss.per_sample(o.unsqueeze(0), y).sum(), out[0]
    )
    factors = loss.hessian_factors(out)[:, 0]
    torch.testing.assert_close(factors.T @ factors, hessian)


# -- training ---------------------------------------------------------------------------------


def test_clean_training_is_gradient_descent():
    problem = smooth_network()
    trained = train(problem, Chip(Backprop(), 0.3), 12, seed=0, snapshots=[0, 5, 12])
    w = problem.initial_weights
    for step in range(12):
        if step == 5:
            assert trained.snapshots[5].equal(w)
        w = w - 0.3 * problem.gradient(w)
    torch.testing.assert_close(trained.weights, w, rtol=1e-13, atol=1e-15)
    assert trained.snapshots[12].equal(trained.weights)
    assert trained.curve.steps == tuple(range(13))
    assert trained.curve.train_loss[-1] == trained.train_loss == problem.loss(trained.weights)
    assert trained.test_accuracy == trained.curve.test_accuracy[-1]
    with pytest.raises(ValueError, match="allowed: 1 or more"):
        train(problem, Chip(Backprop(), 0.3), 0, seed=0)


def test_noise_depends_on_seed_and_chip_alone():
    problem = smooth_network()
    chip = Chip(WhiteNoise(Backprop(), total_variance=0.1), 0.1)

    def run(**options):
        return train(problem, chip, 8, **{"seed": 0, "chip_index": 1, **options}).weights

    assert run().equal(run())
    assert not run().equal(run(seed=1))
    assert not run().equal(run(chip_index=2))


def test_divergence_stops_the_training():
    problem = linear_regression()
    trained = train(problem, Chip(Backprop(), 1e6), 5000, seed=0)
    assert trained.diverged
    assert trained.stopped_at < 5000
    assert not math.isfinite(trained.train_loss)


class _Failing:
    """A rule whose own dynamics diverge from one call on."""

    deterministic = True

    def __init__(self, calls: int) -> None:
        self.left = calls

    def gradient(self, problem, w, generator):
        self.left -= 1
        if self.left < 0:
            raise UnstableRuleError("it diverges")
        return problem.gradient(w)


def test_a_rule_that_diverges_on_the_way_is_a_chip_that_diverged():
    problem = smooth_network()
    trained = train(problem, Chip(_Failing(5), 0.1), 100, seed=0, curve_points=3)
    assert trained.diverged
    assert trained.stopped_at == trained.curve.steps[-1] == 6
    assert not math.isfinite(trained.train_loss)
    with pytest.raises(UnstableRuleError, match="it diverges"):
        train(problem, Chip(_Failing(0), 0.1), 100, seed=0)
    predicted = forecast_chip(problem, Chip(_Failing(5), 0.1), 100, 0)
    assert predicted.diverged
    assert not bool(predicted.weights.isfinite().any())


def test_a_noisy_reader_is_evaluated_as_it_reads():
    problem = smooth_network()
    chip = Chip(Backprop(), 1e-9, reads=(ReadNoise(1.0),))
    trained = train(problem, chip, 3, seed=0)
    assert abs(trained.train_loss - problem.loss(trained.weights)) > 0.01
    assert len(set(trained.curve.train_loss)) == 4


def test_optimizer_takes_the_chips_steps():
    problem = smooth_network()
    write = UpdateRounding(FixedPointGrid(8, 4.0), "nearest")
    trained = train(problem, Chip(Backprop(), 0.4, writes=(write,)), 6, seed=0)
    module = copy.deepcopy(problem.module)
    optimizer = ChipOptimizer(module.parameters(), [write], 0.4, seed=0)
    x, y = problem.data()

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(x), y)
        loss.backward()
        return float(loss)

    losses = [optimizer.step(closure) for _ in range(6)]
    flat = torch.cat([p.detach().reshape(-1) for p in module.parameters()])
    torch.testing.assert_close(flat, trained.weights, rtol=1e-12, atol=1e-14)
    assert losses[-1] < losses[0]


def test_optimizer_resumes_with_the_same_noise_and_refuses_nan():
    def make():
        module = nn.Linear(3, 2, dtype=torch.float64)
        nn.init.zeros_(module.weight)
        nn.init.zeros_(module.bias)
        crossbar = draw_crossbar(8, generator=generator_for(0))
        write = MemristorWrite(crossbar, levels=(20, 20), cycle_to_cycle=0.05)
        return module, ChipOptimizer(module.parameters(), [write], 0.5, seed=1)

    def steps(module, optimizer, count):
        for _ in range(count):
            for p in module.parameters():
                p.grad = torch.ones_like(p)
            optimizer.step()

    module, optimizer = make()
    steps(module, optimizer, 3)
    state, weights = optimizer.state_dict(), copy.deepcopy(module.state_dict())
    steps(module, optimizer, 3)
    other, resumed = make()
    other.load_state_dict(weights)
    resumed.load_state_dict(state)
    steps(other, resumed, 3)
    assert other.weight.equal(module.weight)
    module.weight.grad[0, 0] = math.nan
    with pytest.raises(ModelError, match="NaN"):
        optimizer.step()
    with pytest.raises(ValueError, match="step_size"):
        ChipOptimizer(module.parameters(), [], 0.0, seed=0)


# -- verdict and excess loss ------------------------------------------------------------------


def test_judge():
    def verdict(low, high, **options):
        options = {"chips": 5, "clean_learned": True, **options}
        return judge(Cost(0.0, (low, high), 0.95), 0.02, **options)

    assert verdict(-0.01, 0.02) is Verdict.TOLERATED
    assert verdict(0.021, 0.05) is Verdict.NOT_TOLERATED
    assert verdict(0.0, 0.05) is Verdict.INCONCLUSIVE
    assert verdict(0.0, 0.01, chips=1) is Verdict.INCONCLUSIVE
    assert verdict(0.0, 0.01, clean_learned=False) is Verdict.INCONCLUSIVE
    assert judge(Cost(math.inf, (math.inf,) * 2, 0.95), 0.02, chips=3, clean_learned=True) is (
        Verdict.NOT_TOLERATED
    )
    assert [v.exit_code for v in Verdict] == [0, 1, 3]


def test_interval_over_chips_and_samples_covers():
    """400 simulated two-way tables: a 95 % interval covers at least 92.2 % but for 1 in 200."""
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        chips, samples = generator.normal(0, 0.1, (5, 1)), generator.normal(0, 0.4, (1, 60))
        cost = mean_over_chips(chips + samples + generator.normal(0, 0.3, (5, 60)), 0.95)
        hits += cost.ci[0] <= 0 <= cost.ci[1]
    assert hits >= 369


def test_nothing_varies():
    cost = mean_over_chips(np.zeros((5, 300)), 0.95)
    assert cost.value == 0
    assert cost.ci[1] == pytest.approx(1 - 0.05 ** (1 / 300))
    assert mean_interval([0.1], 0.95).ci == (-math.inf, math.inf)
    assert mean_interval([0.1, math.inf], 0.95).value == math.inf
    low, high = mean_interval([0.1, 0.3], 0.95).ci
    assert (low + high) / 2 == pytest.approx(0.2)
    assert high - low == pytest.approx(2 * 12.706 * 0.1, rel=1e-4)


def test_excess_loss_on_a_quadratic_is_what_an_ensemble_does():
    """40 trainings from the minimum with white noise, at 99 %."""
    problem = linear_regression()
    w = problem.initial_weights
    hessian = dense_hessian(problem, w)
    minimum = w - torch.linalg.solve(hessian, problem.gradient(w))
    step_size, variance, steps = 0.5, 2.0, 60
    chip = Chip(WhiteNoise(Backprop(), total_variance=variance), step_size)
    start = problem.loss(minimum)
    ends = [
        train(problem, chip, steps, seed=0, chip_index=k, initial=minimum).train_loss - start
        for k in range(40)
    ]
    trace = float(hessian.trace())
    spectrum = measure_spectrum(problem, minimum, 0)
    exact = Spectrum(np.linalg.eigvalsh(hessian.numpy()), np.ones(len(w)), 0.0, 0.0, 0.0, 0.0, 0)
    point = PointSummary(exact, trace, variance / len(w) * trace, 0.0)
    predicted = frozen_excess_loss(point, step_size, steps)
    error = np.std(ends, ddof=1) / math.sqrt(40)
    assert abs(np.mean(ends) - predicted) < 2.71 * error
    assert error < 0.05 * predicted
    lanczos = PointSummary(spectrum, trace, variance / len(w) * trace, 0.0)
    assert frozen_excess_loss(lanczos, step_size, steps) == pytest.approx(predicted, rel=0.1)
    value, span = predict_excess_loss([lanczos, point], step_size, steps)
    assert span[0] <= value <= span[1]
