"""How a command reads its spec and does its work."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from neurograd.cli.outputs import STANDARD_OUTPUT
from neurograd.cli.progress import ProgressBars
from neurograd.errors import NeurogradError, OutputError, SpecError
from neurograd.memory import collect_again, keep_freed_memory

if TYPE_CHECKING:
    from neurograd.spec import Spec

_SEED = "measure.seed"
"""The key that ``--seed`` gives."""


def read_spec(
    path: Path, overrides: list[str] | None, seed: int | None, *, allow_code: bool = False
) -> Spec:
    """The spec of a command, with what its options replace.

    Raises:
        SpecError: If the file, a key, an override or the seed is wrong, or it names a Python file
            that may not be run.
    """
    from neurograd.spec import load_spec  # noqa: PLC0415

    spec = load_spec(path, with_seed(overrides, seed), allow_code=allow_code)
    spec.check_leave(str(path))
    return spec


def spec_files(path: Path, overrides: list[str] | None) -> tuple[Path, ...]:
    """What a command reads for its spec: the file itself, and all that it names.

    Raises:
        SpecError: If it cannot be read.
    """
    from neurograd.spec import input_files  # noqa: PLC0415

    return input_files(path, overrides or ())


def with_seed(overrides: list[str] | None, seed: int | None) -> list[str]:
    """The overrides, with ``--seed`` as the last of them.

    Raises:
        SpecError: If the seed is out of range, or ``--set`` gives one as well.
    """
    from neurograd.keys.fields import SEED  # noqa: PLC0415

    given = overrides or []
    if seed is None:
        return given
    problem = None
    if any(text.partition("=")[0].strip() == _SEED for text in given):
        problem = "--set gives it as well; allowed: one of them"
    elif not SEED.low <= seed <= SEED.high:
        problem = f"{seed} is out of range; allowed: {SEED.allowed}"
    if problem is not None:
        raise SpecError("--seed", _SEED, problem)
    return [*given, f"{_SEED}={seed}"]


def pick_device(name: str) -> str:
    """The device that a name stands for here.

    Raises:
        NeurogradError: If the name is unknown, or the device is not there.
    """
    from neurograd.compute_device import choose_device  # noqa: PLC0415

    return str(choose_device(name))


@contextlib.contextmanager
def working(spec_path: Path | None, json_path: Path | None) -> Iterator[ProgressBars]:
    """Progress bars while a command works; its errors name the spec that asked for the work.

    Where that is None they name it themselves.

    What is printed meanwhile (by a module of the user, say) goes to standard error where standard
    output takes the JSON.
    """
    keep_freed_memory()
    collect_again()
    aside = json_path == STANDARD_OUTPUT
    redirected = contextlib.redirect_stdout(sys.stderr) if aside else contextlib.nullcontext()
    try:
        with redirected, ProgressBars() as progress:
            yield progress
    except OutputError:
        raise
    except NeurogradError as error:
        if spec_path is None:
            raise
        raise NeurogradError(f"{spec_path}: {error}") from None
