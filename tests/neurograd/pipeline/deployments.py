"""Small networks that are programmed and age."""

from __future__ import annotations

import copy

from neurograd import train
from neurograd.pipeline.build import build_clean_chip, build_problem
from neurograd.problem import Problem
from neurograd.problem.losses import CrossEntropy
from neurograd.spec import validate_spec

SPEC = {
    "device": {
        "read": {"noise": 0.02},
        "drift": {"exponent": 0.05, "exponent_spread": 0.1},
    },
    "network": {"hidden": [8]},
    "task": {"name": "digits", "train_samples": 200, "test_samples": 200},
    "training": {"step_size": 0.5, "steps": 60, "seeds": 3, "max_seeds": 3},
    "deployment": {"program_error": 0.05, "times": [0, "1 d"]},
    "targets": {"max_accuracy_drop": 0.2, "max_accuracy_drop_deployed": 0.1},
}


def spec_of(**sections):
    data = copy.deepcopy(SPEC)
    for name, keys in sections.items():
        data[name] = keys if keys is None else {**(data.get(name) or {}), **keys}
    return validate_spec(data)


def trained_module():
    """A network that was trained in software, with its data, as a program hands it over."""
    spec = spec_of(deployment=None, device=None, targets={"max_accuracy_drop_deployed": None})
    problem = build_problem(spec)
    trained = train(problem, build_clean_chip(spec, problem), 60, seed=0)
    problem.module.load_state_dict(problem.parameters_of(trained.weights))
    (x, y), (test_x, test_y) = problem.data("train"), problem.data("test")
    return Problem(
        problem.module, CrossEntropy(), x, y, test_inputs=test_x, test_targets=test_y
    ), trained
