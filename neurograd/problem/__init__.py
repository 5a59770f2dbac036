"""Network, loss and data as one flat vector of weights."""

from neurograd.problem.flat_problem import Problem, Split

__all__ = ["Problem", "Split"]
