"""Curvature: products, trace and largest eigenvalue against curvlinops and PyHessian.

Loss, gradients and Hessians are in float64: differences of losses are as small as 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from time import process_time

import numpy as np
import torch
from curvlinops import HessianLinearOperator, xtrace
from scipy.sparse.linalg import eigsh
from torch import Tensor, nn

from benchmarks.clock import Work, in_turn
from benchmarks.record import installed
from benchmarks.rows import Row, not_measured, timed
from neurograd.measure.curvature import hessian_trace, measure_spectrum
from neurograd.measure.curvature.spectrum import Effort
from neurograd.problem import Problem, datasets, networks
from neurograd.problem.losses import CrossEntropy
from neurograd.seeding import generator_for

WANTED = 0.01
"""Relative error of a trace."""

KEPT_GRAPH = "not alike: ours keeps the gradient's graph between products"

TOLERANCE = 1e-3
"""Of Lanczos' method, as in ``measure_spectrum``."""


@dataclass(frozen=True)
class Case:
    """A network whose trace is taken.

    Attributes:
        name: What the row says.
        problem: Network, loss and data.
        products: Products of XTrace at which its error is measured, fewest first.
        repeats: Independent estimates of each.
        probes: Of Hutchinson's estimate.
        allowed: Largest ratio of our time to theirs.
    """

    name: str
    problem: Problem
    products: tuple[int, ...]
    repeats: int
    probes: int
    allowed: float


def rows(quick: bool) -> list[Row]:
    """Rows of each network.

    Args:
        quick: Small networks and few repeats.
    """
    hidden = (16,) if quick else (128, 128)
    name = f"64-{'-'.join(map(str, hidden))}-10"
    problem = digits_mlp(hidden)
    found = [*_products(problem, name, quick), _largest(problem, name, quick)]
    for case in _cases(hidden, name, quick):
        found += _traces(case)
    return found


def _cases(hidden: tuple[int, ...], name: str, quick: bool) -> list[Case]:
    effort: tuple[tuple[int, ...], int, int] = ((4, 8), 2, 8) if quick else ((8, 16, 32), 3, 30)
    cases = [
        Case(f"{name}, ReLU", digits_mlp(hidden), *effort, 0.05),
        Case(f"{name}, tanh", digits_mlp(hidden, "tanh"), *effort, 1.0),
    ]
    if not quick:
        cases.append(Case("VGG-11 on 2 images", vgg_on_noise(2), (4, 8), 2, 8, 0.05))
    return cases


def digits_mlp(hidden: tuple[int, ...], activation: str = "relu") -> Problem:
    """A fully connected network on all digits, at its initial weights.

    Args:
        hidden: Widths of its hidden layers.
        activation: Between them.
    """
    data = datasets.digits()
    module = networks.mlp(
        64, hidden, 10, activation=activation, generator=generator_for(0, "network")
    )
    return Problem(module, CrossEntropy(), data.inputs, data.targets)


def vgg_on_noise(samples: int) -> Problem:
    """VGG-11 on images of random numbers in the shape of CIFAR-10.

    Args:
        samples: Number of images.
    """
    generator = generator_for(0, "images")
    module = networks.vgg((3, 32, 32), layers=11, generator=generator_for(0, "network"))
    images = torch.randn(samples, 3, 32, 32, generator=generator, dtype=torch.float64)
    classes = torch.randint(10, (samples,), generator=generator)
    return Problem(module, CrossEntropy(), images, classes)


def their_operator(problem: Problem) -> HessianLinearOperator:
    """The Hessian by curvlinops of the same loss, at the initial weights."""
    return HessianLinearOperator(
        problem.module,
        nn.CrossEntropyLoss(),
        list(problem.module.parameters()),
        [problem.data()],
        check_deterministic=False,
    )


def _products(problem: Problem, name: str, quick: bool) -> list[Row]:
    """A whole product beside curvlinops', and one on the graph that products at one point share."""
    w = problem.initial_weights
    v = torch.randn(w.shape, generator=generator_for(0, "v"), dtype=w.dtype)
    kept, theirs = problem.hessian_product(w), their_operator(problem)
    torch.testing.assert_close(kept(v), theirs @ v, rtol=1e-9, atol=1e-12)
    works: dict[str, Work] = {
        "whole": lambda: problem.hvp(w, v),
        "kept": lambda: kept(v),
        "theirs": lambda: theirs @ v,
    }
    times = in_turn(works, rounds=3 if quick else 5, least_seconds=0.02 if quick else 0.05)
    return [
        timed(f"Hessian-vector product, {name}", times["whole"], times["theirs"], "curvlinops"),
        timed(
            f"Hessian-vector product on a kept graph, {name}",
            times["kept"],
            times["theirs"],
            "curvlinops",
            note=KEPT_GRAPH,
            alike=False,
        ),
    ]


def _largest(problem: Problem, name: str, quick: bool) -> Row:
    """λ_1 as ``measure_spectrum`` finds it, its two short probes of the bulk included."""
    w, effort = problem.initial_weights, Effort(outliers=1, probes=2, steps=1, lowest=False)
    operator = their_operator(problem).to_scipy()
    start = torch.randn(len(w), generator=generator_for(0, "start"), dtype=w.dtype).numpy()
    found: dict[str, float] = {}

    def ours() -> None:
        found["ours"] = measure_spectrum(problem, w, 0, effort).lambda_max

    def theirs() -> None:
        values = eigsh(operator, k=1, which="LA", tol=TOLERANCE, v0=start)[0]
        found["theirs"] = float(values[0])

    times = in_turn({"ours": ours, "theirs": theirs}, rounds=3, least_seconds=0.01)
    np.testing.assert_allclose(found["ours"], found["theirs"], rtol=10 * TOLERANCE)
    return timed(
        f"largest eigenvalue, {name}",
        times["ours"],
        times["theirs"],
        "scipy's Lanczos on curvlinops",
        allowed=1.0,
    )


def _traces(case: Case) -> list[Row]:
    """Our exact trace beside both estimates, as long as these take to an error of 1 %."""
    problem = case.problem
    w = problem.initial_weights
    exact = hessian_trace(problem, w, 0)
    assert exact.error == 0.0
    (timing,) = in_turn(
        {"ours": lambda: hessian_trace(problem, w, 0)}, rounds=2, least_seconds=0.01
    ).values()
    ours = 1e3 * min(timing.cpu)
    found = [_against(case, ours, "curvlinops' XTrace", *_xtrace(case, exact.value))]
    if installed("pyhessian") is None:
        name = f"trace of the Hessian, {case.name}"
        return [*found, not_measured(name, "PyHessian", "PyHessian is not installed")]
    return [*found, _against(case, ours, "PyHessian", *_hutchinson(case, exact.value))]


def _against(case: Case, ours: float, peer: str, theirs: float, note: str) -> Row:
    return Row(
        f"trace of the Hessian, {case.name}",
        "ms",
        ours,
        1e3 * theirs,
        f"{peer} to 1 %",
        ours / (1e3 * theirs),
        allowed=case.allowed,
        note=f"ours is exact; {note}",
    )


def _xtrace(case: Case, exact: float) -> tuple[float, str]:
    """Seconds of XTrace to the wanted error, by the law of its errors with fewer products."""
    operator, errors, seconds = their_operator(case.problem), [], 0.0
    for products in case.products:
        start = process_time()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(products)
            values = [float(xtrace(operator, products)) for _ in range(case.repeats)]
        seconds = (process_time() - start) / case.repeats / products
        errors.append(math.sqrt(fmean((value / exact - 1.0) ** 2 for value in values)))
    logs = np.log(case.products), np.log(errors)
    # Its error falls with the first power of the products at best.
    power = min(max(-float(np.polyfit(*logs, 1)[0]), 0.5), 1.0)
    needed = _needed(case.products, errors, power)
    seen = ", ".join(
        f"{100 * error:.2g} % with {count}"
        for count, error in zip(case.products, errors, strict=True)
    )
    return needed * seconds, f"XTrace's errors are {seen} products, extrapolated to {needed:.0f}"


def _needed(products: Sequence[int], errors: Sequence[float], power: float) -> float:
    """Products for the wanted error, where it falls with a power of them."""
    scaled = fmean(
        math.log(count) + math.log(error / WANTED) / power
        for count, error in zip(products, errors, strict=True)
    )
    return math.exp(scaled)


def _hutchinson(case: Case, exact: float) -> tuple[float, str]:
    """Seconds of PyHessian's estimate to the wanted error, by the spread of its probes."""
    probe = _their_probe(case.problem)
    start = process_time()
    values = np.array([probe(k) for k in range(case.probes)])
    seconds = (process_time() - start) / case.probes
    spread = float(values.std(ddof=1)) / exact
    needed = (spread / WANTED) ** 2
    return needed * seconds, (
        f"a probe of PyHessian spreads by {100 * spread:.0f} %, extrapolated to {needed:.0f} probes"
    )


def _their_probe(problem: Problem) -> Callable[[int], float]:
    """One probe as ``pyhessian.hessian.trace`` takes it: signs, and its own product."""
    from pyhessian import hessian  # noqa: PLC0415  (optional)
    from pyhessian.utils import group_product, hessian_vector_product  # noqa: PLC0415

    theirs = hessian(problem.module, nn.CrossEntropyLoss(), data=problem.data(), cuda=False)

    def probe(k: int) -> float:
        generator = generator_for(0, "probe", k)
        signs: list[Tensor] = [
            2.0 * torch.randint(0, 2, p.shape, generator=generator).to(p) - 1.0
            for p in theirs.params
        ]
        product = hessian_vector_product(theirs.gradsH, theirs.params, signs)
        return float(group_product(product, signs))

    return probe
