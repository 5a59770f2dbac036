"""How far each number of a spec may move before its predicted verdict flips."""

from neurograd.pipeline.limits.command import LimitsResult, find_limits

__all__ = ["LimitsResult", "find_limits"]
