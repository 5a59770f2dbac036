"""A network that a user's own Python file makes."""

from __future__ import annotations

import copy
import hashlib
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
from neurograd.problem.module_parts import check_values, is_versioned

_PREFIX = "neurograd_network_"
"""What the names of loaded network files begin with."""


def module_from_file(
    path: str | Path, factory: str, arguments: Mapping[str, Any], generator: torch.Generator
) -> nn.Module:
    """Run a Python file and call a function of it.

    Torch's own random numbers, from which layers draw their weights, begin at a seed from the
    generator while the file runs; afterwards they are where they were. The file and the function
    may import modules that lie beside it, which are read anew and are those of this file alone.

    Args:
        path: The file.
        factory: Name of the function, which gives a ``torch.nn.Module``.
        arguments: What it is called with, by name; it gets a copy.
        generator: Source of the weights.

    Raises:
        ModelError: If there is no such file or function, it fails, or it gives something else or
            a module without values.
    """
    place = f"network.file {path}"
    if not Path(path).is_file():
        raise ModelError(f"{place}: there is no such file; allowed: a Python file")
    found = Path(path).resolve()
    with torch.random.fork_rng(devices=[]), _own_modules(found.parent):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        make = getattr(_run(found, place), factory, None)
        if not callable(make):
            raise ModelError(
                f"{place}: has no function {factory!r}, the network.factory; allowed: one of its "
                "functions"
            )
        with _told(f"{place}: {factory}({', '.join(arguments)})"):
            made = make(**copy.deepcopy(dict(arguments)))
    if not isinstance(made, nn.Module):
        raise ModelError(
            f"{place}: {factory} gives {type(made).__name__}; allowed: a torch.nn.Module"
        )
    check_values(made, f"{place}: {factory} gives a network whose")
    return made


def _run(path: Path, place: str) -> ModuleType:
    """The module of a file, which other code can look up while it runs (dataclasses do)."""
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    name = f"{_PREFIX}{path.stem}_{digest}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ModelError(f"{place}: is no Python file; allowed: one that ends in .py")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    with _told(place):
        found.loader.exec_module(module)
    return module


@contextmanager
def _own_modules(folder: Path) -> Iterator[None]:
    """The modules of a folder can be imported by their plain names, which then are free again.

    Another folder may have other modules of the same names: what a program, or a network from
    there, has loaded is set aside as long, and what is loaded here is no one else's.
    """
    before = _loaded()
    strange = [name for name in before if not _is_of(folder, name) and _is_in(folder, name)]
    aside = {name: module for top in strange for name, module in _take_out(top).items()}
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in _loaded() - (before - set(strange)):
            if _is_of(folder, name):
                _take_out(name)
        sys.modules.update(aside)


def _loaded() -> set[str]:
    """Names of the loaded modules and packages that may be a user's, beside network files."""
    own = ("__main__", "__mp_main__", _PREFIX)
    names = [name for name in list(sys.modules) if "." not in name and not is_versioned(name)]
    return {name for name in names if not name.startswith(own)}


def _is_in(folder: Path, name: str) -> bool:
    """Whether a folder has a module or package of a name."""
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


def _is_of(folder: Path, name: str) -> bool:
    """Whether a loaded module or package lies right in a folder, and not in one that is in it."""
    module = sys.modules[name]
    file = getattr(module, "__file__", None)
    places = [file] if file else [*getattr(module, "__path__", ())]
    found = [Path(place).resolve() for place in places]
    return any(p.parent == folder or p.is_relative_to(folder / name) for p in found)


def _take_out(name: str) -> dict[str, ModuleType]:
    """Modules of a name and of the package of that name, no longer among the loaded ones."""
    names = [each for each in sys.modules if each == name or each.startswith(f"{name}.")]
    return {each: sys.modules.pop(each) for each in names}


@contextmanager
def _told(place: str) -> Iterator[None]:
    """What the user's code raises, as one line that says where."""
    try:
        yield
    except (Exception, SystemExit) as error:  # a script's argparse ends the program
        text = " ".join(str(error).split())
        raise ModelError(f"{place}: {type(error).__name__}: {text}") from error
