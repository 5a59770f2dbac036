"""A problem: any torch module, loss and data, as functions of one flat weight vector."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from typing import Self

import torch
from torch import Tensor
from torch.overrides import has_torch_function

from device_models.kernels.cudnn_state import derivatives, pass_contexts
from device_models.layer_hooks import begin_pass
from device_models.outer_products import MOST_SAMPLES, OuterProducts, ReadSpread, summed_gradients
from neurograd.problem.hessian_products import hessian_product
from neurograd.problem.losses import Loss, as_loss
from neurograd.problem.module_parts import (
    MatchedTypes,
    calibrate,
    called_with,
    copy_of,
    own_module,
    parts_of,
    weights_outside,
)
from neurograd.problem.network_check import Split, check_finite, check_network, outputs_of, placed
from neurograd.problem.pass_products import products_of_pass
from neurograd.problem.sample_gradients import has_sample_gradients, sample_gradients, square_norms
from neurograd.problem.written_out.fused_passes import products_of_samples
from neurograd.problem.written_out.layer_stack import LayerStack
from neurograd.problem.written_out.spiking_stack import SpikingStack

DEFAULT_CHUNK = 4096


class Problem:
    """A network, its loss and its data.

    Weights are one flat vector ``w`` of shape ``(N,)`` over the module's trainable parameters in
    their own order. The module is copied, put into evaluation mode and converted to ``dtype``; the
    user's own object is never changed. Dropout is off; batch normalization that was never trained
    gets the statistics of training samples at the initial weights, and all of it keeps its
    statistics (``parts``). Buffers begin every call as they are here: modules with states at rest.

    Args:
        module: Any module that maps inputs to outputs.
        loss: ``torch.nn.CrossEntropyLoss()``, ``torch.nn.MSELoss()``, a ``losses.Loss`` or a
            function of (outputs, targets) that gives a value a sample.
        inputs: Training inputs, shape ``(n, ...)``.
        targets: Training targets, shape ``(n, ...)``; whole numbers and bool are class indices.
        test_inputs: Test inputs, or None.
        test_targets: Test targets, or None.
        dtype: Type of weights and inputs; float64, because loss differences are tiny.
        device: Where everything runs.
        chunk_size: Samples that one forward pass takes; bounds the memory, not the result.

    Attributes:
        sizes: Numbers of weights of the trainable parameters, in their order, which add up to N.

    Raises:
        ModelError: If the module has no trainable weights or no values, cannot be copied,
            normalizes by the batch at hand, or refuses the inputs where fresh batch normalization
            needs their statistics.
        DataError: If inputs and targets do not match, or are not finite (``network_check.placed``).
        ValueError: If the chunk size is below 1, or a torch loss has options.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        loss: Loss | torch.nn.Module | Callable[[Tensor, Tensor], Tensor],
        inputs: Tensor,
        targets: Tensor,
        *,
        test_inputs: Tensor | None = None,
        test_targets: Tensor | None = None,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        chunk_size: int = DEFAULT_CHUNK,
    ) -> None:
        if not isinstance(chunk_size, int) or chunk_size < 1:
            raise ValueError(f"chunk_size is {chunk_size}; allowed: an integer of 1 or more")
        self.loss_function = as_loss(loss)
        self.dtype, self.device = dtype, torch.device(device)
        self.chunk_size = chunk_size
        test = test_inputs, test_targets
        self._data = placed((inputs, targets), test, dtype, self.device)
        self.remarks: tuple[str, ...] = ()  # how a user's files were read (Dataset.remarks)
        module = own_module(module, dtype, self.device)
        self.parts = parts_of(module)
        calibrate(module, self.parts.calibrated, self._data["train"][0])
        self._passes: tuple[Callable[[], AbstractContextManager[object]], ...] = (
            (MatchedTypes,) if self.parts.mixes_types and dtype != torch.float32 else ()
        )
        self._take(module)

    def _take(self, module: torch.nn.Module) -> None:
        """A module of this problem's own, with its weights as the first ones."""
        for name in ("outside_layers", "_stack"):  # kept once they were asked for
            self.__dict__.pop(name, None)
        named = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self.module = module
        self._contexts = pass_contexts(module, self.device)
        self._buffers = dict(module.named_buffers())
        self._shapes = {n: p.shape for n, p in named.items()}
        self.sizes = tuple(p.numel() for p in named.values())
        # A call puts the weights into the module for a moment: one at a time.
        self._turn = threading.RLock()
        self.initial_weights = torch.cat([p.detach().reshape(-1) for p in named.values()])

    def replica(self) -> Problem:
        """The same problem with a module of its own, for another thread; the data are shared.

        Threads that share a module wait for each other's calls, which put their weights into it.
        """
        other = copy.copy(self)
        with self._turn:
            other.module = copy_of(self.module)
        other._buffers = dict(other.module.named_buffers())
        other._turn = threading.RLock()
        return other

    def changed(self, change: Callable[[torch.nn.Module], None]) -> Problem:
        """The same problem with a changed module, whose weights are the first ones.

        Args:
            change: Changes a copy of the module in place.
        """
        other = self.replica()
        change(other.module)
        other._take(other.module)
        return other

    def on_samples(self, index: Tensor) -> Problem:
        """The same problem, sharing its module, with the training samples ``index`` alone."""
        other = copy.copy(self)
        other._data = {**self._data, "train": self.batch(index)}
        return other

    def through(self, passes: Callable[[], AbstractContextManager[object]]) -> Self:
        """The same problem, sharing module and data, with its forward passes run in a context.

        Args:
            passes: Makes a fresh context for every forward pass, such as a
                ``torch.overrides.TorchFunctionMode`` that changes what a layer computes.
        """
        _ = self._stack  # found once, for all that share the module
        other = copy.copy(self)
        other._passes = (*self._passes, passes)
        vars(other).pop("has_sample_gradients", None)
        return other

    # -- sizes ------------------------------------------------------------------------------

    @property
    def num_parameters(self) -> int:
        """Number N of trainable weights."""
        return self.initial_weights.numel()

    @property
    def num_samples(self) -> int:
        """Number of training samples."""
        return len(self._data["train"][0])

    @property
    def has_test(self) -> bool:
        """Whether there is a test set."""
        return "test" in self._data

    @property
    def is_classification(self) -> bool:
        """Whether targets are class indices, so that accuracy is defined."""
        return not self._data["train"][1].is_floating_point()

    @property
    def surrogate_gradient(self) -> bool:
        """Whether neurons spike: the loss is a staircase, and a gradient sees through its steps."""
        return bool(self.parts.spiking)

    @cached_property
    def outside_layers(self) -> dict[str, int]:
        """Trainable parameters used outside of linear and convolution layers, with dimensions.

        Converters and rules that work layer by layer do not meet them, or not all they do.
        """
        outside = weights_outside(self)
        return {name: len(shape) for name, shape in self._shapes.items() if name in outside}

    def data(self, split: Split = "train") -> tuple[Tensor, Tensor]:
        """Inputs and targets of a split, on the problem's device."""
        return self._data[split]

    # -- flat vectors -----------------------------------------------------------------------

    def parameters_of(self, w: Tensor) -> dict[str, Tensor]:
        """Named parameter tensors that view into ``w``, shape ``(N,)``."""
        parts = w.split(list(self.sizes))
        return {
            name: part.view(shape)
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }

    def flatten(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Named tensors as one vector of shape ``(N,)``."""
        return torch.cat([tensors[name].reshape(-1) for name in self._shapes])

    # -- loss -------------------------------------------------------------------------------

    def outputs(self, parameters: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Network outputs for named parameters, differentiable."""
        with ExitStack() as stack:
            for passes in self._passes:
                stack.enter_context(passes())
            for context in self._contexts:
                stack.enter_context(context)
            begin_pass(inputs, parameters)
            stack.enter_context(self._turn)
            # What a call leaves in the buffers goes into this copy.
            state = {**self._buffers, **parameters}
            result = called_with(self.module, state, inputs)
        return outputs_of(result)

    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample, differentiable in the outputs, shape ``(n,)``."""
        return self.loss_function.per_sample(outputs, targets)

    def batch(self, index: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Training inputs and targets of the samples ``index`` (all when None)."""
        inputs, targets = self._data["train"]
        return (inputs, targets) if index is None else (inputs[index], targets[index])

    def mean_loss(self, parameters: Mapping[str, Tensor], index: Tensor | None = None) -> Tensor:
        """Mean loss over the samples ``index`` (all when None) as a differentiable scalar."""
        inputs, targets = self.batch(index)
        return self.sample_losses(self.outputs(parameters, inputs), targets).mean()

    def per_sample_losses(self, w: Tensor, split: Split = "train") -> Tensor:
        """Loss of every sample, shape ``(n,)``."""
        with torch.no_grad():
            outputs = self._outputs_at(w)
            parts = [self.loss_function.per_sample(outputs(x), y) for x, y in self.chunks(split)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def loss(self, w: Tensor, split: Split = "train") -> float:
        """Mean loss of a split."""
        return float(self.per_sample_losses(w, split).mean())

    def correct(self, w: Tensor, split: Split = "test") -> Tensor:
        """Whether each sample is classified correctly, shape ``(n,)``."""
        with torch.no_grad():
            outputs = self._outputs_at(w)
            parts = [outputs(x).argmax(-1) == y for x, y in self.chunks(split)]
        return torch.cat(parts)

    def _outputs_at(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """Network outputs for inputs, without a graph."""
        if (stack := self._written_out) is not None:
            return functools.partial(stack.outputs, w.detach())  # no weights in and out of modules
        return functools.partial(self.outputs, self.parameters_of(w))

    def accuracy(self, w: Tensor, split: Split = "test") -> float:
        """Part of a split that is classified correctly."""
        return float(self.correct(w, split).to(torch.float64).mean())

    def chunks(
        self, split: Split = "train", index: Tensor | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets, ``chunk_size`` samples at a time."""
        inputs, targets = self._data[split]
        if index is not None:
            inputs, targets = inputs[index], targets[index]
        size = self.chunk_size
        yield from zip(inputs.split(size), targets.split(size), strict=True)

    # -- derivatives ------------------------------------------------------------------------

    def gradient(self, w: Tensor, index: Tensor | None = None) -> Tensor:
        """Gradient of the mean loss over the samples ``index`` (all when None), shape ``(N,)``."""
        if self._passes and isinstance(index, Tensor) and index.numel() <= MOST_SAMPLES:
            found = self.sample_products(w.detach(), index)
            if found is not None:
                return functools.reduce(Tensor.add_, (summed_gradients(p, w) for p in found))
        stack = self._written_out
        return self._summed(w, index, self._graph_gradient if stack is None else stack.gradient)

    def fed_back(
        self, w: Tensor, feedback: Mapping[str, Tensor], index: Tensor | None = None
    ) -> Tensor | None:
        """What direct feedback makes of ``gradient(w, index)`` (``FedBackProblem``)."""
        if not isinstance(stack := self._written_out, SpikingStack):
            return None
        places = {name: place for place, name in enumerate(self._shapes)}
        back = {places[name]: matrix for name, matrix in feedback.items()}
        return self._summed(w, index, functools.partial(stack.gradient, feedback=back))

    def _summed(self, w: Tensor, index: Tensor | None, part: Callable[..., Tensor]) -> Tensor:
        """Sum of a part of a gradient over chunks of samples."""
        w, count = w.detach(), self.num_samples if index is None else len(index)
        chunks = self.chunks("train", index)
        return functools.reduce(Tensor.add_, (part(w, x, y, count) for x, y in chunks))

    def _graph_gradient(self, w: Tensor, x: Tensor, y: Tensor, count: int) -> Tensor:
        with torch.enable_grad():
            leaf = w.clone().requires_grad_()
            (gradient,) = derivatives(self.sum_loss(leaf, x, y) / count, leaf)
        return gradient

    def sample_products(
        self, w: Tensor, index: Tensor, noise: ReadSpread | None = None
    ) -> Iterator[Sequence[OuterProducts]] | None:
        """Parts of ``gradient(w, index)`` (``FactoredProblem``); None without a stack of layers."""
        stack, met = self._stack, has_torch_function((self.initial_weights,))
        if met or not isinstance(stack, LayerStack):
            return None
        data = self._data["train"]
        return products_of_samples(stack, self._passes, w, data, index, self.chunk_size, noise)

    @property
    def plain_stack(self) -> LayerStack | None:
        """The passes of a stack of layers; None where it is none, or something meets them."""
        return found if isinstance(found := self._written_out, LayerStack) else None

    @property
    def _written_out(self) -> LayerStack | SpikingStack | None:
        met = bool(self._passes) or has_torch_function((self.initial_weights,))
        return None if met else self._stack

    @cached_property
    def _stack(self) -> LayerStack | SpikingStack | None:
        module, loss, (x, y) = self.module, self.loss_function, self._data["train"]
        return LayerStack.of(module, loss, x, y) or SpikingStack.of(module, loss, y)

    def hessian_product(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """The map v → Hv at ``w``, for vectors of shape ``(N,)``.

        The gradient's graph is kept between calls when the data fit into one chunk, so that a
        product costs one backward pass.
        """
        return hessian_product(self, w)

    def hvp(self, w: Tensor, v: Tensor) -> Tensor:
        """Hessian-vector product Hv at ``w``, shape ``(N,)``."""
        return self.hessian_product(w)(v)

    def sum_loss(self, w: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Sum of some samples' losses, with its graph."""
        return self.loss_function.per_sample(self.outputs(self.parameters_of(w), x), y).sum()

    def per_sample_gradient_square_norms(self, w: Tensor) -> Tensor:
        """Squared norm of every training sample's gradient, shape ``(n,)``."""
        return square_norms(self, w)

    def sample_gradients(self, w: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Gradient of every sample's loss, shape ``(n, N)``.

        Args:
            w: Weights, shape ``(N,)``, or those of each sample, shape ``(n, N)``.
            inputs: Inputs of n samples.
            targets: Their targets.

        Raises:
            RuntimeError: If the network's operations do not know those of several samples together.
        """
        if isinstance(stack := self._written_out, SpikingStack):
            return stack.sample_gradients(w, inputs, targets)
        return sample_gradients(self, w, inputs, targets)

    @cached_property
    def products_of_pass(self) -> int:
        """Products of a weight and a signal in a forward pass of one sample, N or more."""
        return products_of_pass(self)

    @cached_property
    def has_sample_gradients(self) -> bool:
        """Whether ``sample_gradients`` are there, and have the mean of ``gradient``."""
        return has_sample_gradients(self)

    # -- checks -----------------------------------------------------------------------------

    def check_network(self) -> None:
        """Raise ModelError when the network is no function of its weights and of one sample."""
        check_network(self)

    def check_finite(self, w: Tensor) -> None:
        """Raise ModelError when outputs, loss or gradient at ``w`` are not finite."""
        check_finite(self, w)
