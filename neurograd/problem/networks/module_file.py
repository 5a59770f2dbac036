"""A network that a user's own Python file makes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from neurograd.errors import ModelError
from neurograd.problem.module_parts import check_values


def module_from_file(
    path: str | Path, factory: str, arguments: Mapping[str, Any], generator: torch.Generator
) -> nn.Module:
    """Run a Python file and call a function of it.

    Torch's own random numbers, from which layers draw their weights, begin at a seed from the
    generator while the file runs; afterwards they are where they were. The file may import
    modules that lie beside it.

    Args:
        path: The file.
        factory: Name of the function, which gives a ``torch.nn.Module``.
        arguments: What it is called with, by name.
        generator: Source of the weights.

    Raises:
        ModelError: If there is no such file or function, it fails, or it gives something else or
            a module without values.
    """
    place = f"network.file {path}"
    if not Path(path).is_file():
        raise ModelError(f"{place}: there is no such file; allowed: a Python file")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        make = getattr(_run(Path(path).resolve(), place), factory, None)
        if not callable(make):
            raise ModelError(
                f"{place}: has no function {factory!r}, the network.factory; allowed: one of its "
                "functions"
            )
        with _told(f"{place}: {factory}({', '.join(arguments)})"):
            made = make(**arguments)
    if not isinstance(made, nn.Module):
        raise ModelError(
            f"{place}: {factory} gives {type(made).__name__}; allowed: a torch.nn.Module"
        )
    check_values(made, f"{place}: {factory} gives a network whose")
    return made


def _run(path: Path, place: str) -> ModuleType:
    """The module of a file, which other code can look up while it runs (dataclasses do)."""
    name = f"neurograd_network_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ModelError(f"{place}: is no Python file; allowed: one that ends in .py")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        with _told(place):
            found.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@contextmanager
def _told(place: str) -> Iterator[None]:
    """What the user's code raises, as one line that says where."""
    try:
        yield
    except Exception as error:
        text = " ".join(str(error).split())
        raise ModelError(f"{place}: {type(error).__name__}: {text}") from error
