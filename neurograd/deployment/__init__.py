"""What comes after training: a network is programmed once, ages, and is judged again."""

from neurograd.deployment.ageing import deploy
from neurograd.deployment.judging import Judged, allowed_after, judge_all
from neurograd.deployment.programming import DeployedChip, program_chip
from neurograd.deployment.trials import (
    Variant,
    after_training,
    first_failure,
    judge_trial,
    variants,
)

__all__ = [
    "DeployedChip",
    "Judged",
    "Variant",
    "after_training",
    "allowed_after",
    "deploy",
    "first_failure",
    "judge_all",
    "judge_trial",
    "program_chip",
    "variants",
]
