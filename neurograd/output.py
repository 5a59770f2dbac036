"""Writing results: checked before the work, whole or not at all, and byte for byte the same."""

from __future__ import annotations

import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from neurograd.errors import OutputError


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
        OutputError: If the place is a folder, below a file, or may not be written to.
    """
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; allowed: the name of a file")
    if _is_special(path):
        if not os.access(path, os.W_OK):
            raise OutputError(f"{path}: cannot be written; allowed: a writable file")
        return
    _check_place(path, path.absolute().parent)


def check_folder(path: Path) -> None:
    """Fail before long work if files cannot be written to the folder ``path``.

    Raises:
        OutputError: If the place is a file, below a file, or may not be written to.
    """
    _check_place(path, path.absolute())


def _check_place(path: Path, folder: Path) -> None:
    """Check the nearest folder that exists at or above ``folder``."""
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise OutputError(f"{path}: {folder} is not a folder; allowed: a place in a folder")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{path}: cannot write to {folder} ({error.strerror}); allowed: a writable folder"
        ) from None


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe (/dev/null, /dev/stdout), which no file must replace."""
    links = (Path("/dev"), Path("/dev/fd"))  # to a file perhaps, but links of the system's own
    return path.exists() and (not path.is_file() or path.parent in links)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file or none; text as UTF-8. Devices and pipes are written to as they are.

    Raises:
        OutputError: If the file cannot be written.
    """
    temporary: str | None = None
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if _is_special(path):
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:  # an interruption as well leaves nothing behind
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); allowed: a writable file"
        ) from None
