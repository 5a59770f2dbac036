"""Published trainings repeated: devices of MLP+NeuroSim, and the cliff of analog SGD.

Three devices learn 5,000 images of MNIST as MLP+NeuroSim V3.0 has them learn
(``support/published/neurosim.py``): with its own passes and rounding, with pulses truncated toward
zero, and by keys of a spec alone. Its one run of each device is held against ours by the interval
of one more draw. Chips with soft bounds are forecast in three windows, between two of which the
published training stops being possible (``support/published/analog_sgd.py``), and the first updates
of a training of each are taken, with exact passes and with converters.

``--only neurosim`` and ``--only analog_sgd`` make one half of a kept record anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from experiments.support.published import analog_sgd, neurosim
from experiments.support.published.claims import accuracy_claims, cliff_claims, summary
from experiments.support.published.figure import draw
from experiments.support.record import Claim, Run, parse, run_main
from neurograd.pipeline.predicted.network import CLEAN

RUNS: Mapping[str, int] = {"source": 6, "truncated": 3, "keys": 3}
"""Runs of each device, by the reading of the training."""
CHIPS = 3
"""Forecast chips of a window."""
PARTS = ("neurosim", "analog_sgd")
_QUICK_RUNS, _QUICK_CHIPS = 2, 1

Work = dict[str, Callable[[], dict[str, Any]]]


def _neurosim_work(run: Run) -> Work:
    """What is trained, by a name that is a file name."""
    return {
        f"{device}-{variant}-{index + 1}": partial(
            neurosim.trained, device, variant, run.seed, index, run.device, quick=run.quick
        )
        for variant, runs in RUNS.items()
        for device in neurosim.PUBLISHED
        for index in range(_QUICK_RUNS if run.quick else runs)
    }


def _forecast_work(run: Run) -> Work:
    """What is forecast: the clean twin, whose window is none, and chips of each window."""
    chips = _QUICK_CHIPS if run.quick else CHIPS
    first = min(analog_sgd.PUBLISHED)
    items = [(first, CLEAN), *((t, k) for t in analog_sgd.PUBLISHED for k in range(chips))]
    return {
        f"forecast-{round(100 * tau)}-{index + 1}": partial(
            analog_sgd.predicted, tau, index, run.seed, run.device, quick=run.quick
        )
        for tau, index in items
    }


def _part_work(run: Run) -> Work:
    """Of which trainings the first updates are taken."""
    return {
        f"part-{round(100 * tau)}-{'converters' if converters else 'exact'}": partial(
            analog_sgd.trained_part,
            tau,
            run.seed,
            run.device,
            converters=converters,
            quick=run.quick,
        )
        for tau in analog_sgd.PUBLISHED
        for converters in (False, True)
    }


def claims(record: Mapping[str, Any]) -> list[Claim]:
    """All that is claimed, from the numbers of a record."""
    found = accuracy_claims(summary(record["neurosim"]["runs"]))
    half = record["analog_sgd"]
    return found + cliff_claims(half["forecasts"], half["parts"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    run = parse("published", __doc__ or "", arguments, parts=PARTS)
    kept = {} if run.only is None else run.kept()
    record: dict[str, Any] = {part: kept.get(part) for part in PARTS if run.only is not None}

    def rows(work: Work) -> list[dict[str, Any]]:
        return list(run.each(work, lambda compute: compute()).values())

    if run.only in (None, "neurosim"):
        found = rows(_neurosim_work(run))
        record["neurosim"] = {"summary": summary(found), "runs": found}
    if run.only in (None, "analog_sgd"):
        forecasts, parts = rows(_forecast_work(run)), rows(_part_work(run))
        record["analog_sgd"] = {"forecasts": forecasts, "parts": parts}
    run.write(record, draw(record["neurosim"]["runs"]), claims(record))


if __name__ == "__main__":
    run_main(main)
