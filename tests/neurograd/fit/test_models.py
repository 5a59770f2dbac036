"""The likelihood of runs of pulses against a dense Gaussian, and its parts against each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from experiments.support.fit_files import draw_source
from neurograd.fit.goodness import goodness
from neurograd.fit.measurements import DIRECTIONS, Run
from neurograd.fit.models.curves import CURVES, first_step
from neurograd.fit.models.maximise import differences, maximise
from neurograd.fit.models.model import Model
from neurograd.fit.models.model_fit import ModelFit, by_run, fit_model, held_out
from neurograd.fit.models.profile import estimate
from neurograd.fit.models.state_space import run_filter
from neurograd.fit.models.trains import Trains, line_up
from neurograd.fit.step_table import step_curve

BY_NAME = {curve.name: curve for curve in CURVES}


def drawn(form: str, seed: int, cycles: int = 3) -> Trains:
    rng = np.random.default_rng(seed)
    source = draw_source(form, rng)
    return line_up(source.file(rng, cycles).runs)


def dense(trains: Trains, model: Model, point: np.ndarray) -> np.ndarray:
    """Log likelihood of every run by its covariance, written down reading by reading."""
    what = model.dynamics(point[None], trains)
    width = float(what.high[0, 0] - what.low[0, 0])
    found = []
    for run, last in enumerate(trains.pulses()):
        start, slope = (float(np.broadcast_to(each, (1, len(trains.up)))[0, run]) for each in
                        what.step)  # fmt: skip
        rho, count = 1.0 + slope, last + 1
        kick = float(what.pulse_noise[0, run]) ** 2
        mean = np.zeros(count)
        for n in range(1, count):
            mean[n] = rho * mean[n - 1] + start
        carry = np.tril(rho ** np.clip(np.subtract.outer(range(count), range(count)), 0, None))
        sources = np.diag([float(what.start_noise[0, 0]) ** 2] + [kick] * last)
        covariance = carry @ sources @ carry.T + float(what.read_noise[0, 0]) ** 2 * np.eye(count)
        base = what.low[0, 0] if trains.up[run] else what.high[0, 0]
        sign = 1.0 if trains.up[run] else -1.0
        passed = sign * (trains.values[:count, run] - base) / width
        found.append(
            stats.multivariate_normal(mean, covariance).logpdf(passed) - count * np.log(width)
        )
    return np.array(found)


@pytest.mark.parametrize(
    "form",
    ["constant", "soft bounds", "nonlinear", "constant over the window",
     "nonlinear over the window"],
)  # fmt: skip
def test_waves_filter_and_dense_covariance_agree(form):
    trains = drawn("nonlinear", 1)
    model = Model.of(BY_NAME[form], trains)
    rng = np.random.default_rng(2)
    point = model.first_values(trains, 0.5) + 0.05 * rng.standard_normal(len(model.names))
    waves, known = by_run(model, trains)(point[None])
    filtered = run_filter(trains, model.dynamics(point[None], trains))
    exact = dense(trains, model, point)
    np.testing.assert_allclose(waves[0], exact, rtol=0, atol=1e-8)
    np.testing.assert_allclose(filtered.log_likelihood[0], exact, rtol=0, atol=1e-8)
    np.testing.assert_allclose(known, filtered.start_information, rtol=1e-9)


@pytest.mark.filterwarnings("error")
def test_readings_behind_several_pulses_each_give_a_start_without_warnings():
    values = np.linspace(0.0, 1.0, 9)
    runs = [
        Run("potentiation", values, pulses=10 * np.arange(9)),
        Run("depression", values[::-1], pulses=10 * np.arange(9)),
    ]
    trains = line_up(runs)
    for curve in CURVES:
        found = Model.of(curve, trains).first_values(trains, 0.5)
        assert np.isfinite(found).all()


def test_derivatives_are_those_of_a_quadratic():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((4, 4))
    hessian, center = root @ root.T + np.eye(4), rng.standard_normal(4)

    def likelihood(x: np.ndarray) -> np.ndarray:
        return -0.5 * np.einsum("bi,ij,bj->b", x - center, hessian, x - center)

    value, slope, curvature = differences(lambda x: -likelihood(x), np.zeros(4), np.full(4, 0.1))
    assert value == pytest.approx(0.5 * center @ hessian @ center)
    np.testing.assert_allclose(slope, -0.1 * hessian @ center, atol=1e-12)
    np.testing.assert_allclose(curvature, 0.01 * hessian, atol=1e-12)
    top = maximise(likelihood, np.zeros(4))
    np.testing.assert_allclose(top.parameters, center, atol=2e-2)
    np.testing.assert_allclose(top.information, hessian, rtol=1e-6, atol=1e-6)


def test_the_step_at_the_start_of_a_straight_curve_is_one_level():
    assert first_step(50.0, 0.0) == pytest.approx(1.0 / 50.0)
    assert first_step(50.0, 1e-7) == pytest.approx(1.0 / 50.0, rel=1e-6)
    assert first_step(50.0, 2.0) > 1.0 / 50.0 > first_step(50.0, -2.0)


def adjusted(fit: ModelFit, point: np.ndarray) -> float:
    """``−½·log det J`` for the noises of a point, less what the restricted likelihood has of it."""
    noise = np.array([name == "read" or name.endswith(("noise", "start"))
                      for name in fit.model.names])  # fmt: skip
    there = np.where(noise, point, fit.top.parameters)
    each = by_run(fit.model, fit.trains)
    eye = np.eye(len(there))[~noise]

    def loss(shifts: np.ndarray) -> np.ndarray:
        return -each(there + shifts @ eye)[0].sum(axis=1)

    unit = fit.top.unit[~noise]
    curvature = differences(loss, np.zeros(len(unit)), unit)[2]
    known = each(there[None])[1]
    starts = [known[0, runs].sum() for runs in (fit.trains.up, ~fit.trains.up)]
    return float(0.5 * np.log(starts).sum() - 0.5 * np.linalg.slogdet(curvature)[1])


@pytest.fixture(scope="module")
def bent():
    form = "nonlinear over the window"
    return fit_model(BY_NAME[form], drawn(form, 3))


def test_profile_ends_lie_where_the_likelihood_has_fallen(bent):
    _, low, high = estimate(bent, "potentiation.bend")
    place = bent.model.names.index("potentiation.bend")
    free = np.arange(len(bent.model.names)) != place
    likelihood = lambda points: fit_value(bent, points)  # noqa: E731
    top = bent.top.value + adjusted(bent, bent.top.parameters)
    for end in (low, high):
        start = bent.top.parameters.copy()
        start[place] = end
        found = maximise(likelihood, start, free)
        fallen = top - found.value - adjusted(bent, found.parameters)
        assert fallen == pytest.approx(0.5 * stats.chi2.ppf(0.95, 1), abs=0.08)


def curved(fit: ModelFit, name: str, variance: float) -> ModelFit:
    """A fit whose curvatures give one parameter another variance; its likelihood is the same."""
    place = fit.model.names.index(name)
    information = fit.top.information.copy()
    own = np.linalg.inv(information)[place, place]
    information[place, place] += 1.0 / variance - 1.0 / own
    assert np.linalg.inv(information)[place, place] == pytest.approx(variance, rel=1e-3)
    return replace(fit, top=replace(fit.top, information=information))


def test_profile_ends_need_no_curvature(bent):
    """Rounding can turn that of a top which is flat in several parameters; the ends stay."""
    turned = estimate(curved(bent, "potentiation.bend", -100.0), "potentiation.bend")
    assert turned == pytest.approx(estimate(bent, "potentiation.bend"), rel=0.02)


def test_profile_ends_need_no_curvature_that_rounding_has_left(bent):
    """Beside far larger curvatures that of a flat number is lost, and its variance with it."""
    lost = estimate(curved(bent, "potentiation.bend", 1e-36), "potentiation.bend")
    assert lost == pytest.approx(estimate(bent, "potentiation.bend"), rel=0.02)


def test_profile_ends_that_are_not_reached_are_open(bent):
    """Not ends of an interval of no width, as of a number that is known."""
    ends = estimate(curved(bent, "potentiation.bend", 1e-16), "potentiation.bend")[1:]
    assert ends == (-np.inf, np.inf)


@pytest.mark.parametrize("seed", [0, 3, 6])
def test_noise_is_divided_by_its_degrees_of_freedom(seed):
    """Twelve steps that are read without noise: their mean, and their deviation, by eleven.

    The intervals are those of the restricted likelihood of normal numbers, which is written down
    here; the lower end of the noise's has room for read noise.
    """
    rng = np.random.default_rng(seed)
    steps = {name: 1.0 / 12.0 + 0.02 * rng.standard_normal(12) for name in DIRECTIONS}
    ways = {name: np.append(0.0, moves.cumsum()) for name, moves in steps.items()}
    ways["depression"] = 1.0 - ways["depression"]
    trains = line_up([Run(name, way) for name, way in ways.items()])
    fit = fit_model(BY_NAME["constant"], trains)
    scale = fit.trains.scale * (fit.value("high") - fit.value("low"))
    limit = stats.chi2.ppf(0.95, 1)
    for name, moves in steps.items():
        middle, _, high = scale * np.exp(estimate(fit, f"{name}.noise"))
        exact = moves.std(ddof=1)
        assert middle == pytest.approx(exact, rel=5e-3)
        fallen = 11.0 * (np.log(high / exact) + 0.5 * ((exact / high) ** 2 - 1.0))
        assert fallen == pytest.approx(0.5 * limit, abs=0.05)
        _, fewest, most = np.exp(estimate(fit, f"{name}.pulses"))
        errors = (scale / np.array([fewest, most]) - moves.mean()) / (exact / np.sqrt(12.0))
        np.testing.assert_allclose(11.0 * np.log1p(errors**2 / 11.0), limit, atol=0.1)


def fit_value(fit, points: np.ndarray) -> np.ndarray:
    from neurograd.fit.models.model_fit import restricted_of

    return restricted_of(fit.model, fit.trains)(points)


def test_hidden_readings_are_likelier_under_the_right_curve():
    trains = drawn("nonlinear over the window", 4)
    right = held_out(fit_model(BY_NAME["nonlinear over the window"], trains)).sum()
    wrong = held_out(fit_model(BY_NAME["constant over the window"], trains)).sum()
    assert right > wrong + 10.0


def test_a_form_that_holds_another_one_is_never_ahead_for_nothing():
    """A power step whose exponent goes to 0 is a constant one: hidden readings are as likely.

    Its exponent's logarithm has no end there. (A single Newton step from the fit to all readings
    was not taken there, and the fit to all scored its own readings: 3.0 ahead.)
    """
    trains = line_up(
        draw_source("constant", rng := np.random.default_rng([9001, 1, 9])).file(rng).runs
    )
    flat = fit_model(BY_NAME["constant"], trains)
    power = fit_model(BY_NAME["power"], trains)
    assert power.top.value == pytest.approx(flat.top.value, abs=0.05)
    assert held_out(power).sum() < held_out(flat).sum() + 0.2


def test_the_test_of_a_fit_keeps_its_level_and_sees_another_curve():
    """Of 30 fits of the right form at most 3 are ruled out.

    At the stated level of 1 % more than 3 of 30 have a probability of 0.0002; the seeds are fixed.
    """
    form = "nonlinear over the window"
    ruled_out = [
        not goodness(fit_model(BY_NAME[form], drawn(form, seed, 2))).fits for seed in range(30)
    ]
    assert sum(ruled_out) <= 3
    quiet = draw_source("power", np.random.default_rng(1))
    trains = line_up(quiet.file(np.random.default_rng(2), 6).runs)
    assert not goodness(fit_model(BY_NAME["constant"], trains)).fits


def test_a_free_step_follows_any_curve():
    trains = drawn("nonlinear over the window", 6)
    free = fit_model(step_curve(trains), trains)
    bent = fit_model(BY_NAME["nonlinear over the window"], trains)
    assert free.top.value > bent.top.value - 8.0
    np.testing.assert_allclose(
        free.curve_without_noise("potentiation"),
        bent.curve_without_noise("potentiation"),
        atol=0.06 * trains.scale,
    )
