"""Imports modules in the order of the command line, then looks at every public name or calls it.

Run by ``test_house.py`` in a process of its own: what was imported before decides nothing there.
"""

from __future__ import annotations

import importlib
import inspect
import sys

import torch
from torch import nn

EXAMPLE = {
    "device": {"preset": "alox-hfo2"},
    "network": {"hidden": [4]},
    "task": {"name": "digits", "train_samples": 40, "test_samples": 20},
    "training": {"step_size": 0.1, "steps": 6, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 20, "points": 1},
}
SHORT = {"steps": 2, "seeds": 2, "max_seeds": 2}
CLASSES = {"Budget", "CheckResult", "ChipOptimizer", "Moments", "NeurogradError", "Problem"}


def kinds() -> None:
    """Functions are still functions, classes still classes."""
    import neurograd

    for name in neurograd.__all__:
        found = getattr(neurograd, name)
        if name == "theory":
            assert inspect.ismodule(found)
        else:
            kind = inspect.isclass if name in CLASSES else inspect.isfunction
            assert kind(found), f"neurograd.{name} is {found!r}"


def calls() -> dict[str, bool]:
    """A cheap call of every public name, and whether it gave what it should."""
    import neurograd
    from device_models import Backprop, Chip, FixedPointGrid, UpdateRounding
    from neurograd.spec import validate_spec

    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    problem = neurograd.Problem(module, nn.CrossEntropyLoss(), x, (x[:, 0] > 0).long())
    w = problem.initial_weights
    g, write = problem.gradient(w), UpdateRounding(FixedPointGrid(8))
    chip = Chip(Backprop(), 0.1, writes=(write,))
    sample = chip.sampler(problem, w)
    moments = neurograd.measure_moments(sample, g, draws=8, seed=0)
    diagonal = neurograd.exact_diagonal(problem, w)
    trace = float(diagonal.sum())
    covariance = neurograd.covariance_trace(
        problem, w, moments, sample, diagonal=diagonal, draws=4, seed=0
    )
    measured = neurograd.measure_loss_change(problem, w, sample, 0.1, moments, draws=4, seed=0)
    kinks = neurograd.measure_kinks(
        problem, w, moments, sample, 0.1, closed_form=None, draws=4, seed=0
    )
    predicted = neurograd.predict_loss_change(
        problem.hessian_product(w), moments, 0.1, trace, covariance, kinks
    )
    budget = neurograd.Budget(draws=8, loss_draws=4, covariance_draws=4, seed=0)
    point = neurograd.measure_point(problem, chip, w, 0, 0, budget)
    optimizer = neurograd.ChipOptimizer(module.parameters(), [write], 0.1, seed=0)
    spec = validate_spec(EXAMPLE)
    result = neurograd.check(spec, quick=True)
    built = neurograd.build_problem(spec)
    noisy, clean = neurograd.build_chip(spec, built), neurograd.build_clean_chip(spec, built)
    own = {"problem": problem, "chip": {"device": EXAMPLE["device"], "training": SHORT}}
    swept = neurograd.sweep(over={"device.read.noise": [0.0, 0.1]}, mode="predict", **own)
    try:
        neurograd.load_spec("no such file.yaml")
    except neurograd.NeurogradError as error:
        refused = "no such file.yaml" in str(error)
    else:
        refused = False
    try:
        neurograd.read_report("no such file.json")
    except neurograd.NeurogradError as error:
        unread = "no such file.json" in str(error)
    else:
        unread = False
    return {
        "Budget": budget.draws == 8,
        "CheckResult": isinstance(result, neurograd.CheckResult),
        "ChipOptimizer": isinstance(optimizer, torch.optim.Optimizer),
        "Moments": isinstance(moments, neurograd.Moments),
        "NeurogradError": refused,
        "Problem": problem.num_parameters == len(w),
        "build_chip": len(noisy.writes) > 0,
        "build_clean_chip": len(clean.writes) == 0,
        "build_problem": built.num_samples == 40,
        "check": result.report["num_parameters"] == 64 * 4 + 4 + 4 * 10 + 10,
        "covariance_trace": covariance.value >= 0,
        "exact_diagonal": diagonal.shape == w.shape,
        "hessian_trace": abs(neurograd.hessian_trace(problem, w, 0).value - trace) < 1e-9 * trace,
        "limits": len(neurograd.limits(quick=True, confirm=False, **own).record.numbers) > 3,
        "load_spec": refused,
        "measure_kinks": kinks.exists,
        "measure_loss_change": measured.ci[0] <= measured.value <= measured.ci[1],
        "measure_moments": moments.b_ci[0] <= moments.b <= moments.b_ci[1],
        "measure_point": point.step == 0,
        "measure_spectrum": neurograd.measure_spectrum(problem, w, seed=0).lambda_max > 0,
        "predict": neurograd.predict(**own).cost.allowed == 0.05,
        "predict_loss_change": abs(predicted.total) < 1.0,
        "read_report": unread,
        "sweep": [row["verdict"] is not None for row in swept.rows] == [True, True],
        "theory": neurograd.theory.anisotropy(1.0, 1.0, 1.0, 3) == 3.0,
        "train": neurograd.train(problem, chip, 3, 0).weights.shape == w.shape,
    }


def main(modules: list[str], *, called: bool) -> None:
    """Import, look, and call if that is asked for."""
    for name in modules:
        importlib.import_module(name)
    import neurograd

    kinds()
    if not called:
        return
    found = calls()
    missing = set(found) ^ set(neurograd.__all__)
    assert not missing, f"no call of {missing}"
    assert all(found.values()), found


if __name__ == "__main__":
    main(sys.argv[2:], called=sys.argv[1] == "call")
