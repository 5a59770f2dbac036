"""Results of experiments as files: numbers with the command and the machine that made them."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from neurograd.checking import versions
from neurograd.devices import choose_device
from neurograd.output import plain, to_json, write_atomically
from neurograd.report.plots import to_image

ROOT = Path(__file__).parent
RESULTS = ROOT / "results"


@dataclass(frozen=True)
class Run:
    """One run of an experiment.

    Attributes:
        name: The experiment.
        quick: Whether it is the small form, which writes nothing into the repository.
        device: Where it computes.
        seed: Seed of every draw.
        out: Folder of its results.
        start: When it began.
    """

    name: str
    quick: bool
    device: torch.device
    seed: int
    out: Path
    start: float = field(default_factory=time.perf_counter)

    def write(self, results: dict[str, Any], figure: Figure | None = None) -> None:
        """Write the results as JSON and the figure as PNG, each with this experiment's name."""
        quick = " --quick" if self.quick else ""
        record = {
            "experiment": self.name,
            "command": f"python -m experiments.{self.name}{quick} --seed {self.seed}",
            "seed": self.seed,
            "versions": versions(),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, {self.device.type}",
            "seconds": round(time.perf_counter() - self.start, 1),
            **results,
        }
        self.out.mkdir(parents=True, exist_ok=True)
        write_atomically(self.out / f"{self.name}.json", to_json(plain(record)))
        if figure is not None:
            write_atomically(self.out / f"{self.name}.png", to_image(figure, "png"))
        print(f"wrote {self.out / self.name}.json", file=sys.stderr)


def parse(name: str, description: str, arguments: Sequence[str] | None = None) -> Run:
    """The command line that all experiments share."""
    parser = argparse.ArgumentParser(prog=f"python -m experiments.{name}", description=description)
    parser.add_argument("--quick", action="store_true", help="a small form, for a first look")
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda (default: cpu)")
    parser.add_argument("--seed", type=int, default=0, help="seed of every draw (default: 0)")
    parser.add_argument(
        "--out", type=Path, help="folder of the results (default: experiments/results, or out/)"
    )
    options = parser.parse_args(arguments)
    out = options.out or (Path("out") if options.quick else RESULTS)
    device = torch.device(str(choose_device(options.device)))
    return Run(name, options.quick, device, options.seed, out)


def progress(text: str) -> None:
    """One line of progress on standard error."""
    print(text, file=sys.stderr, flush=True)
