"""Writes of many devices: devices a second beside a copy of as many numbers, and beside aihwkit.

Every weight is asked for the same increment, up and down in turn, of few pulses (0.01 in the mean)
or many (5); where there are no pulses, of as many steps of the grid or hundredths of the window. A
copy reads and writes one number a device; a write reads the increment and writes what is realized,
and where there is a pulse it reads the weight and the properties of its device. Few pulses are
compared with aihwkit's as what they are in a training, one outer product.

At 4096² writes are in float32 only. At 1024² each model is also beside torch's own normal numbers,
of which it is given as many as it needs, and beside the same write by torch's operations where
there is one.
"""

from __future__ import annotations

from typing import Any, cast

import torch

from benchmarks.clock import Timing, Work, in_turn
from benchmarks.peers import aihwkit_updates
from benchmarks.rows import Row, not_measured, rated
from benchmarks.write_models import MADE_OF_OTHERS, MODELS, Model
from device_models import ConductanceStates, MemristorWrite
from device_models.outer_products import OuterProducts, OuterWrite
from neurograd.errors import NeurogradError
from neurograd.seeding import generator_for

PULSES = {"few": 0.01, "many": 5.0}
"""Pulses of a device in the mean."""

AT_LEAST = {"few": 1.0, "many": 3.0}
"""Times aihwkit's rate that the project asks for."""

OF_NUMBERS = 1.0 / 2.5
"""Part of the rate at which its random numbers are made that a write of many pulses should have."""

SIDES = (256, 1024, 4096)
DETAILED = 1024
"""The side at which each model is beside more than a copy."""

LARGEST_PEER = 2048
"""Side of the largest tile of aihwkit's; of larger ones the rate is taken to be the same."""

WITHOUT_LOOP = (
    "no loop of its own: few passes by torch, around the loops of devices where there are any"
)

TYPES = {"float32": torch.float32, "float64": torch.float64}


def rows(quick: bool) -> list[Row]:
    """Rates of every model, for few and many pulses a device, in either type.

    Args:
        quick: One size, one model, and fewer repeats.
    """
    if quick:
        return [row for amount in PULSES for row in _of_one("gokmen-vlasov", 256, amount, quick)]
    found: list[Row] = []
    for model in MODELS | MADE_OF_OTHERS:
        for side in SIDES if model in MODELS else (DETAILED,):
            for amount in PULSES:
                found += _of_one(model, side, amount, quick)
    return found


def _of_one(name: str, side: int, amount: str, quick: bool) -> list[Row]:
    """A model at a size: either type beside a copy, float64 beside float32, ours beside others."""
    size, model = side * side, (MODELS | MADE_OF_OTHERS)[name]
    types = TYPES if side <= DETAILED else {"float32": torch.float32}
    works = {each: _write(model, size, amount, dtype) for each, dtype in types.items()}
    works |= {f"copy {each}": _copy(size, dtype) for each, dtype in types.items()}
    if side == DETAILED:
        works |= _ceilings(model, size, amount)
    comparable, missing = name in aihwkit_updates.CLASSES, aihwkit_updates.missing()
    if comparable and amount == "few":
        works["rank-one"] = _outer(model, side)
    peer = min(side, LARGEST_PEER)
    if comparable and missing is None:
        works["aihwkit"] = aihwkit_updates.rank_one_update(name, peer, PULSES[amount])
    taken = in_turn(works, rounds=3 if quick or side > DETAILED else 5, least_seconds=0.02)
    title = f"{name}, {side}², {amount} pulses"

    def row(what: str, peer: str, called: str, allowed: float | None = None, note: str = "") -> Row:
        return rated(
            f"{title}, {what}", taken[what], taken[peer], called, size / 1e6,
            "million devices/s", allowed=allowed, note=note,
        )  # fmt: skip

    note = WITHOUT_LOOP if side == DETAILED and "torch" not in works else ""
    made = [row("float32", "copy float32", "copy", note=note)]
    if "float64" in types:
        made.append(row("float64", "copy float64", "copy"))
        made.append(row("float64", "float32", "float32", 1.0 / 2.5))
    if "numbers" in works:
        needed = f"{model.numbers[amount]:g} random numbers each"
        allowed = OF_NUMBERS if amount == "many" and name in MODELS else None
        made.append(row("float32", "numbers", needed, allowed))
    if "torch" in works:
        made.append(row("float32", "torch", "torch's operations"))
    like_aihwkit = "rank-one" if amount == "few" else "float32"
    if comparable and missing is None:
        note = "" if peer == side else f"aihwkit's rate is that of a tile of {peer}²"
        taken["aihwkit"] = _scaled(taken["aihwkit"], (side / peer) ** 2)
        made.append(row(like_aihwkit, "aihwkit", "aihwkit", AT_LEAST[amount], note))
    elif comparable:
        made.append(not_measured(f"{title}, {like_aihwkit}", "aihwkit", str(missing)))
    return made


def _scaled(timing: Timing, factor: float) -> Timing:
    """The timing of as many times the work."""
    return Timing(*(tuple(factor * each for each in times) for times in (timing.cpu, timing.wall)))


def _ceilings(model: Model, size: int, amount: str) -> dict[str, Work]:
    """In float32: as many normal numbers as are needed, and the write by torch's operations."""
    found: dict[str, Work] = {}
    needed = round(size * model.numbers[amount])
    if needed:
        target, drawn = torch.zeros(needed), generator_for(0, "numbers")
        found["numbers"] = lambda: target.normal_(generator=drawn)
    if (plain := _plain(model, size, amount)) is not None:
        found["torch"] = plain
    return found


def _plain(model: Model, size: int, amount: str) -> Work | None:
    """A write by torch's operations; None where it is the only one that there is."""
    made = model.make(size, torch.float32)
    write: Any = made.write
    w = write.program(torch.zeros(size))
    increment, generator = (
        torch.full_like(w, PULSES[amount] * made.unit),
        generator_for(0, "writes"),
    )
    if isinstance(write, ConductanceStates):
        inner = cast(MemristorWrite, write.inner)

        def landed() -> None:
            key = write.key_of(generator)
            write.plain_landing(w, inner.plain_write(w, increment, inner.key_of(generator)), key)

        return landed
    if not hasattr(write, "plain_write"):
        return None
    return lambda: write.plain_write(w, increment, write.key_of(generator))


def _write(model: Model, size: int, amount: str, dtype: torch.dtype) -> Work:
    made = model.make(size, dtype)
    write = made.write
    w = write.program(torch.zeros(size, dtype=dtype))
    increments = [torch.full_like(w, sign * PULSES[amount] * made.unit) for sign in (1.0, -1.0)]
    generator = generator_for(0, "writes")

    def work() -> None:
        write.write(w, increments[0], generator)
        increments.reverse()

    return work


def _outer(model: Model, side: int) -> Work:
    """The same by the outer product of an input and an error, as aihwkit does."""
    made = model.make(side * side, torch.float32)
    write, w = made.write, made.write.program(torch.zeros(side * side))
    error = torch.full((1, side), PULSES["few"] * made.unit)
    layer = OuterProducts(0, None, torch.ones(1, side), error)
    generator = generator_for(0, "writes")

    def work() -> None:
        if not cast(OuterWrite, write).write_outer(w, [layer], 1.0, generator):
            raise NeurogradError("a write does not take outer products")
        error.neg_()

    return work


def _copy(size: int, dtype: torch.dtype) -> Work:
    source, target = torch.ones(size, dtype=dtype), torch.zeros(size, dtype=dtype)
    return lambda: target.copy_(source)
