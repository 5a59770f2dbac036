"""What every measured point has in common, whatever its reference gradient is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from neurograd.measure.curvature import HessianTrace
from neurograd.measure.estimate import Estimate
from neurograd.measure.intervals import CONFIDENCE, Interval
from neurograd.measure.moments import Moments
from neurograd.theory import anisotropy, bias_ratio, noise_curvature_threshold


@dataclass(frozen=True)
class MeasuredPoint(ABC):
    """One point of the clean training, measured at the weights as the chip holds them.

    Attributes:
        step: Steps of the clean training before this point.
        loss: Loss of the clean network there.
        programmed_loss: Loss after its weights are programmed into the chip; all else is measured
            at the programmed weights.
        moments: Bias and variance of the chip's update.
        trace: Trace of the Hessian H.
        covariance: Tr(HΣ).
        step_size: Δt.
        follows_gradient: Whether the clean update is −g: not with a recipe.
    """

    step: int
    loss: float
    programmed_loss: float
    moments: Moments
    trace: HessianTrace
    covariance: Estimate
    step_size: float
    follows_gradient: bool

    @property
    @abstractmethod
    def grad_norm(self) -> float:
        """Length ‖g‖ of the reference gradient; NaN where it is lost in noise."""

    @property
    def reference_norm(self) -> float:
        """Length of what the bias stands against: ‖g‖; ‖u‖ of a recipe's clean update."""
        return self.grad_norm

    @property
    @abstractmethod
    def b(self) -> float:
        """Bias b against the reference gradient; 0 where none was detected."""

    @property
    @abstractmethod
    def b_ci(self) -> Interval:
        """Its 99 % interval."""

    @property
    def bias_detected(self) -> bool:
        """Whether the interval of b excludes 0."""
        return self.b_ci[0] > 0

    @property
    def has_noise(self) -> bool:
        """Whether the update varies from draw to draw."""
        return self.moments.total_variance > 0

    @property
    @abstractmethod
    def difference(self) -> Estimate:
        """Measured − predicted loss change of a step."""

    @property
    def difference_ci(self) -> Interval:
        """99 % interval of measured − predicted loss change of a step."""
        return self.difference.ci

    @property
    def truncation(self) -> float:
        """What the prediction is known to leave out: the mean step's terms beyond second order."""
        return 0.0

    @property
    def rounding(self) -> float:
        """Size of what rounding alone makes of the difference."""
        return 0.0

    def agrees(self, looks: int = 1) -> bool:
        """Whether measured − predicted is compatible with what the prediction leaves out.

        Args:
            looks: Points that are looked at; all of them hold together at 99 % (Bonferroni).
        """
        confidence = 1.0 - (1.0 - CONFIDENCE) / looks
        low, high = self.difference.interval(confidence)
        return low - self.rounding <= self.truncation <= high + self.rounding

    @property
    def anisotropy(self) -> float:
        """Cost of the noise over that of white noise of the same total variance; NaN without."""
        return self.hessian_anisotropy

    @property
    def hessian_anisotropy(self) -> float:
        """N·Tr(HΣ)/(Tr H · Tr Σ): 1 for white noise; NaN without noise or curvature."""
        return anisotropy(
            self.covariance.value,
            self.trace.value,
            self.moments.total_variance,
            self.moments.num_parameters,
        )

    @property
    def hessian_decides(self) -> bool | None:
        """Whether the expected loss of a step along −g is what its gradient and Hessian make it.

        None where it is not known.
        """
        return self.follows_gradient

    @property
    def noise_threshold_holds(self) -> bool | None:
        """Whether Theorem 3.1 applies: to an update along −g without a bias."""
        return False if self.bias_detected else self.hessian_decides

    @property
    def bias_threshold_holds(self) -> bool | None:
        """Whether Theorem 3.2 applies: to an update of −g and a bias, without noise."""
        return False if self.has_noise else self.hessian_decides

    @property
    def noise_threshold(self) -> float:
        """Curvature from which noise prevents descent (Theorem 3.1, Eq. 7)."""
        norm = self.grad_norm
        if math.isnan(norm):
            return math.nan
        return noise_curvature_threshold(self.step_size, self.moments.total_variance, norm)

    @property
    def bias_ratio(self) -> float:
        """The ratio r = b√N/‖g‖ of Theorem 3.2; NaN at a zero gradient or one lost in noise.

        With a recipe, against the length of its clean update.
        """
        return self._ratio(self.b)

    @property
    def bias_ratio_ci(self) -> Interval:
        """Interval of r, from that of b."""
        low, high = self.b_ci
        return self._ratio(low), self._ratio(high)

    def _ratio(self, b: float) -> float:
        norm = self.reference_norm
        if not norm > 0 or not math.isfinite(b):
            return math.nan
        return bias_ratio(b, self.moments.num_parameters, norm)
