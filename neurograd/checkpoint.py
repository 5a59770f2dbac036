"""Finished stages of long work on disk, so that it goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurograd.output import plain, to_json, write_atomically


class StageStore:
    """Keeps the result of every finished stage in a folder of its own for each task.

    A stage's result is made of JSON types (and of tensors, kept beside it), so a result that was
    read back equals the one that was computed. Without a folder nothing is kept.

    Args:
        folder: Where to keep results, or None.
        task: All that the results depend on; another task gets another folder.
    """

    def __init__(self, folder: Path | None, task: dict[str, Any]) -> None:
        digest = hashlib.sha256(to_json(task).encode()).hexdigest()[:16]
        self._folder = None if folder is None else folder / digest

    def run(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The stage's result, computed only if it is not there yet."""
        if self._folder is None:
            result: dict[str, Any] = plain(compute())
            return result
        path = self._folder / f"{name}.json"
        known = _read(path)
        if known is not None:
            return known
        result = plain(compute())
        write_atomically(path, to_json(result))
        return result

    def run_tensors(
        self,
        name: str,
        compute: Callable[[], tuple[dict[str, Any], dict[str, Tensor]]],
        like: Tensor,
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """A stage that has tensors as well; they come back on the device of ``like``."""
        if self._folder is None:
            result, tensors = compute()
            return plain(result), tensors
        path, data = self._folder / f"{name}.json", self._folder / f"{name}.npz"
        known = _read(path)
        if known is not None and data.exists():
            with np.load(data, allow_pickle=False) as kept:
                return known, {key: torch.from_numpy(kept[key]).to(like) for key in kept}
        result, tensors = compute()
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = data.with_suffix(".partial.npz")
        arrays = {key: value.cpu().numpy() for key, value in tensors.items()}
        np.savez(partial, allow_pickle=False, **arrays)
        partial.replace(data)
        # The JSON file comes last: with it the stage is finished.
        write_atomically(path, to_json(result))
        return plain(result), tensors


def _read(path: Path) -> dict[str, Any] | None:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return loaded if isinstance(loaded, dict) else None
