"""Start weights from files: the network of the file, or one line."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest
import torch
from torch import nn

from neurograd.problem import Problem
from neurograd.problem.networks import mlp, start_from
from tests.neurograd.problem.datasets.refusal import refused


def _network(seed=0, widths=(3, 4, 2), dtype=torch.float64):
    inputs, hidden, outputs = widths
    generator = torch.Generator().manual_seed(seed)
    network = mlp(inputs, [hidden], outputs, generator=generator, dtype=dtype)
    with torch.no_grad():
        network[0].bias.normal_(generator=generator)
    return network


def _saved(network, path):
    return _write(network.state_dict(), path)


def _write(state, path):
    if path.suffix == ".npz":
        np.savez(path, **{name: value.numpy() for name, value in state.items()})
    else:
        from safetensors.torch import save_file

        save_file(state, path)
    return path


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_a_network_starts_as_the_file_says(ending, tmp_path):
    path = _saved(_network(1), tmp_path / f"start{ending}")
    network = _network(2)
    before = network(torch.ones(1, 3, dtype=torch.float64))
    start_from(network, path)
    after = network(torch.ones(1, 3, dtype=torch.float64))
    assert torch.equal(after, _network(1)(torch.ones(1, 3, dtype=torch.float64)))
    assert not torch.equal(after, before)


def test_numbers_take_the_networks_type_and_buffers_may_come_along(tmp_path):
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    other(torch.randn(9, 3, generator=torch.Generator().manual_seed(0)))
    state = {name: value.numpy() for name, value in other.state_dict().items()}
    np.savez(tmp_path / "all.npz", **{n: v.astype(np.float64) for n, v in state.items()})
    start_from(network, tmp_path / "all.npz")
    for name, value in network.state_dict().items():
        assert value.dtype == other.state_dict()[name].dtype
        assert torch.equal(value, other.state_dict()[name])
    named = dict(network.named_parameters())
    np.savez(tmp_path / "weights.npz", **{name: state[name] for name in named})
    start_from(network, tmp_path / "weights.npz")


NORM = {"1.running_mean": np.full(4, 5.0), "1.running_var": np.full(4, 2.0)}
COUNT = {"1.num_batches_tracked": np.array(0)}
FIRST = {"1.running_mean": np.zeros(4), "1.running_var": np.ones(4)}


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    ("buffers", "kept"),
    [
        (NORM, True),
        ({**NORM, **COUNT}, True),
        ({"1.running_mean": NORM["1.running_mean"]}, True),
        ({"1.running_var": NORM["1.running_var"]}, True),
        (FIRST, True),
        ({**FIRST, **COUNT}, False),  # an untrained network, saved
        ({}, False),
    ],
)
def test_statistics_of_a_file_are_kept(buffers, kept, ending, tmp_path):
    """With or without ``num_batches_tracked``, which old files and other programs' have not."""
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    state = {name: p.detach() for name, p in network.named_parameters()}
    state |= {name: torch.from_numpy(value) for name, value in buffers.items()}
    path = tmp_path / f"start{ending}"
    _write(state, path)
    start_from(network, path)
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    problem = Problem(network, nn.CrossEntropyLoss(), x, torch.arange(9) % 2)
    assert problem.parts.kept == (("1",) if kept else ())
    norm = problem.module[1]
    for name, value in buffers.items() if kept else ():
        if name != "1.num_batches_tracked":
            assert norm.get_buffer(name[2:]).tolist() == value.tolist()
    if not kept:
        assert norm.running_mean.abs().max() > 0


def test_arrays_that_are_not_the_networks_are_one_line(tmp_path):
    wide = _saved(_network(widths=(3, 5, 2)), tmp_path / "wide.safetensors")
    refused(lambda: start_from(_network(), wide), "0.weight", "(5, 3)", "(4, 3)")
    deep = _saved(nn.Sequential(_network(), nn.Linear(2, 2)), tmp_path / "deep.npz")
    refused(lambda: start_from(_network(), deep), "no 0.weight", "0.0.weight", "deep.npz")
    state = {name: value.numpy() for name, value in _network().state_dict().items()}
    np.savez(tmp_path / "turned.npz", **{**state, "0.weight": state["0.weight"].T})
    refused(lambda: start_from(_network(), tmp_path / "turned.npz"), "(3, 4)", "(4, 3)")
    state["0.bias"][1] = np.nan
    np.savez(tmp_path / "nan.npz", **state)
    refused(lambda: start_from(_network(), tmp_path / "nan.npz"), "0.bias", "finite")


def test_nothing_is_changed_where_the_file_is_refused(tmp_path):
    network, path = _network(2), tmp_path / "bad.npz"
    state = {name: value.numpy() for name, value in _network(1).state_dict().items()}
    np.savez(path, **{**state, "2.bias": np.zeros(3)})
    refused(lambda: start_from(network, path), "2.bias")
    assert torch.equal(network[0].weight, _network(2)[0].weight)


class _Runs:
    def __reduce__(self):
        return sys.exit, (3,)


@pytest.mark.parametrize("name", ["start.pt", "start.npz", "start.safetensors", "start.txt"])
def test_pickles_and_damaged_files_are_refused(name, tmp_path):
    path = tmp_path / name
    refused(lambda: start_from(_network(), path), "network.weights", name)
    path.write_bytes(pickle.dumps(_Runs()))
    refused(lambda: start_from(_network(), path), "network.weights", name)


def test_objects_in_npz_are_refused(tmp_path):
    np.savez(tmp_path / "start.npz", **{"0.weight": np.array([_Runs()], dtype=object)})
    refused(lambda: start_from(_network(), tmp_path / "start.npz"), "Python objects")


def test_a_small_file_of_huge_arrays_is_not_unpacked(tmp_path, monkeypatch):
    """64 MiB of zeros in 64 KiB; what is refused is never read."""
    state = {name: value.numpy() for name, value in _network().state_dict().items()}
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **state, more=np.zeros(2**23))
    assert path.stat().st_size < 2**17
    monkeypatch.setattr(np, "load", None)
    refused(lambda: start_from(_network(), path), "unpacks to 67,", "for a network of 26 numbers")


TYPES = ("float8_e4m3fn", "int8", "uint8", "bool", "complex64", "float16", "bfloat16")


@pytest.mark.parametrize("name", TYPES)
def test_weights_that_may_be_quantized_are_refused(name, tmp_path):
    """Their scale is not in the file; the count of batches is a whole number."""
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    state, path = network.state_dict(), tmp_path / "start.safetensors"
    kind = getattr(torch, name)
    _write({**state, "0.weight": (100 * state["0.weight"]).to(kind)}, path)
    if kind in (torch.float16, torch.bfloat16):
        expected = (100 * state["0.weight"]).to(kind).float()
        start_from(network, path)
        assert torch.equal(network[0].weight, expected)
    else:
        refused(lambda: start_from(network, path), f"0.weight is of type {name}", "16 bits or more")


@pytest.mark.parametrize("kind", ["<u8", "i1", "?"])
def test_whole_numbers_of_numpy_are_refused(kind, tmp_path):
    state = {name: value.numpy() for name, value in _network(1).state_dict().items()}
    np.savez(tmp_path / "start.npz", **{**state, "0.bias": np.ones(4, kind)})
    refused(lambda: start_from(_network(), tmp_path / "start.npz"), "0.bias is of type", "16 bits")


@pytest.mark.parametrize("kind", ["g", "e", ">f8", ">f4"])
def test_floating_numbers_of_any_size_and_byte_order_are_taken(kind, tmp_path):
    path, network = tmp_path / "start.npz", _network()
    state = {name: value.numpy() for name, value in _network(1).state_dict().items()}
    np.savez(path, **{name: np.abs(value).astype(kind) for name, value in state.items()})
    start_from(network, path)
    for name, value in network.state_dict().items():
        expected = np.abs(state[name]).astype(kind).astype(float)
        assert torch.equal(value, torch.from_numpy(expected))
