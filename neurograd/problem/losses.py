"""Losses as values per sample, with the factor of their Hessian in the network's outputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from device_models.bare_layers import is_hooked
from neurograd.errors import ModelError


@runtime_checkable
class Loss(Protocol):
    """A loss that is a mean over samples."""

    name: str

    def per_sample(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, shape ``(n,)``, for outputs of shape ``(n, ...)``."""
        ...

    def hessian_factors(self, outputs: Tensor) -> Tensor | None:
        """Vectors v_c with ``Σ_c v_c v_cᵀ`` the Hessian of a sample's loss in its outputs.

        Shape ``(C, *outputs.shape)`` for outputs with C numbers a sample; None where no closed form
        is known.
        """
        ...


@runtime_checkable
class SlopedLoss(Protocol):
    """A loss whose derivative in the network's outputs is known in closed form.

    Attributes:
        of_classes: Whether its targets are class indices, shape ``(n,)``; else they are values of
            the outputs' shape.
    """

    of_classes: bool

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Derivative of every sample's loss in its outputs, shaped like them."""
        ...


class CrossEntropy:
    """Softmax cross-entropy with class indices, the mean over samples."""

    name = "cross_entropy"
    of_classes = True

    def per_sample(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, shape ``(n,)``."""
        if not _is_long(outputs):
            return functional.cross_entropy(outputs, targets, reduction="none")
        logarithms = outputs.t().contiguous().log_softmax(0)
        return logarithms.gather(0, targets.unsqueeze(0)).squeeze(0).neg()

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """``p − e_y`` for class indices y, shape ``(n, C)``."""
        p = _softmax(outputs)
        return p.scatter_add_(1, targets.unsqueeze(1), p.new_full((len(p), 1), -1.0))

    def hessian_factors(self, outputs: Tensor) -> Tensor:
        """``v_c = √p_c (e_c − p)``, so that their sum of squares is ``diag(p) − ppᵀ``."""
        p = _softmax(outputs)
        eye = torch.eye(p.shape[-1], dtype=p.dtype, device=p.device)
        factors: Tensor = p.T.sqrt().unsqueeze(-1) * (eye.unsqueeze(1) - p.unsqueeze(0))
        return factors


LONG = 64
"""Samples from which sums over classes are taken along samples.

Set by timings: torch's softmax takes 0.15 µs a sample along rows of ten classes and 0.02 to 0.04 µs
along columns, a copy of which costs 3 µs (one core). Smaller costs that copy where it does not pay.
"""


def _is_long(outputs: Tensor) -> bool:
    """Whether there are many samples of few classes, which a vector unit sums side by side."""
    return outputs.dim() == 2 and len(outputs) >= max(LONG, outputs.shape[1])


def _softmax(outputs: Tensor) -> Tensor:
    """Softmax over classes, for outputs of shape ``(n, C)``."""
    return outputs.t().contiguous().softmax(0).t() if _is_long(outputs) else outputs.softmax(-1)


def check_shapes(outputs: Tensor, targets: Tensor) -> None:
    """Raise ModelError where targets that are values have another shape than the outputs."""
    if outputs.shape != targets.shape:
        raise ModelError(
            f"the network gives outputs of shape {tuple(outputs.shape)} for targets of shape "
            f"{tuple(targets.shape)}; allowed: the targets' shape"
        )


class MeanSquaredError:
    """Squared error, the mean over samples and outputs (as ``torch.nn.MSELoss``)."""

    name = "mse"
    of_classes = False

    def per_sample(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, shape ``(n,)``.

        Raises:
            ModelError: If the targets have another shape, by which torch would broadcast.
        """
        check_shapes(outputs, targets)
        squares = (outputs - targets).square()
        return squares.flatten(1).mean(1) if squares.ndim > 1 else squares

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """``2(o − t)/C`` for outputs and targets with C numbers a sample, shaped like them."""
        return (outputs - targets).mul_(2.0 / _numbers_each(outputs))

    def hessian_factors(self, outputs: Tensor) -> Tensor:
        """``v_c = √(2/C) e_c`` for C numbers a sample, shape ``(C, *outputs.shape)``."""
        size, shape = _numbers_each(outputs), outputs.shape
        eye = torch.eye(size, dtype=outputs.dtype, device=outputs.device)
        factors = (math.sqrt(2.0 / size) * eye).view(size, 1, *shape[1:])
        return factors.expand(size, *shape)


def _numbers_each(outputs: Tensor) -> int:
    """Numbers of one sample in outputs of shape ``(n, ...)``."""
    return math.prod(outputs.shape[1:])


class ClassSquaredError(MeanSquaredError):
    """Squared error against 1 at a sample's class and 0 elsewhere, the mean over outputs.

    With outputs that a sigmoid makes this is the loss of MLP+NeuroSim (Chen, Peng and Yu, IEEE
    TCAD 2018), there half the sum over outputs: its step size Δt is Δt·C/2 here, C outputs.
    """

    name = "class_mse"
    of_classes = True

    def per_sample(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, shape ``(n,)``, for class indices of shape ``(n,)``."""
        return super().per_sample(outputs, _one_hot(outputs, targets))

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """``2(o − e_y)/C`` for class indices y, shape ``(n, C)``."""
        return super().slope(outputs, _one_hot(outputs, targets))


def _one_hot(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.one_hot(targets, outputs.shape[-1]).to(outputs.dtype)


class CustomLoss:
    """A user's function of outputs and targets that gives one value a sample."""

    name = "custom"

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._function = function

    def per_sample(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, shape ``(n,)``.

        Raises:
            ModelError: If the user's function gives no tensor, or one of another shape.
        """
        losses = self._function(outputs, targets)
        shape = tuple(losses.shape) if isinstance(losses, Tensor) else None
        if shape != outputs.shape[:1]:
            given = type(losses).__name__ if shape is None else f"shape {shape}"
            raise ModelError(
                f"the loss gives {given}; allowed: one value a sample, shape ({outputs.shape[0]},)"
            )
        return losses

    def hessian_factors(self, outputs: Tensor) -> None:
        """None: not known for a user's function."""
        return None


def as_loss(loss: Loss | torch.nn.Module | Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """A loss by whatever the user hands in.

    Args:
        loss: A ``Loss``, ``torch.nn.CrossEntropyLoss()`` or ``torch.nn.MSELoss()`` with default
            options, or a function of (outputs, targets) that gives a value a sample, such as
            another module of torch, or one of a class that is made from these.

    Raises:
        ValueError: If a torch loss has options that change it (weights, label smoothing, a sum).
    """
    if not isinstance(loss, torch.nn.Module) and isinstance(loss, Loss):
        return loss
    # A class made from one of torch's, or a hook, computes what torch's does not.
    hooked = isinstance(loss, torch.nn.Module) and is_hooked(loss)
    if type(loss) is torch.nn.CrossEntropyLoss and not hooked:
        plain = loss.weight is None and loss.label_smoothing == 0 and loss.ignore_index == -100
        return _plain(CrossEntropy(), plain and loss.reduction == "mean")
    if type(loss) is torch.nn.MSELoss and not hooked:
        return _plain(MeanSquaredError(), loss.reduction == "mean")
    return CustomLoss(loss)


def _plain(loss: Loss, plain: bool) -> Loss:
    if not plain:
        raise ValueError(
            "this torch loss has options; allowed: its defaults, or a function of "
            "(outputs, targets) that gives one value a sample"
        )
    return loss


def has_slope(targets: Tensor, outputs: int, loss: SlopedLoss) -> bool:
    """Whether a loss has its slope by these targets.

    Args:
        targets: Training targets, first dimension n.
        outputs: Number of outputs.
        loss: The loss.
    """
    if targets.is_floating_point() == loss.of_classes:
        return False
    if not loss.of_classes:
        return targets.shape[1:] == (outputs,)
    return targets.ndim == 1 and int(targets.min()) >= 0 and int(targets.max()) < outputs
