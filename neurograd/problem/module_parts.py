"""Parts of a module that do not act as a chip's layers do: what is frozen, and what is refused.

A problem is a function of its weights and of one sample alone. Batch normalization therefore keeps
fixed statistics, dropout is off, and what a module remembers from one call to the next is dropped.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from device_models.kernels.cudnn_state import derivatives, pass_contexts
from device_models.layer_hooks import CutRecorder
from device_models.scaled_layers import beside_products
from device_models.spiking.euler_neuron import EulerNeuron
from device_models.spiking.network import SpikingNetwork
from neurograd import words
from neurograd.errors import ModelError
from neurograd.problem.network_check import in_one_line, telling_refusals

if TYPE_CHECKING:
    from neurograd.problem.flat_problem import Problem

CALIBRATION = 1000
"""Training samples whose statistics a fresh batch normalization gets, at most."""

OURS = ("neurograd", "device_models")

VERSIONED = ("torch", "snntorch", "numpy", "scipy", "numba", *OURS)
"""Packages whose versions or sources every number depends on, beside Python's own."""

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

_LAYERS: tuple[Callable[..., Tensor], ...] = (
    functional.linear,
    functional.conv1d,
    functional.conv2d,
    functional.conv3d,
)


@dataclass(frozen=True)
class ModuleParts:
    """What a module has beside layers and activations, by the names of its submodules.

    Attributes:
        calibrated: Batch normalization, and instance normalization by running statistics, whose
            statistics are those of training samples at the initial weights.
        kept: The same with the statistics that it came with.
        dropout: Dropout, which is off.
        spiking: Neurons that spike.
        fixed: Number of parameters that are not trained.
        mixes_types: Whether neurons spike whose spikes may be of another type than potentials.
        attributes: What submodules held before the first call (``attributes_of``).
    """

    calibrated: tuple[str, ...]
    kept: tuple[str, ...]
    dropout: tuple[str, ...]
    spiking: tuple[str, ...]
    fixed: int
    mixes_types: bool
    attributes: dict[str, dict[str, Any]] = field(compare=False, repr=False)


def parts_of(module: nn.Module) -> ModuleParts:
    """The parts of a module that has not been calibrated yet.

    Raises:
        ModelError: If a batch normalization has no running statistics, so that what it makes of a
            sample depends on the batch.
    """
    norms = {name: layer for name, layer in _named(module, _NormBase) if not _is_by_sample(layer)}
    for name, layer in norms.items():
        if layer.running_mean is None:
            raise ModelError(
                f"layer {name} normalizes by the batch at hand, so a sample's output depends on "
                "the others; allowed: track_running_stats=True, or GroupNorm or LayerNorm"
            )
    fresh = tuple(name for name, layer in norms.items() if _is_fresh(layer))
    return ModuleParts(
        calibrated=fresh,
        kept=tuple(name for name in norms if name not in fresh),
        dropout=tuple(name for name, layer in _named(module, _DropoutNd) if layer.p > 0),
        spiking=tuple(name for name, layer in module.named_modules() if _spikes(layer)),
        fixed=sum(p.numel() for p in module.parameters() if not p.requires_grad),
        mixes_types=any(_mixes_types(module)),
        attributes=attributes_of(module),
    )


def own_module(module: nn.Module, dtype: torch.dtype, device: torch.device) -> nn.Module:
    """A copy of a user's module in evaluation mode, of a type and on a device.

    Raises:
        ModelError: If it is no module, has no values or none that are trained, or cannot be copied.
    """
    if not isinstance(module, nn.Module):
        kind = type(module).__name__
        raise ModelError(f"the module is of type {kind}; allowed: a torch.nn.Module")
    check_values(module, meta=device.type == "meta")
    own = copy_of(module).to(device=device, dtype=dtype).eval()
    if not any(parameter.requires_grad for parameter in own.parameters()):
        raise ModelError("the module has no trainable weights; allowed: one with any")
    return own


def check_values(module: nn.Module, whose: str = "the network's", *, meta: bool = False) -> None:
    """Raise ModelError where parameters or buffers have no values, or none that are real.

    Args:
        module: A user's module, as it is handed over.
        whose: What errors call it.
        meta: Whether tensors on torch's device without memory are taken.
    """
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(tensor):
            state, allowed = "has no shape before the first call", "a module that was called once"
        elif tensor.is_meta and not meta:
            state, allowed = "is on the meta device, without values", "a module on a device"
        elif tensor.is_complex() and isinstance(tensor, nn.Parameter):
            state, allowed = f"is of type {str(tensor.dtype)[6:]}", "parameters of a real type"
        else:
            continue
        raise ModelError(f"{whose} {name} {state}; allowed: {allowed}")


def _is_by_sample(norm: Any) -> bool:
    """Whether a normalization takes the mean and variance of each sample alone."""
    return isinstance(norm, _InstanceNorm) and norm.running_mean is None


def _is_fresh(norm: Any) -> bool:
    """Whether a normalization has seen no batch and has the statistics that it begins with.

    Files of old versions of torch, and of other programs, have statistics and no count of batches.
    """
    begins = not bool(norm.running_mean.any()) and bool((norm.running_var == 1).all())
    return begins and not int(norm.num_batches_tracked)


def is_versioned(module: str | None) -> bool:
    """Whether a Python module is of Python or of ``VERSIONED``."""
    top = (module or "").partition(".")[0]
    return top in VERSIONED or top in sys.stdlib_module_names


def attributes_of(module: nn.Module) -> dict[str, dict[str, Any]]:
    """What submodules hold beside parameters, buffers and other modules, by their names.

    Tensors that layers of libraries keep are what calls have left there.

    Args:
        module: As it is before its first call.
    """
    return {name: dict(_held(layer)) for name, layer in module.named_modules()}


def _held(layer: nn.Module) -> Iterator[tuple[str, Any]]:
    known, internal = is_versioned(type(layer).__module__), vars(nn.Module()).keys()
    for name, value in vars(layer).items():
        if name in _HOOKS and value:
            yield name, list(value.values())
        elif name not in internal and not (known and isinstance(value, Tensor)):
            yield name, value


def _named(module: nn.Module, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    return (pair for pair in module.named_modules() if isinstance(pair[1], kind))


def _spikes(layer: nn.Module) -> bool:
    if isinstance(layer, EulerNeuron):
        return layer.spikes
    if isinstance(layer, SpikingNetwork):
        return True
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(layer).__mro__}
    return ("snntorch", "SpikingNeuron") in kinds


def _mixes_types(layer: nn.Module) -> Iterator[bool]:
    """Of each part that spikes, whether its spikes are not our own, which keep the type."""
    if not isinstance(layer, EulerNeuron | SpikingNetwork):
        yield _spikes(layer)
        for part in layer.children():
            yield from _mixes_types(part)


def weights_outside(problem: Problem) -> frozenset[str]:
    """Names of trainable parameters that are not, or not only, weight or bias of layers.

    Matrices of recurrent layers or of products that a module writes out, gains of normalization,
    constants of neurons; and weights of a layer that are used a second time: an embedding tied to
    the output layer, a decoder with the encoder's matrix transposed. Learned factors of layers'
    products, and the biases behind them, are known beside layers and are none.

    Args:
        problem: Network, loss and data; one training sample passes through the network.
    """
    first = problem.parameters_of(problem.initial_weights)
    leaves = {name: part.detach().clone().requires_grad_() for name, part in first.items()}
    recorder = CutRecorder(leaves)
    with torch.enable_grad(), recorder.applied():
        outputs = problem.outputs(leaves, problem.data()[0][:1]).sum()
    met = {name for call in recorder.calls for name in (call.weight, call.bias)}
    if outputs.requires_grad:
        slopes = derivatives(outputs, list(leaves.values()), allow_unused=True)
        met -= {name for name, slope in zip(leaves, slopes, strict=True) if slope is not None}
    return frozenset(leaves) - met - beside_products(problem.module)


def calibrate(module: nn.Module, names: Sequence[str], inputs: Tensor) -> None:
    """Give batch normalization the statistics of one pass over training samples.

    At most ``CALIBRATION`` samples, evenly spaced over the set (whose order may be that of the
    classes), in one pass; nothing else of the module is in training mode.

    Args:
        module: In evaluation mode; its batch normalization is changed.
        names: Which submodules.
        inputs: Training inputs, shape ``(n, ...)``.

    Raises:
        ModelError: If the network refuses the inputs, or normalization has no statistics of them.
    """
    if not names:
        return
    places = torch.linspace(0, len(inputs) - 1, min(CALIBRATION, len(inputs)), dtype=torch.float64)
    seen = inputs[places.round().long().to(inputs.device)]
    try:
        _calibrate([module.get_submodule(name) for name in names], module, seen)
    except Exception as error:  # whatever a module of the user's raises
        with telling_refusals(seen):
            _pass(module, seen)
        raise ModelError(
            f"normalization ({words.listed(names)}) gets no statistics of {len(seen)} training "
            f"sample{'s' if len(seen) > 1 else ''}: {in_one_line(error)}; allowed: samples that it "
            "takes in training mode, or running statistics that the network comes with"
        ) from error


def _calibrate(layers: Sequence[nn.Module], module: nn.Module, inputs: Tensor) -> None:
    momenta = [layer.momentum for layer in layers]
    buffers = {owner: dict(owner._buffers) for owner in module.modules()}
    for layer in layers:
        layer.train()
        layer.momentum = 1.0  # type: ignore[assignment]  # the statistics of this pass alone
    try:
        _pass(module, inputs)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
            layer.eval()
        # Statistics are changed in place; what else the pass has put there is dropped.
        for owner, before in buffers.items():
            owner._buffers.update(before)


def _pass(module: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad(), MatchedTypes(), ExitStack() as stack:
        for context in pass_contexts(module, inputs.device):
            stack.enter_context(context)
        module(inputs)


def called_with(module: nn.Module, state: Mapping[str, Tensor], inputs: Tensor) -> Any:
    """What a module gives with other parameters and buffers, which it shares as it shares its own.

    Each object of it is given them once: ``functional_call`` gives one at two places its tensors
    twice, and leaves it with those of the call.

    Args:
        module: As it was before when the call returns.
        state: The tensors by the names of ``named_parameters`` and ``named_buffers``.
        inputs: Shape ``(n, ...)``.
    """
    places: dict[int, list[str]] = {}
    for path, owner in module.named_modules():
        own = owner.named_parameters, owner.named_buffers
        for name, tensor in (each for of in own for each in of(path, False, False)):
            places.setdefault(id(tensor), []).append(name)
    tied = {
        name: state[names[0]] for names in places.values() if names[0] in state for name in names
    }
    return functional_call(module, tied, (inputs,), tie_weights=False)


def copy_of(module: nn.Module) -> nn.Module:
    """A deep copy; tensors that a forward pass has left in the module come without their graph.

    Raises:
        ModelError: If it holds what cannot be copied, such as a lock, a file or a generator.
    """
    left = (
        value
        for layer in module.modules()
        for value in (*layer.__dict__.values(), *layer._buffers.values())
        if isinstance(value, Tensor) and value.grad_fn is not None
    )
    try:
        return copy.deepcopy(module, {id(value): value.detach().clone() for value in left})
    except Exception as error:  # whatever an object of the user's raises
        raise ModelError(
            f"{_uncopied(module)} cannot be copied, and a problem works on a copy of its module: "
            f"{in_one_line(error)}; allowed: what copy.deepcopy takes"
        ) from error


def _uncopied(module: nn.Module) -> str:
    """What of a module refuses to be copied, by its name and type."""
    for layer, attributes in attributes_of(module).items():
        for name, value in attributes.items():
            try:
                copy.deepcopy(value)
            except Exception:  # whatever an object of the user's raises
                return f"the module's {layer and f'{layer}.'}{name} ({type(value).__name__})"
    return "the module"


class MatchedTypes(TorchFunctionMode):
    """Layers take inputs of another floating point type than their weights'.

    snntorch's spikes are float32 whatever the potential is; as zeros and ones they lose nothing.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _LAYERS and len(args) > 1 and args[0].dtype != args[1].dtype:
            args = (args[0].to(args[1].dtype), *args[1:])
        return func(*args, **kwargs)
