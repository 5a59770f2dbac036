"""Ritz values and directions of known dynamics."""

from __future__ import annotations

import pytest
import torch

from neurograd.forecast.noise.splitting import curvature_along
from neurograd.forecast.noise.stiff_modes import StiffModes
from neurograd.seeding import generator_for


def test_modes_and_the_noise_along_them():
    """Pairs that span two eigenvectors give their curvatures and split noise off along them."""
    generator = generator_for(0, "stiff")
    basis = torch.linalg.qr(torch.randn(30, 30, generator=generator, dtype=torch.float64))[0]
    curvature = torch.zeros(30, dtype=torch.float64)
    curvature[:2] = torch.tensor([6.0, 1.5], dtype=torch.float64)
    hessian = basis @ torch.diag(curvature) @ basis.T
    modes = StiffModes()
    for k in range(2):
        change = basis[:, 0] + (0.3 if k else -2.0) * basis[:, 1]
        modes.observe(change, -hessian @ change)
    values, directions = modes.ritz_pairs()
    assert values.tolist() == pytest.approx([1.5, 6.0])
    assert (directions[:, 1] @ basis[:, 0]).abs() == pytest.approx(1.0)

    rest, found, along, directions = modes.project(
        basis[:, 0] + 2.0 * basis[:, 1] + 3.0 * basis[:, 2]
    )
    assert found.tolist() == pytest.approx([1.5, 6.0])
    assert along.abs().tolist() == pytest.approx([2.0, 1.0])
    assert (basis.T @ rest)[:3].tolist() == pytest.approx([0.0, 0.0, 3.0], abs=1e-9)
    assert curvature_along(basis[:, 1], -hessian @ basis[:, 1]) == pytest.approx(1.5)
    # A later pair is not forgotten.
    modes.observe(basis[:, 2], -9.0 * basis[:, 2])
    assert modes.ritz_pairs()[0].max() == pytest.approx(9.0)
