"""Images in one folder a class, as torchvision's layout has them."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from PIL import Image

from neurograd.problem import datasets
from tests.neurograd.problem.datasets.refusal import refused

SHAPE = (4, 6)


def _pixels(label, number, colour):
    source = np.random.default_rng([label, number])
    return source.integers(0, 256, (*SHAPE, 3) if colour else SHAPE, dtype=np.uint8)


def _fill(folder, colour=False, count=5):
    for label, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = Image.fromarray(_pixels(label, number, colour))
            image.save(folder / name / f"{number:03d}.png")
    (folder / "cat" / "notes.txt").write_text("no image")


@pytest.mark.parametrize("colour", [False, True])
def test_folders_for_training_and_test(colour, tmp_path):
    _fill(tmp_path / "train", colour)
    _fill(tmp_path / "val", colour, count=2)
    data = datasets.load("image_folder", folder=tmp_path, flat=False)
    channels = 3 if colour else 1
    assert data.inputs.shape == (10, channels, *SHAPE)
    assert data.targets.tolist() == [0] * 5 + [1] * 5
    assert data.test_targets.tolist() == [0, 0, 1, 1]
    expected = _pixels(1, 3, colour).reshape(*SHAPE, channels).transpose(2, 0, 1) / 255
    assert np.array_equal(data.inputs[8].numpy(), expected)
    assert datasets.load("image_folder", folder=tmp_path).inputs.shape == (10, channels * 24)


def test_one_folder_with_a_part_held_out(tmp_path):
    _fill(tmp_path)
    data = datasets.load("image_folder", folder=tmp_path, test_fraction=0.4, flat=False)
    assert data.targets.tolist() == [0] * 3 + [1] * 3
    assert data.test_targets.tolist() == [0] * 2 + [1] * 2
    rows = torch.cat([data.inputs, data.test_inputs]).flatten(1)
    assert len(torch.unique(rows, dim=0)) == 10
    fewer = datasets.load("image_folder", folder=tmp_path, test_fraction=0.4, train_samples=2)
    assert fewer.targets.tolist() == [0, 1]


def test_folders_below_a_class_are_read_and_other_files_are_counted(tmp_path):
    """As torchvision reads them: one folder after the other, each sorted by name."""
    _fill(tmp_path)
    (tmp_path / "cat" / "notes.txt").unlink()
    below = tmp_path / "cat" / "0" / "deep"
    below.mkdir(parents=True)
    (below / "here").symlink_to(tmp_path / "cat")
    for number, name in enumerate(("b.PNG", "a.png", "0.gif", "1.gif", "list")):
        Image.fromarray(_pixels(7, number, False)).save(below / name, format="PNG")
    (tmp_path / "dog" / "folder.png").mkdir()
    load = functools.partial(datasets.load, "image_folder", test_fraction=0.1, flat=False)
    data = load(folder=tmp_path)
    assert (len(data.inputs), len(data.test_inputs)) == (11, 1)
    every = torch.cat([data.inputs, data.test_inputs]).flatten(1)
    for number, there in enumerate((True, True, False)):
        expected = torch.from_numpy(_pixels(7, number, False) / 255).flatten()
        assert bool((every == expected).all(1).any()) == there
    (remark,) = data.remarks
    assert remark.endswith("were left out: 1 without an ending and 2 .gif.")
    for path in [*below.iterdir()]:
        if path.suffix.lower() != ".png":
            path.unlink()
    assert load(folder=tmp_path).remarks == ()


def test_every_class_has_training_images(tmp_path):
    _fill(tmp_path / "train")
    _fill(tmp_path / "test")
    load = functools.partial(datasets.load, "image_folder")
    refused(lambda: load(folder=tmp_path, train_samples=1), "task.train_samples: 1", "from 2")
    assert load(folder=tmp_path, train_samples=2, test_samples=1).targets.tolist() == [0, 1]
    for image in list((tmp_path / "train" / "dog").iterdir())[1:]:
        image.unlink()
    refused(lambda: load(folder=tmp_path / "train", test_fraction=0.6), "1 of 2 classes")


def test_what_is_wrong_is_one_line(tmp_path):
    def load(**options):
        return datasets.load("image_folder", folder=tmp_path, **options)

    refused(load, "task.test_fraction")
    refused(lambda: load(test_fraction=0.5), "sub-folders")
    _fill(tmp_path / "train")
    for fraction in (0.5, None):  # the way that the line says is one
        said = "none for the test; allowed: test, val or validation beside it, or folder: "
        refused(lambda part=fraction: load(test_fraction=part), said + str(tmp_path / "train"))
    assert len(datasets.load("image_folder", folder=tmp_path / "train", test_fraction=0.5).inputs)
    _fill(tmp_path / "test")
    refused(lambda: load(test_fraction=0.5), "has folders train and test of its own")
    (tmp_path / "test" / "dog").rename(tmp_path / "test" / "fox")
    refused(load, "cat and fox", "cat and dog")
    (tmp_path / "test" / "fox").rename(tmp_path / "test" / "dog")
    assert len(load().inputs) == 10
    damaged = tmp_path / "test" / "dog" / "000.png"
    content = damaged.read_bytes()
    damaged.write_bytes(content[:40])
    refused(load, "000.png")
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(damaged)
    refused(load, "000.png", "5 by 5")
    Image.fromarray(np.zeros(SHAPE, np.uint16)).save(damaged)
    refused(load, "000.png", "8 bits")
    damaged.write_bytes(content)
    for path in (tmp_path / "train" / "cat").iterdir():
        path.unlink()
    refused(load, "no image")


def test_more_pixels_than_allowed_are_refused(tmp_path, monkeypatch):
    _fill(tmp_path)
    monkeypatch.setattr("neurograd.problem.datasets.image_folders.MAX_VALUES", 100)
    refused(
        lambda: datasets.load("image_folder", folder=tmp_path, test_fraction=0.4),
        "task.train_samples",
    )
