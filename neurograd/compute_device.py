"""Where to compute."""

from __future__ import annotations

import torch

from neurograd.errors import NeurogradError

NAMES = ("auto", "cpu", "cuda")


def choose_device(name: str) -> torch.device:
    """The device of a name; ``auto`` takes CUDA where there is one.

    Raises:
        NeurogradError: If the name is unknown, or CUDA is asked for and not there.
    """
    if name not in NAMES:
        raise NeurogradError(f"--device: {name!r} is unknown; allowed: {', '.join(NAMES)}")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise NeurogradError("--device: no CUDA device is available here; allowed: auto, cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")
