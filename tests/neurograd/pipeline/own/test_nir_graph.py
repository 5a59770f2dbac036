"""A network that snntorch exports to NIR has the numbers of the same one by its keys."""

from __future__ import annotations

import nir
import pytest
import snntorch as snn
import torch
from safetensors.torch import save_file
from snntorch.export_nir import export_to_nir
from torch import nn

from neurograd.errors import NeurogradError
from neurograd.measure.moments import measure_moments
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.check import check
from neurograd.pipeline.identity import content_fingerprint
from neurograd.report.content.headline import heading
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec

CHIP = {
    "device": {"preset": "pcmo", "read": {"noise": "5 %"}},
    "task": {"name": "digits", "train_samples": 30, "test_samples": 20},
    "training": {"step_size": 0.3, "steps": 1, "seeds": 2, "max_seeds": 2},
    "measure": {"draws": 4, "loss_draws": 8, "points": 1, "smoothing_draws": 8},
}  # fmt: skip
DECAY, THRESHOLD = 0.9, 0.4


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A graph as snntorch exports it, and its weights by their names in a network of keys."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        layers = [nn.Linear(64, 5), nn.Linear(5, 10)]
    neurons = [
        snn.Leaky(
            torch.full((layer.out_features,), DECAY, dtype=torch.float64),
            torch.full((layer.out_features,), THRESHOLD, dtype=torch.float64),
            init_hidden=True,
        )
        for layer in layers
    ]
    chain = [part for pair in zip(layers, neurons, strict=True) for part in pair]
    folder = tmp_path_factory.mktemp("nir")
    with pytest.warns(DeprecationWarning, match="extract_nir_graph"):
        graph = export_to_nir(nn.Sequential(*chain), torch.zeros(1, 64), ignore_dims=[0])
    nir.write(folder / "net.nir", graph)
    weights = {
        f"layers.{k}.{name}": p.detach()
        for k, layer in enumerate(layers)
        for name, p in layer.named_parameters()
    }
    save_file(weights, folder / "net.safetensors")
    return folder


def graph_spec(files, **network):
    keys = {"kind": "nir", "file": str(files / "net.nir"), "time_steps": 4, **network}
    return validate_spec({**CHIP, "network": keys})


def native_spec(files, **network):
    keys = {"hidden": [5], "decay": DECAY, "threshold": THRESHOLD, "time_steps": 4}
    weights = str(files / "net.safetensors")
    spiking = {"kind": "spiking", **keys, "weights": weights, **network}
    return validate_spec({**CHIP, "network": spiking})


def measured(spec):
    """A chip's moments against the surrogate gradient, and that gradient."""
    problem = build_problem(spec)
    w = problem.initial_weights
    gradient = problem.gradient(w)
    sampler = build_chip(spec, problem).sampler(problem, w)
    return measure_moments(sampler, gradient, 60, seed=0), gradient


@pytest.mark.parametrize(("reset", "readout"), [("subtract", "membrane"), ("zero", "spikes")])
def test_moments_are_those_of_the_native_network(files, reset, readout):
    keys = {"reset": reset, "readout": readout}
    found, gradient = measured(graph_spec(files, **keys))
    expected, native_gradient = measured(native_spec(files, **keys))
    for name in ("b", "total_variance", "gain", "cosine", "inverse_noise_ratio"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9)
    assert torch.allclose(gradient, native_gradient, rtol=0, atol=1e-12)
    assert min(found.b, found.total_variance, found.gain, float(gradient.norm())) > 1e-3


def test_a_check_has_the_numbers_of_the_native_network(files):
    keys = {"reset": "subtract", "readout": "membrane"}
    found, expected = check(graph_spec(files, **keys)), check(native_spec(files, **keys))
    mine, its = (each.report["points"][0] for each in (found, expected))
    assert mine["delta_loss"]["predicted"] == pytest.approx(its["delta_loss"]["predicted"])
    assert mine["smoothing"]["loss"] == pytest.approx(its["smoothing"]["loss"], rel=1e-9)
    # The native network's sums are in another order of rounding.
    mine, its = (each.report["training"]["chip"] for each in (found, expected))
    assert mine["test_accuracy"] == its["test_accuracy"]
    assert mine["loss"] == pytest.approx(its["loss"], rel=1e-12)
    (note,) = (each for each in found.record.notes if "The graph of" in each)
    assert "a spike takes the threshold off the potential" in note
    assert "net.nir, spiking, fast_sigmoid, 4 steps" in heading(found.record)


def test_finished_work_is_told_apart_by_edges_and_constants(files):
    plain = build_problem(graph_spec(files))
    again, slower = build_problem(graph_spec(files)), graph_spec(files, step_duration="0.05 ms")
    assert content_fingerprint(plain) == content_fingerprint(again)
    assert content_fingerprint(plain) != content_fingerprint(build_problem(slower))


REFUSED = {
    "a key of the graph": ({"decay": 0.5}, "network.decay: is not for kind nir, whose file says"),
    "a key of layers": ({"hidden": [3]}, "network.hidden: is not for kind nir, whose file says it"),
    "code": ({"factory": "make_net"}, "network.factory: is for kind module only, not nir"),
    "no time": ({"step_duration": 0}, "network.step_duration: 0 s is no time"),
    "no file": ({"file": None}, "network.file: is missing; kind nir needs the file of the graph"),
}


@pytest.mark.parametrize(("keys", "said"), REFUSED.values(), ids=REFUSED)
def test_what_a_graph_does_not_have_is_refused(files, keys, said):
    with pytest.raises(NeurogradError, match=said):
        graph_spec(files, **keys)


def test_rules_and_samples_that_do_not_fit(files):
    spec = {**CHIP, "network": {"kind": "nir", "file": str(files / "net.nir")}}
    with pytest.raises(NeurogradError, match=r"eprop is not there for network.kind nir"):
        validate_spec({**spec, "learning_rule": {"name": "eprop"}})
    with pytest.raises(NeurogradError, match=r"step_duration: is for kind nir only, not spiking"):
        validate_spec({**CHIP, "network": {"kind": "spiking", "step_duration": 1}})
    teacher = {"name": "teacher_student", "train_samples": 4, "test_samples": 4}
    other = {**spec, "task": teacher, "network": {**spec["network"], "coding": "current"}}
    with pytest.raises(NeurogradError, match=r"takes inputs of shape \(64,\), and a sample"):
        build_problem(validate_spec(other))


def test_node_perturbation_takes_layers_that_get_all_steps_at_once(files):
    """A graph has one call of what no neuron stands before; its rows are those of each sample."""
    found = []
    rule = {"name": "node_perturbation", "perturbation": 0.05}
    for each in (native_spec(files), graph_spec(files, readout="membrane", reset="subtract")):
        keys = each.model_dump(mode="json", exclude_unset=True)
        spec = validate_spec({**keys, "learning_rule": rule})
        problem = build_problem(spec)
        chip = build_chip(spec, problem, index=0)
        w, some = problem.initial_weights, torch.arange(10)
        found.append(chip.rule.gradient(problem, w, generator_for(1), some))
    assert float(found[0].norm()) > 0
    torch.testing.assert_close(found[0], found[1])


def test_no_leave_is_needed(files):
    """A graph is no code."""
    graph_spec(files).check_leave("spec")
