"""Graphs of NIR: snntorch's exports give snntorch's outputs; what is not there is refused."""

from __future__ import annotations

import sys

import nir
import numpy as np
import pytest
import snntorch as snn
import torch
from snntorch.export_nir import export_to_nir
from torch import nn

from device_models.spiking.surrogate_gradient import Surrogate
from neurograd.errors import ModelError
from neurograd.problem import Problem
from neurograd.problem.networks import Reading, nir_network
from neurograd.seeding import generator_for

STEP = 1e-4
pytestmark = pytest.mark.filterwarnings("ignore:nirtorch.extract_nir_graph:DeprecationWarning")


def reading(**changes):
    return Reading(**{
        "step_duration": STEP, "reset": "zero", "surrogate": Surrogate(), "dtype": torch.float64,
        **changes,
    })  # fmt: skip


def full(value, *shape):
    """Constants in double, which the file keeps to the last digit."""
    return torch.full(shape, value, dtype=torch.float64)


LAYERED = {
    "leaky": lambda options: [
        nn.Linear(6, 5), snn.Leaky(full(0.9, 5), full(0.3, 5), init_hidden=True, **options),
        nn.Linear(5, 3), snn.Leaky(full(0.8, 3), full(0.2, 3), init_hidden=True, **options),
    ],
    "recurrent": lambda options: [
        nn.Linear(6, 5, bias=False),
        snn.RLeaky(full(0.9, 5), linear_features=5, threshold=0.25, init_hidden=True, **options),
        nn.Linear(5, 3), snn.Leaky(full(0.8, 3), full(0.2, 3), init_hidden=True, **options),
    ],
    "one to one": lambda options: [
        nn.Linear(6, 5),
        snn.RLeaky(full(0.9, 5), V=torch.linspace(-1, 1, 5), all_to_all=False, threshold=0.25,
                   init_hidden=True, **options),
        nn.Linear(5, 3), snn.Leaky(full(0.8, 3), full(0.2, 3), init_hidden=True, **options),
    ],
    "synaptic": lambda options: [
        nn.Linear(6, 5),
        snn.Synaptic(full(0.5, 5), full(0.9, 5), full(0.5, 5), init_hidden=True, **options),
        nn.Linear(5, 3), snn.Leaky(full(0.8, 3), full(0.2, 3), init_hidden=True, **options),
    ],
}  # fmt: skip
CONVOLUTIONAL = {
    "convolutional": lambda options: [
        nn.Conv2d(1, 2, 3, padding=1),
        snn.Leaky(full(0.9, 2, 4, 4), full(0.3, 2, 4, 4), init_hidden=True, **options),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3),
        snn.Leaky(full(0.8, 3), full(0.05, 3), init_hidden=True, **options),
    ],
    "recurrent synaptic": lambda options: [
        nn.Flatten(), nn.Linear(16, 5),
        snn.RSynaptic(alpha=full(0.5, 5), beta=full(0.9, 5), linear_features=5, threshold=0.5,
                      init_hidden=True, **options),
        nn.Linear(5, 3), snn.Leaky(full(0.8, 3), full(0.2, 3), init_hidden=True, **options),
    ],
}  # fmt: skip


def made(layers, options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(*layers(options))


def counted(network, trains):
    """Numbers of spikes that snntorch's own network gives, step by step."""
    with torch.no_grad():
        return sum(network(trains[:, step]) for step in range(trains.shape[1])).double()


def exported(network, sample, path):
    nir.write(path, export_to_nir(network, sample, ignore_dims=[0]))
    return path


# NIR resets at once. So does Leaky in effect; the others drop a step's input unless told.
RESETS = {
    "subtract": {"reset_mechanism": "subtract"},
    "zero": {"reset_mechanism": "zero", "reset_delay": False},
}


# RSynaptic of snntorch 1.0 has no reset at once.
CASES = [
    (name, reset)
    for name in (*LAYERED, *CONVOLUTIONAL)
    for reset in RESETS
    if (name, reset) != ("recurrent synaptic", "zero")
]


@pytest.mark.parametrize(("name", "reset"), CASES)
def test_spikes_are_those_of_the_network_that_was_exported(name, reset, tmp_path):
    layers = {**LAYERED, **CONVOLUTIONAL}[name]
    network = made(layers, RESETS[reset])
    shape = (1, 4, 4) if name in CONVOLUTIONAL else (6,)
    generator = generator_for(5, "trains")
    trains = torch.bernoulli(torch.full((10, 8, *shape), 0.5), generator=generator)
    path = exported(network, trains[:1, 0], tmp_path / "net.nir")
    expected = counted(made(layers, RESETS[reset]), trains)
    found = nir_network(path, reading(reset=reset))
    assert found.input_shape == shape
    assert found.network(trains.double()).equal(expected)
    assert 0 < float(expected.mean()) < 8
    assert len(expected.unique()) > 2


def test_weights_are_all_trained_and_keep_their_order(tmp_path):
    network = made(LAYERED["leaky"], {})
    path = exported(network, torch.zeros(1, 6), tmp_path / "net.nir")
    found = nir_network(path, reading()).network
    mine = [p.detach().float() for p in found.parameters()]
    assert all(a.equal(b) for a, b in zip(mine, network.parameters(), strict=True))
    problem = Problem(found, nn.CrossEntropyLoss(), torch.zeros(2, 3, 6), torch.tensor([0, 1]))
    assert problem.num_parameters == sum(p.numel() for p in network.parameters())
    assert problem.parts.spiking == ("nodes.1", "nodes.3")


# -- graphs by hand --------------------------------------------------------------------------------


def lif(width=2, **changes):
    values = {"tau": 4 * STEP, "r": 2.0, "v_leak": 0.0, "v_threshold": 0.4, "v_reset": 0.0}
    return nir.LIF(**{k: np.full(width, v) for k, v in {**values, **changes}.items()})


def written(path, nodes, edges, inputs=2, outputs=2):
    ends = {"in": nir.Input(np.array([inputs])), "out": nir.Output(np.array([outputs]))}
    nir.write(path, nir.NIRGraph({**ends, **nodes}, edges, type_check=False))
    return path


W = np.array([[1.0, 0.0], [0.5, 1.0]])
CHAIN = [("in", "w"), ("w", "n"), ("n", "out")]


def chain(path, node, **changes):
    nodes = {"w": nir.Linear(W), "n": node}
    return nir_network(written(path / "g.nir", nodes, CHAIN), reading(**changes.pop("reads", {})),
                       **changes)  # fmt: skip


X = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]], dtype=torch.float64)


@pytest.mark.parametrize("step", [STEP, STEP / 2])
@pytest.mark.parametrize("v_leak", [0.0, 0.3])
def test_a_leaky_integrator_is_its_equation_in_steps_of_euler(step, v_leak, tmp_path):
    node = nir.LI(*(np.full(2, value) for value in (4 * STEP, 2.0, v_leak)))
    found = chain(tmp_path, node, reads={"step_duration": step})
    v, total = np.zeros(2), np.zeros(2)
    for x in X[0].numpy():
        v = v + step / (4 * STEP) * (v_leak - v + 2.0 * W @ x)
        total += v
    assert found.network(X)[0].detach().numpy() == pytest.approx(total / 3)
    assert found.network.readout == "membrane"


def test_the_integrators_without_a_leak_and_with_a_synapse(tmp_path):
    perfect = chain(tmp_path, nir.I(np.array([3.0, 5.0]) / STEP)).network(X)[0].detach().numpy()
    sums = np.cumsum(X[0].numpy() @ W.T, axis=0) * np.array([3.0, 5.0])
    assert perfect == pytest.approx(sums.mean(0))
    constants = (np.full(2, value) for value in (2 * STEP, 4 * STEP, 1.5, 0.0, 0.8))
    synaptic = chain(tmp_path, nir.CubaLI(*constants)).network(X)[0].detach().numpy()
    current, v, total = np.zeros(2), np.zeros(2), np.zeros(2)
    for x in X[0].numpy():
        current = current + 0.5 * (-current + 0.8 * W @ x)
        v = v + 0.25 * (-v + 1.5 * current)
        total += v
    assert synaptic == pytest.approx(total / 3)


def test_v_reset_is_where_a_potential_goes_on(tmp_path):
    found = chain(tmp_path, lif(v_reset=-0.5)).network
    v, count = np.zeros(2), np.zeros(2)
    for x in X[0].numpy():
        v = 0.75 * v + 0.5 * W @ x
        spikes = v > 0.4
        count += spikes
        v = np.where(spikes, -0.5, v)
    assert found(X)[0].tolist() == count.tolist() == [1.0, 1.0]
    with pytest.raises(ModelError, match=r"v_reset other than 0; allowed then: network.reset zero"):
        chain(tmp_path, lif(v_reset=-0.5), reads={"reset": "subtract"})


def test_spikes_are_counted_where_the_graph_ends_in_them(tmp_path):
    assert chain(tmp_path, lif()).network.readout == "spikes"
    membrane = chain(tmp_path, lif(), readout="membrane").network
    assert membrane.readout == "membrane"
    assert not any(getattr(node, "spikes", False) for node in membrane.nodes.values())


def test_sums_of_pools_grouped_convolutions_and_an_inner_graph(tmp_path):
    kernel = np.arange(8.0).reshape(2, 1, 2, 2)
    inner = nir.NIRGraph(
        {"input": nir.Input(np.array([2, 3, 3])), "p": nir.SumPool2d(*(np.array(pair) for pair in (
            [3, 3], [1, 1], [0, 0]))), "output": nir.Output(np.array([2, 1, 1]))},
        [("input", "p"), ("p", "output")], type_check=False,
    )  # fmt: skip
    nodes = {
        "input": nir.Input(np.array([2, 4, 4])),
        "c": nir.Conv2d((4, 4), kernel, 1, 0, 1, 2, np.array([1.0, -1.0])),
        "inner": inner,
        "f": nir.Flatten(np.array([2, 1, 1]), start_dim=0),
        "output": nir.Output(np.array([2])),
    }
    edges = [("input", "c"), ("c", "inner"), ("inner", "f"), ("f", "output")]
    nir.write(tmp_path / "g.nir", nir.NIRGraph(nodes, edges, type_check=False))
    found = nir_network(tmp_path / "g.nir", reading())
    x = torch.rand((3, 1, 2, 4, 4), generator=generator_for(0), dtype=torch.float64)
    made = torch.nn.functional.conv2d(
        x[:, 0], torch.tensor(kernel), torch.tensor([1.0, -1.0]).double(), groups=2
    )
    assert torch.allclose(found.network(x), made.sum((2, 3)))


# -- refusals --------------------------------------------------------------------------------------


def refused(path, nodes, edges=CHAIN, **options):
    with pytest.raises(ModelError) as caught:
        nir_network(written(path / "g.nir", nodes, edges), reading(), **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "g.nir" in message
    return message


def test_graphs_that_cannot_be_read_name_what_is_in_the_way(tmp_path):
    w = nir.Linear(W)
    delay = {"w": w, "n": nir.Delay(np.array([1e-3, 1e-3]))}
    assert "node n is of kind Delay, which is not there; allowed: Input, " in refused(
        tmp_path, delay
    )
    short = refused(tmp_path, {"w": w, "n": lif(tau=STEP / 2)})
    assert "as short as 5e-05 s; allowed: at least network.step_duration, 0.0001 s" in short
    lone = refused(tmp_path, {"w": w, "n": lif(), "z": w}, [*CHAIN, ("z", "n")])
    assert "nothing leads to node z" in lone
    assert "node z leads nowhere" in refused(
        tmp_path, {"w": w, "n": lif(), "z": w}, [*CHAIN, ("w", "z")]
    )
    loop = refused(tmp_path, {"w": w, "n": lif()}, [*CHAIN, ("w", "w")])
    assert "a loop has no neurons (w)" in loop
    two = [("in", "w"), ("w", "m"), ("m", "n"), ("n", "w"), ("n", "out")]
    assert "m and n are in one loop" in refused(tmp_path, {"w": w, "m": lif(), "n": lif()}, two)
    assert "2 nodes lead to its Output" in refused(
        tmp_path, {"w": w, "n": lif()}, [*CHAIN, ("w", "out")]
    )
    silent = refused(tmp_path, {"w": w, "n": nir.I(np.ones(2))}, readout="spikes")
    assert "n, has no spikes to be counted" in silent
    fed = refused(
        tmp_path, {"w": w, "n": lif(), "b": w}, [*CHAIN, ("n", "b"), ("b", "n")],
        readout="membrane",
    )  # fmt: skip
    assert "the spikes of its last node, n, go on to other nodes" in fed


def test_what_is_no_file_of_nir(tmp_path):
    with pytest.raises(ModelError, match=r"no\.nir: there is no such file"):
        nir_network(tmp_path / "no.nir", reading())
    (tmp_path / "text.nir").write_text("no graph")
    with pytest.raises(ModelError, match=r"text\.nir: cannot be read \(OSError"):
        nir_network(tmp_path / "text.nir", reading())


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nir", None)
    with pytest.raises(ModelError, match=r"needs nir; allowed after: .*neurograd-chip\[nir\]"):
        nir_network(tmp_path / "g.nir", reading())
