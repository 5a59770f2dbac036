"""Results of experiments as files: numbers with the command and the machine that made them.

Long experiments go through their items with ``Run.each``, which keeps every finished item on disk:
an interrupted experiment goes on where it was when it is started again, and gives the same numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from matplotlib.figure import Figure

from neurograd.compute_device import choose_device
from neurograd.errors import NeurogradError
from neurograd.output import plain, to_json, write_atomically
from neurograd.pipeline.identity import CODE, Identity, code_digest, versions
from neurograd.pipeline.pool import Threads
from neurograd.pipeline.store import StageStore
from neurograd.report.plots import to_image

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"


CLAIMS = "claims"
"""The part of a record that is judged again from its own numbers, without measuring anything."""

Held = Literal["held", "not held", "partly", "inconclusive"]


def held_over(passed: Sequence[bool]) -> Held:
    """One word for a claim that was tried several times: held where it always passed."""
    if all(passed):
        return "held"
    return "partly" if any(passed) else "not held"


def held_where(ends: tuple[float, float], low: float, high: float) -> Held:
    """One word for a number that is claimed to lie in a range, from its interval, not its point.

    Args:
        ends: The number's interval.
        low: Low end of the claimed range.
        high: Its high end.

    Returns:
        ``held`` where the interval is inside, ``not held`` where it is outside.
    """
    if low <= ends[0] and ends[1] <= high:
        return "held"
    return "not held" if ends[1] < low or ends[0] > high else "inconclusive"


@dataclass(frozen=True)
class Claim:
    """One claim of the paper, and what was measured of it.

    Attributes:
        claim: What the paper says, in one sentence.
        source: Where: theorem, equation, figure.
        setting: On which network, data and numbers it was tried.
        measured: What came out, with its interval and confidence.
        held: Whether the claim held there.
    """

    claim: str
    source: str
    setting: str
    measured: str
    held: Held


@dataclass(frozen=True)
class ExperimentTask(Identity):
    """What items of an experiment depend on: its options, the versions, and all of the code.

    Attributes:
        experiment: Its name.
        quick: Whether it is the small form.
        seed: Seed of every draw.
        device: Kind of device, ``cpu`` or ``cuda``.
        data: Folder of the data, None where the user named none.
        weights: File with weights, None where the user named none.
        depends_on: All else, as JSON types.
        versions: Of Python and the libraries, by name.
        code: Digest of the program and of the experiments.
    """

    experiment: str
    quick: bool
    seed: int
    device: str
    data: str | None
    weights: str | None
    depends_on: Any
    versions: dict[str, str] = field(default_factory=versions)
    code: str = field(default_factory=partial(code_digest, (*CODE, "experiments")))


@dataclass(frozen=True)
class Run:
    """One run of an experiment.

    Attributes:
        name: The experiment.
        quick: Whether it is the small form, which writes nothing into the repository.
        device: Where it computes.
        seed: Seed of every draw.
        out: Folder of its results.
        data: Folder with CIFAR-10's binary files, where the user named one.
        weights: File with pretrained weights, where the user named one.
        only: The part that is made anew, all else of the kept record stays; None makes all.
        start: When it began.
    """

    name: str
    quick: bool
    device: torch.device
    seed: int
    out: Path
    data: Path | None = None
    weights: Path | None = None
    only: str | None = None
    start: float = field(default_factory=time.perf_counter)

    @property
    def stages(self) -> Path:
        """Folder of the finished items of this experiment; gone once its results are written."""
        part = "" if self.only is None else f"-{self.only}"
        return self.out / f".{self.name}{'-quick' if self.quick else ''}{part}"

    def kept(self) -> dict[str, Any]:
        """The record that this run renews a part of.

        Raises:
            NeurogradError: If it is not there, or is of another seed or of the small form.
        """
        path = self.out / f"{self.name}.json"
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            made = record["command"], record["seed"]
        except (OSError, ValueError, KeyError):
            raise NeurogradError(
                f"{path}: cannot be read; --only {self.only} renews a part of a record that a "
                "run of the whole experiment wrote"
            ) from None
        if made != (self.command(whole=True), self.seed):
            raise NeurogradError(
                f"{path}: was made by `{made[0]}`; --only {self.only} renews a record of the "
                "same options"
            )
        return record

    def command(self, *, whole: bool = False) -> str:
        """What makes this run's results again.

        Args:
            whole: Leave out that only a part is made.
        """
        given = "".join(
            f" --{key} {path.name}"
            for key, path in (("data", self.data), ("weights", self.weights))
            if path is not None
        )
        quick = " --quick" if self.quick else ""
        part = "" if whole or self.only is None else f" --only {self.only}"
        return f"python -m experiments.{self.name}{quick} --seed {self.seed}{given}{part}"

    def task(self, depends_on: Any) -> ExperimentTask:
        """All that a result of this run depends on.

        Args:
            depends_on: What is not of the run itself, as JSON types.
        """
        return ExperimentTask(
            experiment=self.name,
            quick=self.quick,
            seed=self.seed,
            device=self.device.type,
            data=None if self.data is None else str(self.data.resolve()),
            weights=None if self.weights is None else str(self.weights.resolve()),
            depends_on=depends_on,
        )

    def each(
        self,
        items: Mapping[str, Any],
        compute: Callable[[Any], dict[str, Any]],
        *,
        depends_on: Any = None,
        waiting: int | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Results of all items, several at once, those of an interrupted run from disk.

        Every item runs on one core (or one after the other on an accelerator), so its numbers
        depend neither on the machine's cores nor on an interruption.

        Args:
            items: What to compute, by a name that is a file name.
            compute: Makes JSON types of an item; may run in several threads at once, so it must
                not share a ``Problem`` (use ``replica``).
            depends_on: All else that the results depend on, as JSON types.
            waiting: Items at once where these wait for workers of their own; one a core of torch
                when None.
        """
        store = StageStore(self.stages, self.task(depends_on))

        def one(name: str) -> dict[str, Any]:
            result = store.run(name, partial(compute, items[name]))
            progress(f"{self.name}: {name}")
            return result

        with Threads(self.device, waiting=waiting) as pool:
            tasks = {name: pool.submit(partial(one, name)) for name in items}
            return {name: task.result() for name, task in tasks.items()}

    def write(
        self,
        results: dict[str, Any],
        figure: Figure | None = None,
        claims: Sequence[Claim] = (),
    ) -> None:
        """Write the results as JSON and the figure as PNG, each with this experiment's name.

        The claims are printed, and go into the JSON. Where only a part was made, what the results
        do not name stays as it was kept, and the record says under ``parts`` what made the part.
        """
        if claims:
            others = {key: value for key, value in results.items() if key != "claims"}
            results = {"claims": [asdict(claim) for claim in claims], **others}
        made = {
            "command": self.command(),
            "seed": self.seed,
            "versions": versions(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {self.device.type}",
            "seconds": round(time.perf_counter() - self.start, 1),
        }
        if self.only is None:
            record = {"experiment": self.name, **made, **results}
        else:
            kept = self.kept()
            parts = dict(kept.get("parts", {}))
            if self.only != CLAIMS:
                parts[self.only] = made
            record = {**kept, **results, "parts": parts}
        self.out.mkdir(parents=True, exist_ok=True)
        write_atomically(self.out / f"{self.name}.json", to_json(plain(record)))
        if figure is not None:
            write_atomically(self.out / f"{self.name}.png", to_image(figure, "png"))
        shutil.rmtree(self.stages, ignore_errors=True)
        for claim in claims:
            print(f"{claim.held}: {claim.claim} ({claim.source})\n    {claim.measured}")
        print(f"wrote {self.out / self.name}.json", file=sys.stderr)


def parse_beside(
    options: argparse.ArgumentParser,
    name: str,
    description: str,
    arguments: Sequence[str] | None = None,
) -> tuple[argparse.Namespace, Run]:
    """The command line of an experiment with options of its own beside the shared ones.

    Args:
        options: Its own, from ``own_options``.
        name: The experiment.
        description: What ``--help`` says.
        arguments: In place of the process's own.
    """
    mine, rest = options.parse_known_args(arguments)
    return mine, parse(name, description, rest, beside=options)


def own_options() -> argparse.ArgumentParser:
    """A parser that takes what is added to it, and leaves all else and ``--help`` to ``parse``."""
    return argparse.ArgumentParser(add_help=False, allow_abbrev=False)


def parse(
    name: str,
    description: str,
    arguments: Sequence[str] | None = None,
    *,
    data: bool = False,
    weights: bool = False,
    parts: Sequence[str] = (),
    beside: argparse.ArgumentParser | None = None,
) -> Run:
    """The command line that all experiments share.

    Args:
        name: The experiment.
        description: What ``--help`` says.
        arguments: In place of the process's own.
        data: Whether it takes ``--data``.
        weights: Whether it takes ``--weights``.
        parts: What ``--only`` can make anew in a kept record.
        beside: Options of its own, which ``--help`` tells as well.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{name}",
        description=description,
        parents=[] if beside is None else [beside],
    )
    parser.add_argument("--quick", action="store_true", help="a small form, for a first look")
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda (default: cpu)")
    parser.add_argument("--seed", type=int, default=0, help="seed of every draw (default: 0)")
    parser.add_argument(
        "--out", type=Path, help="folder of the results (default: experiments/results, or out/)"
    )
    if data:
        parser.add_argument("--data", type=Path, help="folder with CIFAR-10's binary files")
    if weights:
        parser.add_argument("--weights", type=Path, help="file with pretrained weights")
    if parts:
        parser.add_argument(
            "--only",
            choices=(*parts, CLAIMS),
            help="make this part of a kept record anew, and keep the rest; claims: judge it again",
        )
    options = vars(parser.parse_args(arguments))
    if options["seed"] < 0:
        parser.error(f"--seed: {options['seed']} is negative; allowed: whole numbers from 0")
    out = options["out"] or (Path("out") if options["quick"] else RESULTS)
    try:
        device = torch.device(str(choose_device(options["device"])))
    except NeurogradError as error:
        parser.error(str(error))
    return Run(
        name,
        options["quick"],
        device,
        options["seed"],
        out,
        options.get("data"),
        options.get("weights"),
        options.get("only"),
    )


def run_main(main: Callable[[], None]) -> None:
    """Run an experiment's main: a user's mistake is one line and exit code 2, no traceback."""
    try:
        main()
    except NeurogradError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on where it was", file=sys.stderr)
        sys.exit(130)


def progress(text: str) -> None:
    """One line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)
