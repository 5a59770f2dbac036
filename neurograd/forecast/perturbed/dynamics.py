"""Mean and noise of the updates of rules that perturb over the whole training set.

Their statistics are those of the weights where a step begins, before its noise moves them: taken
behind it, noise that goes with the gradient would feed on what it does to the gradient itself. It
acts along the drift of a step (``noise.along_drift``): what pushes where curvature is large, as
perturbations of nodes do, would else throw networks off with the noise of hundreds of updates.
"""

from __future__ import annotations

import torch
from torch import Tensor

from device_models import Chip
from neurograd.forecast.dynamics import WholeSetDynamics
from neurograd.forecast.noise.along_drift import BatchesAlongDrift
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.forecast.perturbed.estimates import PerturbedEstimates
from neurograd.forecast.step_length import Pace
from neurograd.problem import Problem

PACE = Pace(most=1.0 / 12.0)
"""How their paths go on: by steps of a twelfth of the training at most.

Chosen on two chips of digits, 64-12-10, 300 samples, 600 updates, none of them of a record. With
node perturbation (one sample, step size 0.1, faults and leaks) losses end at 0.196, 0.183, 0.181
and 0.178 ± 0.008 with steps of a 6th, 12th, 24th and 50th (trained 0.161), in 145, 169, 239 and 363
gradients: noise that curvature holds back within a step is left too large by one of first order.
Larger does that, smaller costs steps.
"""


class PerturbedDynamics(WholeSetDynamics):
    """As ``WholeSetDynamics``, of a chip for which ``perturbs_whole_set`` says yes.

    Args:
        problem: Network, loss and data.
        chip: The chip.
        modes: Stiff modes of the path.
    """

    _estimates: PerturbedEstimates

    def __init__(self, problem: Problem, chip: Chip, modes: StiffModes) -> None:
        estimates = PerturbedEstimates(problem, chip)
        super().__init__(problem, chip, modes, estimates=estimates, noise=BatchesAlongDrift)
        self._begun: tuple[Tensor, Tensor] | None = None

    def begin(self, w: Tensor, done: int, length: int, generator: torch.Generator) -> None:
        """Statistics at ``w``, and a new line through the write's response."""
        self._estimate = self._estimates.begin(w, done, length, generator)
        self._begun = w, self._estimate
        self._linearize(w, done)

    def first_drift(
        self, start: Tensor, done: int, length: int, generator: torch.Generator
    ) -> Tensor:
        """Drift at the beginning of a step, which is known where no noise of writes moved it."""
        assert self._begun is not None
        if start is self._begun[0]:
            self.before_noise = self._drift_of(*self._begun)
            return self.before_noise
        return self.drift(start, generator)
