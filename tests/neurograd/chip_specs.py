"""Specs of chips drawn at random over devices, rules, batches and tasks, by the commit's seed.

What is judged on chips must not have been tuned on them, so they are drawn anew for every commit:
the hash of the commit is their seed. A drawn combination that the spec refuses is drawn again.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.support.judged_presets import JUDGED_PRESETS
from neurograd.errors import NeurogradError
from neurograd.spec import Spec, validate_spec
from neurograd.spec.rule_schema import RULES, SPIKING_ONLY

DEVICES = Path(__file__).parents[2] / "examples" / "devices"
"""Folder of the measured tables."""

MEASURED = ("measured_curve.csv", "jump_table.csv")
PULSED = ("constant", "linear", "soft_bounds", "exponential", "power", "one_sided_pair")
WRITES = ("linear", "nonlinear", "soft_bounds")
BATCHES = {"full": 100, 64: 120, 16: 150, 8: 200, 1: 300}
"""Sizes of batches, with the steps of a training."""
STEP_SIZES = {"full": (0.2, 0.6), 64: (0.15, 0.5), 16: (0.1, 0.3), 8: (0.05, 0.2), 1: (0.02, 0.06)}
"""Ranges of their step sizes, drawn evenly in the logarithm."""
PERTURBING = ("weight_perturbation", "node_perturbation", "forward_gradient")
"""Rules whose estimates are so noisy that they take a tenth of these step sizes."""
TASKS: Mapping[str, Mapping[str, Any]] = {
    "digits": {"name": "digits", "train_samples": 300},
    "teacher_student": {
        "name": "teacher_student",
        "train_samples": 300,
        "test_samples": 2000,
        "inputs": 16,
        "outputs": 4,
        "teacher_hidden": [12],
    },
}

Sections = dict[str, Any]


@dataclass(frozen=True)
class Regime:
    """What is given of a draw: how the chip is trained, and on what.

    Attributes:
        batch: Size of the batches.
        steps: Updates of a training.
        step_sizes: Range of the step size, drawn evenly in the logarithm.
        tasks: Sections of the tasks to choose from.
        orders: Orders of the samples to choose from; empty for the default.
    """

    batch: int | str
    steps: int
    step_sizes: tuple[float, float]
    tasks: tuple[Mapping[str, Any], ...]
    orders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """One drawn spec.

    Attributes:
        sections: Its keys; a measured table by its name alone.
        spec: The validated spec.
        refused: Combinations that the spec refused before this one, each by its message.
    """

    sections: Sections
    spec: Spec
    refused: tuple[str, ...]


def seed_of(commit: str) -> int:
    """The seed that a commit stands for: the first 16 digits of its hash.

    Raises:
        NeurogradError: If it is no hash of 16 digits or more.
    """
    if not re.fullmatch(r"[0-9a-f]{16,64}", commit):
        raise NeurogradError(f"commit: {commit!r} is no hash; allowed: 16 to 64 digits 0-9, a-f")
    return int(commit[:16], 16)


def draw_spec(seed: Sequence[int], regime: Regime | None = None) -> Drawn:
    """A spec that is drawn again until its combination exists.

    Args:
        seed: Whole numbers from 0, which with the regime decide what is drawn.
        regime: What is given; of all sizes of batches and short when None.
    """
    rng = np.random.default_rng(list(seed))
    refused: list[str] = []
    while True:
        sections = _sections(rng, _any_regime(rng) if regime is None else regime)
        try:
            return Drawn(sections, validate(sections), tuple(refused))
        except NeurogradError as error:
            refused.append(" ".join(str(error).split()))


def validate(sections: Mapping[str, Any]) -> Spec:
    """The spec of drawn sections, with the whole path of a measured table."""
    found = copy.deepcopy(dict(sections))
    device = found.get("device")
    if device and "measured" in device:
        device["measured"] = str(DEVICES / device["measured"])
    return validate_spec(found)


def _any_regime(rng: np.random.Generator) -> Regime:
    batch = _one(rng, list(BATCHES))
    return Regime(batch, BATCHES[batch], STEP_SIZES[batch], tuple(TASKS.values()))


def _sections(rng: np.random.Generator, regime: Regime) -> Sections:
    batch = regime.batch
    rule = _one(rng, list(RULES))
    part = 0.1 if rule in PERTURBING else 1.0
    low, high = (part * end for end in regime.step_sizes)
    order = {"order": _one(rng, regime.orders)} if regime.orders else {}
    sections: Sections = {
        "network": _network(rng, rule),
        "task": dict(_one(rng, regime.tasks)),
        "learning_rule": {"name": rule, "batch_size": batch, **_rule_keys(rng, rule)},
        "training": {"step_size": _log(rng, low, high), "steps": regime.steps, **order},
        "targets": {"max_accuracy_drop": 0.02, "max_excess_loss": 0.05, "confidence": 0.95},
        "measure": {"seed": int(rng.integers(1_000_000))},
    }
    sections |= _one(rng, KINDS)(rng)
    if batch == 8 and rng.random() < 0.4:
        sections["learning_rule"]["write_each"] = "sample"
    return sections


def _network(rng: np.random.Generator, rule: str) -> Sections:
    hidden = _one(rng, [[12], [16], [24], [12, 12]])
    if rule in SPIKING_ONLY:
        return {"kind": "spiking", "hidden": hidden[:1], "time_steps": 4, "coding": "current"}
    return {"hidden": hidden, "activation": _one(rng, ["relu", "relu", "tanh"])}


def _rule_keys(rng: np.random.Generator, rule: str) -> Sections:
    if rule in PERTURBING:
        return {"samples": _one(rng, [1, 4, 8])}
    if rule == "manhattan":
        return {"magnitude": _log(rng, 0.002, 0.02)}
    if rule == "equilibrium_propagation":
        return {"relaxation_steps": 5}
    return {}


# -- kinds of chips ------------------------------------------------------------------------------


def _digital(rng: np.random.Generator) -> Sections:
    """Rounded weights and updates, no device."""
    return {
        "quantization": {
            "weight_bits": _one(rng, [3, 4, 5, 6, 8]),
            "weight_rounding": _one(rng, ["nearest", "stochastic"]),
            "update_bits": _one(rng, [None, 6, 8, 10, 12]),
            "update_rounding": _one(rng, ["stochastic", "nearest", "truncate"]),
            "weight_range": _one(rng, [1.0, 2.0]),
        }
    }


def _ideal(_: np.random.Generator) -> Sections:
    """The rule and the batches alone."""
    return {}


def _noise(rng: np.random.Generator) -> Sections:
    """Noisy reads or coarse converters on synapses that write as they are told."""
    device = _one(
        rng,
        [
            {"read": {"noise": _log(rng, 0.003, 0.1)}},
            {"converters": {"dac_bits": _one(rng, [4, 6, 8]), "adc_bits": _one(rng, [4, 6, 8])}},
        ],
    )
    return {"device": {"conductance": {"weight_range": 2.0}, **device}}


def _preset(rng: np.random.Generator) -> Sections:
    return {"device": {"preset": _one(rng, JUDGED_PRESETS), **_beside(rng)}}


def _pulsed(rng: np.random.Generator) -> Sections:
    pulsed: Sections = {
        "model": _one(rng, PULSED),
        "dw_min": _log(rng, 1e-3, 1e-2),
        "dw_min_std": _log(rng, 0.1, 2.0),
        "dw_min_dtod": _log(rng, 0.03, 0.5),
        "up_down": round(float(rng.normal(0.0, 0.05)), 4),
        "w_max_dtod": _log(rng, 0.03, 0.3),
        "w_min_dtod": _log(rng, 0.03, 0.3),
    }
    if pulsed["model"] == "one_sided_pair":
        # Its devices begin at 0, all of them.
        del pulsed["w_min_dtod"]
    return {"device": {"pulsed": pulsed, **_beside(rng)}}


def _written(rng: np.random.Generator) -> Sections:
    """Crossbars told by levels, a write model and its noise."""
    write: Sections = {
        "model": _one(rng, WRITES),
        "cycle_to_cycle": _log(rng, 0.002, 0.05),
        "device_to_device": _log(rng, 0.01, 0.2),
    }
    if write["model"] == "nonlinear":
        up, down = (round(float(v), 3) for v in rng.uniform(0.0, 3.0, 2))
        write["nonlinearity"] = {"potentiation": up, "depression": -down}
    if write["model"] == "linear":
        write["slope"] = {"potentiation": _log(rng, 0.05, 1.0), "depression": _log(rng, 0.05, 1.0)}
    conductance = {"levels": _one(rng, [32, 64, 128, 256, 1024]), "weight_range": 1.5}
    return {"device": {"conductance": conductance, "write": write, **_beside(rng)}}


def _states(rng: np.random.Generator) -> Sections:
    conductance = {"states": _one(rng, [16, 64, 256]), "weight_range": 1.5}
    return {"device": {"conductance": conductance, **_beside(rng)}}


def _measured(rng: np.random.Generator) -> Sections:
    return {"device": {"measured": _one(rng, MEASURED), **_beside(rng)}}


def _beside(rng: np.random.Generator) -> Sections:
    """Up to two more things that are wrong with a device; most devices have none."""
    every: Sections = {
        "read": {"noise": _log(rng, 0.003, 0.05)},
        "converters": {"dac_bits": _one(rng, [6, 8]), "adc_bits": _one(rng, [6, 8])},
        "faults": {"stuck_low": _log(rng, 0.002, 0.05), "stuck_high": _log(rng, 0.001, 0.01)},
        "leakage": {"lifetime": _log(rng, 3e3, 1e6), "spread": 0.3},
        "endurance": {"cycles": 1e6, "spread": 0.7, "age": _log(rng, 1e5, 1e6)},
        "drift": {"time": "1 h", "exponent": _log(rng, 0.01, 0.1), "exponent_spread": 0.01},
        "ir_drop": {"wire_ratio": _log(rng, 1e-6, 1e-4)},
        "pulse_train": {"kind": _one(rng, ["stochastic", "deterministic"]), "length": 31},
    }
    count = int(rng.choice(3, p=[0.5, 0.3, 0.2]))
    return {str(name): every[str(name)] for name in rng.choice(list(every), count, replace=False)}


KINDS: tuple[Callable[[np.random.Generator], Sections], ...] = (
    _digital,
    _ideal,
    _noise,
    _preset,
    _preset,
    _preset,
    _pulsed,
    _pulsed,
    _written,
    _written,
    _states,
    _measured,
)
"""What a chip is; presets, pulsed models and written crossbars come more often."""


def _one(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    """A number drawn evenly in the logarithm, of three digits."""
    return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")
