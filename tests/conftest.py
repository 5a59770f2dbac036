"""What holds for all tests: none depends on chance, on the clock, or on those that ran before."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


UNTRACED = ("conformance", "docs", "experiments", "fuzz", "benchmarks")
"""Folders whose tests repeat what the others have reached: tracing their lines tells nothing new
and makes them up to twice as long."""

UNTRACED_FILES = ("neurograd/cli/test_examples.py", "neurograd/pipeline/test_every_key.py")
"""Files of the same kind: whole checks of every example and of every key."""


TRACED_CASES = 2
"""Cases of a test of many, from the first on: the others mostly reach the same lines."""


def pytest_collection_modifyitems(items):
    """Coverage is that of the packages' own tests, but for those that take long or repeat."""
    cases = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        cases[test] += 1
        place = item.path.relative_to(Path(__file__).parent)
        repeats = place.parts[0] in UNTRACED or place.as_posix() in UNTRACED_FILES
        if repeats or cases[test] > TRACED_CASES or item.get_closest_marker("slow"):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def _torch_as_it_was():
    """Number of threads and type of floats are state of the process, which tests may change."""
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    yield
    torch.set_num_threads(threads)
    torch.set_default_dtype(dtype)


@pytest.fixture
def cores():
    """Gives torch another number of threads, and with it the pools that begin then."""
    return torch.set_num_threads
