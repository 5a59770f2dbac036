"""Students of a VGG-19 teacher: which files give them their weights."""

from __future__ import annotations

import pytest

from experiments.support.vgg.students import pretrained_files
from neurograd.errors import ModelError


def test_pretrained_files(tmp_path):
    for name in ("vgg11-abc.pth", "vgg19.pt", "teacher.pt", "notes.txt"):
        (tmp_path / name).touch()
    found = pretrained_files(tmp_path)
    assert {d: p.name for d, p in found.items()} == {
        0: "teacher.pt",
        11: "vgg11-abc.pth",
        19: "vgg19.pt",
    }
    assert list(pretrained_files(tmp_path / "vgg19.pt")) == [19]
    (tmp_path / "vgg19-other.pth").touch()
    with pytest.raises(ModelError, match=r"vgg19-other.pth and vgg19.pt; allowed: one"):
        pretrained_files(tmp_path)
