"""Draws the images of shapes.yaml: python examples/data/draw_shapes.py examples/data/shapes.

Four shapes at random places in noise, 40 images each of 12 by 12 grey pixels, one folder a class.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, RADIUS, COUNT = 12, 3, 40


def mask(name: str, row: int, column: int) -> np.ndarray:
    """Pixels of a shape about a centre."""
    y, x = np.mgrid[:SIDE, :SIDE]
    up, across = np.abs(y - row), np.abs(x - column)
    near = np.maximum(up, across) <= RADIUS
    shapes = {
        "bar": near & (up <= 1),
        "cross": near & ((up == 0) | (across == 0)),
        "ring": np.maximum(up, across) == RADIUS,
        "square": np.maximum(up, across) <= RADIUS - 1,
    }
    return shapes[name]


def main() -> None:
    """Write all images into the folder given."""
    source = np.random.default_rng(0)
    for name in ("bar", "cross", "ring", "square"):
        folder = Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(COUNT):
            row, column = source.integers(RADIUS, SIDE - RADIUS, 2)
            grey = 60.0 * source.random((SIDE, SIDE)) + 150.0 * mask(name, row, column)
            Image.fromarray(grey.astype(np.uint8)).save(folder / f"{number:02d}.png")


if __name__ == "__main__":
    main()
