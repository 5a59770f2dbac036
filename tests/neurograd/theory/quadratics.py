"""Quadratics, on which second-order theory is exact, and the numbers that hypothesis draws."""

import math

import numpy as np
from hypothesis import strategies as st

from neurograd import theory

numbers = st.floats(-1e6, 1e6)
steps_sizes = st.floats(1e-6, 1e3)


class Quadratic:
    """L(w) = ½wᵀHw + cᵀw at a random point, with a random update."""

    def __init__(self, seed, n=None, step_size=None):
        rng = np.random.default_rng(seed)
        self.n = n or int(rng.integers(1, 9))
        a = rng.normal(size=(self.n, self.n))
        self.hessian = (a + a.T) / 2 + rng.normal() * np.eye(self.n)
        self.linear = rng.normal(size=self.n)
        self.w = rng.normal(size=self.n)
        self.gradient = self.hessian @ self.w + self.linear
        beta = rng.normal(size=self.n)
        self.beta = beta * math.sqrt(self.n) / np.linalg.norm(beta)
        self.b = float(rng.exponential())
        self.step_size = step_size or float(rng.uniform(0.01, 2))
        self.total_variance = float(rng.exponential())
        self.factor = rng.normal(size=(self.n, self.n))  # of a noise covariance that is not white
        self.norm = float(np.linalg.norm(self.gradient))

    def loss(self, w):
        return 0.5 * w @ self.hessian @ w + self.linear @ w

    def expected_loss_after(self, mean_update, factor):
        """Mean loss over a cubature with the covariance factor·factorᵀ, exact for a quadratic."""
        columns = math.sqrt(self.n) * factor.T
        points = [mean_update + sign * c for c in columns for sign in (1, -1)]
        return np.mean([self.loss(self.w + self.step_size * u) for u in points])

    @property
    def white(self):
        return math.sqrt(self.total_variance / self.n) * np.eye(self.n)

    def lemma(self, b=None, total_variance=None):
        g, h, beta = self.gradient, self.hessian, self.beta
        return theory.lemma_2_1(
            b=self.b if b is None else b,
            grad_beta=g @ beta,
            beta_hessian_beta=beta @ h @ beta,
            grad_hessian_beta=g @ h @ beta,
            total_variance=self.total_variance if total_variance is None else total_variance,
            hessian_trace=np.trace(h),
            num_parameters=self.n,
            step_size=self.step_size,
        )


def loss_changes(eigenvalues, gradient, bias, dt):
    """Noiseless L(w+Δt·d) − L(w) for rows of quadratics in their eigenbases."""
    d = bias - gradient
    return dt * np.sum(gradient * d, axis=-1) + 0.5 * dt**2 * np.sum(eigenvalues * d * d, axis=-1)
