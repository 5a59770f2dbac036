"""Quadratic losses: a linear network with any Hessian, and the exact loss change of many steps.

For squared error the Hessian of a network of one linear layer is the inputs' second moment, once
for every output (Ghosh et al., ICLR 2023, Section 3.2), so that inputs of a chosen covariance give
full control over it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from device_models.bare_layers import bare
from neurograd.problem import Problem
from neurograd.problem.losses import MeanSquaredError


def linear_network(
    eigenvalues: Tensor, outputs: int, generator: torch.Generator
) -> tuple[Problem, Tensor]:
    """A linear network without bias whose Hessian has the given eigenvalues, each once an output.

    Inputs lie along random axes; targets are those of random weights, so that the loss has its
    minimum 0 there. The mean is over samples and outputs: ``H = (2/C)·I_C ⊗ XᵀX/n``.

    Args:
        eigenvalues: Those of the Hessian, shape ``(inputs,)``, 0 or more; units of the Hessian.
        outputs: Number C of outputs, 1 or more.
        generator: Source of axes, target weights and initial weights, all standard normal.

    Returns:
        The problem, with ``w`` of shape ``(outputs·inputs,)``, and the eigenvectors as columns,
        shape ``(inputs, inputs)``: ``w.view(outputs, inputs) @ basis`` are the coordinates.

    Raises:
        ValueError: If an eigenvalue is negative or there is no output.
    """
    if eigenvalues.ndim != 1 or not bool((eigenvalues >= 0).all()) or outputs < 1:
        raise ValueError(
            f"eigenvalues of shape {tuple(eigenvalues.shape)} and {outputs} outputs; allowed: a "
            "vector of numbers from 0, and 1 or more"
        )
    size = len(eigenvalues)

    def normal(rows: int) -> Tensor:
        return torch.randn(rows, size, generator=generator, dtype=eigenvalues.dtype)

    basis, _ = torch.linalg.qr(normal(size))
    x = (eigenvalues * (size * outputs / 2)).sqrt().unsqueeze(1) * basis.T
    layer = bare(nn.Linear, size, outputs, bias=False, dtype=eigenvalues.dtype)
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        layer.weight.copy_(normal(outputs))
    target = normal(outputs)
    return Problem(layer, MeanSquaredError(), x, x @ target.T, dtype=eigenvalues.dtype), basis


def loss_changes(
    eigenvalues: Tensor, gradients: Tensor, updates: Tensor, step_size: Tensor | float
) -> Tensor:
    """``L(w + Δt·Δw) − L(w) = Δt⟨g, Δw⟩ + ½Δt²ΔwᵀHΔw`` on quadratics, in their eigenbases.

    Exact; ``theory.exact_margin`` times Δt, for many steps at once.

    Args:
        eigenvalues: Of the Hessian, shape ``(N,)`` or ``(..., N)``.
        gradients: g, shape ``(..., N)``, gradient units.
        updates: Δw, shape ``(..., N)``, gradient units.
        step_size: Δt, one number or of shape ``(...)``.

    Returns:
        Changes of the loss, shape ``(...)``.
    """
    slope = (gradients * updates).sum(-1)
    curvature = (eigenvalues * updates.square()).sum(-1)
    changes: Tensor = step_size * (slope + 0.5 * step_size * curvature)
    return changes


def directions(
    shape: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Unit vectors of uniformly random direction along the last axis, of the given shape.

    Args:
        shape: ``(..., N)``.
        generator: Source of the directions; its device is the vectors'.
        dtype: Type of the vectors.
    """
    normal = torch.randn(shape, generator=generator, dtype=dtype, device=generator.device)
    lengths: Tensor = normal.norm(dim=-1, keepdim=True)
    return normal / lengths
