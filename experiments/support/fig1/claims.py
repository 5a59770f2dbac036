"""The claims of Figure 1, judged by the maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from experiments.support.record import Claim, Held

SOURCE = "Figure 1"

MEANINGFUL = 0.01
"""Smallest change of accuracy that would matter: what is within it counts as insensitive."""


def pick(result: dict[str, Any], bias: float, noise: float, signs: bool = False) -> dict[str, Any]:
    """The cell at a bias, with β = (1, ..., 1) or of random signs, and a noise."""
    found: dict[str, Any] = next(
        c for c in result["cells"] if (c["bias"], c["noise"], c["signs"]) == (bias, noise, signs)
    )
    return found


def points(summary: dict[str, Any]) -> str:
    """A difference in percentage points with its interval."""
    low, high = summary["ci"]
    mean = 100 * summary["difference"]
    return f"{mean:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"


def place(cell: dict[str, Any]) -> str:
    """Where a cell is, in words."""
    kind = ", β of random signs" if cell["signs"] else ""
    return f"bias {cell['bias']:g}, noise {cell['noise']:g}{kind}"


def tolerated(cells: Sequence[dict[str, Any]]) -> int:
    """How many cells, from the first on, stay within MEANINGFUL of the clean test accuracy."""
    for count, cell in enumerate(cells):
        low, high = cell["test_summary"]["ci"]
        if low < -MEANINGFUL or high > MEANINGFUL:
            return count
    return len(cells)


def insensitive(result: dict[str, Any]) -> tuple[Held, str]:
    """Whether some noise alone and some bias alone leave the test accuracy as it is."""
    setting = result["setting"]
    root = math.sqrt(setting["num_parameters"])
    axes = {
        "bias": [pick(result, b, 0.0) for b in setting["biases"][1:]],
        "bias of random signs": [pick(result, b, 0.0, signs=True) for b in setting["biases"][1:]],
        "noise": [pick(result, 0.0, n) for n in setting["noises"][1:]],
    }
    counts = {name: tolerated(cells) for name, cells in axes.items()}
    texts = []
    for name, cells in axes.items():
        if not counts[name]:
            texts.append(f"{name} at no level")
            continue
        last = cells[counts[name] - 1]
        texts.append(
            f"noise norm up to {last['noise']:g}‖g‖"
            if name == "noise"
            else f"{name} up to b/‖g‖ = {last['bias']:g} (length {last['bias'] * root:.2g}‖g‖)"
        )
    both = (counts["bias"] > 0, counts["noise"] > 0)
    held: Held = "held" if all(both) else "partly" if any(both) else "inconclusive"
    return held, (
        f"test accuracy shown to stay within ±{100 * MEANINGFUL:g} point of clean with "
        + ", ".join(texts)
    )


def small_amounts(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Cells that are not clean and whose mean training accuracy is within MEANINGFUL of clean."""
    return [
        c
        for c in result["cells"]
        if (c["bias"] or c["noise"]) and c["train_summary"]["difference"] >= -MEANINGFUL
    ]


def helped(result: dict[str, Any]) -> tuple[Held, str]:
    """Whether any amount raised the test accuracy."""
    cells = [c for c in result["cells"] if c["bias"] or c["noise"]]
    best = max(cells, key=lambda c: c["test_summary"]["difference"])
    better = [c for c in cells if c["test_summary"]["ci"][0] > 0]
    highest = max((c["test_summary"]["ci"][1] for c in small_amounts(result)), default=math.inf)
    held: Held = "held" if better else "not held" if highest < MEANINGFUL else "inconclusive"
    return held, (
        f"{len(better)} of {len(cells)} cells better than clean; the best ({place(best)}) by "
        f"{points(best['test_summary'])}; where training is unharmed no interval goes above "
        f"{100 * highest:+.2f} points"
    )


def harmed(result: dict[str, Any]) -> tuple[Held, str]:
    """Whether the largest noise alone and the largest bias alone lower both accuracies."""
    setting = result["setting"]
    worst = {
        f"noise {setting['noises'][-1]:g}": pick(result, 0.0, setting["noises"][-1]),
        f"bias {setting['biases'][-1]:g}": pick(result, setting["biases"][-1], 0.0),
    }
    ends = [c[f"{s}_summary"]["ci"] for c in worst.values() for s in ("train", "test")]
    lower = [high < 0 for _, high in ends]
    if all(lower):
        held: Held = "held"
    elif any(lower):
        held = "partly"
    else:
        held = "not held" if all(low > -MEANINGFUL for low, _ in ends) else "inconclusive"
    return held, "; ".join(
        f"{name}: train {points(c['train_summary'])}, test {points(c['test_summary'])}"
        for name, c in worst.items()
    )


CLAIMS: tuple[tuple[str, Callable[[dict[str, Any]], tuple[Held, str]]], ...] = (
    ("Learning can be insensitive to some variance and bias of the gradient estimate", insensitive),
    ("A small amount of noise or bias can aid generalization", helped),
    ("Excessive noise and excessive bias harm learning", harmed),
)


def together(held: Sequence[Held]) -> Held:
    """One word for several settings."""
    if len(set(held)) == 1:
        return held[0]
    return "partly" if "held" in held or "partly" in held else "inconclusive"


def claims_of(results: Sequence[dict[str, Any]]) -> list[Claim]:
    """What the paper says of the figure, and what the maps say."""
    claims = []
    for sentence, judge in CLAIMS:
        found = [(r["setting"]["title"], *judge(r)) for r in results]
        claims.append(
            Claim(
                sentence,
                SOURCE,
                "; ".join(setting_text(r) for r in results),
                " | ".join(f"{title}: {held}, {text}" for title, held, text in found)
                + "; paired over seeds, simultaneous at 99 % over the cells of a map",
                together([held for _, held, _ in found]),
            )
        )
    return claims


def setting_text(result: dict[str, Any]) -> str:
    """A setting in words."""
    s = result["setting"]
    batch = "full batch" if s["batch_size"] is None else f"batches of {s['batch_size']}"
    return (
        f"{s['title']}: N = {s['num_parameters']}, {s['steps']} updates at Δt = "
        f"{s['step_size']:g}, {batch}, {s['seeds']} seeds"
    )
