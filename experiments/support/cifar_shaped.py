"""A data file of the shape of CIFAR-10, for what depends on shapes alone: time and memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

CLASSES = 10


def cifar_shaped(folder: Path, samples: int, seed: int = 0) -> Path:
    """A file of random images, shape ``(samples, 3, 32, 32)``, with one of 10 labels each.

    Args:
        folder: Where it goes.
        samples: How many there are.
        seed: Seed of the images.
    """
    path = folder / f"images-{samples}.npz"
    images = np.random.default_rng(seed).normal(size=(samples, 3, 32, 32)).astype(np.float32)
    np.savez(path, x=images, y=np.arange(samples) % CLASSES)
    return path


def on_images(images: Path, network: dict[str, Any], **sections: dict[str, Any]) -> dict[str, Any]:
    """The keys of a spec whose chip trains a network on such a file, which is its test set, too.

    Args:
        images: The file.
        network: Keys of the network.
        sections: More sections, in place of those here.
    """
    return {
        "name": f"{network['architecture']} on images of CIFAR-10's shape",
        "device": {"preset": "alox-hfo2"},
        "network": network,
        "task": {"name": "file", "train": str(images), "test": str(images)},
        "training": {"step_size": 0.01, "steps": 100},
        **sections,
    }
