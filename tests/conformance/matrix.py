"""How the matrix holds samples against closed forms.

A test of the matrix fails a right implementation with a probability of at most 0.1 % (confidence
99.9 %): it looks at ``2·DIRECTIONS`` numbers, the sample's mean and its squared deviations along
fixed directions, each at the level 0.001 over their number (Bonferroni). Sums over many elements
and draws are close to normal where single elements are pulses that hardly ever come. Over the M
statistical tests of the matrix the same inequality bounds the chance that any of them fails by
M·0.1 %, about 5 % for some 50 of them; seeds are fixed, so that what passes once passes always,
and only a change of the random stream is judged anew.
"""

from __future__ import annotations

import torch
from scipy import stats
from torch import Tensor

from neurograd.seeding import generator_for

LEVEL = 0.001
"""Probability that a test fails a right implementation."""

DIRECTIONS = 5
"""Directions along which mean and variance are compared."""


def rounding(dtype: torch.dtype) -> float:
    """Relative error that a chain of operations in a type may have."""
    return 2.0**8 * torch.finfo(dtype).eps


def hold(samples: Tensor, mean: Tensor, variance: Tensor | float | None) -> None:
    """Hold samples against a closed-form mean and variance.

    Args:
        samples: Independent draws, shape ``(K, N)``.
        mean: Their mean, shape ``(N,)``.
        variance: Variance of every element, shape ``(N,)``, or the total variance; None where it is
            not known.

    Raises:
        AssertionError: If a sample mean is not within its error of the closed form.
    """
    relative = rounding(samples.dtype)
    samples, mean = samples.double().cpu(), mean.double().cpu()
    scale = float(mean.norm() + samples.norm(dim=1).mean())
    error = relative * scale
    deviations = samples - mean
    for k in range(DIRECTIONS):
        v = torch.randn(len(mean), generator=generator_for(k, "direction"), dtype=torch.float64)
        v /= v.norm()
        _hold_mean(deviations @ v, 0.0, error, f"mean along direction {k}")
        if isinstance(variance, Tensor):
            u = v.square()
            target = float(variance.double().cpu() @ u)
            _hold_mean(deviations.square() @ u, target, error * scale, f"variance, weighting {k}")
    if isinstance(variance, float):
        _hold_mean(deviations.square().sum(1), variance, error * scale, "total variance")


def _hold_mean(values: Tensor, target: float, error: float, what: str) -> None:
    """The mean of independent values is the target, up to its standard error and rounding."""
    count = len(values)
    quantile = float(stats.t.isf(LEVEL / (2 * 2 * DIRECTIONS), count - 1))
    margin = quantile * float(values.std()) / count**0.5 + error
    found = float(values.mean())
    assert abs(found - target) <= margin, f"{what}: {found:g}, closed form {target:g} ± {margin:g}"
