"""A part of the samples, with which long work is timed, and what that tells of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from neurograd.pipeline.planning.clockwork import PeakMemory, seconds_per_call
from neurograd.problem import Problem

QUICK_GRADIENT = 0.05
"""Seconds of a gradient on the part of the samples that points and forecasts are timed with."""

SLOW_GRADIENT = 1.0
"""Seconds of a gradient from which more samples are not timed, but extended to."""

FEW_SAMPLES = 4
"""Samples that a part has at least."""


@dataclass(frozen=True)
class Part:
    """The few samples that are timed, and how times on them are extended to all.

    Attributes:
        whole: The problem.
        few: The same on few samples, itself where a gradient of all of them is quick.
        one: The same on a single one; what it takes does not grow with the samples.
        times: How much longer a gradient of all samples takes than one of few, in their number:
            ``few`` itself counts 1.
        gradient: Seconds of a gradient on few samples.
    """

    whole: Problem
    few: Problem
    one: Problem
    times: float
    gradient: float

    @classmethod
    def of(cls, problem: Problem) -> Part:
        """Samples are doubled until a gradient is slow; one that is quick is of the part."""
        w, device = problem.initial_weights, problem.device
        few, took = None, 0.0
        counts, seconds = [], []
        count = min(FEW_SAMPLES, problem.num_samples)
        while True:
            some = first_samples(problem, count)
            seconds.append(seconds_per_call(lambda: some.gradient(w), device))  # noqa: B023
            counts.append(count)
            if few is None and (seconds[-1] >= QUICK_GRADIENT or some is problem):
                few, took = some, seconds[-1]
            if seconds[-1] >= SLOW_GRADIENT or some is problem:
                break
            count = min(2 * count, problem.num_samples)
        one = few if few is problem else first_samples(problem, 1)
        every = seconds[-1] * problem.num_samples / counts[-1]
        return cls(problem, few or problem, one, max(1.0, every / took), took)

    def extended(self, cost: Callable[[Problem], float]) -> float:
        """What something takes on all samples: a part that grows with them, and one that does not.

        Args:
            cost: Seconds of it on some of the samples.
        """
        at_few = cost(self.few)
        if self.few is self.whole:
            return at_few
        growing = max(0.0, at_few - cost(self.one))
        growing *= self.few.num_samples / max(1, self.few.num_samples - 1)
        return at_few + growing * (self.times - 1.0)


def first_samples(problem: Problem, count: int) -> Problem:
    """The problem on its first samples, and as large a part of the test set; itself on all."""
    if count >= problem.num_samples:
        return problem
    inputs, targets = problem.data("train")
    tests = problem.data("test") if problem.has_test else (None, None)
    tested = 0 if tests[0] is None else -(-count * len(tests[0]) // problem.num_samples)
    return Problem(
        problem.module,
        problem.loss_function,
        inputs[:count],
        targets[:count],
        test_inputs=None if tests[0] is None else tests[0][:tested],
        test_targets=None if tests[1] is None else tests[1][:tested],
        dtype=problem.dtype,
        device=problem.device,
        chunk_size=problem.chunk_size,
    )


def bytes_of_more_samples(part: Part, takes: Callable[[Problem], object]) -> int:
    """Memory of the samples of one chunk that the few ones are fewer than.

    Args:
        part: The few.
        takes: What is computed with a chunk.
    """
    more = min(part.whole.chunk_size, part.whole.num_samples) - part.few.num_samples
    if more <= 0 or part.few is part.one:
        return 0
    peaks = []
    for some in (part.one, part.few):
        with PeakMemory() as memory:
            takes(some)
        peaks.append(memory.peak)
    return max(0, (peaks[1] - peaks[0]) * more // (part.few.num_samples - 1))
