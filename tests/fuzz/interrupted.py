"""Work that is killed or interrupted at drawn moments leaves nothing half done, and goes on.

python -m tests.fuzz.interrupted FOLDER [--rounds N] [--seed S] [--only WORK ...]

It ends with 1 where something is off, which it prints.

One process imports the program and forks for every moment, so that a moment costs no import. Some
moments are drawn in time; the others are at a drawn operation on files, before or after it, which
are those at which something could stay behind.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from experiments.support.record import Run, run_main
from neurograd import cli
from neurograd.pipeline.store import StageStore

SPEC = """
device: {preset: epiram}
network: {hidden: [4]}
task: {name: digits, train_samples: 40, test_samples: 20}
training: {step_size: 0.2, steps: 4, seeds: 2, max_seeds: 3}
measure: {draws: 6, loss_draws: 4, points: 2, seed: 1}
targets: {max_accuracy_drop: 100 %}
"""

OPERATIONS = ("mkdir", "fsync", "link", "replace", "unlink")
SIGNALS = (signal.SIGKILL, signal.SIGINT)
CURVE = "pulse,potentiation,depression\n" + "\n".join(
    f"{k},{1 + 0.3 * k - 0.004 * k * k + 0.02 * (k * 7 % 5):.3f},{9 - 0.4 * k + 0.006 * k * k:.3f}"
    for k in range(20)
)


@dataclass(frozen=True)
class Work:
    """Something that keeps what is finished, and writes files at its end.

    Attributes:
        name: What faults call it.
        act: Does it in a folder.
        files: What it has written at the end.
    """

    name: str
    act: Callable[[], None]
    files: tuple[str, ...]


def command(*arguments: str) -> Callable[[], None]:
    """A command line in the present folder."""
    return lambda: cli.main(list(arguments))


def experiment() -> None:
    """An experiment of six items, as all experiments go through theirs."""

    def compute(seed: int) -> dict[str, Any]:
        time.sleep(0.01)
        return {"x": float(torch.rand(50, generator=torch.Generator().manual_seed(seed)).sum())}

    def main() -> None:
        run = Run("tried", quick=True, device=torch.device("cpu"), seed=0, out=Path("out"))
        run.write({"items": run.each({f"item-{k}": k for k in range(6)}, compute)})

    run_main(main)


RESUMED = ("--resume", "stages")
WORKS = (
    Work(
        "check",
        command("check", "s.yaml", *RESUMED, "--json", "r.json", "--markdown", "r.md"),
        ("r.json", "r.md"),
    ),
    Work(
        "limits",
        command("limits", "s.yaml", "--quick", "--no-confirm", *RESUMED, "--json", "r.json"),
        ("r.json",),
    ),
    Work("fit", command("fit", "d.csv", "--yaml", "f.yaml"), ("f.yaml", "f.csv")),
    Work("experiment", experiment, ("out/tried.json",)),
)


@dataclass(frozen=True)
class Moment:
    """When a process ends itself, or is ended.

    Attributes:
        sent: The signal.
        after: Seconds after which it is sent, None where it is sent at an operation.
        operation: At which operation on files it is sent, counted from 0.
        done: Whether the operation has been done then.
    """

    sent: signal.Signals
    after: float | None
    operation: int
    done: bool


def _watch(each: Callable[[bool], object]) -> None:
    """Call something before and after every operation on files, in a process of its own."""

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            each(False)
            made = real(*arguments, **options)
            each(True)
            return made

        return call

    for name in OPERATIONS:
        setattr(os, name, watched(getattr(os, name)))


def _child(work: Work, folder: Path, watch: Callable[[bool], object]) -> None:
    """Does the work in a forked process and ends it with its exit code."""
    code = 70
    try:
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for stream, name in ((1, "out"), (2, "err")):
            handle = os.open(folder.parent / name, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
            os.dup2(handle, stream)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        _watch(watch)
        work.act()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    except KeyboardInterrupt:
        code = 130
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _forked(work: Work, folder: Path, moment: Moment | None) -> int:
    """The exit code of the work, negative where a signal has ended it."""
    seen = [0]

    def watch(done: bool) -> None:
        if moment is None or moment.after is not None:
            return
        if done == moment.done:
            if seen[0] == moment.operation:
                os.kill(os.getpid(), moment.sent)
            seen[0] += 1

    child = os.fork()
    if child == 0:
        _child(work, folder, watch)
    if moment is not None and moment.after is not None:
        time.sleep(moment.after)
        os.kill(child, moment.sent)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _count(work: Work, folder: Path) -> tuple[int, float, int]:
    """Exit code, seconds and operations of the work where nothing disturbs it."""
    tally, began = folder.parent / "tally", time.perf_counter()
    handle = os.open(tally, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_TRUNC)
    child = os.fork()
    if child == 0:
        _child(work, folder, lambda done: done or os.write(handle, b"."))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(handle)
    return code, time.perf_counter() - began, tally.stat().st_size


def numbers(path: Path) -> Any:
    """What a file says, without the times that it took."""
    if path.suffix == ".json":
        return {**json.loads(path.read_text("utf-8")), "timing": None, "seconds": None}
    return re.sub(rb"[0-9.]+ s\b", b"", path.read_bytes())


def faults(work: Work, folder: Path, wanted: dict[str, Any]) -> Iterator[str]:
    """What is half done in a folder."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        place = path.relative_to(folder).as_posix()
        if place in wanted:
            if numbers(path) != wanted[place]:
                yield f"{place} is another one"
        elif path.name.startswith("."):
            yield f"{place} stays behind"
        elif path.suffix == ".json" and place not in work.files:
            store = StageStore(path.parents[1], SimpleNamespace(digest=path.parent.name))
            of_tensors = path.with_suffix(".npz").exists()
            known = store.known_tensors(path.stem) if of_tensors else store.known(path.stem)
            if known is None:
                yield f"{place} is no stage"


def fresh(folder: Path) -> Path:
    """A new folder with the files that works begin with."""
    folder.mkdir(parents=True)
    (folder / "s.yaml").write_text(SPEC)
    (folder / "d.csv").write_text(CURVE)
    return folder


def tried(work: Work, place: Path, rounds: int, chance: random.Random) -> Iterator[str]:
    """Disturbs a work again and again until it is let through: what is off then, or meanwhile."""
    whole = fresh(place / "whole")
    usual, seconds, operations = _count(work, whole)
    wanted = {name: numbers(whole / name) for name in work.files}
    folder = fresh(place / "disturbed")
    for _ in range(rounds):
        timed = chance.random() < 0.5
        moment = Moment(
            chance.choice(SIGNALS),
            chance.uniform(0.0, seconds) if timed else None,
            chance.randrange(max(operations // 2, 1)),
            chance.random() < 0.5,
        )
        code = _forked(work, folder, moment)
        err = (place / "err").read_text("utf-8")
        if code not in (usual, -moment.sent, 130):
            yield f"exit code {code} of {moment}: {err[-300:]}"
        if code == 130 and ("Traceback" in err or "interrupted" not in err.splitlines()[-1]):
            yield f"{moment} says {err[-300:]!r}"
        yield from (f"{fault} after {moment}" for fault in faults(work, folder, wanted))
    code = _forked(work, folder, None)
    if code != usual:
        yield f"exit code {code} at the end: {(place / 'err').read_text('utf-8')[-300:]}"
    yield from faults(work, folder, wanted)
    yield from (f"{name} is not there" for name in wanted if not (folder / name).exists())


LATE = (
    "neurograd.cli.application",
    "neurograd.pipeline.check",
    "neurograd.pipeline.limits.command",
    "neurograd.pipeline.planning",
    "neurograd.report",
    "neurograd.fit",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "sklearn.datasets",
    "scipy.optimize",
    "scipy.stats",
    "curvlinops",
    "jinja2",
    "pint",
)
"""What commands import when they need it: here once, for all processes that are forked."""


def main() -> None:
    """Tries all works; prints a line for each, and what is off."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.interrupted")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=[work.name for work in WORKS])
    options = parser.parse_args()
    for name in LATE:
        importlib.import_module(name)
    off = []
    for work in WORKS:
        if options.only is None or work.name in options.only:
            place = options.folder.absolute() / work.name
            chance = random.Random(f"{work.name} {options.seed}")
            off += [f"{work.name}: {each}" for each in tried(work, place, options.rounds, chance)]
    print("\n".join(off) if off else "nothing is off")
    sys.exit(bool(off))


if __name__ == "__main__":
    main()
