"""The kept record: parts with their rows, and the machine, versions, command and load of each."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks.rows import Row
from neurograd.errors import NeurogradError
from neurograd.output import to_json, write_atomically
from neurograd.pipeline.identity import versions

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_NOT_ALIKE = {
    "updates": ("aihwkit", "not alike: ours passes exactly and rounds numbers of pulses at random"),
    "curvature": ("curvlinops", "not alike: ours keeps the gradient's graph between products"),
}
"""Peers, by benchmark, whose rows did other work than ours where a record does not say it."""

LIBRARIES = ("numba", "aihwkit", "curvlinops-for-pytorch", "backpack-for-pytorch", "pyhessian")


@dataclass(frozen=True)
class Part:
    """One benchmark's rows and what made them.

    Attributes:
        name: The benchmark.
        title: What it compares, in one line.
        command: What measured it.
        machine: Processor, cores, memory, threads of torch.
        load: Mean number of running processes over the minute before it began and as it ended.
        seconds: By the wall clock.
        versions: Of Python and the libraries.
        rows: What came out.
    """

    name: str
    title: str
    command: str
    machine: str
    load: tuple[float, float]
    seconds: float
    versions: dict[str, str]
    rows: tuple[Row, ...]


def machine(device: str = "cpu") -> str:
    """This machine in one line, its GPU first where that is what is measured."""
    gpu = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}; " if device == "cuda" else ""
    memory = psutil.virtual_memory().total / 2**30
    threads = torch.get_num_threads()
    return (
        f"{gpu}{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, "
        f"{threads} {'thread' if threads == 1 else 'threads'} of torch"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def all_versions() -> dict[str, str]:
    """Versions of Python, of what is needed, and of the peers that are installed."""
    return {**versions(), **{name: found for name in LIBRARIES if (found := installed(name))}}


def installed(name: str) -> str | None:
    """Version of a library; None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def read(path: Path) -> list[Part]:
    """Parts of a kept record.

    Args:
        path: A JSON that ``keep`` wrote.

    Raises:
        NeurogradError: If it cannot be read or is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [_part(each) for each in content["parts"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise NeurogradError(
            f"{path}: cannot be read; allowed: a record that python -m benchmarks wrote"
        ) from None


def _part(content: dict[str, Any]) -> Part:
    rows = tuple(_row(row, *_NOT_ALIKE.get(content["name"], ("", ""))) for row in content["rows"])
    low, high = content["load"]
    return Part(**{**content, "rows": rows, "load": (low, high)})


def _row(content: dict[str, Any], peer: str, reason: str) -> Row:
    """A row; one of an older record is not alike where its peer did other work."""
    row = Row(**{**content, "spread": _pair(content["spread"])})
    if "alike" in content or not peer or row.peer_name != peer:
        return row
    return replace(row, alike=False, note=row.note or reason)


def _pair(value: list[float] | None) -> tuple[float, float] | None:
    return None if value is None else (value[0], value[1])


def keep(path: Path, parts: Sequence[Part]) -> None:
    """Write parts to a record; parts of other names that it already has stay.

    Args:
        path: The JSON.
        parts: Measured now.

    Raises:
        NeurogradError: If something else is there, or it cannot be written.
    """
    kept = {part.name: part for part in (read(path) if path.exists() else [])}
    kept |= {part.name: part for part in parts}
    write_atomically(path, to_json({"parts": [asdict(kept[name]) for name in sorted(kept)]}))
