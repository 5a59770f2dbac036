"""Whether data fit each other, and network and loss are functions of weights and one sample."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from neurograd.errors import DataError, ModelError, NeurogradError
from neurograd.problem.losses import SlopedLoss, check_shapes

if TYPE_CHECKING:
    from neurograd.problem.flat_problem import Problem

Split = Literal["train", "test"]
Samples = tuple[Tensor, Tensor]
"""Inputs and targets, first dimension n each."""

_FEW = 8
_AT_ONCE = 4096


def placed(
    train: Samples,
    test: tuple[Tensor | None, Tensor | None],
    dtype: torch.dtype,
    device: torch.device,
) -> dict[Split, Samples]:
    """The samples of each split on a device: numbers in one type, classes as int64.

    Args:
        train: Training inputs and targets.
        test: Test inputs and targets, or None twice.
        dtype: Type of inputs, and of targets that are values.
        device: Where they go.

    Raises:
        DataError: If a split is empty, has not as many inputs as targets, has other than real
            tensors or inputs that are not finite, or if the targets of both splits are of different
            kinds or shapes.
    """
    splits: dict[Split, Samples] = {"train": train}
    test_x, test_y = test
    if (test_x is None) != (test_y is None):
        raise DataError("test_inputs and test_targets: allowed: both or neither")
    if test_x is not None and test_y is not None:
        splits["test"] = test_x, test_y
    for split, (x, y) in splits.items():
        _check_kind(x, f"{split} inputs")
        _check_kind(y, f"{split} targets")
        if not len(x) == len(y) > 0:
            raise DataError(
                f"{len(x)} inputs and {len(y)} targets ({split}); allowed: as many, 1 or more"
            )
    placed = {split: _placed(samples, dtype, device) for split, samples in splits.items()}
    for split, (x, _) in placed.items():
        _check_finite_numbers(x, f"{split} inputs")
    (_, y), (_, other) = placed["train"], placed.get("test", placed["train"])
    if (other.dtype, other.shape[1:]) != (y.dtype, y.shape[1:]):
        raise DataError(
            f"test targets of type {_type_of(other)} and shape {tuple(other.shape)} beside "
            f"training targets of type {_type_of(y)} and shape {tuple(y.shape)}; allowed: both "
            "class indices or both values, of one shape a sample"
        )
    return placed


def _placed(samples: Samples, dtype: torch.dtype, device: torch.device) -> Samples:
    x, y = samples
    kind = dtype if y.is_floating_point() else torch.int64
    return x.to(device=device, dtype=dtype), y.to(device=device, dtype=kind)


def _check_kind(values: object, name: str) -> None:
    """Raise DataError for anything but a tensor of real numbers whose first dimension is samples.

    A conversion would cut off the imaginary parts of complex numbers without a word.
    """
    allowed = "a tensor of real numbers, samples first"
    if not isinstance(values, Tensor):
        raise DataError(
            f"{name} of type {type(values).__name__}; allowed: {allowed} (torch.as_tensor)"
        )
    if values.is_complex() or not values.ndim:
        raise DataError(
            f"{name} of type {_type_of(values)} and shape {tuple(values.shape)}; allowed: {allowed}"
        )


def _check_finite_numbers(values: Tensor, name: str) -> None:
    """Raise DataError for NaN and infinite numbers; a part at a time, to bound the memory."""
    for first, part in enumerate(values.split(_AT_ONCE)):
        bad = ~torch.isfinite(part)
        if bool(bad.any()):
            sample = first * _AT_ONCE + int(bad.reshape(len(bad), -1).any(1).nonzero()[0])
            raise DataError(
                f"{name}: sample {sample} has NaN or infinite numbers; allowed: finite ones in "
                f"{_type_of(values)}"
            )


def _type_of(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")


def check_network(problem: Problem) -> None:
    """Raise ModelError when network or loss is no function of the weights and of one sample.

    The network has to take its inputs, give outputs that fit the targets and that the loss takes,
    and give the same ones at the next call, whatever other samples are in it; so has the loss.
    """
    _check_targets(problem)
    inputs, targets = (each[:_FEW] for each in problem.data("train"))
    once = _tried(problem, inputs)
    _check_fit(problem, once, targets)
    _check_loss(problem, once, targets)
    if problem.has_test:
        test_inputs, test_targets = (each[:_FEW] for each in problem.data("test"))
        _check_fit(problem, _tried(problem, test_inputs), test_targets)
    if not _alike(once, _tried(problem, inputs)):
        raise ModelError(
            "the network gives other outputs at the next call with the same inputs; allowed: "
            "a forward pass without randomness (functional.dropout with training=self.training)"
            " and without memory of the call before"
        )
    # A spike turns with the last digit of a sum, whose order depends on the batch.
    if not problem.parts.spiking and not _alike(once[:1], _tried(problem, inputs[:1])):
        raise ModelError(
            "the network's output for a sample depends on the other samples of the batch; "
            "allowed: layers that treat each sample alone"
        )


def _check_loss(problem: Problem, outputs: Tensor, targets: Tensor) -> None:
    """Raise ModelError where the loss is no function of a sample's outputs and target."""
    once = _losses(problem, outputs, targets)
    if not _alike(once, _losses(problem, outputs, targets)):
        raise ModelError(
            "the loss gives other values at the next call with the same outputs; allowed: a loss "
            "without randomness and without memory of the call before"
        )
    each = zip(outputs.split(1), targets.split(1), strict=True)
    if not _alike(once, torch.cat([_losses(problem, *sample) for sample in each])):
        raise ModelError(
            "the loss of a sample depends on the other samples of the batch; allowed: a value for "
            "each sample alone"
        )


def _check_targets(problem: Problem) -> None:
    """Raise ModelError where targets are not of the kind that the loss, or accuracy, takes."""
    loss, (_, y) = problem.loss_function, problem.data("train")
    of_classes = loss.of_classes if isinstance(loss, SlopedLoss) else problem.is_classification
    if of_classes != problem.is_classification:
        allowed = "class indices, whole numbers of shape (n,)" if of_classes else "a floating type"
        raise ModelError(
            f"the loss {loss.name} has targets of type {_type_of(y)} and shape {tuple(y.shape)}; "
            f"allowed: {allowed}"
        )
    if not of_classes:
        # A function of a program's own may leave out targets that are no numbers.
        for split, (_, values) in _splits(problem).items():
            if isinstance(loss, SlopedLoss):
                _check_finite_numbers(values, f"{split} targets")
        return
    if y.ndim != 1:
        raise ModelError(
            f"targets of whole numbers have shape {tuple(y.shape)}; allowed: class indices of "
            "shape (n,), or values of a floating type"
        )
    if (least := min(int(y.min()) for _, y in _splits(problem).values())) < 0:
        raise ModelError(f"a target is class {least}; allowed: 0 or more, every sample in a class")


def _check_fit(problem: Problem, outputs: Tensor, targets: Tensor) -> None:
    """Raise ModelError where the outputs for some samples do not fit their targets."""
    if not problem.is_classification:
        check_shapes(outputs, targets)
        return
    classes = 1 + max(int(y.max()) for _, y in _splits(problem).values())
    if outputs.ndim != 2 or len(outputs) != len(targets) or outputs.shape[1] < classes:
        raise ModelError(
            f"the network gives outputs of shape {tuple(outputs.shape)} for {len(targets)} "
            f"samples of {classes} classes; allowed: one row a sample, {classes} numbers or more"
        )


def _losses(problem: Problem, outputs: Tensor, targets: Tensor) -> Tensor:
    """Each sample's loss; ModelError where the loss refuses the outputs, or gives no value each."""
    try:
        with torch.no_grad():
            return problem.sample_losses(outputs, targets)
    except NeurogradError:
        raise
    except Exception as error:
        raise ModelError(
            f"the loss refuses outputs of shape {tuple(outputs.shape)} for targets of shape "
            f"{tuple(targets.shape)} and type {_type_of(targets)}: {in_one_line(error)}"
        ) from error


def _splits(problem: Problem) -> dict[Split, Samples]:
    test: dict[Split, Samples] = {"test": problem.data("test")} if problem.has_test else {}
    return {"train": problem.data("train"), **test}


def check_finite(problem: Problem, w: Tensor) -> None:
    """Raise ModelError when outputs, loss or gradient at ``w`` are not finite."""
    losses = problem.per_sample_losses(w)
    if bad := int((~torch.isfinite(losses)).sum()):
        raise ModelError(
            f"the network's loss is not a finite number for {bad} of {len(losses)} training "
            "samples; allowed: finite weights, inputs and outputs"
        )
    if not bool(torch.isfinite(problem.gradient(w)).all()):
        raise ModelError("the loss's gradient has NaN or infinite entries; allowed: finite")


def _tried(problem: Problem, inputs: Tensor) -> Tensor:
    with torch.no_grad(), telling_refusals(inputs):
        return problem.outputs(problem.parameters_of(problem.initial_weights), inputs)


@contextmanager
def telling_refusals(inputs: Tensor) -> Iterator[None]:
    """What a network of the user's raises for some inputs, as a ModelError in one line."""
    try:
        yield
    except NeurogradError:
        raise
    except Exception as error:
        whole = bool((inputs == inputs.round()).all())  # such as the places in an embedding
        raise ModelError(
            f"the network refuses inputs of shape {tuple(inputs.shape)} and type {inputs.dtype}"
            f"{', which whole numbers are given in as well (x.long() in forward)' if whole else ''}"
            f": {in_one_line(error)}"
        ) from error


def in_one_line(error: Exception) -> str:
    """Kind and text of an error."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def outputs_of(result: object) -> Tensor:
    """What a network gives, which has to be one tensor of real numbers.

    Raises:
        ModelError: If it is something else.
    """
    if isinstance(result, Tensor) and result.is_floating_point():
        return result
    kind = _type_of(result) if isinstance(result, Tensor) else type(result).__name__
    raise ModelError(
        f"the network gives outputs of type {kind}; allowed: one tensor of a floating type"
    )


def _alike(one: Tensor, other: Tensor) -> bool:
    """Whether two outputs differ by no more than the order of their sums explains."""
    finite = one[one.isfinite()]
    size = float(finite.abs().max()) if finite.numel() else 0.0
    near = torch.finfo(one.dtype).eps ** 0.5 * size
    return one.shape == other.shape and torch.allclose(
        one, other, rtol=0.0, atol=near, equal_nan=True
    )
