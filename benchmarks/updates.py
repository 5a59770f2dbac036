"""Updates of a training: clean ones against plain torch's, those through chips against aihwkit's.

The network is 784-256-128-10, its inputs are zero in four of five places as MNIST's are. Ours are
whole updates of `neurograd.train`: seeding, the draw of a batch, its gradient, the write.
"""

from __future__ import annotations

import itertools

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

SAMPLES = 4000
CLEAN_ALLOWED = 1.5
QUICK_PRESETS = ("gokmen-vlasov", "alox-hfo2")


def rows(quick: bool) -> list[Row]:
    """Rows of clean updates and of every preset.

    Args:
        quick: Two presets and few repeats.
    """
    found = []
    for dtype, batch in itertools.product((torch.float32, torch.float64), (1, 10)):
        works = {
            "ours": _update(_problem(dtype), Chip(_batches(batch), peers.STEP_SIZE)),
            "theirs": peers.plain_update(batch, dtype),
        }
        times = _timed(works, quick)
        name = f"clean update, batch of {batch}, {_name(dtype)}"
        found.append(
            timed(name, times["ours"], times["theirs"], "plain torch", allowed=CLEAN_ALLOWED)
        )
    problem = _problem(torch.float32)
    for preset in QUICK_PRESETS if quick else list_presets():
        found += [_through(problem, preset, batch, quick) for batch in (1, 10)]
    return found


def _through(problem: Problem, preset: str, batch: int, quick: bool) -> Row:
    """An update through a preset, each sample written for itself, as aihwkit does."""
    name = f"update through {preset}, batch of {batch} written sample by sample, float32"
    works: dict[str, Work] = {"ours": _update(problem, _chip(problem, preset, batch))}
    known, missing = preset in peers.CLASSES, peers.missing()
    if known and missing is None:
        works["theirs"] = peers.analog_update(preset, batch)
        times = _timed(works, quick)
        allowed = 1.0 if batch == 1 else 0.5
        return timed(name, times["ours"], times["theirs"], "aihwkit", allowed=allowed)
    works["theirs"] = peers.plain_update(batch)
    times = _timed(works, quick)
    note = missing if known else "aihwkit has no such preset"
    return timed(name, times["ours"], times["theirs"], "plain torch", note=note or "")


def _timed(works: dict[str, Work], quick: bool) -> dict[str, Timing]:
    return in_turn(works, rounds=3 if quick else 7, least_seconds=0.02 if quick else 0.2)


def _problem(dtype: torch.dtype) -> Problem:
    layers: list[nn.Module] = []
    generator = generator_for(0, "network")
    for width, following in itertools.pairwise(peers.LAYERS):
        layer = nn.Linear(width, following)
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    inputs, targets = peers.samples(SAMPLES, dtype)
    return Problem(nn.Sequential(*layers[:-1]), nn.CrossEntropyLoss(), inputs, targets, dtype=dtype)


def _batches(batch: int) -> Minibatch:
    return Minibatch(Backprop(), batch, order="with_replacement")


def _chip(problem: Problem, preset: str, batch: int) -> Chip:
    spec = validate_spec(
        {
            "device": {"preset": preset},
            "network": {"hidden": list(peers.LAYERS[1:-1])},
            "learning_rule": {"batch_size": batch, "write_each": "sample"},
            "training": {"step_size": peers.STEP_SIZE, "order": "with_replacement"},
        }
    )
    return build_chip(spec, problem)


def _update(problem: Problem, chip: Chip) -> Work:
    """One update after the other, as ``neurograd.training.loop`` takes them."""
    w, steps = chip.program(problem.initial_weights).clone(), itertools.count()
    state, device = chip.start(w), w.device
    course = Course(chip, problem.num_samples, ConstantStep(), 0, "order", 0)

    def work() -> None:
        nonlocal w, state
        step = next(steps)
        now = course.at(step, device)
        w, state = now.advance(problem, w, state, generator_for(0, "train", 0, step, device=device))

    return work


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
