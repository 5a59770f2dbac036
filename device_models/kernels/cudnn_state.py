"""Kernels of torch as losses and their derivatives need them, for a moment.

Three of torch's defaults do not suit. Convolutions of float32 are computed in TF32 on CUDA devices,
whose 10 bits of mantissa make differences of losses wrong by about 1 %; recurrent layers in
evaluation mode have no derivatives by cuDNN; and attention is fused on any device, where it has no
second derivatives. All are flags of the whole process. They are off while any thread needs it, and
then what they were.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.backends import cudnn


class _Switch:
    """A flag of the process that is off inside this context, which threads may share.

    Args:
        off: Switches it off, and gives what puts it back.
    """

    def __init__(self, off: Callable[[], Callable[[], None]]) -> None:
        self._off, self._back = off, _nothing
        self._inside, self._turn = 0, threading.Lock()

    def __enter__(self) -> None:
        with self._turn:
            if not self._inside:
                self._back = self._off()
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._turn:
            self._inside -= 1
            if not self._inside:
                self._back()


def _nothing() -> None:
    """Puts nothing back."""


def _cudnn_off() -> Callable[[], None]:
    before = cudnn.enabled

    def back() -> None:
        cudnn.enabled = before

    cudnn.enabled = False
    return back


def _tf32_off() -> Callable[[], None]:
    # Versions of torch from 2.9 have a precision for each operation beside the one flag, which
    # cannot be read where a program has set precisions that differ from each other.
    parts = [part for name in ("conv", "rnn") if (part := getattr(cudnn, name, None)) is not None]
    precisions = [part.fp32_precision for part in parts]
    flag: bool | None
    try:
        flag = cudnn.allow_tf32
    except RuntimeError:
        flag = None

    def back() -> None:
        if flag is not None:
            cudnn.allow_tf32 = flag
        for part, precision in zip(parts, precisions, strict=True):
            part.fp32_precision = precision

    if flag is not None:
        cudnn.allow_tf32 = False
    for part in parts:
        part.fp32_precision = "ieee"
    return back


def _fused_attention_off() -> Callable[[], None]:
    cuda = torch.backends.cuda  # its flags are those of attention on CPUs as well
    before = [
        (cuda.enable_flash_sdp, cuda.flash_sdp_enabled()),
        (cuda.enable_mem_efficient_sdp, cuda.mem_efficient_sdp_enabled()),
        (cuda.enable_cudnn_sdp, cuda.cudnn_sdp_enabled()),
        (cuda.enable_math_sdp, cuda.math_sdp_enabled()),
    ]

    def back() -> None:
        for enable, was in before:
            enable(was)

    for enable, _ in before:
        enable(enable is cuda.enable_math_sdp)
    return back


WITHOUT_CUDNN = _Switch(_cudnn_off)
"""torch's own kernels in place of cuDNN's; the derivatives of what ran in it are theirs as well."""

WITHOUT_TF32 = _Switch(_tf32_off)
"""Convolutions of float32 in float32."""

WITHOUT_FUSED_ATTENTION = _Switch(_fused_attention_off)
"""Attention as products and a softmax: passes in it may be derived twice."""

_AS_IT_IS = nullcontext()


def _has_cudnn(device: torch.device) -> bool:
    return device.type == "cuda"


def full_precision(device: torch.device) -> AbstractContextManager[None]:
    """What forward and backward passes on a device run in: without TF32 on CUDA."""
    return WITHOUT_TF32 if _has_cudnn(device) else _AS_IT_IS


def pass_contexts(
    module: nn.Module, device: torch.device
) -> tuple[AbstractContextManager[None], ...]:
    """What forward passes of a module run in on a device; nothing but on CUDA."""
    if not _has_cudnn(device):
        return ()
    recurrent = any(isinstance(each, nn.RNNBase) for each in module.modules())
    return (WITHOUT_TF32, WITHOUT_CUDNN) if recurrent else (WITHOUT_TF32,)


def derivatives(
    outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], **options: Any
) -> tuple[Tensor, ...]:
    """``torch.autograd.grad`` of what a network has computed, in full precision.

    Args:
        outputs: What is differentiated.
        inputs: By what.
        options: Those of ``torch.autograd.grad``.
    """
    first = outputs if isinstance(outputs, Tensor) else outputs[0]
    with full_precision(first.device):
        found: tuple[Tensor, ...] = torch.autograd.grad(outputs, inputs, **options)
    return found


@torch.enable_grad()  # of ⟨gradient, v⟩: given v as it is, autograd imports sympy, for a second
def directional_derivative(gradient: Tensor, leaf: Tensor, v: Tensor) -> Tensor:
    """``Hv`` from a gradient with its graph; 0 where the gradient is constant."""
    if not gradient.requires_grad:
        return torch.zeros_like(v)
    (result,) = derivatives(gradient @ v, leaf, retain_graph=True, materialize_grads=True)
    return result
