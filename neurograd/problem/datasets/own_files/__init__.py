"""Samples from a user's own files: arrays, tables, HDF5."""

from neurograd.problem.datasets.own_files.samples import own_data

__all__ = ["own_data"]
