"""Whether a network is a function of its weights and of one sample alone, and finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neurograd.errors import ModelError
from neurograd.problem.losses import check_shapes

if TYPE_CHECKING:
    from neurograd.problem.flat_problem import Problem


def check_network(problem: Problem) -> None:
    """Raise ModelError when the network is no function of its weights and of one sample.

    It has to take its inputs, give outputs that fit the targets, and give the same ones at the
    next call, whatever other samples are in it.
    """
    few = slice(0, 8)
    inputs, targets = (each[few] for each in problem.data("train"))
    once = _tried(problem, inputs)
    if problem.is_classification:
        classes = 1 + int(problem.data("train")[1].max())
        if once.ndim != 2 or len(once) != len(targets) or once.shape[1] < classes:
            raise ModelError(
                f"the network gives outputs of shape {tuple(once.shape)} for {len(targets)} samples of "
                f"{classes} classes; allowed: one row a sample, {classes} numbers or more"
            )
    else:
        check_shapes(once, targets)
    if not _alike(once, _tried(problem, inputs)):
        raise ModelError(
            "the network gives other outputs at the next call with the same inputs; allowed: "
            "a forward pass without randomness (functional.dropout with training=self.training)"
            " and without memory of the call before"
        )
    # A spike turns with the last digit of a sum, whose order depends on the batch.
    if not problem.parts.spiking and not _alike(once[:1], _tried(problem, inputs[:1])):
        raise ModelError(
            "the network's output for a sample depends on the other samples of the batch; "
            "allowed: layers that treat each sample alone"
        )


def check_finite(problem: Problem, w: Tensor) -> None:
    """Raise ModelError when outputs, loss or gradient at ``w`` are not finite."""
    losses = problem.per_sample_losses(w)
    if bad := int((~torch.isfinite(losses)).sum()):
        raise ModelError(
            f"the network's loss is not a finite number for {bad} of {len(losses)} training "
            "samples; allowed: finite weights, inputs and outputs"
        )
    if not bool(torch.isfinite(problem.gradient(w)).all()):
        raise ModelError("the loss's gradient has NaN or infinite entries; allowed: finite")


def _tried(problem: Problem, inputs: Tensor) -> Tensor:
    try:
        with torch.no_grad():
            return problem.outputs(problem.parameters_of(problem.initial_weights), inputs)
    except Exception as error:  # whatever a module of the user's raises
        text = " ".join(str(error).split())
        raise ModelError(
            f"the network refuses inputs of shape {tuple(inputs.shape)} and type "
            f"{problem.dtype}: {type(error).__name__}: {text}"
        ) from error


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether two outputs differ by no more than the order of their sums explains."""
    size = float(one.abs().max()) if one.numel() else 0.0
    near = torch.finfo(one.dtype).eps ** 0.5 * size
    return one.shape == other.shape and torch.allclose(
        one, other, rtol=0.0, atol=near, equal_nan=True
    )
