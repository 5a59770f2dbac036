"""Every example of a device, a rule and a surrogate goes through the main job, in a small form."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from neurograd.pipeline.build import build_clean_chip, build_problem
from neurograd.pipeline.check import check
from neurograd.report import render_html, render_report
from neurograd.spec import json_schema, list_presets, load_spec
from neurograd.spec.network_schema import SURROGATE_DEFAULTS
from neurograd.spec.rule_schema import RULE_DEFAULTS
from neurograd.training.loop import train

FOLDER = Path(__file__).parents[3] / "examples"
EXAMPLES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*.yaml"))
SMALL = [
    "training.steps=4",
    "training.seeds=2",
    "training.max_seeds=2",
    "measure.draws=12",
    "measure.loss_draws=8",
    "measure.points=1",
    "network.hidden=[6]",
    "task.train_samples=60",
    "task.test_samples=40",
]


def test_there_is_an_example_of_everything():
    assert {f"devices/{name}.yaml" for name in list_presets()} <= set(EXAMPLES)
    assert {f"rules/{name}.yaml" for name in RULE_DEFAULTS} <= set(EXAMPLES)
    assert {f"surrogates/{name}.yaml" for name in SURROGATE_DEFAULTS} <= set(EXAMPLES)
    recipes = {"adam", "momentum", "epochs", "cosine"}
    assert {f"recipes/{name}.yaml" for name in recipes} <= set(EXAMPLES)
    data = {"own_table", "own_events", "mnist_5k", "yin_yang", "start_weights", "lenet5", "shapes"}
    assert {f"data/{name}.yaml" for name in data} <= set(EXAMPLES)
    assert {"layers/digital_ends.yaml", "layers/learned_scales.yaml"} <= set(EXAMPLES)


def _keys_of_schema(node, parts, place=(), inside=()):
    """Dotted keys of a part of a schema; those of sections that users name are left out."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        # A range is a way to write any number of a device; keys/uncertain_numbers.yaml has some.
        if name not in (*inside, "UncertainNumber"):
            yield from _keys_of_schema(parts[name], parts, place, (*inside, name))
        return
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from _keys_of_schema(each, parts, place, inside)
    for key, value in node.get("properties", {}).items():
        yield ".".join((*place, key))
        yield from _keys_of_schema(value, parts, (*place, key), inside)


def _keys_of(section, place=()):
    for key, value in section.items():
        yield ".".join((*place, str(key)))
        if isinstance(value, dict):
            yield from _keys_of(value, (*place, str(key)))


def test_every_key_is_in_an_example():
    files = (*FOLDER.glob("*.yaml"), *FOLDER.glob("*/*.yaml"))
    shown = {key for path in files for key in _keys_of(yaml.safe_load(path.read_text()))}
    schema = json_schema()
    assert set(_keys_of_schema(schema, schema["$defs"])) - shown == set()


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name):
    network = yaml.safe_load((FOLDER / name).read_text()).get("network", {})
    own_layers = name.startswith("layers/") or "hidden" not in network
    small = [each for each in SMALL if "hidden" not in each or not own_layers]
    if load_spec(FOLDER / name, allow_code=True).training.epochs is not None:
        small[0] = "training.epochs=2"
    if name == "data/lenet5.yaml":
        small += ["task.crop=12", "training.steps=2", "measure.draws=4", "measure.loss_draws=4"]
    spec = load_spec(FOLDER / name, small, allow_code=True)
    assert spec.name != "unnamed chip"
    if name.startswith("rules/"):
        assert spec.learning_rule.name == Path(name).stem
    if name.startswith("surrogates/"):
        assert spec.network.surrogate.name == Path(name).stem
    spiking = spec.network.kind in ("spiking", "nir")
    if spiking:
        spec = load_spec(FOLDER / name, [*small, "measure.smoothing_draws=8"])
    found = check(spec, quick=True)
    report = found.report
    (point,) = report["points"]
    assert point["moments"]["b_ci"][0] <= point["moments"]["b"] + 1e-12
    assert math.isfinite(point["delta_loss"]["measured"])
    assert (point["smoothing"] is not None) == spiking
    console = Console(file=io.StringIO(), width=100)
    render_report(found.record, console)
    assert report["verdict"] in console.file.getvalue()
    page = render_html(found.record)
    assert ("Bias against the gradient of the smoothed loss" in page) == spiking


@pytest.mark.parametrize("factory", ["batch_norm", "gru", "spiking"])
def test_every_network_of_the_example_of_modules(factory):
    small = [each for each in SMALL if "hidden" not in each]
    own = ["measure.smoothing_draws=8", f"network.factory={factory}", "network.arguments={}"]
    spec = load_spec(FOLDER / "module" / "own_network.yaml", [*small, *own], allow_code=True)
    found = check(spec, quick=True)
    assert found.report["points"][0]["smoothing"] is None or factory == "spiking"
    said = {"batch_norm": "Batch normalization (2)", "gru": "recurrent.weight_ih_l0",
            "spiking": "spikes (neurons)"}  # fmt: skip
    assert any(said[factory] in note for note in found.record.notes)
    assert f"module {factory} of " in render_html(found.record)


def test_the_example_of_a_graph_is_the_network_that_was_trained():
    spec = load_spec(FOLDER / "module" / "recurrent_graph.yaml")
    problem = build_problem(spec)
    assert problem.accuracy(problem.initial_weights) > 0.9
    assert problem.parts.spiking == ("nodes.1_lif", "nodes.3")


@pytest.mark.parametrize("name", ["spiking_digits.yaml", "spiking_ecram.yaml"])
def test_spiking_examples_load(name):
    spec = load_spec(FOLDER / name)
    assert spec.network.kind == "spiking"
    assert spec.learning_rule.name == "surrogate"


@pytest.mark.slow
def test_a_spiking_network_on_clean_hardware_reaches_95_percent():
    """The example in a third of its steps: the chip is its own clean twin there."""
    spec = load_spec(FOLDER / "spiking_digits.yaml")
    problem, steps = build_problem(spec), spec.training.steps // 3
    trained = train(problem, build_clean_chip(spec, problem), steps, seed=spec.measure.seed)
    assert trained.test_accuracy >= 0.95
