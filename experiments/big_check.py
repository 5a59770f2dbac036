"""A check of 784-256-128-10 on MNIST's images: its time, its memory, and what each part takes.

The command itself runs in a process of its own, with a cold cache of compiled kernels (not in the
small form): batches of 10, 10,000 updates, five chips. Times of parts are those by the clock of all
their tasks, one core each, as the report's ``timing`` has them; other work on the machine adds to
them.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from experiments.support.record import Claim, Run, held_over, parse, run_main
from neurograd.errors import NeurogradError

ALLOWED_SECONDS, ALLOWED_BYTES = 600.0, 2e9
TRAINING = "chip_training"
PARTS = ("measurement", "forecast", "mitigation")
"""Parts of a check that are to take no longer than training the chips."""

SPEC: Mapping[str, Any] = {
    "name": "MNIST-sized network",
    "device": {"preset": "gokmen-vlasov"},
    "network": {"hidden": [256, 128]},
    "task": {"name": "mnist_5k"},
    "learning_rule": {"batch_size": 10},
    "training": {"step_size": 0.05, "steps": 10_000, "seeds": 5},
    "measure": {"precision": "float32"},
}
_SMALL: Mapping[str, Any] = {
    "network": {"hidden": [8]},
    "task": {"name": "digits", "train_samples": 100, "test_samples": 50},
    "training": {"step_size": 0.05, "steps": 40, "seeds": 2},
    "measure": {"precision": "float32", "draws": 20, "loss_draws": 8, "points": 2},
}


def checked(run: Run, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Time, memory and verdict of a check, from a process that does nothing else."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        asked, report = folder / "spec.yaml", folder / "report.json"
        asked.write_text(yaml.safe_dump({**spec, "measure": {**spec["measure"], "seed": run.seed}}))
        command = [sys.executable, "-m", "neurograd", "check", str(asked), "--json", str(report)]
        cold = {} if run.quick else {"NUMBA_CACHE_DIR": str(folder / "kernels")}
        command += ["--device", run.device.type, "--exit-zero"]
        start = time.perf_counter()
        done = subprocess.run(
            command, env={**os.environ, **cold}, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
        if done.returncode != 0:
            raise NeurogradError(f"the check ended with code {done.returncode}: {done.stderr}")
        found = json.loads(report.read_text(encoding="utf-8"))
    timing = {name.removesuffix("_seconds"): took for name, took in found["timing"].items()}
    return {
        "spec": dict(spec),
        "weights": found["num_parameters"],
        "seconds": round(seconds, 1),
        "peak_bytes": _most_of_children(),
        "core_seconds": {name: took for name, took in timing.items() if name != "total"},
        "verdict": found["verdict"],
        "accuracy_drop": found["training"]["cost"]["value"],
        "notes": found["notes"],
    }


def _most_of_children() -> int:
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def claims(row: Mapping[str, Any]) -> list[Claim]:
    """What is claimed of time and memory, and of the parts beside the training of the chips."""
    took, training = row["core_seconds"], row["core_seconds"][TRAINING]
    parts = [name for name in PARTS if name in took]
    setting = f"{row['weights']:,} weights, float32, the command with no kernel compiled before"
    return [
        Claim(
            "A check of an MNIST-sized network takes less than 10 minutes of 2 cores and 2 GB.",
            "neurograd's speed",
            setting,
            f"{row['seconds']:.0f} s by the clock, {row['peak_bytes'] / 1e9:.2f} GB at most",
            held_over([row["seconds"] < ALLOWED_SECONDS, row["peak_bytes"] < ALLOWED_BYTES]),
        ),
        Claim(
            "No part of a check takes longer than the training of its chips.",
            "neurograd's speed",
            setting,
            f"chips {training:.0f} s of a core; "
            + ", ".join(f"{name} {took[name]:.0f} s" for name in parts),
            held_over([took[name] <= training for name in parts]),
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("big_check", __doc__ or "", arguments)
    spec = {**SPEC, **_SMALL} if run.quick else SPEC
    row = run.each({"check": spec}, partial(checked, run))["check"]
    run.write({"check": row}, claims=claims(row))


if __name__ == "__main__":
    run_main(main)
