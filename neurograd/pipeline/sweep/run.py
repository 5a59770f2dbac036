"""Evaluates all points of a sweep, resumable after a kill at any moment, several at once.

Every finished point is a file in a folder before it counts, and every number depends on the point
alone: a sweep that was interrupted, on any number of workers, has the same rows.
"""

from __future__ import annotations

import shutil
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_clean_chip, build_problem, build_schedule
from neurograd.pipeline.changed import quick_spec
from neurograd.pipeline.check import CleanTraining
from neurograd.pipeline.identity import ChipTask, CleanTask, VerdictTask, content_fingerprint
from neurograd.pipeline.own.network_notes import network_notes
from neurograd.pipeline.pool import Lasting, Stopped, TaskPool
from neurograd.pipeline.ranges import typical_notes
from neurograd.pipeline.store import StageStore
from neurograd.pipeline.sweep.modes import MODES, Row, check_trains, empty_row
from neurograd.pipeline.sweep.work import Failure, Settings, evaluate_point, train_clean_twin
from neurograd.progress import Reporter
from neurograd.spec import Spec

ROW = "row"


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Attributes:
        name: What errors call it.
        spec: Its validated spec, as it is evaluated.
        task: All that its row depends on.
        clean_task: All that its clean twin's training depends on.
        notes: What of its network is frozen or off, one sentence each.
    """

    name: str
    spec: Spec
    task: VerdictTask
    clean_task: CleanTask
    notes: tuple[str, ...] = ()


def prepare(specs: Sequence[tuple[str, Spec]], settings: Settings) -> list[Point]:
    """Check that every spec can be built, before anything runs.

    Args:
        specs: The name and the spec of every point.
        settings: What the points share.

    Raises:
        NeurogradError: For the first that cannot: its data are missing, or its network or device
            cannot do what is asked of it.
    """
    specs = [(name, quick_spec(s) if settings.quick else s) for name, s in specs]
    noted = [typical_notes(spec, "sweep") for _, spec in specs]
    specs = [(name, spec.typical) for name, spec in specs]
    groups: dict[str, list[int]] = {}
    for index, (_, spec) in enumerate(specs):
        groups.setdefault(CleanTask.of(spec, settings.device).digest, []).append(index)
    points: dict[int, Point] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so that sums over the data are the same the next time
    try:
        for members in groups.values():
            for index, point in zip(members, _prepare_group(members, specs, settings), strict=True):
                points[index] = point
    finally:
        torch.set_num_threads(threads)
    return [
        replace(points[index], notes=(*said, *points[index].notes))
        for index, said in enumerate(noted)
    ]


def _prepare_group(
    members: Sequence[int], specs: Sequence[tuple[str, Spec]], settings: Settings
) -> list[Point]:
    """Points that share their problem and its clean twin."""
    points, problem, data = [], None, ""
    for index in members:
        name, spec = specs[index]
        try:
            check_trains(spec, settings.mode)
            if problem is None:
                problem = build_problem(spec, settings.device)
                data = content_fingerprint(problem)
                build_clean_chip(spec, problem)
            build_chip(spec, problem)
            build_schedule(spec, problem.num_samples)
        except NeurogradError as error:
            raise NeurogradError(f"{error} (at {name})") from None
        chip = ChipTask.of(spec, settings.device, data, quick=settings.quick)
        task = VerdictTask.of(chip, spec, settings.mode)
        said = tuple(network_notes(spec, problem))
        points.append(Point(name, spec, task, chip.clean, said))
    return points


def notes_of(points: Sequence[Point]) -> tuple[str, ...]:
    """What is to be said of the points' networks, each sentence once."""
    return tuple(dict.fromkeys(note for point in points for note in point.notes))


def evaluate_points(
    points: Sequence[Point],
    settings: Settings,
    folder: Path,
    open_pool: Callable[[], TaskPool],
    reporter: Reporter,
) -> list[Row]:
    """The rows of all points, in their order.

    Args:
        points: From ``prepare``.
        settings: What they share.
        folder: Keeps finished clean trainings and rows; what is there is not computed again.
        open_pool: Makes a pool that computes, and another one when its workers are lost.
        reporter: Shows the progress.

    Raises:
        NeurogradError: If a point cannot be evaluated, or workers die again and again. What is
            finished stays in the folder.
    """
    # By the digests of their tasks; what is here does not go when another sweep clears the folder.
    read = {point.task.digest: StageStore(folder, point.task).known(ROW) for point in points}
    rows: dict[str, Row] = {digest: row for digest, row in read.items() if row is not None}
    missing = [point for point in points if point.task.digest not in rows]
    advance = reporter.stage(f"{len(points)} points", len(points))
    if len(missing) < len(points):
        advance(len(points) - len(missing))
    if missing:
        with Lasting(open_pool) as pool:
            _Round(missing, settings, folder, advance, rows).run(pool)
    return [rows[point.task.digest] for point in points]


def forget_points(points: Sequence[Point], folder: Path) -> None:
    """Take what was kept of points out of a folder, which goes with the last of them.

    What another sweep keeps there stays.
    """
    for digest in {each.digest for point in points for each in (point.task, point.clean_task)}:
        shutil.rmtree(folder / digest, ignore_errors=True)
    with suppress(OSError):  # is not empty, or was not there
        folder.rmdir()


@dataclass
class _Round:
    """All missing points, whose rows it adds: a clean training first, then those that share it."""

    points: Sequence[Point]
    settings: Settings
    folder: Path
    advance: Callable[[int], None]
    rows: dict[str, Row]
    ready: deque[tuple[list[Point], CleanTraining]] = field(default_factory=deque)
    pending: dict[Future[Any], Callable[[Any], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Points with the same task, as a random design over short lists has them, run once.
        self._copies = Counter(point.task.digest for point in self.points)
        unique = {point.task.digest: point for point in self.points}
        groups: dict[str, list[Point]] = {}
        for point in unique.values():
            groups.setdefault(point.clean_task.digest, []).append(point)
        self.groups = deque(groups.values())

    def run(self, pool: TaskPool) -> None:
        while self.groups or self.ready or self.pending:
            room = pool.capacity() - len(self.pending)
            while room > 0 and (self.groups or self.ready):
                self._submit(pool)
                room -= 1
            finished, _ = wait(self.pending, return_when=FIRST_COMPLETED)
            # Results are kept before anything is raised.
            broken: BaseException | None = None
            for future in finished:
                take = self.pending.pop(future)
                if (error := future.exception()) is not None:
                    broken = error if broken is None or isinstance(broken, Stopped) else broken
                else:
                    take(future.result())
            if broken is not None:
                raise broken

    def _submit(self, pool: TaskPool) -> None:
        """Send the next point whose clean twin is there, else the next clean twin."""
        if self.ready:
            group, clean = self.ready[0]
            point = group.pop()
            if not group:
                self.ready.popleft()
            row = pool.submit(evaluate_point, point.spec, self.settings, clean)
            self.pending[row] = lambda result: self._take_row(point, result)
            return
        group = self.groups.popleft()
        kind = MODES[self.settings.mode].clean_kind
        known = self._store(group[0]).known_record_tensors(self._clean_stage, kind)
        if known is not None:
            task = CleanTask.of(group[0].spec, self.settings.device)
            self.ready.append((group, CleanTraining(task, *known)))
            return
        trained = pool.submit(train_clean_twin, group[0].spec, self.settings)
        self.pending[trained] = lambda result: self._take_clean(group, result)

    def _store(self, point: Point) -> StageStore:
        """Where the clean twin of a point is kept."""
        return StageStore(self.folder, point.clean_task)

    @property
    def _clean_stage(self) -> str:
        """Another one for each mode, which keep different things of a clean twin."""
        return f"clean-{self.settings.mode}"

    def _take_clean(self, group: list[Point], result: CleanTraining | Failure) -> None:
        if isinstance(result, Failure):
            for point in group:
                self._take_row(point, result)
            return
        store = self._store(group[0])
        kept = store.keep_record_tensors(self._clean_stage, result.result, result.snapshots)
        self.ready.append((group, CleanTraining(result.task, *kept)))

    def _take_row(self, point: Point, result: Row | Failure) -> None:
        if isinstance(result, Failure):
            if not result.is_result:
                raise NeurogradError(f"{result.text} (at {point.name})")
            result = empty_row(self.settings.mode, result.text)
        self.rows[point.task.digest] = StageStore(self.folder, point.task).keep(ROW, result)
        self.advance(self._copies[point.task.digest])
