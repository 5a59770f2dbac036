"""Updates of a training: clean ones against plain torch's, those through chips against aihwkit's.

The network is 784-256-128-10, its inputs are zero in four of five places as MNIST's are. Ours are
whole updates of a training: seeding, the draw of a batch, its gradient, the write. Through
presets that aihwkit has there are two rows: devices alone, and all that aihwkit's preset simulates.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from benchmarks.clock import Timing, Work, in_turn
from benchmarks.peers import aihwkit_updates as peers
from benchmarks.rows import Row, timed
from device_models import Backprop, Chip, Minibatch
from neurograd.pipeline.build import build_chip
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.spec import list_presets, validate_spec
from neurograd.training.course import Course
from neurograd.training.schedules import ConstantStep
from neurograd.training.updates import one_after_the_other

SAMPLES = 4000
CLEAN_ALLOWED = 1.5
QUICK_PRESETS = ("gokmen-vlasov", "alox-hfo2")
NOT_ALIKE = "not alike: ours passes exactly and rounds numbers of pulses at random"


def rows(quick: bool) -> list[Row]:
    """Rows of clean updates and of every preset.

    Args:
        quick: Two presets and few repeats.
    """
    found = []
    for dtype, batch in itertools.product((torch.float32, torch.float64), (1, 10)):
        works = {
            "ours": update(problem(dtype), Chip(batches(batch), peers.STEP_SIZE)),
            "theirs": peers.plain_update(batch, dtype),
        }
        times = _timed(works, quick)
        name = f"clean update, batch of {batch}, {name_of(dtype)}"
        found.append(
            timed(name, times["ours"], times["theirs"], "plain torch", allowed=CLEAN_ALLOWED)
        )
    network = problem(torch.float32)
    for preset in QUICK_PRESETS if quick else list_presets():
        found += [_through(network, preset, batch, quick) for batch in (1, 10)]
        if preset in peers.CLASSES:
            found += [_alike(network, preset, batch, quick) for batch in (1, 10)]
    return found


def _through(network: Problem, preset: str, batch: int, quick: bool) -> Row:
    """An update through a preset's devices, each sample written for itself, as aihwkit does.

    Passes are exact: beside aihwkit's, which go through converters, it is not the same work.
    """
    name = f"update through {preset}, batch of {batch} written sample by sample, float32"
    works: dict[str, Work] = {"ours": update(network, chip(network, preset, batch))}
    known, missing = preset in peers.CLASSES, peers.missing()
    if known and missing is None:
        works["theirs"] = peers.analog_update(preset, batch)
        times = _timed(works, quick)
        return timed(name, times["ours"], times["theirs"], "aihwkit", note=NOT_ALIKE, alike=False)
    works["theirs"] = peers.plain_update(batch)
    times = _timed(works, quick)
    note = missing if known else "aihwkit has no such preset"
    return timed(name, times["ours"], times["theirs"], "plain torch", note=note or "")


def _alike(network: Problem, preset: str, batch: int, quick: bool) -> Row:
    """The same through all that aihwkit's preset has: the row that is compared."""
    name = (
        f"update through {preset} with aihwkit's converters and pulse trains, batch of {batch}, "
        "float32"
    )
    works = {"ours": update(network, chip(network, preset, batch, peers.ALIKE))}
    missing = peers.missing()
    if missing is None:
        works["theirs"] = peers.analog_update(preset, batch)
        times = _timed(works, quick)
        allowed = 1.0 if batch == 1 else 0.5
        return timed(name, times["ours"], times["theirs"], "aihwkit", allowed=allowed)
    works["theirs"] = peers.plain_update(batch)
    times = _timed(works, quick)
    note = f"beside aihwkit not measured: {missing}"
    return timed(name, times["ours"], times["theirs"], "plain torch", note=note)


def _timed(works: dict[str, Work], quick: bool) -> dict[str, Timing]:
    return in_turn(works, rounds=3 if quick else 7, least_seconds=0.02 if quick else 0.2)


def problem(dtype: torch.dtype, device: str = "cpu") -> Problem:
    """The network and its samples.

    Args:
        dtype: Type of weights and inputs.
        device: Where it computes.
    """
    layers: list[nn.Module] = []
    generator = generator_for(0, "network")
    for width, following in itertools.pairwise(peers.LAYERS):
        layer = nn.Linear(width, following)
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    inputs, targets = peers.samples(SAMPLES, dtype)
    network = nn.Sequential(*layers[:-1])
    return Problem(network, nn.CrossEntropyLoss(), inputs, targets, dtype=dtype, device=device)


def batches(batch: int) -> Minibatch:
    """The rule of a batch that is drawn for each update."""
    return Minibatch(Backprop(), batch, order="with_replacement")


def chip(
    problem: Problem, preset: str, batch: int, beside: Mapping[str, Any] | None = None
) -> Chip:
    """A chip of a preset that writes every sample for itself.

    Args:
        problem: The network and its samples.
        preset: Its devices.
        batch: Samples of an update.
        beside: Further keys of ``device``, such as ``peers.ALIKE``.
    """
    spec = validate_spec(
        {
            "device": {"preset": preset, **(beside or {})},
            "network": {"hidden": list(peers.LAYERS[1:-1])},
            "learning_rule": {"batch_size": batch, "write_each": "sample"},
            "training": {"step_size": peers.STEP_SIZE, "order": "with_replacement"},
        }
    )
    return build_chip(spec, problem)


def update(problem: Problem, chip: Chip) -> Work:
    """One update after the other, as ``neurograd.training.loop`` takes them."""
    course = Course(chip, problem.num_samples, ConstantStep(), 0, "order", 0)
    return one_after_the_other(problem, course)


def name_of(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
