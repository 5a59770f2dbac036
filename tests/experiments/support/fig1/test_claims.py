"""Judgements of made maps, whose answers are known."""

from __future__ import annotations

import torch

from experiments import fig1
from experiments.support.fig1.claims import harmed, helped, insensitive, together
from neurograd.seeding import generator_for


def _map(shift, spread=0.002, level="test"):
    """A made map in which noise 1 moves one accuracy by ``shift``, and noise 100 destroys both."""
    generator = generator_for(5, "made", level)
    clean = 0.9 + 0.01 * torch.randn(20, generator=generator, dtype=torch.float64).numpy()

    def cell(bias, noise, train, test, signs=False):
        jitter = spread * torch.randn(20, generator=generator, dtype=torch.float64).numpy()
        values = {"train": clean + train + jitter, "test": clean + test + jitter}
        summaries = {f"{k}_summary": fig1.summary(v, clean, 6) for k, v in values.items()}
        return {"bias": bias, "noise": noise, "signs": signs, **summaries}

    cells = [
        {"bias": 0.0, "noise": 0.0, "signs": False}
        | {f"{s}_summary": fig1.summary(clean, clean, 6) for s in ("train", "test")},
        cell(0.0, 1.0, 0.0, shift),
        cell(0.0, 100.0, -0.8, -0.8),
        cell(1e-3, 0.0, 0.0, 0.0),
        cell(1e-1, 0.0, -0.8, -0.8),
        cell(1e-3, 0.0, 0.0, 0.0, signs=True),
        cell(1e-1, 0.0, 0.0, 0.0, signs=True),
    ]
    setting = {"biases": [0.0, 1e-3, 1e-1], "noises": [0.0, 1.0, 100.0], "num_parameters": 100}
    return {"setting": setting, "cells": cells}


def test_judgements_follow_the_numbers():
    """Made differences with a known answer: 20 seeds, standard deviation 0.2 or 10 points."""
    assert helped(_map(+0.02))[0] == "held"
    assert helped(_map(-0.02))[0] == "not held"
    assert helped(_map(0.0, spread=0.1))[0] == "inconclusive"
    assert harmed(_map(0.0))[0] == "held"
    assert insensitive(_map(0.0))[0] == "held"
    assert insensitive(_map(-0.02))[0] == "partly"
    text = insensitive(_map(0.0))[1]
    assert "bias up to b/‖g‖ = 0.001 (length 0.01‖g‖)" in text
    assert "bias of random signs up to b/‖g‖ = 0.1 (length 1‖g‖)" in text
    assert "noise norm up to 1‖g‖" in text
    unharmed = _map(0.0)
    for cell in unharmed["cells"]:
        for split in ("train", "test"):
            cell[f"{split}_summary"]["ci"] = (-0.001, 0.001)
    assert harmed(unharmed)[0] == "not held"
    assert together(["held", "held"]) == "held"
    assert together(["held", "not held"]) == "partly"
    assert together(["not held", "inconclusive"]) == "inconclusive"
