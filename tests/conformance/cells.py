"""The cells of the matrix: a rule, its batch, a pass, a read, a write and a type.

A cell is a chip, and its update goes through three levels: what a read makes of the stored weights,
what the rule makes of what is seen (behind the passes), and what the write makes of the estimate.
Each level gets only what the one before it hands on, so that the law of an update is made of three
laws, each of which states its moments. ``composed`` shows for a cell that its update is made of
them, bit by bit and in chunks; ``levels.py`` holds samples of each level against its moments.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from device_models import Backprop, Chip, LearningRule, Minibatch, ReadPath, WritePath
from device_models.rules.loss_comparisons import reading_each_pass
from device_models.updates.sample_writes import (
    SampleEstimates,
    write_one_by_one,
    writes_one_product,
)
from neurograd.problem import Problem
from tests.conformance.cases import PASSES, READS, RULES, WRITES, Place
from tests.conformance.covering import Row, pairwise
from tests.conformance.matrix import rounding

NONE = "none"
BATCHES = {"whole": None, "1": 1, "8": 8}
TYPES = {"float32": torch.float32, "float64": torch.float64}
DRAWN_BY_CHUNK = ("surrogate_bptt, stochastic",)
"""Rules that say that their draws, not their distribution, depend on the chunks."""

SIGNS = ("manhattan",)
"""Rules that take signs: sums that are nothing but rounding have any."""

FACTORS = {
    "rule": tuple(RULES),
    "batch": tuple(BATCHES),
    "passes": (NONE, *PASSES),
    "read": (NONE, *READS),
    "write": (NONE, *WRITES),
    "dtype": tuple(TYPES),
}

CHUNK = 5
LARGEST_INCREMENT = 0.2
"""Of a write without a largest one, in weights."""


def allowed(row: Row) -> bool:
    """Whether there is such a chip: not every rule can be restricted to a batch."""
    return row.get("batch", "whole") == "whole" or "rule" not in row or RULES[row["rule"]].batches


@dataclass(frozen=True)
class Cell:
    """One chip of the matrix, by the names of its parts."""

    rule: str
    batch: str = "whole"
    passes: str = NONE
    read: str = NONE
    write: str = NONE
    dtype: str = "float64"

    @property
    def place(self) -> Place:
        """Type of the cell's tensors and the shapes of its weights."""
        return place_of(self.rule, self.dtype)


def place_of(rule: str, dtype: str) -> Place:
    """Type of a cell's tensors and the shapes of its weights."""
    place = Place(TYPES[dtype], "cpu")
    return Place(place.dtype, "cpu", tuple(tuple(p.shape) for p in _parameters(rule)))


@cache
def _parameters(rule: str) -> tuple[Tensor, ...]:
    return tuple(RULES[rule].problem(Place(torch.float64, "cpu")).module.parameters())


def all_cells() -> list[Cell]:
    """Every cell of the whole batch; of batches of 1 and 8 those with one pass or read at most."""
    rows: list[Row] = [{}]
    for name, levels in FACTORS.items():
        rows = [row | {name: level} for row in rows for level in levels]
    cells = [Cell(**row) for row in rows if allowed(row)]
    return [each for each in cells if each.batch == "whole" or NONE in (each.passes, each.read)]


def covering_cells() -> list[Cell]:
    """Cells in which every two levels of any two factors meet."""
    return [Cell(**row) for row in pairwise(FACTORS, allowed)]


@dataclass(frozen=True)
class Estimates:
    """A rule with its batch, and the problem that it runs on, behind the passes."""

    rule: LearningRule
    problem: Problem
    chunked: Problem


@cache
def estimates(rule: str, batch: str, passes: str, dtype: str) -> Estimates:
    """The rule of a cell."""
    case, place = RULES[rule], place_of(rule, dtype)
    problem, chunked = case.problem(place), case.problem(place, chunk_size=CHUNK)
    made = case.make(problem, place)
    if passes != NONE:
        effect = PASSES[passes]()
        problem, chunked = problem.through(effect.applied), chunked.through(effect.applied)
    size = BATCHES[batch]
    return Estimates(made if size is None else Minibatch(made, size), problem, chunked)


@cache
def read_of(name: str, place: Place) -> ReadPath | None:
    """The read of a cell."""
    return None if name == NONE else READS[name](place)


@cache
def write_of(name: str, place: Place) -> WritePath | None:
    """The write of a cell."""
    return None if name == NONE else WRITES[name].make(place)


def seed_of(*names: str) -> int:
    """A seed that the names make."""
    return int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:7], "big")


def generator_of(*names: str) -> torch.Generator:
    """A generator that the names seed."""
    return torch.Generator().manual_seed(seed_of(*names))


def largest_increment(write: str) -> float:
    """Largest increment that a write is asked for: one pulse, where its moments are for one."""
    single = WRITES[write].single if write != NONE else None
    return LARGEST_INCREMENT if single is None else 0.98 * single


def estimate_of(cell: Cell, w: Tensor) -> tuple[Tensor, torch.Generator]:
    """One estimate of a cell at stored weights, and the generator as the estimate leaves it."""
    parts = estimates(cell.rule, cell.batch, cell.passes, cell.dtype)
    generator = generator_of(cell.rule, cell.batch, cell.passes, cell.read, cell.dtype)
    read = read_of(cell.read, cell.place)
    return _drawn(parts.rule, parts.problem, read, w, generator), generator


def _drawn(
    rule: LearningRule,
    problem: Problem,
    read: ReadPath | None,
    w: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """An estimate in the order of its draws: the batch, the read, and what the rule draws.

    Rules that compare losses draw a read for each of their passes.
    """
    batch = ()
    if isinstance(rule, Minibatch):
        batch = (rule.sample_batch(problem.num_samples, generator),)
        rule = rule.rule
    if read is None:
        return rule.gradient(problem, w, generator, *batch)
    each = reading_each_pass(rule, (read,))
    if each is not None:
        return each.gradient(problem, w, generator, *batch)
    return rule.gradient(problem, read.read(w, generator), generator, *batch)


def composed(cell: Cell) -> list[str]:
    """Ways in which a cell's update is not what its levels make of it; none where all is right."""
    parts = estimates(cell.rule, cell.batch, cell.passes, cell.dtype)
    read, write = read_of(cell.read, cell.place), write_of(cell.write, cell.place)
    stored = parts.problem.initial_weights
    w = stored if write is None else write.program(stored)
    before = w.clone()
    estimate, generator = estimate_of(cell, w)
    step_size = largest_increment(cell.write) / float(estimate.abs().max())
    increment = estimate * -step_size
    by_hand = increment if write is None else write.write(w, increment, generator)
    if write is not None and writes_one_product(parts.rule, (write,)):
        by_hand = _one_product(cell, w, step_size)
    chip = Chip(
        parts.rule,
        step_size,
        reads=() if read is None else (read,),
        writes=() if write is None else (write,),
        passes=() if cell.passes == NONE else (PASSES[cell.passes](),),
    )
    plain = RULES[cell.rule].problem(cell.place)
    again = generator_of(cell.rule, cell.batch, cell.passes, cell.read, cell.dtype)
    update = chip.sample_update(plain, w, again)
    expected = -estimate if write is None else by_hand / step_size
    faults = []
    if update.dtype != cell.place.dtype:
        faults.append(f"type {update.dtype}")
    if not bool(torch.isfinite(update).all()):
        faults.append("not finite")
    if not torch.equal(update, expected):
        faults.append("the update is not made of its levels")
    if not torch.equal(w, before):
        faults.append("the stored weights have changed")
    return faults + list(chunk_faults(cell.rule, cell.batch, cell.passes, cell.read, cell.dtype))


def _one_product(cell: Cell, w: Tensor, step_size: float) -> Tensor:
    """What a write makes of one sample's gradient as an outer product, in the order of its draws.

    That its pulses and the noise of its reads have the distribution of a write of all weights is
    held by their own tests.
    """
    parts = estimates(cell.rule, cell.batch, cell.passes, cell.dtype)
    read, write = read_of(cell.read, cell.place), write_of(cell.write, cell.place)
    generator = generator_of(cell.rule, cell.batch, cell.passes, cell.read, cell.dtype)
    assert isinstance(parts.rule, Minibatch)
    assert write is not None
    index = parts.rule.sample_batch(parts.problem.num_samples, generator)
    reads = () if read is None else (read,)
    sample = SampleEstimates.read_by(reads, parts.rule.rule, parts.problem, w, generator, index)
    return write_one_by_one((write,), w, sample, -step_size, generator) - w


@cache
def chunk_faults(rule: str, batch: str, passes: str, read: str, dtype: str) -> tuple[str, ...]:
    """Whether the estimate of a cell is another one in chunks.

    Left out are rounded weights behind converters: inputs and weights are on grids, so that sums
    stand half way between two codes, and the order of summation decides which it is; and signs of
    sums that are nothing but rounding.
    """
    if rule in DRAWN_BY_CHUNK or (passes != NONE and read.startswith("weight_rounding")):
        return ()
    cell = Cell(rule, batch, passes, read, NONE, dtype)
    parts = estimates(rule, batch, passes, dtype)
    estimate = stored_estimate(rule, batch, passes, read, dtype)
    generator = generator_of(rule, batch, passes, read, dtype)
    effect, w = read_of(read, cell.place), parts.problem.initial_weights
    chunked = _drawn(parts.rule, parts.chunked, effect, w, generator)
    off = (chunked - estimate).abs()
    if rule in SIGNS:
        same = generator_of(rule, batch, passes, read, dtype)
        beneath = _drawn(_plain(parts.rule), parts.problem, effect, w, same).abs()
        off = off[beneath > rounding(cell.place.dtype) * beneath.max()]
    gap = float(off.max()) / float(estimate.abs().max())
    right = gap <= rounding(cell.place.dtype) / RULES[rule].perturbation
    return () if right else (f"chunks change the estimate by {gap:.1e}",)


def _plain(rule: LearningRule) -> LearningRule:
    """Backpropagation in place of a rule, in its batches."""
    return Minibatch(Backprop(), rule.batch_size) if isinstance(rule, Minibatch) else Backprop()


@cache
def stored_estimate(rule: str, batch: str, passes: str, read: str, dtype: str) -> Tensor:
    """One estimate of a cell at the stored weights, before any write."""
    cell = Cell(rule, batch, passes, read, NONE, dtype)
    w = estimates(rule, batch, passes, dtype).problem.initial_weights
    return estimate_of(cell, w)[0]
