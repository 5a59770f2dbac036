"""Finished stages of long work on disk, so that it goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from neurograd.errors import StageWarning
from neurograd.output import plain, to_json, write_atomically
from neurograd.pipeline.identity import DIGITS, Identity, version_digest
from neurograd.records.json_form import from_json_dict, to_json_dict
from neurograd.records.record import Record

R = TypeVar("R", bound=Record)

RESULT, SUM, TENSORS, VERSION = "result", "sha256", "tensors_sha256", "version"
"""What a stage's file holds: its result with its checksum, that of the file of its tensors, and
the version of the program that it was computed by."""


def say_if_of_another_version(folder: Path | None) -> None:
    """Warn where a folder holds stages, none of them of this version of the program.

    Args:
        folder: The folder of finished stages, None where there is none.
    """
    if folder is None or not folder.is_dir():
        return
    here, others = version_digest(), False
    for path in folder.glob(f"{'[0-9a-f]' * DIGITS}/*.json"):
        try:
            if json.loads(path.read_bytes())[VERSION] == here:
                return
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            pass  # of before stages had a version, or damaged
        others = True
    if others:
        _warn(f"{folder}: is of another version of neurograd or its libraries; all is computed new")


class StageStore:
    """Keeps the result of every finished stage in a folder of its own for each task.

    A stage's result is made of JSON types (and of tensors, kept beside it), so a result that was
    read back equals the one that was computed. Without a folder nothing is kept.

    Args:
        folder: Where to keep results, or None.
        task: All that the results depend on, the program itself among it: another task, or the
            same one under other code, gets another folder.
    """

    def __init__(self, folder: Path | None, task: Identity) -> None:
        self._folder = None if folder is None else folder / task.digest

    def known(self, name: str) -> dict[str, Any] | None:
        """The result of a stage that is finished, None of another one.

        A file that is not as it was written counts as not finished, with a `StageWarning`.
        """
        kept = self._read(name)
        return None if kept is None else kept[RESULT]

    def keep(self, name: str, result: dict[str, Any]) -> dict[str, Any]:
        """Keep a result that was computed elsewhere; gives it back as it will be read."""
        return self._keep(name, result, {})

    def _keep(self, name: str, result: dict[str, Any], more: dict[str, str]) -> dict[str, Any]:
        kept: dict[str, Any] = plain(result)
        if self._folder is not None:
            content = {VERSION: version_digest(), SUM: _sum_of(kept), **more, RESULT: kept}
            write_atomically(self._folder / f"{name}.json", to_json(content))
        return kept

    def _read(self, name: str) -> dict[str, Any] | None:
        """What the file of a stage holds, None where there is no such file or it is damaged."""
        if self._folder is None:
            return None
        path = self._folder / f"{name}.json"
        content = _bytes_of(path)
        if content is None:
            return None
        try:
            loaded = json.loads(content.decode("utf-8"))
            right = loaded[SUM] == _sum_of(loaded[RESULT]) and isinstance(loaded[RESULT], dict)
        except (ValueError, TypeError, LookupError, RecursionError):
            right = False
        if not right:
            _damaged(path)
            return None
        result: dict[str, Any] = loaded
        return result

    def run(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The stage's result, computed only if it is not there yet."""
        known = self.known(name)
        return self.keep(name, compute()) if known is None else known

    def known_record(self, name: str, kind: type[R]) -> R | None:
        """The record of a stage that is finished; None of another one, or of a broken file."""
        return from_json_dict(kind, self.known(name))

    def keep_record(self, name: str, record: R) -> R:
        """Keep a record that was computed elsewhere; gives it back as it will be read."""
        return type(record).model_validate(self.keep(name, to_json_dict(record)))

    def run_record(self, name: str, kind: type[R], compute: Callable[[], R]) -> R:
        """The stage's record, computed only if it is not there yet."""
        known = self.known_record(name, kind)
        return self.keep_record(name, compute()) if known is None else known

    def known_tensors(self, name: str) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """The result and the tensors of a finished stage, on the CPU, None of another one."""
        kept = self._read(name)
        if kept is None or self._folder is None:
            return None
        path = self._folder / f"{name}.npz"
        content = _bytes_of(path)
        if content is None or hashlib.sha256(content).hexdigest() != kept.get(TENSORS):
            _damaged(path)
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return kept[RESULT], {key: torch.from_numpy(arrays[key]) for key in arrays}

    def keep_tensors(
        self, name: str, result: dict[str, Any], tensors: dict[str, Tensor]
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Keep a result with tensors; several processes may keep the same one at once."""
        more = {}
        if self._folder is not None:
            buffer = io.BytesIO()
            arrays: dict[str, Any] = {key: value.cpu().numpy() for key, value in tensors.items()}
            np.savez(buffer, allow_pickle=False, **arrays)
            content = buffer.getvalue()
            more = {TENSORS: hashlib.sha256(content).hexdigest()}
            write_atomically(self._folder / f"{name}.npz", content)
        # The JSON file comes last: with it the stage is finished.
        return self._keep(name, result, more), tensors

    def run_tensors(
        self,
        name: str,
        compute: Callable[[], tuple[dict[str, Any], dict[str, Tensor]]],
        like: Tensor,
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """A stage that has tensors as well; they come back on the device of ``like``."""
        known = self.known_tensors(name)
        if known is None:
            return self.keep_tensors(name, *compute())
        result, tensors = known
        return result, {key: value.to(like) for key, value in tensors.items()}

    def known_record_tensors(self, name: str, kind: type[R]) -> tuple[R, dict[str, Tensor]] | None:
        """The record and the tensors of a finished stage, on the CPU, None of another one."""
        known = self.known_tensors(name)
        record = None if known is None else from_json_dict(kind, known[0])
        return None if known is None or record is None else (record, known[1])

    def keep_record_tensors(
        self, name: str, record: R, tensors: dict[str, Tensor]
    ) -> tuple[R, dict[str, Tensor]]:
        """Keep a record with tensors; gives it back as it will be read."""
        kept, tensors = self.keep_tensors(name, to_json_dict(record), tensors)
        return type(record).model_validate(kept), tensors

    def run_record_tensors(
        self,
        name: str,
        kind: type[R],
        compute: Callable[[], tuple[R, dict[str, Tensor]]],
        like: Tensor,
    ) -> tuple[R, dict[str, Tensor]]:
        """A stage with a record and tensors; they come back on the device of ``like``."""
        known = self.known_record_tensors(name, kind)
        record, tensors = self.keep_record_tensors(name, *compute()) if known is None else known
        return record, {key: value.to(like) for key, value in tensors.items()}


def _sum_of(result: Any) -> str:
    return hashlib.sha256(to_json(result).encode()).hexdigest()


def _bytes_of(path: Path) -> bytes | None:
    """What a file holds; None where there is none, and where it cannot be read, which is said."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _damaged(path, f"cannot be read ({error.strerror})")
        return None


def _damaged(path: Path, problem: str = "is damaged or not of this version") -> None:
    _warn(f"{path}: {problem}; its stage is computed again")


def _warn(line: str) -> None:
    warnings.warn(line, StageWarning, stacklevel=4)
