"""A GPU: updates beside plain torch's on it and our own on the CPU, writes beside copies there.

The network is that of the updates on the CPU, 784-256-128-10; the devices of the writes are those
of the writes there. Times are by the clock, up to where the GPU has done all that was asked of it;
the first call, which compiles, is not in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks import updates, write_models
from benchmarks.clock import Timing, Work, in_turn
from benchmarks.peers import aihwkit_updates as peers
from benchmarks.rows import Row, compared, not_measured
from benchmarks.writes import PULSES, SIDES, TYPES
from device_models import Chip

PRESETS = ("gokmen-vlasov", "reram-sb", "pcm", "alox-hfo2")
MODELS = ("gokmen-vlasov", "reram-sb", "reram-es", "pcm", "alox-hfo2")
DEVICE = "cuda"
CLEAN_ALLOWED = 1.5


def rows(quick: bool) -> list[Row]:
    """Rows of clean updates, of updates through presets, and of writes.

    Args:
        quick: One preset, one size and few repeats.
    """
    found: list[Row] = []
    for batch in (1, 10):
        for dtype in (torch.float32, torch.float64):
            found += _or_reason(
                f"clean update, batch of {batch}, {updates.name_of(dtype)}",
                partial(_clean, batch, dtype, quick),
            )
    for preset in PRESETS[:1] if quick else PRESETS:
        for batch in (1, 10):
            found += _or_reason(
                f"update through {preset}, batch of {batch} written sample by sample, float32",
                partial(_through, preset, batch, quick),
            )
    for model in MODELS[:1] if quick else MODELS:
        for side in SIDES[:1] if quick else SIDES:
            for dtype in TYPES if model == MODELS[0] else ("float32",):
                name = f"{model}, {side}², {dtype}"
                found += _or_reason(name, partial(_writes, model, side, TYPES[dtype], quick))
    return found


def _or_reason(name: str, make: Callable[[str], list[Row]]) -> list[Row]:
    """Rows of a name, or one that says what there was instead: others are still measured."""
    try:
        return make(name)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        return [not_measured(name, "", reason)]


def _clean(batch: int, dtype: torch.dtype, quick: bool, name: str) -> list[Row]:
    chip = Chip(updates.batches(batch), peers.STEP_SIZE)
    works = {
        "ours": updates.update(updates.problem(dtype, DEVICE), chip),
        "plain": peers.plain_update(batch, dtype, DEVICE),
    }
    taken = _timed(works, quick)
    return [_beside(name, taken["ours"], taken["plain"], "plain torch", CLEAN_ALLOWED)]


def _through(preset: str, batch: int, quick: bool, name: str) -> list[Row]:
    works: dict[str, Work] = {"plain": peers.plain_update(batch, torch.float32, DEVICE)}
    for place in (DEVICE, "cpu"):
        problem = updates.problem(torch.float32, place)
        works[place] = updates.update(problem, updates.chip(problem, preset, batch))
    taken = _timed(works, quick)
    return [
        _beside(name, taken[DEVICE], taken["plain"], "plain torch"),
        _beside(name, taken[DEVICE], taken["cpu"], "ours on this CPU"),
    ]


def _writes(model: str, side: int, dtype: torch.dtype, quick: bool, name: str) -> list[Row]:
    """Writes of few and of many pulses, each beside a copy and as many normal numbers."""
    size, made = side * side, write_models.MODELS[model].make(side * side, dtype)
    write = _there(made.write)
    w = write.program(torch.zeros(size, dtype=dtype, device=DEVICE))
    target, generator = torch.ones_like(w), torch.Generator(DEVICE).manual_seed(0)
    found = []
    for amount, pulses in PULSES.items():
        increment = torch.full_like(w, pulses * made.unit)
        works: dict[str, Work] = {
            "ours": partial(write.write, w, increment, generator),
            "copy": partial(target.copy_, w),
            "normal numbers": partial(target.normal_, generator=generator),
        }
        taken = _timed(works, quick, least_seconds=0.02)
        for peer in ("copy", "normal numbers"):
            ours, theirs = (
                [size / 1e6 / value for value in taken[each].wall] for each in ("ours", peer)
            )
            what = f"{name}, {amount} pulses"
            found.append(compared(what, "million devices/s", ours, theirs, peer, better="above"))
    return found


def _there(value: Any) -> Any:
    """What it is, with its tensors on the GPU."""
    if isinstance(value, Tensor):
        return value.to(DEVICE)
    if isinstance(value, tuple):
        return tuple(map(_there, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{each.name: _there(getattr(value, each.name)) for each in fields(value)}
        )
    return value


def _beside(
    name: str, ours: Timing, peer: Timing, called: str, allowed: float | None = None
) -> Row:
    """A row of milliseconds by the clock."""
    one, other = ([1e3 * value for value in each.wall] for each in (ours, peer))
    return compared(name, "ms", one, other, called, allowed=allowed)


def _timed(works: dict[str, Work], quick: bool, least_seconds: float = 0.1) -> dict[str, Timing]:
    return in_turn(
        works,
        rounds=3 if quick else 5,
        least_seconds=0.02 if quick else least_seconds,
        finish=torch.cuda.synchronize,
    )
