"""A second device that is none: tensors with numbers that say that they are not on the CPU.

A CPU build of torch has no CUDA, and ``FakeTensorMode`` holds no numbers: it cannot answer where
the code asks for one (``float``, ``bool``), nor say how many pulses ``nonzero`` finds, and its CUDA
tensors have no device guard here, which ends the process in autograd. So tensors carry the label of
torch's device without memory (``meta``), and their numbers beside it: all of the code runs, and
every operation whose tensors or generator are on different devices is refused, as CUDA refuses it.
Allowed are what CUDA allows: copies, numbers without a dimension (but not in a stack), and indices
on the CPU. What this cannot find: operations that CUDA lacks for a type, its memory, and the order
of what runs on it; nothing here has run on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map

ELSEWHERE = torch.device("meta")

_CpuGenerator = torch.Generator

_ACROSS = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}
"""What may have tensors of two devices."""

_INDICES = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_put.default,
    torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
}
"""What may have indices, its second argument, on the CPU."""

_JOINED = {torch.ops.aten.cat.default, torch.ops.aten.stack.default}
"""What takes no number of another device either."""


class DeviceMismatchError(RuntimeError):
    """Tensors, or a tensor and a generator, are on two devices."""


class Elsewhere(Tensor):
    """A tensor that says that it is elsewhere, with its numbers on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Elsewhere:
        """The tensor for its numbers."""
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=ELSEWHERE,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What is done to numbers is done to those on the CPU."""
        return _run(func, args, kwargs or {})


class Generator(_CpuGenerator):
    """A generator that says that it is where it was asked to be."""

    said: torch.device

    def __new__(cls, device: torch.device | str = "cpu") -> Generator:
        """One that draws on the CPU."""
        made = super().__new__(cls)
        made.said = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        """Where it says that it is."""
        return self.said


class Devices(TorchDispatchMode):
    """Makes tensors elsewhere where they are asked for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs one operation."""
        return _run(func, args, kwargs or {})


class Generators(TorchFunctionMode):
    """Refuses draws whose generator is on another device than what is drawn."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs one function."""
        out, generator = func(*args, **(kwargs or {})), (kwargs or {}).get("generator")
        drawn = isinstance(out, Tensor) and isinstance(generator, Generator)
        if drawn and out.device.type != generator.said.type:
            raise DeviceMismatchError(f"{func} with a generator on {generator.said}")
        return out


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    flat, _ = tree_flatten((args, kwargs))
    tensors = [each for each in flat if isinstance(each, Tensor)]
    elsewhere = any(isinstance(each, Elsewhere) for each in tensors)
    wanted = kwargs.get("device")
    target = elsewhere if wanted is None else torch.device(wanted).type == ELSEWHERE.type
    _refuse(func, args, kwargs, elsewhere=elsewhere)
    if not elsewhere and not target:
        return func(*args, **kwargs)
    held = tree_map(lambda each: each.held if isinstance(each, Elsewhere) else each, (args, kwargs))
    if wanted is not None:
        held[1]["device"] = torch.device("cpu")
    out = func(*held[0], **held[1])
    if not target:
        return out
    same = {id(each.held): each for each in tensors if isinstance(each, Elsewhere)}
    labelled = tree_map(
        lambda each: same.get(id(each), Elsewhere(each)) if isinstance(each, Tensor) else each, out
    )
    return return_and_correct_aliasing(func, args, kwargs, labelled) if elsewhere else labelled


def _refuse(func: Any, args: Any, kwargs: Any, *, elsewhere: bool) -> None:
    if func in _INDICES:
        args = (args[0], *args[2:])
    flat, _ = tree_flatten((args, kwargs))
    tensors = [each for each in flat if isinstance(each, Tensor)]
    least = 0 if func in _JOINED else 1
    here = [each for each in tensors if not isinstance(each, Elsewhere) and each.dim() >= least]
    if elsewhere and here and func not in _ACROSS:
        raise DeviceMismatchError(f"{func} of tensors here {[tuple(t.shape) for t in here]}")


def _new_tensor(
    self: Tensor, data: Any, *, dtype: torch.dtype | None = None, device: Any = None
) -> Tensor:
    return torch.tensor(data, dtype=dtype or self.dtype, device=device or self.device)


def _to_list(self: Tensor) -> Any:
    return _list_of(self.held if isinstance(self, Elsewhere) else self)


_list_of = Tensor.tolist


@contextmanager
def second_device() -> Iterator[torch.device]:
    """Everything that is asked for on the device ``ELSEWHERE`` is there, with its numbers."""

    def made(build: Any) -> Any:
        def build_here(data: Any, *, dtype: Any = None, device: Any = None, **more: Any) -> Tensor:
            if isinstance(data, Elsewhere):
                return data.to(device=device or data.device, dtype=dtype or data.dtype)
            here = build(data, dtype=dtype, **more)
            return here if device is None else here.to(device)

        return build_here

    tensor, as_tensor = torch.tensor, torch.as_tensor
    with pytest.MonkeyPatch.context() as patch, Devices(), Generators():
        patch.setattr(torch, "Generator", Generator)
        patch.setattr(torch, "tensor", made(tensor))
        patch.setattr(torch, "as_tensor", made(as_tensor))
        patch.setattr(Tensor, "new_tensor", _new_tensor)
        patch.setattr(Tensor, "tolist", _to_list)
        yield ELSEWHERE
