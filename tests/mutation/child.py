"""Runs tests in a child of this process, which has torch and the tests' libraries imported already.

A child imports neurograd, device_models and the tests by itself, the mutated module from its
changed syntax tree, so that nothing on the disk is touched.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

import pytest

ROOT = Path(__file__).parents[2]

LIBRARIES = [
    "torch",
    "torch.func",
    "scipy.stats",
    "scipy.sparse.linalg",
    "scipy.optimize",
    "hypothesis",
    "pydantic",
    "pint",
    "snntorch",
    "curvlinops",
    "sklearn.datasets",
    "sklearn.model_selection",
    "yaml",
    "coverage",
]

FLAGS = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", "--no-header")


@dataclass(frozen=True)
class End:
    """How a child ended.

    Attributes:
        how: passed, failed (a test or an import), timeout.
        seconds: Time of the processor that it took.
    """

    how: str
    seconds: float


class Loader(importlib.machinery.SourceFileLoader):
    """Loads one module from a syntax tree."""

    tree: ast.Module

    def get_code(self, fullname: str) -> CodeType:
        """Code of the tree; nothing is read from or written to a cache."""
        return compile(self.tree, self.path, "exec", dont_inherit=True)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the mutated module before all others do."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module, self.tree = module, tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Specification of the mutated module, None of every other."""
        if fullname != self.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec is not None
        loader = Loader(fullname, str(spec.origin))
        loader.tree = self.tree
        return importlib.util.spec_from_file_location(
            fullname,
            spec.origin,
            loader=loader,
            submodule_search_locations=spec.submodule_search_locations,
        )


class Chosen:
    """Runs the chosen tests only, in their order; what is not collected any more is left out."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.places = {name: k for k, name in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Sorts what was collected."""
        items[:] = sorted(
            (each for each in items if each.nodeid in self.places),
            key=lambda each: self.places[each.nodeid],
        )


def preload() -> None:
    """Imports what children share; none of it may import what is mutated."""
    for name in LIBRARIES:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name.split(".")[0] in {"neurograd", "device_models"}]
    assert ours == [], ours


def module_name(path: str) -> str:
    """Name of the module that is kept at a path relative to the repository."""
    parts = Path(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run(tests: Sequence[str], seconds: int, change: tuple[str, ast.Module] | None = None) -> End:
    """Runs tests in a child, up to the first that fails.

    Args:
        tests: Names of the tests, in the order in which they run.
        seconds: Time of the processor after which the child ends.
        change: Path and tree of the mutated module; None leaves all as it is.
    """

    def work() -> int:
        if change is not None:
            sys.meta_path.insert(0, Finder(module_name(change[0]), change[1]))
        files = list(dict.fromkeys(name.split("::")[0] for name in tests))
        return int(pytest.main([*FLAGS, *files], plugins=[Chosen(tests)]))

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status = in_child(work, seconds)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    if os.WIFSIGNALED(status):
        timeouts = {signal.SIGXCPU, signal.SIGKILL, signal.SIGALRM}
        return End("timeout" if os.WTERMSIG(status) in timeouts else "failed", spent)
    return End("passed" if os.WEXITSTATUS(status) == 0 else "failed", spent)


def in_child(work: Callable[[], int], seconds: int) -> int:
    """Status of a child that does some work in silence, within a time of the processor."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        signal.alarm(20 * seconds)  # one that waits takes no time of the processor
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        code = work()
    finally:
        os._exit(code)
    return 0
