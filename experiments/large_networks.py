"""One point of VGG-16 with 1.5e7 weights: how long measuring it takes, and in how much memory.

Everything that ``check --quick`` measures at a point of a training is measured at the start of one:
the moments of the update, the exact trace and the spectrum of the Hessian, kinks, predicted and
measured loss change. The images are random ones of CIFAR-10's shape, as time and memory do not
depend on what they show. Time is that of one core's work, which a busy machine does not change; it
is linear in the number of images, on which the memory does not depend. With ``--only plan``
the plan of training VGG-19 is kept beside it.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from experiments.support.cifar_shaped import cifar_shaped, on_images
from experiments.support.record import Claim, Run, parse, run_main
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.identity import Identity
from neurograd.pipeline.planning import plan
from neurograd.pipeline.pool import Inline
from neurograd.pipeline.stages import Stages
from neurograd.pipeline.store import StageStore
from neurograd.records.point import PointResult
from neurograd.spec import Spec, validate_spec
from neurograd.training.snapshots import Snapshot

IMAGES, DRAWS, LOSS_DRAWS, CHUNK = 2, 10, 4, 2
PLAN = "plan"
"""The part of the record with the plan of VGG-19, which is made by itself."""

PLANNED_IMAGES, PLANNED_BATCH = 1000, 16
ALLOWED_BYTES = 12e9
_NETWORKS: dict[str, dict[str, Any]] = {"vgg16": {"architecture": "vgg16"}}
_QUICK: dict[str, dict[str, Any]] = {"cnn": {"architecture": "cnn", "channels": [2, 2]}}


def measured(run: Run, network: dict[str, Any]) -> dict[str, Any]:
    """Time, memory and the main numbers of one point of a network."""
    with tempfile.TemporaryDirectory() as folder:
        images = cifar_shaped(Path(folder), IMAGES, run.seed)
        measure = {"draws": DRAWS, "loss_draws": LOSS_DRAWS, "points": 1, "chunk_size": CHUNK}
        keys = on_images(images, network, measure={**measure, "seed": run.seed})
        start = time.thread_time()
        point, weights = _point(validate_spec(keys), run)
        seconds = time.thread_time() - start
    return {
        "weights": weights,
        "images": IMAGES,
        "draws": DRAWS,
        "loss_draws": LOSS_DRAWS,
        "chunk_size": CHUNK,
        "core_seconds": round(seconds, 1),
        "peak_bytes": _peak_bytes(),
        "hessian_trace": point.curvature.trace,
        "lambda_max": point.curvature.lambda_max,
        "predicted": point.delta_loss.predicted,
        "measured": point.delta_loss.measured,
        "measured_ci": point.delta_loss.measured_ci,
    }


def planned(run: Run) -> dict[str, Any]:
    """The plan of training VGG-19 in batches through two chips."""
    with tempfile.TemporaryDirectory() as folder:
        images = cifar_shaped(Path(folder), PLANNED_IMAGES, run.seed)
        keys = on_images(
            images,
            {"architecture": "vgg19"},
            learning_rule={"batch_size": PLANNED_BATCH},
            training={"step_size": 0.01, "epochs": 10, "seeds": 2, "max_seeds": 2},
        )
        start = time.process_time()
        found = plan(validate_spec(keys), "train", device=run.device)
        seconds = time.process_time() - start
    kept = ("command", "num_parameters", "train_samples", "workers", "first_seconds",
            "most_seconds", "memory_bytes")  # fmt: skip
    stages = [stage.model_dump() for stage in found.stages]
    return {
        **{name: getattr(found, name) for name in kept},
        "batch_size": PLANNED_BATCH,
        "stages": stages,
        "planning_seconds": round(seconds, 1),
    }


def _point(spec: Spec, run: Run) -> tuple[PointResult, int]:
    problem = build_problem(spec, run.device)
    chip = build_chip(spec, problem)
    w = problem.initial_weights
    stages = Stages(spec, True, problem, chip, StageStore(None, Identity()), Inline())
    found = stages.measured_point(0, Snapshot(0, w, chip.start(w)))
    return found.point, problem.num_parameters


def _peak_bytes() -> int:
    """The most memory that this process has had, its libraries included."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def claims(results: dict[str, dict[str, Any]]) -> list[Claim]:
    """What is claimed of the memory."""
    return [
        Claim(
            f"A point of {name} is measured within {ALLOWED_BYTES / 1e9:g} GB.",
            "neurograd's memory",
            f"{row['weights']:,} weights in float64, alox-hfo2, {row['images']} images, "
            f"{row['draws']} draws, as check --quick measures a point",
            f"{row['peak_bytes'] / 1e9:.1f} GB at most, in {row['core_seconds'] / 60:.1f} minutes "
            "of one core",
            "held" if row["peak_bytes"] <= ALLOWED_BYTES else "not held",
        )
        for name, row in results.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("large_networks", __doc__ or "", arguments, parts=(PLAN,))
    if run.only is None:
        results = run.each(_QUICK if run.quick else _NETWORKS, partial(measured, run))
        run.write({"networks": results}, claims=claims(results))
    elif run.only == PLAN:
        run.write({"planned": planned(run)})
    else:
        run.write({}, claims=claims(run.kept()["networks"]))


if __name__ == "__main__":
    run_main(main)
