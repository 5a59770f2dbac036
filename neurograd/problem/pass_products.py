"""What a sample's pass through a network takes, counted and not timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from neurograd.problem.flat_problem import Problem


def products_of_pass(problem: Problem) -> int:
    """Products of a weight and a signal in a forward pass of one sample, N or more.

    Those of matrices and convolutions, counted by torch; others of recurrent layers are not known
    to it, which is why they are N at least.

    Args:
        problem: Network and data.
    """
    stack = problem.plain_stack
    if stack is not None:
        return problem.num_parameters
    first = torch.zeros(1, dtype=torch.long, device=problem.device)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        parameters = problem.parameters_of(problem.initial_weights)
        problem.outputs(parameters, problem.batch(first)[0])
    return max(problem.num_parameters, counter.get_total_flops() // 2)
