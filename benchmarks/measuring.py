"""Measuring: loss evaluations for 1 % of E[ΔL], memory and time of the moments of an update.

Weights, losses and moments are in float64: differences of losses are as small as 1e-6, and a mean
of 1e5 draws needs more digits than float32 has. Trainings take float32 where a spec asks for it.
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np
import torch
from torch import Tensor

from benchmarks.rows import Row
from device_models import Chip, ElementMoments
from device_models.moments import of_constant
from neurograd.measure.controls.step import PILOT_SAMPLES, PILOTS
from neurograd.measure.loss_change import MeasuredLossChange, measure_loss_change
from neurograd.measure.moments import measure_moments
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.spec import load_spec

SPEC = Path(__file__).parents[1] / "examples" / "hfo2_crossbar.yaml"
CLEAN_STEPS = 300
QUANTILE = 2.576
"""Of the normal distribution at 99 %."""

FIXED = 3
"""Evaluations of the whole loss that a measurement takes beside its draws and pilots: those after
the clean step, and a pass forward and back for the controls."""

LEAST = 2.0
"""Evaluations of the whole loss by two draws a part, fewer of which have no error."""

SOME = 2**18
"""Weights whose moments are computed at once."""

WEIGHTS = 1_000_000
MANY_DRAWS = 100_000


def rows(quick: bool) -> list[Row]:
    """Loss evaluations at sizes and step sizes; memory; time.

    Args:
        quick: The smallest network only, and time over two decades.
    """
    sizes = (
        Size((13,), 2, 3000),
        Size((270, 280), 2, 1440, judged=360),
        Size((3050, 3050), 2, 64, judged=32, trained=False),
    )
    # First: a process's most memory has in it what the one that starts it has at that moment.
    memory = _memory(WEIGHTS, 25)
    found = []
    for size in sizes[:1] if quick else sizes:
        for step_size in (0.1, 1.0):
            found += _evaluations(size, step_size)
    return [*found, memory, *_time(quick)]


@dataclass(frozen=True)
class Size:
    """A network, and how its loss change is measured.

    Attributes:
        hidden: Widths of its hidden layers.
        samples: Training samples of one part.
        draws: Updates whose loss is evaluated.
        judged: Training samples whose parts are evaluated, the first of a random order, where all
            of them would take minutes; None for all.
        trained: Whether to measure after clean steps, too.
    """

    hidden: tuple[int, ...]
    samples: int
    draws: int
    judged: int | None = None
    trained: bool = True


def _evaluations(size: Size, step_size: float) -> list[Row]:
    """A row at the initial weights, and one after clean steps."""
    changes = [f"network.hidden={list(size.hidden)}", f"training.step_size={step_size}"]
    spec = load_spec(SPEC, overrides=changes)
    problem = build_problem(spec)
    chip = build_chip(spec, problem)
    found = [_evaluation(problem, chip, problem.initial_weights, "at first", size)]
    if size.trained:
        w = problem.initial_weights.clone()
        for _ in range(CLEAN_STEPS):
            w -= 0.1 * problem.gradient(w)
        found.append(_evaluation(problem, chip, w, f"after {CLEAN_STEPS} clean steps", size))
    return found


def _evaluation(problem: Problem, chip: Chip, w: Tensor, where: str, size: Size) -> Row:
    w = chip.program(w)
    sample = chip.sampler(problem, w)
    form = _known_moments(problem, chip, w)
    # Only the clean step is taken from the moments: the mean is known.
    moments = measure_moments(sample, problem.gradient(w), 2, seed=0)
    change = measure_loss_change(
        problem if size.judged is None else _some_samples(problem, size.judged),
        w,
        sample,
        chip.step_size,
        moments,
        size.draws,
        seed=0,
        exact_mean=form.mean,
        samples=size.samples,
        independent=chip.independent_noise,
    )
    control = chip.step_size * problem.gradient(w + chip.step_size * form.mean)
    # Independent noise of known variances: the first order of plain averaging.
    plain = float(control.square() @ form.variance)
    name = (
        f"evaluations of the loss for 1 % of E[ΔL], {problem.num_parameters} weights, "
        f"Δt = {chip.step_size:g}, {where}"
    )
    return _row(name, change, plain, size, problem.num_samples)


def _row(name: str, change: MeasuredLossChange, plain: float, size: Size, samples: int) -> Row:
    """What 1 % takes: all of ours, what is taken once as well, beside plain averaging's draws."""
    # Variance of what one evaluation of the whole loss gives.
    ours = change.residual_error**2 * size.draws / math.ceil(samples / size.samples)
    wanted = (0.01 * change.value / QUANTILE) ** 2
    pilots = (PILOTS + 1) * min(PILOT_SAMPLES, samples) / samples
    draws, once = max(LEAST, ours / wanted), FIXED + pilots
    told = abs(change.value) >= 3 * change.residual_error
    open_ = "" if told else " No verdict: E[ΔL] is not told from 0, so neither is 1 % of it."
    some = "" if size.judged is None else f", {size.judged} samples of it in all"
    return Row(
        name,
        "evaluations",
        draws + once,
        plain / wanted,
        "plain averaging",
        plain / wanted / (draws + once),
        allowed=500.0 if told else None,
        better="above",
        note=f"extrapolated from {size.draws} draws, each judged on {size.samples} samples of the "
        f"training set{some}: E[ΔL] = {change.value:.3g} ± {change.residual_error:.1g}.{open_} "
        f"The draws take {draws:,.3g} evaluations, {LEAST:g} at least: plain averaging "
        f"{plain / wanted / draws:,.0f} times as many; their variance is told to "
        f"{math.sqrt(2.0 / change.residual_degrees):.0%} or so, and plain averaging's has its "
        f"first order only. {once:.3g} evaluations are taken once: losses after the clean step, "
        "a pass forward and back for the controls, and "
        f"{PILOTS} pilots on {min(PILOT_SAMPLES, samples)} samples. The process has taken "
        f"{1e-9 * _peak():.1f} GB at most.",
    )


def _peak() -> float:
    """Most memory of this process so far, in bytes."""
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _known_moments(problem: Problem, chip: Chip, w: Tensor) -> ElementMoments:
    """The chip's own mean and variance of Δw: ``Chip.closed_form``, some weights at a time.

    What is made on the way to it is twenty times the weights. Writes whose devices differ could not
    be cut like this; those of the spec are all alike.
    """
    asked = chip.estimate(problem, w, torch.Generator()) * -chip.step_size
    means, variances = [], []
    for some, increment in zip(w.split(SOME), asked.split(SOME), strict=True):
        form = of_constant(chip.writes, some, increment)
        assert form is not None
        means.append(form.mean / chip.step_size)
        variances.append(form.variance / chip.step_size**2)
    return ElementMoments(torch.cat(means), torch.cat(variances))


def _some_samples(problem: Problem, count: int) -> Problem:
    """The same network and loss on some training samples."""
    inputs, targets = problem.data()
    order = torch.randperm(len(inputs), generator=generator_for(0, "judged"))[:count]
    return Problem(
        problem.module, problem.loss_function, inputs[order], targets[order], dtype=problem.dtype
    )


def _sample(size: int, generator: torch.Generator) -> Tensor:
    return torch.randn(size, generator=generator, dtype=torch.float64)


def _memory(size: int, draws: int) -> Row:
    """Most memory of a process of its own, with some draws and with twice as many."""
    peaks = []
    for count in (draws, 2 * draws):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.measuring", str(size), str(count)],
            check=True,
            capture_output=True,
            text=True,
        )
        peaks.append(float(done.stdout) / 1e6)
    return Row(
        f"memory of the moments of {MANY_DRAWS} draws of {size} weights",
        "MB",
        peaks[1],
        1000.0,
        "1 GB",
        peaks[1] / 1000.0,
        allowed=1.0,
        note=f"the whole process, libraries and all: {peaks[0]:.0f} MB with {draws} draws and "
        f"{peaks[1]:.0f} MB with {2 * draws}; the sums do not grow with the draws, so the rest is "
        "extrapolated.",
    )


def _time(quick: bool) -> list[Row]:
    """Time over four decades of weights and of draws, each beside the straight line through all."""
    sizes = (10**3, 10**4, 10**5) if quick else (10**3, 10**4, 10**5, 10**6, 10**7)
    draws = (10, 100, 1000) if quick else (10, 100, 1000, 10_000, 100_000)
    return [
        *_beside_line("20 draws of {} weights", {size: _seconds(size, 20) for size in sizes}),
        *_beside_line("{} draws of 100 weights", {count: _seconds(100, count) for count in draws}),
    ]


def _beside_line(what: str, taken: dict[int, float]) -> list[Row]:
    """A row a size: its time over that of ``a + b·size``, the line of least relative errors."""
    size, seconds = (np.array(each, dtype=float) for each in (list(taken), list(taken.values())))
    columns = np.stack([1.0 / seconds, size / seconds], axis=1)
    (start, slope), *_ = np.linalg.lstsq(columns, np.ones(len(size)), rcond=None)
    name = f"a line, {1e3 * start:.3g} ms + {1e9 * slope:.3g} ns each"
    return [
        Row(
            f"time of the moments of {what.format(count)}",
            "ms",
            1e3 * time,
            1e3 * (start + slope * count),
            name,
            time / (start + slope * count),
            allowed=1.25,
        )
        for count, time in taken.items()
    ]


def _seconds(size: int, draws: int) -> float:
    """Processor time of the moments of an update of white noise, the least of three short ones."""
    gradient = torch.zeros(size, dtype=torch.float64)
    best = math.inf
    for _ in range(3 if size * draws < MANY_DRAWS * 100 else 1):
        start = process_time()
        measure_moments(lambda generator: _sample(size, generator), gradient, draws, seed=0)
        best = min(best, process_time() - start)
    return best


if __name__ == "__main__":
    measure_moments(
        lambda generator: _sample(int(sys.argv[1]), generator),
        torch.zeros(int(sys.argv[1]), dtype=torch.float64),
        int(sys.argv[2]),
        seed=0,
    )
    print(_peak())
