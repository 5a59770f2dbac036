"""Finished stages of long work on disk, so that it goes on where it was interrupted."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from neurograd.output import plain, to_json, write_atomically
from neurograd.pipeline.identity import Identity
from neurograd.records.json_form import from_json_dict, to_json_dict
from neurograd.records.record import Record

R = TypeVar("R", bound=Record)


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
        """The result of a stage that is finished, None of another one."""
        return None if self._folder is None else _read(self._folder / f"{name}.json")

    def keep(self, name: str, result: dict[str, Any]) -> dict[str, Any]:
        """Keep a result that was computed elsewhere; gives it back as it will be read."""
        kept: dict[str, Any] = plain(result)
        if self._folder is not None:
            write_atomically(self._folder / f"{name}.json", to_json(kept))
        return kept

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
        known = self.known(name)
        if known is None or self._folder is None:
            return None
        try:
            with np.load(self._folder / f"{name}.npz", allow_pickle=False) as kept:
                return known, {key: torch.from_numpy(kept[key]) for key in kept}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def keep_tensors(
        self, name: str, result: dict[str, Any], tensors: dict[str, Tensor]
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Keep a result with tensors; several processes may keep the same one at once."""
        if self._folder is not None:
            buffer = io.BytesIO()
            arrays: dict[str, Any] = {key: value.cpu().numpy() for key, value in tensors.items()}
            np.savez(buffer, allow_pickle=False, **arrays)
            write_atomically(self._folder / f"{name}.npz", buffer.getvalue())
        # The JSON file comes last: with it the stage is finished.
        return self.keep(name, result), tensors

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


def _read(path: Path) -> dict[str, Any] | None:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None
