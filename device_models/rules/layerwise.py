"""What rules that learn layer by layer share: parameters, random matrices, passes cut in layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from device_models.kernels.cudnn_state import derivatives
from device_models.layer_hooks import LayerRecorder, RecordedCall, detached
from device_models.protocols import Problem


def leaf_parameters(problem: Problem, w: Tensor) -> dict[str, Tensor]:
    """Named parameters at ``w`` of shape ``(N,)`` as tensors to differentiate by."""
    return {
        name: tensor.detach().clone().requires_grad_()
        for name, tensor in problem.parameters_of(w).items()
    }


def count_samples(problem: Problem, index: Tensor | None) -> int:
    """Number of the samples ``index`` (all when None)."""
    return problem.num_samples if index is None else len(index)


def flat_gradient(problem: Problem, value: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
    """Derivative of a scalar by the parameters, shape ``(N,)``; 0 for those it does not reach."""
    gradients = derivatives(value, list(parameters.values()), materialize_grads=True)
    return problem.flatten(dict(zip(parameters, gradients, strict=True)))


def per_sample(tensor: Tensor, num_samples: int) -> Tensor:
    """A layer's input or output as one row a sample, shape ``(num_samples, D)``.

    Raises:
        ValueError: If the first dimension does not count the samples.
    """
    if tensor.shape[0] != num_samples:
        raise ValueError(
            f"a layer sees shape {tuple(tensor.shape)} for {num_samples} samples; "
            "allowed: samples in the first dimension"
        )
    return tensor.flatten(1)


def layers_called(problem: Problem, w: Tensor) -> list[RecordedCall]:
    """Calls of layers in a pass of one sample, as the network has them, with their biases.

    Args:
        problem: The network.
        w: Any weights, shape ``(N,)``.
    """
    parameters = problem.parameters_of(w)
    layers = LayerRecorder(parameters)
    inputs, _ = problem.batch(torch.zeros(1, dtype=torch.long, device=w.device))
    with torch.no_grad():
        problem.through(layers.applied).outputs(parameters, inputs)
    return layers.calls


def hidden_calls(problem: Problem, w: Tensor) -> tuple[list[RecordedCall], Tensor]:
    """Calls of layers whose input depends on weights, in forward order, and the outputs.

    Those are all but the calls of the first layer, wherever a network declares it; of one sample.

    Args:
        problem: The network.
        w: Any weights, shape ``(N,)``.
    """
    parameters = leaf_parameters(problem, w)
    inputs, _ = problem.batch(torch.zeros(1, dtype=torch.long, device=w.device))
    layers = LayerRecorder(parameters)
    with torch.enable_grad(), layers.applied():
        outputs = problem.outputs(parameters, inputs)
    return [call for call in layers.calls if call.inputs.requires_grad], outputs


def hidden_sizes(problem: Problem, w: Tensor) -> tuple[dict[str, int], int]:
    """Sizes of the hidden activations and of the output, per sample.

    Args:
        problem: The network.
        w: Any weights, shape ``(N,)``.

    Returns:
        Values per sample of the activation that enters each layer, by the name of the layer's
        weight, for layers whose input depends on weights (all but the first); and those of the
        output.

    Raises:
        ValueError: If one layer is called with inputs of different size.
    """
    calls, outputs = hidden_calls(problem, w)
    sizes: dict[str, int] = {}
    for call in calls:
        size = per_sample(call.inputs, 1).shape[1]
        if sizes.setdefault(call.weight, size) != size:
            raise ValueError(
                f"layer {call.weight} gets {sizes[call.weight]} and {size} values a sample; "
                "allowed: the same in every call"
            )
    return sizes, outputs[0].numel()


def draw_projections(
    problem: Problem, w: Tensor, generator: torch.Generator, scale: float, *, what: str
) -> Mapping[str, Tensor]:
    """Fixed random matrices between the output and every hidden activation.

    Entries are uniform with the variance of Xavier initialization, ``scale²·2/(C + D)``.

    Args:
        problem: The network.
        w: Any weights, for the shapes, shape ``(N,)``.
        generator: Source of the entries.
        scale: Size relative to Xavier initialization, above 0.
        what: Name of the matrices in messages.

    Returns:
        For every layer but the first, by its weight's name, a matrix of shape ``(C, D)``: C
        outputs, D values per sample of the activation that enters the layer.

    Raises:
        ValueError: If scale is not above 0, or one layer is called with inputs of different size.
    """
    check_scale(scale, what)
    sizes, outputs = hidden_sizes(problem, w)
    matrices = {}
    for name, size in sizes.items():
        bound = scale * (6.0 / (outputs + size)) ** 0.5
        draw = torch.rand(outputs, size, generator=generator, dtype=w.dtype, device=w.device)
        matrices[name] = (2.0 * draw - 1.0) * bound
    return MappingProxyType(matrices)


def check_scale(scale: float, what: str) -> None:
    """Raise ValueError for a scale of random matrices that is not above 0."""
    if not scale > 0:
        raise ValueError(f"{what} scale is {scale:g}; allowed: above 0")


_OUTPUT_ACTIVATIONS = frozenset(
    getattr(place, name)
    for place in (torch, Tensor, functional)
    for name in ("sigmoid", "tanh", "softmax", "log_softmax")
)
"""Functions that a network may end in, behind its last layer."""


class _LastActivation(TorchFunctionMode):
    """Keeps what went into the last call of an output's activation, and what came of it."""

    def __init__(self) -> None:
        super().__init__()
        self.call: tuple[Tensor, Tensor] | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if func in _OUTPUT_ACTIVATIONS and args:
            self.call = args[0], found
        return found


class OutputRecorder(LayerRecorder):
    """A recorder of layers that are cut apart, and of what the outputs of time steps are made of.

    Attributes:
        driven: What drives the outputs, a tensor a time step; empty where a network does not say.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__(parameters, change_input=detached)
        self.driven: list[Tensor] = []

    def outputs(self, problem: Problem, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """A recorded pass; outputs that an activation gives are driven by what goes into it."""
        last = _LastActivation()
        with self.applied(), last:
            outputs = problem.outputs(parameters, inputs)
        if last.call is not None and last.call[1] is outputs:
            self.driven = [last.call[0]]
        return outputs

    def drive(self, current: Tensor, step: int) -> Tensor:
        """What drives the outputs at a time step, as it is (``device_models.spiking.network``)."""
        self.driven.append(current)
        return current


@dataclass(frozen=True, eq=False)
class CutPass:
    """A forward pass whose layers were cut apart: no gradient goes from one into another.

    Attributes:
        calls: The calls of its layers, in forward order; their inputs are those before the cut.
        driven: What drives the outputs (``OutputRecorder``).
        outputs: Network outputs, shape ``(n, ...)``.
        targets: Targets of the batch, first dimension n.
        loss: Part of the mean loss that these samples make, whose gradient reaches the last layer
            only.
        samples: Number of samples that the mean is over: the pass may have a chunk of them.
    """

    calls: Sequence[RecordedCall]
    driven: Sequence[Tensor]
    outputs: Tensor
    targets: Tensor
    loss: Tensor
    samples: int


class LayerwiseRule(ABC):
    """A rule that teaches each hidden activation by a loss of its own, in place of the error.

    The last layer follows the network's loss, which is the exact gradient. Has no variance of its
    own.
    """

    takes_calls: ClassVar[Literal["values"]] = "values"

    @property
    def deterministic(self) -> bool:
        """Always True."""
        return True

    @property
    def mean_over_samples(self) -> bool:
        """Always True."""
        return True

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        known = self._written_out(problem, w, index)
        if known is not None:
            return known
        samples = count_samples(problem, index)
        parameters = leaf_parameters(problem, w)
        estimate: Tensor | None = None
        for inputs, targets in problem.chunks("train", index):
            layers = OutputRecorder(parameters)
            with torch.enable_grad():
                outputs = layers.outputs(problem, parameters, inputs)
                loss = problem.sample_losses(outputs, targets).sum() / samples
                total = loss
                cut = CutPass(layers.calls, layers.driven, outputs, targets, loss, samples)
                for term in self._teaching(problem, cut):
                    total = total + term
                part = flat_gradient(problem, total, parameters)
            estimate = part if estimate is None else estimate + part
        assert estimate is not None
        return estimate

    def _written_out(self, problem: Problem, w: Tensor, index: Tensor | None) -> Tensor | None:
        """The estimate where the problem has its passes written out; None where it has not."""
        return None

    @abstractmethod
    def _teaching(self, problem: Problem, cut: CutPass) -> Iterator[Tensor]:
        """Scalars whose derivatives by the layers' inputs are what teaches them."""
