"""What objects of a program are made of, so that two of them can be told apart.

Numbers, texts, tensors, containers and functions are told by their values, objects by their classes
and what they hold. Of a user's own code all counts that it computes by: its files and instructions,
what it closes over, and the globals that it names. Libraries count by name and version.
"""

from __future__ import annotations

import dis
import enum
import functools
import hashlib
import inspect
import logging
import re
import sys
import threading
import types
import weakref
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurograd.problem import Problem
from neurograd.problem.module_parts import OURS, attributes_of, is_versioned

_PLAIN = (
    type(None), type(...), bool, int, float, complex, str, bytes, range, slice,
    re.Pattern, PurePath, types.GenericAlias, types.UnionType,
    torch.dtype, torch.device, torch.layout, torch.memory_format, np.dtype,
)  # fmt: skip
"""Types whose values are told by how they are written."""

_SILENT = (
    logging.Logger, weakref.ref, type(threading.Lock()), type(threading.RLock()),
    types.MemberDescriptorType, types.GetSetDescriptorType, torch.fx.Graph,
)  # fmt: skip
"""Types of things that compute nothing; the code of a graph stands beside it."""

_OF_CLASSES = {
    *vars(type("Plain", (), {})), "__annotations__", "__annotations_cache__", "__annotate__",
    "__annotate_func__", "__static_attributes__", "__firstlineno__", "__abstractmethods__",
    "_abc_impl", "_autograd_function_id", "__slotnames__",
}  # fmt: skip
"""Entries of a class that say nothing of what it computes."""

_SITES = ("site-packages", "dist-packages")
"""Folders of installed packages, whose versions count and not what their code names."""


def content_of(problem: Problem) -> Content:
    """The network of a problem, as it was handed over, and its loss; not its samples."""
    found = Content()
    try:
        found.add_module(problem.module, problem.parts.attributes, "the module")
        found.add(problem.loss_function, "the loss")
    except RecursionError:
        found.unknown.append("parts that hold each other in too long a chain")
    return found


class Content:
    """The content of one or several values.

    Attributes:
        unknown: What could not be looked into, in words; values that differ there alone have the
            same digest.
    """

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self._digest = hashlib.sha256()
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []
        self._classes: set[type] = set()
        self._members: set[tuple[str, str]] = set()
        self._names: frozenset[str] = frozenset()
        self._lenient = False

    @property
    def digest(self) -> str:
        """Of all that was added, in its order; the same in every process."""
        return self._digest.hexdigest()

    def add(self, value: object, place: str) -> None:
        """Add a value.

        Args:
            value: The value.
            place: What it is called where it cannot be looked into.
        """
        kind: type = type(value)
        if isinstance(value, enum.Enum):
            self._say(kind.__qualname__, value.name)
        elif isinstance(value, _PLAIN):
            self._say(kind.__name__, repr(value))
        elif isinstance(value, _SILENT):
            self._say(kind.__name__)
        elif isinstance(value, types.ModuleType):
            self._add_python_module(value, place)
        elif isinstance(value, Tensor):
            self.add_tensor(value)
        elif id(value) in self._seen:
            self._say("again", str(self._seen[id(value)]))
        else:
            self._seen[id(value)] = len(self._seen)
            self._kept.append(value)  # so that no other object gets its number
            self._add_new(value, place)

    def add_tensor(self, value: Tensor) -> None:
        """Add a tensor, whatever its strides and wherever it lies."""
        self._say("tensor", str(value.dtype), str(tuple(value.shape)))
        dense = value.detach() if value.layout is torch.strided else value.detach().to_dense()
        values = dense.cpu().resolve_conj().contiguous()
        if values.dtype is torch.bfloat16:  # numpy has none
            values = values.view(torch.int16)
        self._digest.update(values.numpy().tobytes())

    def add_module(
        self, module: nn.Module, attributes: Mapping[str, Mapping[str, Any]], place: str
    ) -> None:
        """Add classes, attributes, parameters and buffers of a module and all in it.

        Args:
            module: The module.
            attributes: What it held before its first call (``attributes_of``).
            place: As for ``add``.
        """
        for name, layer in module.named_modules():
            self._say("layer", name)
            self._add_class(type(layer))
            if isinstance(layer, torch.jit.ScriptModule):
                self._not_known(layer, place)
            with self._within(type(layer).__module__):
                for key, value in attributes.get(name, {}).items():
                    self._say(key)
                    self.add(value, f"{place}: {key} of {name or type(layer).__name__}")
        owners: dict[int, str] = {}
        for name, parameter in module.named_parameters(remove_duplicate=False):
            owner = owners.setdefault(id(parameter), name)
            self._say("parameter", name, owner, str(parameter.requires_grad))
            if owner == name:
                self.add_tensor(parameter)
        for name, buffer in module.named_buffers(remove_duplicate=False):
            self._say("buffer", name)
            self.add_tensor(buffer)

    # -- kinds ------------------------------------------------------------------------------

    def _add_new(self, value: object, place: str) -> None:
        match value:
            case type():
                self._add_class(value)
            case nn.Module():
                self.add_module(value, attributes_of(value), place)
            case list() | tuple() | deque():
                self._add_container(value, value, place)
            case Mapping():
                pairs = [part for pair in value.items() for part in pair]
                self._add_container(value, pairs, place)
                self.add(getattr(value, "default_factory", None), place)
            case set() | frozenset():
                self._add_container(
                    value, sorted(self._alone(part, place) for part in value), place
                )
            case types.CodeType():
                self._add_code(value, place)
            case torch.Generator():
                self.add_tensor(value.get_state())
            case np.ndarray() | np.generic() if not value.dtype.hasobject:
                self._say("array", str(value.dtype), str(value.shape))
                self._digest.update(np.ascontiguousarray(value).tobytes())
            case _:
                if not self._add_function(value, place):
                    self._add_object(value, place)

    def _add_container(self, value: Any, parts: Sequence[object], place: str) -> None:
        self._add_class(type(value))
        self._say(str(len(parts)))
        for part in parts:
            self.add(part, place)

    def _alone(self, value: object, place: str) -> str:
        """The digest of a value alone, by which sets are put in order."""
        alone = Content()
        alone._lenient = self._lenient
        alone.add(value, place)
        self.unknown += alone.unknown
        return alone.digest

    def _add_function(self, value: object, place: str) -> bool:
        """Add a function of any kind, or what holds one; False for other objects."""
        match value:
            case types.FunctionType():
                self._add_written(value, place)
            case types.MethodType():
                self._add_parts("method", (value.__func__, value.__self__), place)
            case functools.partial():
                self._add_parts("partial", (value.func, value.args, value.keywords), place)
            case staticmethod() | classmethod():
                self._add_parts(type(value).__name__, (value.__func__,), place)
            case property():
                self._add_parts("property", (value.fget, value.fset, value.fdel), place)
            case np.ufunc():
                self._say("ufunc", value.__name__)
            case types.BuiltinFunctionType() | types.MethodWrapperType():
                self._add_parts(f"builtin {value.__qualname__}", (value.__self__,), place)
            case (
                types.WrapperDescriptorType()
                | types.MethodDescriptorType()
                | types.ClassMethodDescriptorType()
            ):
                self._add_parts(f"builtin {value.__qualname__}", (value.__objclass__,), place)
            case _:
                return False
        return True

    def _add_parts(self, name: str, parts: Sequence[object], place: str) -> None:
        self._say(name)
        for part in parts:
            self.add(part, place)

    def _add_written(self, value: types.FunctionType, place: str) -> None:
        """Add a function that is written in Python."""
        self._say("function", value.__qualname__)
        known = self._add_source(value.__module__, value)
        with self._within(value.__module__):
            self.add((value.__defaults__, value.__kwdefaults__), place)
            for cell in value.__closure__ or ():
                try:
                    self.add(cell.cell_contents, place)
                except ValueError:  # nothing is in it yet
                    self._say("empty")
            if not known:
                self._add_instructions(value, place)

    def _add_instructions(self, value: types.FunctionType, place: str) -> None:
        """Add what a function does, with the globals and Python modules that it names."""
        self.add(value.__code__, place)
        codes = list(_codes(value.__code__))
        before = self._names
        self._names = before.union(*(code.co_names for code in codes))
        for name in sorted({name for code in codes for name in _names(code, *_GLOBALS)}):
            if name in value.__globals__:
                self._say(name)
                self.add(value.__globals__[name], f"{place}: {name}")
        for name in sorted({name for code in codes for name in _names(code, "IMPORT_NAME")}):
            package = value.__globals__.get("__package__")  # of imports that begin with a point
            for full in (name, f"{package}.{name}"):
                self.add(sys.modules.get(full), f"{place}: {full}")
        self._names = before

    def _add_code(self, code: types.CodeType, place: str) -> None:
        self._say(code.co_name, *code.co_names, "of", *code.co_varnames)
        self._digest.update(code.co_code)
        for part in code.co_consts:
            self.add(part, place)

    def _add_class(self, kind: type) -> None:
        """Add a class with those that it inherits from, and what is written in them."""
        for base in kind.__mro__:
            self._say(base.__module__ if is_versioned(base.__module__) else "", base.__qualname__)
            if base in self._classes:
                continue
            self._classes.add(base)
            if self._add_source(base.__module__, base):
                continue
            with self._within(base.__module__):
                for name, member in vars(base).items():
                    if name not in _OF_CLASSES:
                        self._say(name)
                        self.add(member, f"{base.__qualname__}.{name}")

    def _add_python_module(self, module: types.ModuleType, place: str) -> None:
        """Add what the function at hand names of a Python module."""
        self._say("module", module.__name__)
        if self._add_source(module.__name__, module):
            return
        for name in sorted(self._names & vars(module).keys()):
            if (module.__name__, name) not in self._members:
                self._members.add((module.__name__, name))
                self._say(name)
                self.add(vars(module)[name], f"{place}: {module.__name__}.{name}")

    def _add_object(self, value: object, place: str) -> None:
        kind = type(value)
        self._add_class(kind)
        held = dict(getattr(value, "__dict__", {}))
        slots = [name for base in kind.__mro__ for name in _slots(base) if hasattr(value, name)]
        held.update((name, getattr(value, name)) for name in slots)
        with self._within(kind.__module__):
            self.add(held, place)
        try:
            state = value.__reduce_ex__(2)
        except Exception:  # whatever an object of a library says that shows no state
            self._not_known(value, place)
            return
        if (kind.__reduce__, kind.__reduce_ex__) != (object.__reduce__, object.__reduce_ex__):
            with self._within(kind.__module__):
                for part in state if isinstance(state, tuple) else (state,):
                    self.add(list(part) if isinstance(part, Iterator) else part, place)

    # -- parts ------------------------------------------------------------------------------

    def _say(self, *words: str) -> None:
        for word in words:
            text = word.encode()
            self._digest.update(f"{len(text)}:".encode())
            self._digest.update(text)
        self._digest.update(b";")

    def _not_known(self, value: object, place: str) -> None:
        self._say("not known", type(value).__qualname__)
        if not self._lenient:
            self.unknown.append(f"{place} ({type(value).__qualname__})")

    @contextmanager
    def _within(self, module: str | None) -> Iterator[None]:
        """Objects of libraries may hold what cannot be looked into, those of other code not."""
        before = self._lenient
        self._lenient = is_versioned(module) and (module or "").partition(".")[0] not in OURS
        try:
            yield
        finally:
            self._lenient = before

    def _add_source(self, module: str | None, value: Any) -> bool:
        """Add the file of a class, a function or a Python module; True where that says all."""
        if is_versioned(module):
            self._say("of", str(module))
            return True
        try:
            path = Path(inspect.getfile(value))
            self._say(hashlib.sha256(path.read_bytes()).hexdigest())
        except (OSError, TypeError):  # typed in, or built in
            return False
        if not any(site in path.parts for site in _SITES):
            return False
        top = sys.modules.get((module or "").partition(".")[0])
        self._say(str(module), str(getattr(top, "__version__", "")))
        return True


_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """The instructions of a function and of all functions in it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _codes(part)


def _names(code: types.CodeType, *instructions: str) -> Iterator[str]:
    """What instructions of some kinds name."""
    for each in dis.get_instructions(code):
        if each.opname in instructions:
            yield str(each.argval)


def _slots(kind: type) -> Sequence[str]:
    """Names of the slots of a class, as they are found on its objects."""
    named = vars(kind).get("__slots__", ())
    own = (named,) if isinstance(named, str) else tuple(named)
    private = f"_{kind.__name__.lstrip('_')}"
    return [
        private + name if name.startswith("__") and not name.endswith("__") else name
        for name in own
        if name not in ("__dict__", "__weakref__")
    ]
