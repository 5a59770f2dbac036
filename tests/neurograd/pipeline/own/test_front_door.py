"""check, limits, sweep and the forecast of a problem and a chip, without any spec."""

from __future__ import annotations

import math

import numpy as np
import pytest
import snntorch
import torch
from torch import nn

import neurograd
from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.pipeline.identity import content_fingerprint
from neurograd.pipeline.own.handed_over import spec_for
from neurograd.pipeline.own.network_notes import network_notes
from neurograd.seeding import generator_for
from neurograd.spec import validate_spec
from tests.neurograd.cases import Gru

TRAINING = {"step_size": 0.2, "steps": 5, "seeds": 2, "max_seeds": 2}
MEASURE = {"draws": 12, "loss_draws": 8, "points": 1, "smoothing_draws": None}
CHIP = {"device": {"preset": "alox-hfo2"}, "training": TRAINING, "measure": MEASURE}


def samples(count=48, seed=0):
    """Three classes that lie apart, 12 values each."""
    generator = generator_for(seed, "data")
    y = torch.arange(count) % 3
    centres = 2.0 * torch.randn(3, 12, generator=generator)
    return centres[y] + torch.randn(count, 12, generator=generator), y


def problem_of(module, **options):
    x, y = samples()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = module()
    return neurograd.Problem(
        made, nn.CrossEntropyLoss(), x[:30], y[:30], test_inputs=x[30:], test_targets=y[30:],
        **options,
    )  # fmt: skip


class SpikingConvolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv1d(1, 2, 5, stride=2)
        self.l = snntorch.Leaky(beta=0.9, threshold=0.5)
        self.o = nn.Linear(8, 3)

    def forward(self, x):
        c, m, out = self.c(x[:, None]), self.l.init_leaky(), 0.0
        for _ in range(3):
            spikes, m = self.l(c, m)
            out = out + self.o(spikes.flatten(1))
        return out / 3


def normalized():
    return nn.Sequential(
        nn.Linear(12, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 3)
    )


NETWORKS = {
    "gru": (Gru, ["r.weight_ih_l0"]),
    "batch norm": (normalized, ["Batch normalization (1)", "Dropout (3)", "1.weight and 1.bias"]),
    "spiking": (SpikingConvolution, ["spikes (l)"]),
}
each_network = pytest.mark.parametrize(("module", "said"), NETWORKS.values(), ids=NETWORKS)


@each_network
def test_a_check(module, said):
    problem = problem_of(module)
    found = neurograd.check(problem=problem, chip=CHIP)
    (point,) = found.record.points
    assert math.isfinite(point.delta_loss.measured)
    assert point.moments.total_variance > 0
    assert (point.smoothing is not None) == (module is SpikingConvolution)
    assert found.report["num_parameters"] == problem.num_parameters
    assert found.report["spec"]["task"]["name"] == "python"
    notes = " ".join(found.record.notes)
    assert all(each in notes for each in said)
    # The forecast alone is that of the check.
    alone = neurograd.predict(problem=problem, chip=CHIP)
    assert alone.cost == found.record.training.forecast.cost


@each_network
def test_limits(module, said):
    chip = {**CHIP, "training": {**TRAINING, "steps": 2, "step_size": 0.5}}
    found = neurograd.limits(problem=problem_of(module), chip=chip, quick=True, confirm=False)
    keys = {each.key for each in found.record.numbers}
    assert "device.write.cycle_to_cycle" in keys
    # Nothing is said of converters around products that they do not meet.
    assert ("device.converters.adc_bits" in keys) == (module is not Gru)
    assert all(any(each in note for note in found.record.notes) for each in said)
    assert not any("outside" in each.sentence for each in found.record.numbers)


@each_network
def test_a_sweep(module, said, tmp_path):
    def run(**more):
        return neurograd.sweep(
            problem=problem_of(module), chip=CHIP, over={"device.read.noise": [0.0, 0.3]}, **more
        )

    found = run(resume=str(tmp_path))
    assert [row["device.read.noise"] for row in found.rows] == [0.0, 0.3]
    assert found.rows[0]["chip_loss"] != found.rows[1]["chip_loss"]
    assert found.rows[0]["clean_loss"] == found.rows[1]["clean_loss"]
    assert all(any(each in note for note in found.notes) for each in said)
    assert run(resume=tmp_path).rows == found.rows


NOISE = "device.read.noise"
VALUES = {
    "an array": {NOISE: np.linspace(0.0, 0.3, 2)},
    "its numbers": {NOISE: list(np.linspace(0.0, 0.3, 2))},
    "a tensor": {NOISE: torch.tensor([0.0, 0.3], dtype=torch.float64)},
    "an iterator": {NOISE: iter((0.0, 0.3))},
}


@pytest.mark.parametrize("over", VALUES.values(), ids=VALUES)
def test_values_of_a_sweep_may_be_numbers_of_any_library(over):
    found = neurograd.sweep(problem=problem_of(normalized), chip=CHIP, over=over, mode="predict")
    assert [(type(row[NOISE]), row[NOISE]) for row in found.rows] == [(float, 0.0), (float, 0.3)]
    lists = neurograd.sweep(
        problem=problem_of(normalized), chip=CHIP, over={NOISE: [0.0, 0.3]}, mode="predict"
    )
    assert found.rows == lists.rows


NO_VALUES = {
    "none": ({NOISE: []}, "has no values"),
    "an empty array": ({NOISE: np.zeros(0)}, "has no values"),
    "a number": ({NOISE: 0.1}, rf"{NOISE} has 0\.1; allowed: a list"),
    "a number of numpy": ({NOISE: np.array(0.5)}, rf"{NOISE} has 0\.5; allowed: a list"),
    "a text": ({"learning_rule.name": "backprop"}, "has 'backprop'; allowed: a list"),
}


@pytest.mark.parametrize(("over", "said"), NO_VALUES.values(), ids=NO_VALUES)
def test_what_is_no_list_of_values_is_refused(over, said):
    with pytest.raises(NeurogradError, match=said):
        neurograd.sweep(problem=problem_of(normalized), chip=CHIP, over=over)


def test_instance_normalization_is_named():
    def module():
        return nn.Sequential(
            nn.Unflatten(1, (2, 6)), nn.InstanceNorm1d(2, track_running_stats=True), nn.Flatten(),
            nn.BatchNorm1d(12), nn.Linear(12, 3),
        )  # fmt: skip

    def alone():
        return nn.Sequential(*module()[:3], nn.Linear(12, 3))

    for made, said in ((module, "Batch and instance normalization (1 and 3) keeps the mean"),
                       (alone, "Instance normalization (1) keeps the mean")):  # fmt: skip
        problem = problem_of(made)
        notes = " ".join(network_notes(spec_for(problem, CHIP, {}), problem))
        assert said in notes


def test_a_problem_handed_over_has_the_numbers_of_its_spec():
    spec = validate_spec(
        {
            **CHIP,
            "network": {"hidden": [5]},
            "task": {"name": "digits", "train_samples": 40, "test_samples": 20},
        }
    )
    own, keys = neurograd.check(problem=build_problem(spec), chip=spec), neurograd.check(spec)
    for part in ("points", "training"):
        assert own.report[part] == keys.report[part]
    with_spec = neurograd.check(spec, problem=build_problem(spec))
    assert with_spec.report["training"] == keys.report["training"]


def test_a_problem_that_was_used_before_has_the_numbers_of_one_that_was_not():
    chip = {**CHIP, "layers": {"first": {"output_scale": "learned"}}}
    problems = [problem_of(lambda: nn.Sequential(nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 3)))
                for _ in range(2)]  # fmt: skip
    problems[0].accuracy(problems[0].initial_weights)
    used, fresh = (neurograd.check(problem=each, chip=chip).report for each in problems)
    assert used["num_parameters"] == problems[0].num_parameters + 1
    for part in ("points", "training", "verdict"):
        assert used[part] == fresh[part]


def test_a_chip_by_its_presets_name_and_sections_beside_it():
    problem = problem_of(normalized)
    named = neurograd.check(problem=problem, chip="alox-hfo2", training=TRAINING, measure=MEASURE)
    mapped = neurograd.check(problem=problem, chip=CHIP)
    assert named.report["training"] == mapped.report["training"]
    assert named.report["spec"]["name"] == "alox-hfo2"


def test_single_precision_is_kept():
    problem = problem_of(SpikingConvolution, dtype=torch.float32)
    found = neurograd.check(problem=problem, chip=CHIP)
    assert found.report["spec"]["measure"]["precision"] == "float32"


def test_the_guide_to_the_effects_is_left_out_as_by_the_command():
    """Red where the option is taken for a section of the spec."""
    harmed = {"device": {"pulsed": {"model": "constant", "dw_min": 0.5}}, "training": TRAINING}
    chip = {**harmed, "targets": {"max_accuracy_drop": 0.0}, "measure": MEASURE}
    problem = problem_of(normalized)
    assert neurograd.check(problem=problem, chip=chip).record.mitigation is not None
    spared = neurograd.check(problem=problem, chip=chip, mitigation=False)
    assert spared.record.mitigation is None


def one_value(problem):
    """The same with a loss of torch's that is a mean over samples already."""
    x, y = problem.data("train")
    values = nn.functional.one_hot(y, 3).double()
    return neurograd.Problem(problem.module, nn.BCEWithLogitsLoss(), x, values)


REFUSED = {
    "no problem": (lambda p: {"chip": CHIP}, "problem: is missing"),
    "no such preset": (lambda p: {"problem": p, "chip": "alox"}, "chip 'alox' is no preset"),
    "a key of the network": (
        lambda p: {"problem": p, "chip": {"network": {"hidden": [3]}}},
        "chip: network is no key of a chip",
    ),
    "no chip": (lambda p: {"problem": p, "chip": 3}, "chip is int; allowed"),
    "no section": (
        lambda p: {"problem": p, "chip": {"training": 5}, "training": {"steps": 5}},
        "chip: training is int; allowed: a mapping with keys of training",
    ),
    "no section that the problem decides on": (
        lambda p: {"problem": p, "chip": {"measure": "quick"}},
        "chip: measure is str; allowed: a mapping with keys of measure",
    ),
    "a wrong key": (
        lambda p: {"problem": p, "chip": {"device": {"noise": 1}}},
        "chip: device.noise: unknown key",
    ),
    "both": (lambda p: {"problem": p, "spec": validate_spec({}), "chip": CHIP}, "both are given"),
    "an option that is none": (
        lambda p: {"problem": p, "chip": CHIP, "mitigate": False},
        "mitigate: is neither an option nor a section of a chip; allowed: mappings such as",
    ),
    "a mapping for a spec": (lambda p: {"spec": CHIP}, "spec: is dict; allowed: a spec, as"),
    "a file for a spec": (lambda p: {"spec": "a.yaml"}, "spec: is str; allowed: a spec, as"),
    "a module for a problem": (
        lambda p: {"problem": p.module, "chip": CHIP},
        "problem: is Sequential; allowed: a neurograd.Problem",
    ),
    "no device": (
        lambda p: {"problem": p, "chip": CHIP, "device": "gpu"},
        "device: 'gpu' is no device of torch",
    ),
    "no folder": (
        lambda p: {"problem": p, "chip": CHIP, "resume": 3},
        "resume: is int; allowed: the path of a folder",
    ),
    "a loss of one value": (
        lambda p: {"problem": one_value(p), "chip": CHIP},
        r"the loss gives shape \(\); allowed: one value a sample, shape \(8,\)",
    ),
    "another device": (
        lambda p: {"problem": p, "chip": CHIP, "device": "meta"},
        "the problem lies on cpu",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_one_line(name):
    make, message = REFUSED[name]
    with pytest.raises(NeurogradError, match=message) as told:
        neurograd.check(**make(problem_of(normalized)))
    assert "\n" not in str(told.value)


LAYERED = [
    {"device": {"preset": "alox-hfo2", "converters": {"adc_bits": 6}}},
    {"device": {"preset": "alox-hfo2", "converters": {"output_range": 2.0}}},
    *(
        {"learning_rule": {"name": name}}
        for name in (
            "feedback_alignment", "direct_feedback_alignment", "sign_symmetric", "local_loss",
            "node_perturbation",
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("sections", LAYERED, ids=str)
def test_what_acts_on_layers_refuses_matrices_that_it_would_not_meet(sections):
    keys = {**CHIP, **sections}
    with pytest.raises(NeurogradError, match=r"weight_ih_l0 and 1 more are used outside"):
        neurograd.check(problem=problem_of(Gru), chip=keys)
    # Gains of batch normalization are digital: nothing is refused for them.
    assert neurograd.check(problem=problem_of(normalized), chip=keys).record.points


@pytest.mark.parametrize("name", ["eprop", "surrogate", "equilibrium_propagation"])
def test_rules_for_networks_of_our_own_are_refused(name):
    with pytest.raises(NeurogradError, match=f"{name} is not there for network.kind module"):
        neurograd.check(problem=problem_of(Gru), chip={"learning_rule": {"name": name}})


def test_notes_of_weights_beyond_the_window_and_of_fixed_ones():
    def module():
        made = nn.Sequential(nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 3))
        made[0].requires_grad_(False)
        with torch.no_grad():
            made[2].bias.copy_(torch.tensor([3.0, 0.0, -2.0]))
        return made

    notes = neurograd.check(problem=problem_of(module), chip=CHIP).record.notes
    assert any(note.startswith("52 parameters are not trained") for note in notes)
    assert any(note.startswith("2 of 15 initial weights lie beyond") for note in notes)


def test_a_network_that_was_trained_elsewhere_is_programmed_and_ages():
    def trained():
        made = nn.Sequential(nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 3))
        x, y = samples()
        optimizer = torch.optim.Adam(made.parameters(), 0.02)
        for _ in range(100):
            optimizer.zero_grad()
            nn.functional.cross_entropy(made(x), y).backward()
            optimizer.step()
        return made

    problem = problem_of(trained)
    deployment = {"program_error": 0.3, "times": ["1 h"]}
    keys = {**CHIP, "training": {**TRAINING, "steps": 0}, "deployment": deployment}
    found = neurograd.check(problem=problem, chip=keys).report
    assert found["training"]["clean"]["test_accuracy"] == problem.accuracy(problem.initial_weights)
    assert found["deployment"][0]["accuracy"] < found["training"]["clean"]["test_accuracy"]
    # The chip of a spec brings its deployment along.
    spec = validate_spec({**keys, "training": TRAINING})
    assert neurograd.check(spec, problem=problem, quick=True).report["deployment"]


class Scaled(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.o = nn.Linear(12, 3)
        self.factor = factor

    def forward(self, x):
        return self.factor * self.o(x)


class Doubled(Scaled):
    def forward(self, x):
        return 2.0 * self.o(x)


def test_finished_work_is_that_of_the_same_network():
    """The folder of --resume tells networks apart by weights and by the code of their classes."""
    same = [content_fingerprint(problem_of(lambda: Scaled(1.0))) for _ in range(2)]
    assert same[0] == same[1]
    other = [problem_of(lambda: Doubled(1.0)), problem_of(normalized)]
    assert len({same[0], *map(content_fingerprint, other)}) == 3


def test_layers_of_a_chip_are_those_of_the_problem():
    """Also where they come with a spec, whose network is left out."""
    problem = problem_of(normalized)
    layers = {"first": {"device": None}, "last": {"output_scale": "learned"}}
    for chip in ({**CHIP, "layers": layers}, validate_spec({**CHIP, "layers": layers})):
        spec = spec_for(problem, chip, {})
        own = build_problem(spec)
        assert own.num_parameters == problem.num_parameters + 1
        assert own.parts == problem.parts
        w = own.initial_weights
        written = build_chip(spec, own).write_moments(w, torch.full_like(w, 1e-2))
        variance = own.parameters_of(written.variance)
        assert not variance["0.weight"].any()
        assert not variance["4.output_scale"].any()
        assert (variance["4.weight"] > 0).all()
    with pytest.raises(NeurogradError, match=r"layers\.layer2\.output_scale: the layer is BatchNo"):
        build_problem(spec_for(problem, {"layers": {"layer2": {"output_scale": "learned"}}}, {}))
