"""Trainings that a path of means does not describe, found before one is followed.

* ``strong_reads``: reads so random that a few of them do not tell their mean gradient.
* ``large_writes``: single writes whose noise moves the weights far, all of them or few.

There every update is drawn for itself, as in training.
"""

from neurograd.forecast.regimes.regime import Regime, regime_of

__all__ = ["Regime", "regime_of"]
