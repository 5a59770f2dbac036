"""Files of a user's that are damaged at drawn places: read, or refused in one line."""

from __future__ import annotations

import copy
import io
import random
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from neurograd.errors import NeurogradError
from neurograd.pipeline.build import build_chip, build_problem
from neurograd.problem.networks.start_weights import start_from
from neurograd.spec import validate_spec
from tests.fuzz.specs import ACTING
from tests.neurograd.pipeline.test_every_key import own_files

TIMES = 25


def _with(key: str, section: str, name: str, value: Any) -> dict[str, Any]:
    """The spec of a key, with another file."""
    data = copy.deepcopy(ACTING[key])
    data[section][name] = value
    return data


SPECS = {
    "own.npz": ACTING["task.train"],
    "x.npy": _with("task.train", "task", "train", ["x.npy", "y.npy"]),
    "y.npy": _with("task.train", "task", "train", ["x.npy", "y.npy"]),
    "own.h5": _with("task.train", "task", "train", "own.h5"),
    "own.csv": ACTING["task.target"],
    "curve.csv": ACTING["device.measured"],
    "start.npz": ACTING["network.weights"],
    "start.safetensors": _with("network.weights", "network", "weights", "start.safetensors"),
    "idx/train-images-idx3-ubyte": ACTING["task.crop"],
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The present folder, with every file as it should be."""
    own_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    arrays = dict(np.load("own.npz"))
    for name, array in arrays.items():
        np.save(f"{name}.npy", array)
    with h5py.File("own.h5", "w") as file:
        file.update(arrays)
    save_file(
        {k: torch.from_numpy(v) for k, v in np.load("start.npz").items()}, "start.safetensors"
    )
    return tmp_path


def _damaged(content: bytes, chance: random.Random) -> bytes:
    """Cut short, with bits that have flipped, other bytes, or bytes too many."""
    made, place = bytearray(content), chance.randrange(len(content))
    match chance.randrange(4):
        case 0:
            return content[:place]
        case 1:
            made[place] ^= 1 << chance.randrange(8)
        case 2:
            made[place : place + 8] = chance.randbytes(8)
        case _:
            made[place:place] = chance.randbytes(chance.randrange(1, 40))
    return bytes(made)


@pytest.mark.parametrize("name", SPECS)
def test_a_damaged_file_is_read_or_refused_in_one_line(here, name):
    chance, content, lines = random.Random(name), Path(name).read_bytes(), []
    for _ in range(TIMES):
        Path(name).write_bytes(_damaged(content, chance))
        try:
            spec = validate_spec(SPECS[name])
            build_chip(spec, build_problem(spec))
        except NeurogradError as error:
            lines.append(str(error))
    assert len(lines) > TIMES // 10
    assert not [line for line in lines if "\n" in line]
    Path(name).write_bytes(content)
    build_problem(validate_spec(SPECS[name]))


@pytest.mark.parametrize("name", ["own.npz", "start.npz"])
def test_an_archive_of_other_files_is_refused(here, name):
    with zipfile.ZipFile(name, "w") as packed:
        for each in ("x", "y", "0.weight"):
            packed.writestr(each, b"text")
    with pytest.raises(NeurogradError, match="is no array"):
        build_problem(validate_spec(SPECS[name]))


def test_a_header_that_does_not_end_is_refused(here):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.zeros(3))
    content = buffer.getvalue().replace(b"}", b" ")
    Path("y.npy").write_bytes(content)
    with pytest.raises(NeurogradError, match=r"y\.npy is damaged"):
        build_problem(validate_spec(SPECS["y.npy"]))
    Path("start.npz").unlink()
    with zipfile.ZipFile("start.npz", "w") as packed:
        packed.writestr("0.weight.npy", content)
    with pytest.raises(NeurogradError, match="is damaged"):
        start_from(torch.nn.Linear(2, 2), "start.npz")
