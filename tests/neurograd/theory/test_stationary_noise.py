"""Stationary noise against its equation, the recursion of single steps, and simulated chips."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from neurograd import theory

CONFIDENCE = 0.999
CHIPS = 20_000


def cloud(seed, n=5):
    """A J that is not symmetric, and a covariance."""
    rng = np.random.default_rng(seed)
    a, c = rng.normal(size=(2, n, n))
    return a @ a.T / n + 0.3 * np.eye(n) + 0.3 * rng.normal(size=(n, n)), c @ c.T / n


@pytest.mark.parametrize("step_size", [1e-9, 1e-3, 0.3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_solves_its_equation(seed, step_size):
    j, c = cloud(seed)
    s = theory.stationary_covariance(j, c, step_size)
    left = j @ s + s @ j.T - step_size * j @ s @ j.T
    assert left == pytest.approx(step_size * c, rel=1e-9, abs=1e-12 * step_size)
    assert (s == s.T).all()


def test_steps_of_their_own_lead_there():
    j, c = cloud(0)
    step, found = np.eye(5) - 0.1 * j, np.zeros((5, 5))
    for number in range(1, 40):
        found = step @ found @ step.T + 0.01 * c
        assert theory.covariance_after(j, c, 0.1, number) == pytest.approx(found, rel=1e-12)
    end = theory.covariance_after(j, c, 0.1, 100_000)
    assert end == pytest.approx(theory.stationary_covariance(j, c, 0.1), rel=1e-9)


def test_modes_are_those_of_many_steps():
    """White noise around a minimum is Corollary A.2, for any T and in the limit."""
    lam, dt, s = np.array([0.1, 1.0, 7.0, 19.0]), 0.1, 0.7
    for steps in (1, 2, 30):
        variance = theory.many_steps(lam, dt, steps, s).variance
        assert dt**2 * s * theory.settled_steps(lam, dt, steps) == pytest.approx(variance)
        after = theory.covariance_after(np.diag(lam), s * np.eye(4), dt, steps)
        assert np.diag(after) == pytest.approx(variance)
    limit = theory.many_steps(lam, dt, math.inf, s).variance
    found = theory.stationary_covariance(np.diag(lam), s * np.eye(4), dt)
    assert found == pytest.approx(np.diag(limit))


def test_modes_at_the_ends_of_what_settles():
    assert theory.settled_steps([0.0, 10.0, 20.0, 1e-12], 0.1, 7) == pytest.approx([7, 1, 7, 7])
    with pytest.raises(ValueError, match=r"^eigenvalues times step_size"):
        theory.settled_steps([-1e-3], 0.1, 7)


@pytest.mark.parametrize("worst", [0.0, -1.0, 20.0])
def test_what_does_not_settle_is_refused(worst):
    with pytest.raises(ValueError, match=r"^jacobian .*do not settle"):
        theory.stationary_covariance(np.diag([1.0, worst]), np.eye(2), 0.1)


def test_what_grows_has_a_covariance_after_a_while():
    assert theory.covariance_after([[-1.0]], [[1.0]], 1.0, 3) == 1 + 4 + 16
    with pytest.raises(ValueError, match=r"^jacobian .*beyond all numbers"):
        theory.covariance_after([[-1.0]], [[1.0]], 1.0, 10_000)


def test_what_is_no_covariance_is_refused():
    for bad in ([[1.0, 0.5], [0.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]):
        with pytest.raises(ValueError, match=r"^noise_covariance must"):
            theory.stationary_covariance(np.eye(2), bad, 0.1)


@dataclass(frozen=True)
class Chip:
    """One weight in an asymmetric device: F = 1 and G = w/τ, on ½λ(w − w*)² with noisy gradients.

    The defaults have a restoring part three times as strong as the loss.
    """

    curvature: float = math.sqrt(2 / math.pi) / 3
    minimum: float = 0.0
    window: float = 1.0
    noise: float = 1.0
    step_size: float = 0.005
    steps: int = 1500

    def simulated(self, seed):
        """Weights of many chips after as many updates as settle them."""
        rng, w = np.random.default_rng(seed), np.zeros(CHIPS)
        for _ in range(self.steps):
            x = self.step_size * (
                self.noise * rng.normal(size=CHIPS) - self.curvature * (w - self.minimum)
            )
            w += np.where(x > 0, 1 - w / self.window, 1 + w / self.window) * x
        return w

    @property
    def absolute(self):
        """Mean absolute request where its mean is 0."""
        return theory.gaussian_mean_absolute([0.0], self.step_size * self.noise)[0]

    def variance(self, asymmetric_slope):
        """Predicted, around the symmetry point."""
        j = theory.asymmetric_jacobian(
            [[self.curvature]], 1.0, asymmetric_slope, self.absolute, self.step_size
        )
        return theory.stationary_covariance(j, [[self.noise**2]], self.step_size)[0, 0]


def test_the_restoring_part_of_an_asymmetric_write():
    """Variance of simulated chips: a 99.9 % interval holds it, and not that without the part."""
    chip = Chip()
    variance = chip.simulated(seed=11).var(ddof=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = (CHIPS - 1) * variance / stats.chi2(CHIPS - 1).isf([tail, 1 - tail])
    predicted = chip.variance(1 / chip.window)
    assert low < predicted < high
    without = chip.variance(0.0)
    assert without / predicted == pytest.approx(4, rel=0.01)
    assert without > 3 * high
    # With G of the other sign weights are driven away from the symmetry point.
    with pytest.raises(ValueError, match="do not settle"):
        chip.variance(-1 / chip.window)


def test_the_mean_that_an_asymmetric_write_settles_at():
    """Not the loss's minimum: where F·E[x] = G·E|x|."""
    chip = Chip(minimum=0.3)
    w = chip.simulated(seed=12)
    reach = stats.norm.isf((1 - CONFIDENCE) / 2) * w.std() / math.sqrt(CHIPS)

    def realized(at, sign=1.0):
        mean = [-chip.step_size * chip.curvature * (at - chip.minimum)]
        absolute = theory.gaussian_mean_absolute(mean, chip.step_size * chip.noise)
        return theory.asymmetric_write_mean(mean, absolute, 1.0, sign * at / chip.window)[0]

    # The mean update is 0 within the interval of the chips' mean, which is far from the minimum.
    assert realized(w.mean() - reach) > 0 > realized(w.mean() + reach)
    assert w.mean() == pytest.approx(chip.minimum / 4, abs=2 * reach)
    turned = [realized(w.mean() + shift, sign=-1.0) for shift in (-reach, reach)]
    assert min(turned) > 0


def test_the_path_of_the_mean_in_a_cloud():
    """Mean of simulated weights under a bent mean update, with and without its correction."""
    curvature, bend, dt, rng = 1.0, 0.5, 0.1, np.random.default_rng(13)
    w = np.zeros(CHIPS)
    for _ in range(200):
        w += dt * (-curvature * w + bend * w**2 + rng.normal(size=CHIPS))
    reach = stats.norm.isf((1 - CONFIDENCE) / 2) * w.std() / math.sqrt(CHIPS)
    s = theory.stationary_covariance([[curvature]], [[1.0]], dt)
    (more,) = theory.mean_path_correction(s, [[[2 * bend]]])
    assert more == pytest.approx(bend * s[0, 0])
    # −λm + a·m² + correction is 0 at the mean m.
    predicted = (curvature - math.sqrt(curvature**2 - 4 * bend * more)) / (2 * bend)
    assert abs(w.mean() - predicted) < reach
    assert abs(w.mean()) > 3 * reach
