"""Mean size and mean square of the updates of single samples, in one product a layer.

With batches of one sample, backpropagation gives a weight of a linear layer the product of its
output's error and its input. Where a layer is called once a sample, the mean over n samples of the
product's size is

    E|x| = |δ|ᵀ|a| / n

with the errors δ, shape (n, outputs), and the inputs a, shape (n, inputs). It is far below the
standard deviation late in a training, when most samples give a weight next to nothing. Their mean
square is the same with δ² and a², which needs no sample of the heavy tails that it has. Layers
whose weights a sample uses more than once (convolutions, recurrence) add their products before the
size is taken, and have no such form.
"""

from __future__ import annotations

import torch
from torch import Tensor

from device_models import Backprop, Chip, Minibatch
from device_models.kernels.cudnn_state import derivatives
from device_models.layer_hooks import LayerRecorder, RecordedCall
from neurograd.problem import Problem


def updates_one_sample_a_time(chip: Chip) -> bool:
    """Whether a chip's estimate is the exact gradient of one sample, as it reads the weights."""
    rule = chip.rule
    return isinstance(rule, Minibatch) and rule.batch_size == 1 and is_batch_gradient(chip)


def is_batch_gradient(chip: Chip) -> bool:
    """Whether a chip's estimate is the exact gradient of a batch, as it reads the weights."""
    rule = chip.rule
    exact = isinstance(rule, Minibatch) and isinstance(rule.rule, Backprop)
    return exact and chip.deterministic_reads and chip.deterministic_passes


def batch_variance(chip: Chip, problem: Problem, seen: Tensor, gradient: Tensor) -> Tensor | None:
    """Exact variance of the gradients of a chip's batches, shape ``(N,)``.

    ``S²/B·(1 − B/n)`` for batches of B of n samples drawn without replacement, with S² the variance
    of single samples (Cochran, Sampling Techniques, 1977, Eq. 2.8); ``(1 − 1/n)·S²/B`` with.

    Args:
        chip: A chip for which ``is_batch_gradient``.
        problem: Network, loss and data, as the chip computes them.
        seen: Weights as the passes see them, shape ``(N,)``.
        gradient: Gradient over the whole set there, shape ``(N,)``.

    Returns:
        None where ``mean_absolute_gradient`` has none.
    """
    rule, samples = chip.rule, problem.num_samples
    assert isinstance(rule, Minibatch)
    square = _mean_power(problem, seen, 2)
    if square is None or samples < 2:
        return None
    single = (square - gradient.square()).clamp_min(0.0)
    if rule.order == "with_replacement":
        return single / rule.batch_size
    return single * (samples / (samples - 1.0)) * (1.0 / rule.batch_size - 1.0 / samples)


def mean_absolute_gradient(problem: Problem, w: Tensor) -> Tensor | None:
    """Mean over the training set of the size of single samples' gradients, shape ``(N,)``.

    Takes a forward and a backward pass over the training set.

    Args:
        problem: Network, loss and data, as the chip computes them.
        w: Weights as the passes see them, shape ``(N,)``.

    Returns:
        None where a parameter is not the weight or the bias of a linear layer that is called once
        a sample, and behind converters, which add biases outside of the product.
    """
    return _mean_power(problem, w, 1)


def _mean_power(problem: Problem, w: Tensor, power: int) -> Tensor | None:
    """Mean over the training set of a power of the size of single samples' gradients."""
    parameters = {
        name: tensor.detach().clone().requires_grad_()
        for name, tensor in problem.parameters_of(w).items()
    }
    total = {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
    for inputs, targets in problem.chunks("train"):
        layers = LayerRecorder(parameters)
        with torch.enable_grad():
            with layers.applied():
                outputs = problem.outputs(parameters, inputs)
            loss = problem.sample_losses(outputs, targets).sum()
            if not _cover(layers.calls, parameters, len(inputs)):
                return None
            products = [call.outputs for call in layers.calls]
            errors = derivatives(loss, products, materialize_grads=True)
        for call, error in zip(layers.calls, errors, strict=True):
            size = error.abs() ** power
            total[call.weight] += size.T @ call.inputs.detach().abs() ** power
            if call.bias is not None:
                total[call.bias] += size.sum(0)
    return problem.flatten(total) / problem.num_samples


def _cover(calls: list[RecordedCall], parameters: dict[str, Tensor], samples: int) -> bool:
    """Whether linear layers use every parameter exactly once a sample."""
    used = [name for call in calls for name in (call.weight, call.bias) if name is not None]
    vectors = all(call.inputs.ndim == 2 and len(call.inputs) == samples for call in calls)
    return vectors and sorted(used) == sorted(parameters)
