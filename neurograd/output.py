"""Writing results: checked before the work, whole or not at all, and byte for byte the same."""

from __future__ import annotations

import json
import math
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from neurograd.errors import OutputError

_MODE = 0o644
"""Permissions of what is written."""


def plain(value: Any) -> Any:
    """JSON types only: tuples as lists, numbers that are not finite as null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


def to_json(value: Any) -> str:
    """JSON text with a fixed layout; floats keep every digit."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def check_writable(path: Path) -> None:
    """Fail before long work if a file cannot be written at ``path``.

    Folders that are missing are made when the file is written; until then nothing is left behind.

    Raises:
        OutputError: If the place is a folder, below a file, or may not be written to, or there can
            be no file of that name.
    """
    try:
        is_folder, is_special = path.is_dir(), _is_special(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    if is_folder:
        raise OutputError(f"{path}: is a folder; allowed: the name of a file")
    if is_special:
        if not os.access(path, os.W_OK):
            raise OutputError(f"{path}: cannot be written; allowed: a writable file")
        return
    _check_place(path, path.absolute().parent)


def check_apart(path: Path, inputs: Iterable[Path]) -> None:
    """Fail before long work if what is written would take the place of a file that is read.

    Raises:
        OutputError: If it would, whatever the two are called.
    """
    for each in inputs:
        if is_same_file(path, each):
            problem = f"would take the place of {each}, which is read"
            raise OutputError(f"{path}: {problem}; allowed: another file")


def check_places(files: Iterable[Path], folder: Path | None = None) -> None:
    """Fail before long work if what is written would stand in the way of something else that is.

    Args:
        files: All files that will be written.
        folder: Folder of finished stages, if any.

    Raises:
        OutputError: If two files have one place, or one has that of ``folder`` or of a folder above
            it or above another file, whatever they are called.
    """
    found = [(path, _real(path)) for path in files]
    for number, (path, place) in enumerate(found):
        if any(place == other for _, other in found[:number]):
            raise OutputError(f"{path}: is given twice; allowed: another file for each report")
        if folder is not None and place == _real(folder):
            problem = "is to be a file and the folder of finished stages"
            raise OutputError(f"{path}: {problem}; allowed: another file")
        for other in [*(each for each, _ in found), *([] if folder is None else [folder])]:
            if place in _real(other).parents:
                problem = f"is to be a file and the folder of {other}"
                raise OutputError(f"{path}: {problem}; allowed: another file")


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a place is in a folder or in one below it, whatever they are called."""
    return _real(folder) in _real(path).parents


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def is_same_file(one: Path, other: Path) -> bool:
    """Whether both name one file that is there; devices and pipes are none."""
    try:
        return one.is_file() and one.samefile(other)
    except (OSError, ValueError):  # one is not there, or can be no path at all
        return False


def check_folder(path: Path) -> None:
    """Fail before long work if files cannot be written to the folder ``path``.

    Raises:
        OutputError: If the place is a file, below a file, or may not be written to, or there can
            be no folder of that name.
    """
    _check_place(path, path.absolute())


def _check_place(path: Path, folder: Path) -> None:
    """Check the nearest folder that exists at or above ``folder``, and the names below it."""
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(f"{path}: {folder} is not a folder; allowed: a place in a folder")
    for name in path.absolute().relative_to(folder).parts:
        _check_name(path, folder / name)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{path}: cannot write to {folder} ({error.strerror}); allowed: a writable folder"
        ) from None


def _check_name(path: Path, there: Path) -> None:
    """Check that a folder can have a file or folder of a name, such as one that is not too long."""
    try:
        there.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written ({error.strerror}); allowed: a writable file")


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe (/dev/null, /dev/stdout), which no file must replace."""
    links = (Path("/dev"), Path("/dev/fd"))  # to a file perhaps, but links of the system's own
    return path.exists() and (not path.is_file() or path.parent in links)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or none; text as UTF-8. Devices and pipes are written to as they are.

    Where the system has files without a name (Linux), the file gets its name when it is whole, so
    that not even a process that is killed leaves half of one. Elsewhere such a process leaves a
    hidden file ``.NAME.XXXXXXXX`` beside it, and any other failure nothing.

    Raises:
        OutputError: If the file cannot be written.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if _is_special(path):
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _write_without_name(path, data):
            _write_beside(path, data)
    except OSError as error:
        raise _unwritable(path, error) from None


def _write_without_name(path: Path, data: bytes) -> bool:
    """Write a file that has no name until it is whole; False where there are none such."""
    try:
        handle = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, _MODE)
    except (AttributeError, OSError):  # another system, or a file system without them
        return False
    with os.fdopen(handle, "wb") as file:
        _fill(file, data)

        def name(place: str | Path) -> None:
            # A folder is given so that Python follows the link (linkat, AT_SYMLINK_FOLLOW).
            os.link(f"/proc/self/fd/{handle}", place, src_dir_fd=handle)

        try:
            try:
                name(path)
            except FileExistsError:
                _replace(path, name)
        except OSError:  # no /proc, or no links
            return False
    return True


def _write_beside(path: Path, data: bytes) -> None:
    """Write a file under a hidden name, which then takes the place of ``path``."""

    def write(beside: str) -> None:
        with open(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _MODE), "wb") as file:
            _fill(file, data)

    _replace(path, write)


def _replace(path: Path, make: Callable[[str], None]) -> None:
    """Put what is made under a hidden name in the place of ``path``; nothing else is left."""
    beside = str(path.parent / f".{path.name[:50]}.{secrets.token_hex(4)}")
    try:
        make(beside)
        os.replace(beside, path)
    except BaseException:  # an interruption as well leaves nothing behind
        Path(beside).unlink(missing_ok=True)
        raise


def _fill(file: IO[bytes], data: bytes) -> None:
    """Write all, to the disk itself, readable for all whatever the process's mask is."""
    os.fchmod(file.fileno(), _MODE)
    file.write(data)
    file.flush()
    os.fsync(file.fileno())
