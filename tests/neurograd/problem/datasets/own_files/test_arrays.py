"""Arrays of a user's own files: the same data set from each kind, and one line for what is none."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from neurograd.problem.datasets import own_data
from tests.neurograd.problem.datasets.refusal import refused

SOURCE = np.random.default_rng(0)
X = SOURCE.normal(size=(30, 4, 3))
Y = np.arange(30) % 3


def _npz(folder):
    np.savez_compressed(folder / "own.npz", x=X, y=Y)
    return str(folder / "own.npz")


def _npy(folder):
    np.save(folder / "inputs.npy", X)
    np.save(folder / "labels.npy", Y)
    return (str(folder / "inputs.npy"), str(folder / "labels.npy"))


def _hdf5(folder, **arrays):
    import h5py

    with h5py.File(folder / "own.h5", "w") as file:
        for name, array in (arrays or {"x": X, "y": Y}).items():
            file[name] = array
    return str(folder / "own.h5")


@pytest.mark.parametrize("write", [_npz, _npy, _hdf5])
def test_each_kind_of_file_gives_the_same_samples(write, tmp_path):
    files = write(tmp_path)
    data = own_data(files, test=files, flat=False)
    for inputs, targets in (
        (data.inputs, data.targets),
        (data.test_inputs, data.test_targets),
    ):
        assert np.array_equal(inputs.numpy(), X)
        assert np.array_equal(targets.numpy(), Y)
    assert (data.kind, data.output_size) == ("classification", 3)
    assert np.array_equal(own_data(files, test=files).inputs.numpy(), X.reshape(30, 12))


def test_text_in_hdf5_are_classes(tmp_path):
    words = np.array([("low", "mid", "top")[k] for k in Y], dtype=object)
    path = _hdf5(tmp_path, x=X, y=words)
    assert own_data(path, test=path).targets.tolist() == Y.tolist()


class _Runs:
    """Would run code where a pickle of it is read."""

    def __reduce__(self):
        return sys.exit, (3,)


def test_objects_are_refused_and_never_run(tmp_path):
    objects = np.array([_Runs()] * 3, dtype=object)
    np.savez(tmp_path / "own.npz", x=np.ones((3, 2)), y=objects)
    np.save(tmp_path / "y.npy", objects)
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    (tmp_path / "own.pkl").write_bytes(pickle.dumps(_Runs()))
    (tmp_path / "z.npy").write_bytes(pickle.dumps(_Runs()))
    (tmp_path / "z.npz").write_bytes(pickle.dumps(_Runs()))
    pair = (str(tmp_path / "x.npy"), str(tmp_path / "y.npy"))
    refused(lambda: own_data(str(tmp_path / "own.npz"), test_fraction=0.5), "could run code")
    refused(lambda: own_data(pair, test_fraction=0.5), "could run code")
    refused(lambda: own_data(str(tmp_path / "own.pkl"), test_fraction=0.5), "could run code")
    refused(lambda: own_data((pair[0], str(tmp_path / "z.npy")), test_fraction=0.5), "z.npy")
    refused(lambda: own_data(str(tmp_path / "z.npz"), test_fraction=0.5), "no .npz file")


BAD = {
    "no y": ({"x": X}, "no y"),
    "other names": ({"images": X, "labels": Y}, "images and labels"),
    "counts": ({"x": X, "y": Y[:-1]}, "as many"),
    "nan": ({"x": np.where(X > 2, np.nan, X), "y": Y}, "not finite"),
    "complex": ({"x": X + 1j, "y": Y}, "complex128"),
    "text inputs": ({"x": X.astype(str), "y": Y}, "real numbers"),
    "empty": ({"x": X[:0], "y": Y[:0]}, "(n, ...)"),
    "deep targets": ({"x": X, "y": X}, "(n, outputs)"),
}


@pytest.mark.parametrize("kind", BAD)
def test_wrong_arrays_are_one_line(kind, tmp_path):
    arrays, words = BAD[kind]
    np.savez(tmp_path / "own.npz", **arrays)
    refused(
        lambda: own_data(str(tmp_path / "own.npz"), test_fraction=0.5),
        "task.train",
        "own.npz",
        words,
    )
    if kind in ("no y", "counts"):
        path = _hdf5(tmp_path, **arrays)
        refused(lambda: own_data(path, test_fraction=0.5), "own.h5", words)


@pytest.mark.parametrize("ending", [".npz", ".h5", ".mat", ".npy", ".csv"])
def test_missing_and_damaged_files_are_one_line(ending, tmp_path):
    path = tmp_path / f"own{ending}"
    refused(lambda: own_data(str(path), test_fraction=0.5), "task.train")
    path.mkdir()
    refused(lambda: own_data(str(path), test_fraction=0.5), "task.train")
    path.rmdir()
    path.write_bytes(b"PK\x03\x04 not what it seems")
    refused(lambda: own_data(str(path), test_fraction=0.5), "task.t")


def test_a_file_that_unpacks_to_more_than_allowed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("neurograd.problem.datasets.own_files.raw.MAX_BYTES", 2**30)
    np.savez_compressed(tmp_path / "own.npz", x=np.zeros((1000, 1000)), y=np.zeros(1000, int))
    assert (tmp_path / "own.npz").stat().st_size < 100_000
    own_data(str(tmp_path / "own.npz"), test_fraction=0.5, loss="squared_error")
    monkeypatch.setattr("neurograd.problem.datasets.own_files.raw.MAX_BYTES", 2**20)
    refused(lambda: own_data(str(tmp_path / "own.npz"), test_fraction=0.5), "unpacked")


def test_hdf5_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    path = _hdf5(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(lambda: own_data(path, test_fraction=0.5), "neurograd-chip[hdf5]")
