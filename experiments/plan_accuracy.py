"""What ``--plan`` says of time and memory before the work begins, against what the work then took.

Each spec is planned and then worked on, in a process of its own for both, on one core. Times are
those of a core's work, not of the clock, so that a busy machine changes neither of them. How many
chips are trained, and how many effects are looked into, the verdict decides: a plan says from how
long to how long. Held against it is the time of the units as they were planned, as many of each as
there were; beside it stands where the time lies in the range that was said.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from experiments.support.cifar_shaped import cifar_shaped, on_images
from experiments.support.record import ROOT, Claim, Run, held_over, parse, run_main
from neurograd.pipeline.check import check, train_beside
from neurograd.pipeline.limits import find_limits
from neurograd.pipeline.planning import LOADING, Command, Plan, plan
from neurograd.pipeline.sweep.command import Request, plan_sweep, sweep
from neurograd.progress import Silent
from neurograd.spec import Spec, load_spec, validate_spec

FACTOR = 1.5
"""Within which a plan is to be right."""

EXAMPLES = ROOT.parent / "examples"

STAGES: Mapping[str, str] = {
    "clean": "training a clean network",
    "chip": "training a chip",
    "point": "measuring at a point",
    "forecast": "predicting a network",
    "mitigation": "predicting a chip without an effect",
    "tried": "predicting a chip without an effect",
    "weights": "predicting a network",
    "deployed": "deploying a chip",
}
"""What a plan calls the stages whose results are kept, by the first word of their files."""

BESIDE: Mapping[str, str] = {"-bursts": "real updates beside a forecast"}
"""What it counts beside such a stage, by the end of the file's name."""

WORK: Mapping[str, Callable[..., object]] = {
    "check": check,
    "train": train_beside,
    "limits": find_limits,
}
"""What does the work of a command."""


@dataclass(frozen=True)
class Case:
    """One spec and what is done with it.

    Attributes:
        command: What is planned and done.
        example: File among the examples, None where ``images`` says the spec.
        settings: Keys of an example that are replaced.
        over: Swept keys of an example, for a sweep in the mode of the command.
        quick: Whether the smaller version is taken.
        network: Keys of a network on images of CIFAR-10's shape.
        images: How many there are.
        sections: More sections of its spec.
    """

    command: Command
    example: str | None = None
    settings: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    quick: bool = False
    network: Mapping[str, Any] = field(default_factory=dict)
    images: int = 0
    sections: Mapping[str, Any] = field(default_factory=dict)

    def spec(self, folder: Path) -> Spec:
        """Its spec, with data in a folder where they have to be made."""
        if self.example is not None:
            return load_spec(EXAMPLES / self.example, self.settings)
        images = cifar_shaped(folder, self.images)
        return validate_spec(on_images(images, dict(self.network), **self.sections))

    def swept(self, folder: Path) -> Request:
        """Its sweep, whose table goes into a folder."""
        return Request(
            EXAMPLES / str(self.example),
            self.over,
            self.settings,
            mode=self.command,
            table=folder / "table.csv",
            jobs=1,
            quick=self.quick,
        )


_SMALL = ("network.hidden=[8]", "task.train_samples=100", "training.steps=40")
_FEW: dict[str, Any] = {"seeds": 2, "max_seeds": 2}
CASES: dict[str, Case] = {
    "small": Case("check", "tutorial.yaml", _SMALL, quick=True),
    "tutorial": Case("check", "tutorial.yaml", quick=True),
    "deployed": Case("check", "deployment/pcm_inference.yaml", quick=True),
    "spiking": Case("train", "spiking_digits.yaml", ("training.steps=20",), quick=True),
    "feedback": Case("train", "feedback_alignment_quantized.yaml", quick=True),
    "small-limits": Case("limits", "quantized_digital.yaml", ("network.hidden=[8]",), quick=True),
    "sweep": Case(
        "predict",
        "tutorial.yaml",
        ("network.hidden=[16]",),
        ("device.write.cycle_to_cycle=0 %,10 %,20 %",),
    ),
    "wide": Case(
        "train",
        network={"architecture": "mlp", "hidden": [256, 128]},
        images=600,
        sections={
            "learning_rule": {"batch_size": 10},
            "training": {"step_size": 0.01, "steps": 60, **_FEW},
        },
    ),
    "cnn": Case(
        "check",
        network={"architecture": "cnn", "channels": [8, 16]},
        images=60,
        sections={
            "training": {"step_size": 0.01, "steps": 20, **_FEW},
            "measure": {"draws": 100, "loss_draws": 20, "points": 1},
        },
    ),
    "vgg11": Case(
        "train",
        network={"architecture": "vgg11"},
        images=4,
        sections={"training": {"step_size": 0.01, "steps": 3, **_FEW}},
    ),
}
_QUICK = {"small": CASES["small"]}


def compared(case: Case) -> dict[str, Any]:
    """What was planned of a case, and what it took."""
    with tempfile.TemporaryDirectory() as folder:
        planned = _alone(planned_work, case, Path(folder))
        took = _alone(work, case, Path(folder))
    each = dict.fromkeys(BESIDE.values(), 0.0)  # not planned where there is none
    each |= {stage["label"]: stage["each_seconds"] for stage in planned["stages"]}
    counted = sum(each[label] * count for label, count in {LOADING: 1, **took["counts"]}.items())
    low, high = planned["first_seconds"], planned["most_seconds"]
    if case.over:
        counted = low
    return {
        **planned,
        "counts": took["counts"],
        "planned_seconds": counted,
        "measured_seconds": took["seconds"],
        "time_ratio": counted / took["seconds"],
        "outside_the_range": max(low / took["seconds"], took["seconds"] / high, 1.0),
        "measured_bytes": took["bytes"],
        "memory_ratio": planned["planned_bytes"] / took["bytes"],
    }


def _alone(function: Callable[[Case, Path], dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """The result of a function in a process of its own, whose memory holds nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["neurograd.pipeline.limits", "neurograd.pipeline.planning"])
    with ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(function, *arguments).result()


def planned_work(case: Case, folder: Path) -> dict[str, Any]:
    """The plan of a case on one core."""
    torch.set_num_threads(1)
    begun = time.process_time()
    found: Plan = (
        plan_sweep(case.swept(folder), Silent())
        if case.over
        else plan(case.spec(folder), case.command, quick=case.quick, workers=1)
    )
    return {
        "command": case.command,
        "weights": found.num_parameters,
        "samples": found.train_samples,
        "stages": [stage.model_dump() for stage in found.stages],
        "first_seconds": found.first_seconds,
        "most_seconds": found.most_seconds,
        "planning_seconds": time.process_time() - begun,
        "planned_bytes": found.memory_bytes,
    }


def work(case: Case, folder: Path) -> dict[str, Any]:
    """A case's work on one core: how long, in how much memory, and what was done."""
    torch.set_num_threads(1)
    kept = folder / "kept"
    begun = time.process_time()
    if case.over:
        sweep(case.swept(folder), Silent())
    else:
        run: Callable[..., object] = WORK[case.command]
        run(case.spec(folder), quick=case.quick, resume=kept)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": time.process_time() - begun,
        "bytes": most if sys.platform == "darwin" else 1024 * most,
        "counts": dict(counts(kept)),
    }


def counts(kept: Path) -> Counter[str]:
    """How many stages of each kind have a result."""
    stems = [path.stem for path in kept.glob("*/*.json")]
    names = [stem.partition("-")[0] for stem in stems]
    beside = [name for name in BESIDE for stem in stems if stem.endswith(name)]
    return Counter(STAGES.get(name, BESIDE.get(name, name)) for name in (*names, *beside))


def claims(results: dict[str, dict[str, Any]]) -> list[Claim]:
    """What is claimed of plans."""
    rows = list(results.values())
    setting = (
        f"{len(rows)} specs of {min(row['weights'] for row in rows):,} to "
        f"{max(row['weights'] for row in rows):,} weights; check, train, limits and sweep; one core"
    )
    source = "neurograd's --plan"
    times = [row["time_ratio"] for row in rows]
    outside = [row["outside_the_range"] for row in rows]
    memory = [row["memory_ratio"] for row in rows]
    return [
        Claim(
            f"Of each of these specs, the time of the planned units is right within a factor of "
            f"{FACTOR:g}.",
            source,
            setting,
            f"planned over measured {min(times):.2f} to {max(times):.2f}, one run of each",
            held_over([1 / FACTOR <= each <= FACTOR for each in times]),
        ),
        Claim(
            "All of it takes what was said of each of these, 'at first' to 'at most', within "
            f"{FACTOR:g}.",
            source,
            setting,
            f"{sum(each == 1 for each in outside)} of {len(rows)} in that range, the others "
            f"outside by a factor of up to {max(outside):.2f}",
            held_over([each <= FACTOR for each in outside]),
        ),
        Claim(
            f"Of each of these specs, the memory is right within a factor of {FACTOR:g}.",
            source,
            setting,
            f"planned over measured {min(memory):.2f} to {max(memory):.2f}, one run of each",
            held_over([1 / FACTOR <= each <= FACTOR for each in memory]),
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run: Run = parse("plan_accuracy", __doc__ or "", arguments)
    cases = _QUICK if run.quick else CASES
    results = run.each(cases, partial(compared))
    run.write({"specs": results}, claims=claims(results))


if __name__ == "__main__":
    run_main(main)
