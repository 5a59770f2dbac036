"""Loops over devices that are compiled for the CPU at their first use, and kept on the disk.

numba compiles them, in a second or two a loop and type; nothing is compiled where a module is
imported. What was compiled is kept in the first folder of these that can be written to: the one
that ``NUMBA_CACHE_DIR`` names, ``__pycache__`` beside this file, the user's cache, and a folder of
the user's own among the temporary ones; else it is compiled again in the next process, which
``NoCacheWarning`` says.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

_LOCK = threading.Lock()

_INSIDE: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
"""Without what Python would call functions of the inside by: half of the time to compile them."""


@cache
def available() -> bool:
    """Whether there is a compiler: numba is installed, and not told to stand aside."""
    return importlib.util.find_spec("numba") is not None and not os.environ.get("NUMBA_DISABLE_JIT")


def inlined(function: Function) -> Function:
    """A function for the inside of compiled loops: a part of what calls it."""
    import numba  # noqa: PLC0415  (takes a second to import)

    made: Function = numba.njit(**_INSIDE, forceinline=True)(function)
    return made


def fused(function: Function) -> Function:
    """The same, with products that are added to rounded once, where a processor does both at once.

    So do torch's own sums of a tensor and a multiple of another.
    """
    import numba  # noqa: PLC0415  (takes a second to import)

    made: Function = numba.njit(**_INSIDE, forceinline=True, fastmath={"contract"})(function)
    return made


def called(function: Function) -> Function:
    """A function that compiled loops call."""
    import numba  # noqa: PLC0415  (takes a second to import)

    made: Function = numba.njit(**_INSIDE)(function)
    return made


def summed(function: Function) -> Function:
    """The same, with sums in any order: a processor adds up several numbers at a time."""
    import numba  # noqa: PLC0415  (takes a second to import)

    made: Function = numba.njit(**_INSIDE, fastmath={"reassoc", "contract", "nsz"})(function)
    return made


def chosen_by_types(stub: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorates a function of the arguments' types that gives what a stub stands for in loops.

    Args:
        stub: What loops call.
    """
    from numba.extending import overload  # noqa: PLC0415  (takes a second to import)

    options = {"error_model": "numpy", "nogil": True}
    made: Callable[[Function], Function] = overload(stub, jit_options=options)
    return made


class NoCacheWarning(UserWarning):
    """What is compiled cannot be kept."""


class Loop:
    """A loop that is compiled at the first call with arguments of some Python types.

    Args:
        function: The loop: arrays, numbers and named tuples in, at most a number out.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._runs: dict[tuple[type, ...], Callable[..., Any]] = {}

    def ready_for(self, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        """What runs the loop on arguments of these types.

        Arrays and numbers inside of named tuples of one class are always of the same types.
        """
        kinds = tuple(map(type, arguments))
        with _LOCK:
            if kinds not in self._runs:
                self._runs[kinds] = _compile(self._function, arguments)
            return self._runs[kinds]


@cache
def loop_of(function: Callable[..., Any], dtype: Any) -> Loop:
    """The loop of a function for weights of a type."""
    return Loop(function)


def _compile(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any]:
    import numba  # noqa: PLC0415  (takes a second to import)

    types = tuple(numba.typeof(each) for each in arguments)
    folder = cache_folder()
    before = numba.config.CACHE_DIR
    try:
        if folder is not None:
            numba.config.CACHE_DIR = str(folder)
        made = numba.njit(types, error_model="numpy", nogil=True, cache=folder is not None)(
            function
        )
    finally:
        numba.config.CACHE_DIR = before
    # The compiled code itself: the dispatcher would look up the types of every call anew.
    run: Callable[..., Any] = made.get_overload(types)
    return run


@cache
def cache_folder() -> Path | None:
    """Where compiled loops are kept; None where no folder can be written to.

    Its name holds a digest of all loops, so that none is used that was made from an older text.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    for top, private in places():
        folder = top / f"loops-{digest.hexdigest()[:16]}"
        if _takes_files(folder, private=private):
            return folder
    warnings.warn(
        "no folder takes compiled loops, which costs each process some seconds; set "
        "NUMBA_CACHE_DIR to one that does",
        NoCacheWarning,
        stacklevel=2,
    )
    return None


def places() -> Iterator[tuple[Path, bool]]:
    """Folders in the order in which they are tried, and whether others may write beside them."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        yield Path(named), False
    yield Path(__file__).parent / "__pycache__", False
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    yield Path(home) / "neurograd", False
    user = os.getuid() if hasattr(os, "getuid") else "own"
    yield Path(tempfile.gettempdir()) / f"neurograd-{user}", True


def _takes_files(folder: Path, *, private: bool) -> bool:
    """Whether a folder is there, or can be made, and a file in it.

    A private one must be the user's own, and closed to others: what lies in it is run.
    """
    try:
        if private:
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            found = folder.parent.lstat()
            closed = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022
            if not closed or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
                return False
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
