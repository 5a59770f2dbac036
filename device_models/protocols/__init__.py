"""The protocols that device models and learning rules keep, and what they ask of a problem.

Weights, increments and updates are flat vectors of shape ``(N,)`` in weight units; an update in
gradient units is an increment divided by the step size. Randomness comes only from the generator
that the caller hands in.
"""

from __future__ import annotations

from device_models.protocols.element_moments import ElementMoments
from device_models.protocols.problem import Problem
from device_models.protocols.reads_and_passes import (
    ArrayPass,
    ComposedRead,
    PassPath,
    ReadPath,
    mean_read,
    read_by_all,
)
from device_models.protocols.rules import (
    AveragedRule,
    BatchRule,
    CallRule,
    ExpectedRule,
    LearningRule,
    PerturbingRule,
    RuleAboutMean,
    StepSized,
    SummedRule,
    UnstableRuleError,
    expected_gradient,
    has_known_mean,
    taken_of_calls,
)
from device_models.protocols.writes import (
    AffineWrite,
    ComposedWrite,
    DiscreteWrite,
    PulseWise,
    StackedWrite,
    UpdateSampler,
    WritePath,
)

__all__ = [
    "AffineWrite",
    "ArrayPass",
    "AveragedRule",
    "BatchRule",
    "CallRule",
    "ComposedRead",
    "ComposedWrite",
    "DiscreteWrite",
    "ElementMoments",
    "ExpectedRule",
    "LearningRule",
    "PassPath",
    "PerturbingRule",
    "Problem",
    "PulseWise",
    "ReadPath",
    "RuleAboutMean",
    "StackedWrite",
    "StepSized",
    "SummedRule",
    "UnstableRuleError",
    "UpdateSampler",
    "WritePath",
    "expected_gradient",
    "has_known_mean",
    "mean_read",
    "read_by_all",
    "taken_of_calls",
]
