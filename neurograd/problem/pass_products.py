"""What a sample's pass through a network takes, counted and not timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

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
    counter = _Counter()
    with torch.no_grad(), counter:
        parameters = problem.parameters_of(problem.initial_weights)
        problem.outputs(parameters, problem.batch(first)[0])
    return max(problem.num_parameters, counter.operations // 2)


class _Counter(TorchDispatchMode):
    """Multiplications and additions of what is called, by torch's own counts.

    Torch's ``FlopCounterMode`` hooks the modules of all threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """The call, counted."""
        named = dict(kwargs or {})
        found = func(*args, **named)
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.operations += int(count(*args, **named, out_val=found))
        return found
