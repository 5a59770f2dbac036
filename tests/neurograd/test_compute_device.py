"""Where to compute."""

from __future__ import annotations

import pytest
import torch

from neurograd.compute_device import choose_device
from neurograd.errors import NeurogradError


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(NeurogradError, match="auto, cpu, cuda"):
        choose_device("tpu")
