"""What is claimed of trainings that others published, and what our runs say of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from experiments.support.held import together, word_of_test
from experiments.support.published import analog_sgd, neurosim
from experiments.support.record import Claim, Held, held_over, held_where
from neurograd.measure.intervals import Interval, interval, mean_interval

CLOSE = 10.0
"""Points of accuracy that count as the same value."""
CHANCE_LIKE = (10.0, 25.0)
"""Accuracies of AlOx/HfO2, in percent."""
LOST, LEARNED = 20.0, 90.0
"""Accuracies in percent up to which nothing is learned, and from which on the task is."""

_SOURCE = "MLP+NeuroSim V3.0 (Chen, Peng and Yu, IEEE TCAD 2018), its program on 5,000 images"
_WU = "Wu, Gokmen, Rasch and Chen, NeurIPS 2024, figure 5"

Rows = Sequence[Mapping[str, Any]]


def published_value(device: str) -> float:
    """The accuracy of MLP+NeuroSim's one run, as that of ours: the mean of its last looks."""
    return float(np.mean(neurosim.PUBLISHED[device][-neurosim.LAST :]))


def one_more(values: Sequence[float]) -> Interval:
    """Where one more accuracy in percent lies with 99 %, by t with n − 1 degrees of freedom.

    Args:
        values: Independent accuracies, one or more; of a single one all is possible.
    """
    count = len(values)
    if count < 2:
        return 0.0, 100.0
    spread = float(np.std(values, ddof=1)) * math.sqrt(1.0 + 1.0 / count)
    return _possible(interval(float(np.mean(values)), spread, count - 1))


def _possible(ends: Interval, least: float = 0.0) -> Interval:
    """What is possible of an interval: accuracies from 0 to 100 %, differences from −100 % on."""
    return max(least, ends[0]), min(100.0, ends[1])


def summary(rows: Rows) -> dict[str, Any]:
    """Of each variant and device: mean, interval of one more run, distance to the published one.

    Args:
        rows: From ``neurosim.trained``.
    """
    found: dict[str, Any] = {}
    for variant in neurosim.VARIANTS:
        of_devices: dict[str, Any] = {}
        for device in neurosim.PUBLISHED:
            values = _values(rows, variant, device)
            mean, ends = mean_interval(values)
            published, (low, high) = published_value(device), one_more(values)
            of_devices[device] = {
                "runs": len(values),
                "accuracy": mean,
                "accuracy_ci": _possible(ends),
                "published": published,
                "one_more": (low, high),
                "difference_ci": (low - published, high - published),
            }
        steps = {}
        for better, worse in _neighbours():
            pairs = zip(*(_values(rows, variant, name) for name in (better, worse)), strict=True)
            mean, ends = mean_interval([a - b for a, b in pairs])
            steps[f"{better} over {worse}"] = {
                "difference": mean,
                "difference_ci": _possible(ends, -100.0),
            }
        found[variant] = {"devices": of_devices, "order": steps}
    return found


def _values(rows: Rows, variant: str, device: str) -> list[float]:
    mine = [row for row in rows if (row["variant"], row["device"]) == (variant, device)]
    return [row["accuracy"] for row in sorted(mine, key=lambda row: row["run"])]


def _neighbours() -> list[tuple[str, str]]:
    return list(pairwise(neurosim.PUBLISHED))


def accuracy_claims(found: Mapping[str, Any]) -> list[Claim]:
    """What is claimed of the three devices, each reading of the training for itself.

    Args:
        found: From ``summary``.
    """
    return [
        claim
        for variant, told in found.items()
        for claim in _of_variant(neurosim.VARIANTS[variant].told, told)
    ]


def _of_variant(told: str, found: Mapping[str, Any]) -> list[Claim]:
    devices, order = found["devices"], found["order"]
    runs = min(each["runs"] for each in devices.values())
    setting = (
        f"400-100-10, 40,000 single samples, {runs} runs a device, accuracy in percent as the mean "
        f"of the last {neurosim.LAST} of {neurosim.LOOKS} looks; {told}"
    )

    def claim(text: str, measured: str, word: Held) -> Claim:
        return Claim(text, _SOURCE, setting, f"{measured}; 99 % intervals", word)

    steps = ", ".join(
        f"{name} by {each['difference']:.1f} ({_ends(each['difference_ci'])})"
        for name, each in order.items()
    )
    values = ", ".join(
        f"{name} {each['accuracy']:.1f}, one more run {_ends(each['one_more'])}, published "
        f"{each['published']:.1f}"
        for name, each in devices.items()
    )
    distances = ", ".join(
        f"{name} {_ends(each['difference_ci'])}" for name, each in devices.items()
    )
    lowest = devices["alox-hfo2"]
    return [
        claim(
            "EpiRAM learns best, then Ag:a-Si, and AlOx/HfO2 worst.",
            steps,
            together([held_where(e["difference_ci"], 0.0, 100.0) for e in order.values()]),
        ),
        claim(
            "MLP+NeuroSim's one run of each device is one more draw of ours.",
            values,
            together([_is_one_more(each) for each in devices.values()]),
        ),
        claim(
            f"Each device reaches the published accuracy within {CLOSE:g} points.",
            f"one more run less the published one: {distances}",
            together([held_where(e["difference_ci"], -CLOSE, CLOSE) for e in devices.values()]),
        ),
        claim(
            f"AlOx/HfO2 stays between {CHANCE_LIKE[0]:g} and {CHANCE_LIKE[1]:g} %.",
            f"mean {lowest['accuracy']:.1f} ({_ends(lowest['accuracy_ci'])})",
            held_where(lowest["accuracy_ci"], *CHANCE_LIKE),
        ),
    ]


def _is_one_more(each: Mapping[str, Any]) -> Held:
    """Whether the published run is another draw: that can only be contradicted."""
    low, high = each["one_more"]
    return word_of_test(low <= each["published"] <= high)


def cliff_claims(forecasts: Rows, parts: Rows) -> list[Claim]:
    """What is claimed of the window below which analog SGD is lost.

    Args:
        forecasts: From ``analog_sgd.predicted``.
        parts: From ``analog_sgd.trained_part``.
    """
    exact = (
        "784-256-128-10, 480,000 batches of 10 of mnist_5k's 4,000 images in place of MNIST's "
        "60,000, each sample written for itself, soft bounds with aihwkit's defaults, digital "
        "biases, torch's start weights; pulses are rounded at random, where the published runs had "
        "trains of 31 slots"
    )
    ideal = f"{exact}; passes are exact, without their converters and learned output scales"
    chips = [row for row in forecasts if not row["clean"]]
    clean = [row["accuracy"] for row in forecasts if row["clean"]]
    shown = "; ".join(
        f"τ {tau:.2f}: {_listed(_of(chips, tau))}, published {value:g}"
        for tau, value in analog_sgd.PUBLISHED.items()
    )
    start = f"{analog_sgd.PART:,} updates, one chip"
    found = [
        Claim(
            "The forecast shows the cliff: lost at τ = 0.70, learned at 0.78 and 0.80.",
            _WU,
            ideal,
            f"predicted accuracies in percent: {shown}; clean {_listed(clean)}; lost is up to "
            f"{LOST:g}, learned from {LEARNED:g} on",
            held_over([_as_published(row["tau"], row["accuracy"]) for row in chips]),
        )
    ]
    for converters, told in ((False, ideal), (True, f"{exact}; passes by aihwkit's converters")):
        mine = [row for row in parts if row["converters"] == converters]
        accuracies = {row["tau"]: row["looks"][-1] for row in mine}
        early = [accuracies[tau] > LOST for tau in analog_sgd.PUBLISHED]
        expected = [value > LOST for value in analog_sgd.PUBLISHED.values()]
        listed = ", ".join(f"τ {tau:.2f} {value:.1f}" for tau, value in accuracies.items())
        found.append(
            Claim(
                "The cliff is there in the first updates of a training: only τ = 0.70 stays at "
                "chance.",
                _WU,
                f"{told}; the first {start}, no forecast",
                f"accuracies in percent: {listed}; at chance is up to {LOST:g}",
                held_over([a == b for a, b in zip(early, expected, strict=True)]),
            )
        )
    return found


def _as_published(tau: float, accuracy: float) -> bool:
    """Whether a chip is lost where the published ones are, and learns where these do."""
    return accuracy <= LOST if analog_sgd.PUBLISHED[tau] <= LOST else accuracy >= LEARNED


def _of(rows: Rows, tau: float) -> list[float]:
    return [row["accuracy"] for row in rows if row["tau"] == tau]


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _ends(ends: Interval) -> str:
    return f"{ends[0]:.1f} to {ends[1]:.1f}"
