"""Every public name does what it should after every submodule has been imported, in any order.

A submodule's import binds its name in the package, so a module called like a public function
would replace it there: hence the calls.
"""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import device_models
import neurograd
from tests.neurograd.command_line import TINY

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    found.name
    for package in (neurograd, device_models)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
)

CALLS = """
import importlib, math, sys
_, spec_path, *modules = sys.argv
for name in modules:
    importlib.import_module(name)

import torch
import device_models, neurograd
from neurograd import *

called = set()

def public(name):
    called.add(name)
    found = getattr(neurograd, name)
    assert found is globals()[name], name
    return found

torch.manual_seed(0)
module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).double()
inputs = torch.randn(30, 3, dtype=torch.float64)
labels = inputs[:, 0].gt(0).long()
loss = torch.nn.CrossEntropyLoss()
problem = public("Problem")(
    module, loss, inputs, labels, test_inputs=inputs, test_targets=labels
)
w = problem.initial_weights
gradient = problem.gradient(w)

def noisy(generator):
    return -gradient + 0.1 * torch.randn(w.shape, generator=generator, dtype=torch.float64)

moments = public("measure_moments")(noisy, gradient, draws=50, seed=0)
assert isinstance(moments, public("Moments"))
assert 0.005 < moments.total_variance / len(w) < 0.02
covariance = public("covariance_trace")(
    problem, w, moments, noisy, diagonal=None, draws=20, seed=0
)
trace = public("hessian_trace")(problem, w, seed=0)
predicted = public("predict_loss_change")(
    problem.hessian_product(w), moments, 0.1, trace.value, covariance
)
measured = public("measure_loss_change")(problem, w, noisy, 0.1, moments, draws=50, seed=0)
assert measured.ci[0] <= measured.value <= measured.ci[1]
assert math.isfinite(predicted.total)
assert public("measure_spectrum")(problem, w, seed=0).lambda_max > trace.value / len(w)
assert math.isclose(public("exact_diagonal")(problem, w).sum().item(), trace.value)

optimizer = public("ChipOptimizer")(module.parameters(), (), step_size=0.1, seed=0)
loss(module(inputs), labels).backward()
optimizer.step()
assert not torch.equal(torch.cat([p.detach().reshape(-1) for p in module.parameters()]), w)

chip = device_models.Chip(device_models.Backprop(), 0.1)
assert public("train")(problem, chip, 3, 0).test_accuracy is not None
budget = public("Budget")(draws=10, loss_draws=5, covariance_draws=4, seed=0)
assert public("measure_point")(problem, chip, w, 0, 0, budget).moments.b == 0.0
result = public("check")(public("load_spec")(spec_path), mitigation=False)
assert isinstance(result, public("CheckResult"))
assert result.verdict.exit_code in (0, 1, 3)
assert public("theory").bias_ratio_threshold(1.0, 0.5, "safe") == 1.0
try:
    load_spec("missing.yaml")
except public("NeurogradError") as error:
    assert "missing.yaml" in str(error)
assert called == set(neurograd.__all__), called ^ set(neurograd.__all__)
"""


def test_there_are_modules():
    assert {"neurograd.cli.check", "neurograd.training.loop", "device_models.chip"} <= set(MODULES)


@pytest.mark.parametrize("order", [MODULES, MODULES[::-1]], ids=["forward", "backward"])
def test_every_public_name_works_after_every_submodule_is_imported(order, tmp_path):
    spec = tmp_path / "tiny.yaml"
    spec.write_text(TINY)
    result = subprocess.run(
        [sys.executable, "-c", CALLS, str(spec), *order],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0, result.stderr


def test_no_module_of_the_package_is_named_like_a_public_name():
    top = {found.name for found in pkgutil.iter_modules(neurograd.__path__)}
    assert top & set(neurograd.__all__) == {"theory"}  # the module is the public name
