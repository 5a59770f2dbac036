"""Measures everything side by side and prints one table of ratios.

Run: python -m benchmarks [--device cuda] [--quick] [--only NAME] [--json FILE], or --page FILE to
write the page of the kept records. With --device cuda it is the part of a GPU alone.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
import time
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.page import COLUMNS, cells, page, records
from benchmarks.record import Part, all_versions, keep, machine
from neurograd.compute_device import choose_device
from neurograd.errors import NeurogradError
from neurograd.output import check_writable, write_atomically

FOLDER = Path(__file__).parent
ON_GPU = "gpu"
SUPPORT = ("__init__", "__main__", "clock", "page", "record", "rows", "write_models")


def benchmarks() -> dict[str, str]:
    """Names of the benchmarks, the ceilings first, with the first line of what each is about."""
    found = {}
    for path in sorted(FOLDER.glob("*.py"), key=lambda path: (path.stem != "ceilings", path.stem)):
        if path.stem not in SUPPORT:
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            found[path.stem] = text.splitlines()[0].rstrip(".")
    return found


def measure(name: str, title: str, quick: bool) -> Part:
    """Run one benchmark.

    Args:
        name: The benchmark, a module with ``rows(quick) -> list[Row]``.
        title: What it compares.
        quick: Whether in its small form.
    """
    device = "cuda" if name == ON_GPU else "cpu"
    options = f"{f' --device {device}' if name == ON_GPU else ''}{' --quick' if quick else ''}"
    before, start = os.getloadavg()[0], time.perf_counter()
    rows = import_module(f"benchmarks.{name}").rows(quick)
    return Part(
        name=name,
        title=title,
        command=f"python -m benchmarks{options} --only {name}",
        machine=machine(device),
        load=(before, os.getloadavg()[0]),
        seconds=time.perf_counter() - start,
        versions=all_versions(),
        rows=tuple(rows),
    )


def show(part: Part) -> None:
    """Print the rows of a part."""
    table = Table(*COLUMNS, title=part.title, title_justify="left")
    for row in part.rows:
        table.add_row(*cells(row))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for row in part.rows:
        if row.note:
            console.print(f"{row.name}: {row.note}", highlight=False, markup=False)


def _chosen(only: Sequence[str] | None, known: Iterable[str], device: str) -> list[str]:
    """Benchmarks of a device, or those of them that are named.

    Raises:
        NeurogradError: If one is named that is not of the device.
    """
    there = [name for name in known if (name == ON_GPU) == (device == "cuda")]
    for name in only or ():
        if name not in there:
            raise NeurogradError(
                f"--only {name}: not with --device {device}; allowed: {', '.join(there)}"
            )
    return list(only or there)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and keep.

    Args:
        arguments: In place of the process's own.
    """
    known = benchmarks()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="cuda: the part of a GPU"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes and few repeats")
    parser.add_argument(
        "--only", choices=known, action="append", help="this benchmark; may be given several times"
    )
    parser.add_argument("--json", type=Path, help="keep the rows there, beside others it has")
    parser.add_argument("--page", type=Path, help="write the page of the kept records; no more")
    options = parser.parse_args(arguments)
    try:
        if options.page is not None:
            write_atomically(options.page, page(records()))
            return 0
        choose_device(options.device)
        if options.json is not None:
            check_writable(options.json)
        for name in _chosen(options.only, known, options.device):
            part = measure(name, known[name], options.quick)
            show(part)
            if options.json is not None:
                keep(options.json, [part])
    except NeurogradError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
