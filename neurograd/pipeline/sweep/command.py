"""``neurograd sweep``: from the options of the command line to the table and its figure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

from neurograd.compute_device import NAMES, choose_device
from neurograd.errors import NeurogradError, OutputError, SpecError
from neurograd.output import (
    check_apart,
    check_folder,
    check_places,
    check_writable,
    is_inside,
    write_atomically,
)
from neurograd.pipeline.changed import CUT, cut_by_quick, quick_spec, value_at
from neurograd.pipeline.identity import ChipTask, Surroundings, VerdictTask
from neurograd.pipeline.planning import Command, Plan, check_planned, plan_points
from neurograd.pipeline.pool import TaskPool, choose_pool, processes_of
from neurograd.pipeline.store import say_if_of_another_version
from neurograd.pipeline.sweep.design import (
    Axis,
    Design,
    check_axes,
    make_grid,
    make_random,
    parse_axis,
)
from neurograd.pipeline.sweep.modes import Row, check_mode
from neurograd.pipeline.sweep.run import evaluate_points, forget_points, notes_of, prepare
from neurograd.pipeline.sweep.table import check_table, to_table
from neurograd.pipeline.sweep.work import Settings
from neurograd.progress import Reporter
from neurograd.spec import Spec, input_files, load_spec, spec_to_dict

FIGURES = (".png", ".svg", ".pdf")
_SEED = "measure.seed"
_STAGE = re.compile(r"[0-9a-f]{16}")


class Plotter(Protocol):
    """Draws a sweep; what draws stands above what computes."""

    def check(self, keys: Sequence[str], points: Sequence[Sequence[str]], *, grid: bool) -> None:
        """Refuse a figure that nobody could read, before anything runs."""
        ...

    def image(self, rows: Sequence[Row], keys: Sequence[str], *, grid: bool, kind: str) -> bytes:
        """The figure of finished rows as a file of a kind: png, svg or pdf."""
        ...


@dataclass(frozen=True)
class Request:
    """What the command line asks for; each field is the option of its name.

    Attributes:
        spec_path: The spec that every point changes.
        over: ``KEY=V1,V2,...`` or ``KEY=LOW:HIGH:COUNT[log]`` for every swept key.
        settings: ``KEY=VALUE`` for keys that all points share.
        random: Number of points of a random design, None for the full grid.
        mode: What is evaluated at a point.
        table: File of the table; ``STEM_sweep.csv`` in the current folder when None.
        plot: File of the figure, if any.
        resume: Folder of finished points, which is kept; a passing one beside the table when None.
        jobs: Number of processes.
        scheduler: Address of a dask scheduler.
        device: Where to compute.
        quick: Whether every point is the smaller version of its spec.
        plotter: What draws ``plot``; needed where that is given.
        allow_code: Whether the Python file that the spec names may be run.
    """

    spec_path: Path
    over: tuple[str, ...]
    settings: tuple[str, ...] = ()
    random: int | None = None
    mode: str = "train"
    table: Path | None = None
    plot: Path | None = None
    resume: Path | None = None
    jobs: int | None = None
    scheduler: str | None = None
    device: str = "auto"
    quick: bool = False
    plotter: Plotter | None = None
    allow_code: bool = False

    def __post_init__(self) -> None:
        """A figure needs someone to draw it."""
        if self.plot is not None and self.plotter is None:
            raise ValueError("plot: without a plotter; allowed: both or none")

    @property
    def table_path(self) -> Path:
        """Where the table goes."""
        return self.table or Path(f"{self.spec_path.stem}_sweep.csv")

    @property
    def files(self) -> tuple[Path, ...]:
        """The table, and the figure if there is one."""
        return (self.table_path, *([] if self.plot is None else [self.plot]))

    @property
    def folder(self) -> Path:
        """Where finished points are kept."""
        return self.resume or self.table_path.with_name(f"{self.table_path.name}.partial")


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found.

    Attributes:
        keys: The swept keys.
        rows: One row a point: the swept keys' values as given, then the mode's columns.
        written: Files that were written.
        notes: What is to be said of the design, and what of the networks is frozen or off, one
            sentence each.
    """

    keys: tuple[str, ...]
    rows: list[Row]
    written: list[Path]
    notes: tuple[str, ...] = ()


def sweep(request: Request, reporter: Reporter) -> SweepResult:
    """Run a sweep; everything that the user can have got wrong is found before anything runs.

    Raises:
        NeurogradError: For everything that bad input causes.
    """
    design, specs, device, open_pool = _asked(request)
    settings = Settings(request.mode, request.quick, Surroundings.of(device))
    try:
        points = prepare(specs, settings)
    except NeurogradError as error:
        raise NeurogradError(f"{request.spec_path}: {error}") from None
    found = evaluate_points(points, settings, request.folder, open_pool, reporter)
    rows: list[Row] = [
        {**dict(zip(design.keys, values, strict=True)), **row}
        for values, row in zip(design.points, found, strict=True)
    ]
    written = _write(request, design, rows)
    if request.resume is None:
        forget_points(points, request.folder)
    return SweepResult(design.keys, rows, written, (*design.remarks, *notes_of(points)))


def plan_sweep(request: Request, reporter: Reporter) -> Plan:
    """Time and memory of a sweep on this machine, before it begins.

    Raises:
        NeurogradError: For everything that bad input causes, and for a sweep on a cluster.
    """
    _, asked, device, _ = _asked(request)
    check_planned(request.jobs, request.scheduler)
    specs = _unequal([spec for _, spec in asked], request, device)
    return plan_points(
        specs,
        cast(Command, request.mode),  # the modes have the names of what is planned
        device=device,
        quick=request.quick,
        processes=processes_of(request.jobs, device, len(specs)),
        reporter=reporter,
    )


def _unequal(specs: Sequence[Spec], request: Request, device: str) -> list[Spec]:
    """Points that are computed: of those with one task the first alone."""
    found: dict[str, Spec] = {}
    for spec in specs:
        small = (quick_spec(spec) if request.quick else spec).typical
        chip = ChipTask.of(small, device, "", quick=request.quick)
        found.setdefault(VerdictTask.of(chip, small, request.mode).digest, spec)
    return list(found.values())


def _asked(
    request: Request,
) -> tuple[Design, list[tuple[str, Spec]], str, Callable[[], TaskPool]]:
    """The design of a sweep, its specs by their names, where it computes, and what pool does."""
    _check_outputs(request)
    check_mode(request.mode)
    device = _device(request)
    axes = [parse_axis(text) for text in request.over]
    check_axes(axes)
    _check_set(request, axes)
    base = load_spec(request.spec_path, request.settings, allow_code=request.allow_code)
    base.check_leave(str(request.spec_path))
    _check_apart(request, axes)
    design = _design(request, [_with_whole(request, axes, axis) for axis in axes], base)
    if request.plotter is not None and request.plot is not None:
        request.plotter.check(design.keys, design.points, grid=design.grid)
    specs = [
        (_name(design.keys, values), _load(request, design.keys, values))
        for values in design.points
    ]
    if request.quick:
        _check_quick(design.keys, [spec for _, spec in specs])
    open_pool = choose_pool(request.jobs, request.scheduler, device, len(design.points))
    return design, specs, device, open_pool


def _write(request: Request, design: Design, rows: list[Row]) -> list[Path]:
    path = request.table_path
    write_atomically(path, to_table(rows, design.keys, path.suffix))
    written = [path]
    if request.plotter is not None and request.plot is not None:
        kind = request.plot.suffix[1:]
        image = request.plotter.image(rows, design.keys, grid=design.grid, kind=kind)
        write_atomically(request.plot, image)
        written.append(request.plot)
    return written


def _check_outputs(request: Request) -> None:
    check_table(request.table_path)
    if request.plot is not None and request.plot.suffix not in FIGURES:
        raise OutputError(
            f"--plot {request.plot}: allowed: a name that ends in {', '.join(FIGURES)}"
        )
    folder = request.folder
    check_places(request.files, folder)
    for path in request.files:
        check_writable(path)
        if is_inside(path, folder):
            problem = f"is in {folder}, which holds finished points only"
            raise OutputError(f"{path}: {problem}; allowed: a file outside it")
    check_folder(folder)
    foreign = [
        each.name
        for each in (folder.iterdir() if folder.is_dir() else ())
        if not _STAGE.fullmatch(each.name)
    ]
    if foreign:
        raise OutputError(
            f"{folder}: has {foreign[0]!r}, which is not of a sweep; allowed: a new folder, or one "
            "of an interrupted sweep"
        )
    say_if_of_another_version(folder)


def _check_apart(request: Request, axes: Sequence[Axis]) -> None:
    """Refuse a table or a figure in the place of the spec, or of a file that a point names."""
    swept = [Path(value) for axis in axes for value in axis.values]
    inputs = [*input_files(request.spec_path, request.settings), *swept]
    for path in request.files:
        check_apart(path, inputs)


def _check_set(request: Request, axes: Sequence[Axis]) -> None:
    """Refuse a key that is swept and set as well, which would change no point.

    The seed of a random design is that of its draws, too.
    """
    swept = {axis.key for axis in axes} - ({_SEED} if request.random is not None else set())
    for text in request.settings:
        key = text.partition("=")[0].strip()
        if key in swept:
            option = "--seed or --set" if key == _SEED else "--set"
            raise NeurogradError(
                f"--over {key}: {option} gives the same key, which no point would have; allowed: "
                "one of them"
            )


def _check_quick(keys: Sequence[str], specs: Sequence[Spec]) -> None:
    """Refuse swept values that a quick look cuts: rows of several names would be one point."""
    within = [key for key in CUT if any(f"{key}.".startswith(f"{each}.") for each in keys)]
    swept = [
        key for key in within if key in keys or len({value_at(each, key) for each in specs}) > 1
    ]
    cuts = [cut_by_quick(spec) for spec in specs] if swept else []
    for key, cut in ((key, cut) for key in swept for cut in cuts if key in cut):
        given, taken = cut[key]
        raise NeurogradError(
            f"--over {key}: {given} is {taken} in a quick look (--quick), which its row would not "
            "say; allowed: values that are not cut, or no --quick"
        )


def _device(request: Request) -> str:
    # A cluster may have what this machine has not; its workers look for themselves.
    if request.scheduler is not None and request.device in NAMES:
        return "cpu" if request.device == "auto" else request.device
    return choose_device(request.device).type


def _design(request: Request, axes: Sequence[Axis], base: Spec) -> Design:
    if request.random is None:
        return make_grid(axes)
    return make_random(axes, request.random, base.measure.seed)


def _with_whole(request: Request, axes: Sequence[Axis], axis: Axis) -> Axis:
    """A range is of whole numbers where the spec reads both of its ends as such."""
    if axis.range is None:
        return axis
    others = [other for other in axes if other is not axis]
    specs = [_at_end(request, axis.key, end, others) for end in axis.range.ends]
    whole = all(_is_whole(spec_to_dict(spec), axis.key.split(".")) for spec in specs)
    return replace(axis, range=replace(axis.range, whole=whole))


def _at_end(request: Request, key: str, end: str, others: Sequence[Axis]) -> Spec:
    """A spec with a key at one end of its range, as a point of the sweep may have it.

    An end may go with values of the other keys alone: with the first of each, which a grid has, or
    the last. A random design may miss all these corners, so the spec's own values do as well.

    Raises:
        NeurogradError: If it goes with none of them.
    """
    keys = (key, *(other.key for other in others))
    first, last = ((end, *(_outermost(other)[k] for other in others)) for k in (0, -1))
    refused: NeurogradError | None = None
    for some_keys, values in (((key,), (end,)), (keys, first), (keys, last)):
        try:
            return _load(request, some_keys, values)
        except NeurogradError as error:
            refused = refused or error
    assert refused is not None
    raise refused


def _outermost(axis: Axis) -> tuple[str, ...]:
    """The values of an axis, of a range its ends."""
    return axis.values if axis.range is None else axis.range.ends


def _is_whole(value: object, path: Sequence[str]) -> bool:
    """Whether the value at a place is a whole number, or a section of nothing else."""
    if isinstance(value, dict):
        if path:
            return _is_whole(value.get(path[0]), path[1:])
        return bool(value) and all(_is_whole(each, ()) for each in value.values())
    return isinstance(value, int) and not isinstance(value, bool) and not path


def _load(request: Request, keys: Sequence[str], values: Sequence[str]) -> Spec:
    """The spec of a point; errors name ``--over`` or the point."""
    overrides = [f"{key}={value}" for key, value in zip(keys, values, strict=True)]
    try:
        settings = [*request.settings, *overrides]
        return load_spec(request.spec_path, settings, allow_code=request.allow_code)
    except SpecError as error:
        swept = error.source.removeprefix("--set ")
        if swept != error.source and swept in keys:
            key = "" if error.key in ("", swept) else error.key
            raise SpecError(f"--over {swept}", key, error.problem) from None
        raise NeurogradError(f"{error} (at {_name(keys, values)})") from None


def _name(keys: Sequence[str], values: Sequence[str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
