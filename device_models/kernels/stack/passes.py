"""Both passes of a small batch through a stack of linear layers, and the noise of one read.

The equations are those of ``neurograd.problem.written_out.layer_stack``, which takes larger
batches by torch's products: each of its calls finds its own code and the weights outside of the
processor's cache, where an update has just been through all devices.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from device_models.kernels.compiled import called
from device_models.kernels.outer.pulses import layer_of
from device_models.kernels.stack.codes import CROSS_ENTROPY, RELU, SIGMOID, TANH
from device_models.kernels.stack.noise import add_ahead, add_back, copy
from device_models.kernels.stack.products import add_rows, by_rows


@called
def activate(kind: Any, values: Any) -> None:
    """Activations in place of what they are of."""
    one, zero = values.dtype.type(1.0), values.dtype.type(0.0)
    for n in range(len(values)):
        line = values[n]
        if kind == RELU:
            for k in range(line.size):
                line[k] = zero if line[k] <= zero else line[k]
        elif kind == TANH:
            for k in range(line.size):
                line[k] = math.tanh(line[k])
        elif kind == SIGMOID:
            for k in range(line.size):
                line[k] = one / (one + math.exp(-line[k]))


@called
def back_through(kind: Any, outputs: Any, errors: Any) -> None:
    """Errors behind activations become those before them, in place."""
    one, zero = errors.dtype.type(1.0), errors.dtype.type(0.0)
    for n in range(len(errors)):
        line, output = errors[n], outputs[n]
        if kind == RELU:
            for k in range(line.size):
                line[k] = zero if output[k] <= zero else line[k]
        elif kind == TANH:
            for k in range(line.size):
                line[k] *= one - output[k] * output[k]
        elif kind == SIGMOID:
            for k in range(line.size):
                line[k] *= (one - output[k]) * output[k]


@called
def slope(loss: Any, classes: Any, index: Any, count: Any, outputs: Any, errors: Any) -> None:
    """Derivatives of samples' losses over their number in the outputs."""
    real = outputs.dtype.type
    one = real(1.0)
    for n in range(len(outputs)):
        line, error, total = outputs[n], errors[n], real(0.0)
        if loss == CROSS_ENTROPY:
            most = line[0]
            for k in range(line.size):
                most = max(most, line[k])
            for k in range(line.size):
                error[k] = math.exp(line[k] - most)
                total += error[k]
            for k in range(line.size):
                error[k] /= total
            error[classes[index[n]]] -= one
        else:
            factor = real(2.0 / line.size)
            for k in range(line.size):
                error[k] = factor * line[k]
            error[classes[index[n]]] = factor * (line[classes[index[n]]] - one)
        for k in range(line.size):
            error[k] /= real(count)


@called
def matrix_of(w: Any, place: Any, height: Any) -> Any:
    """A layer's matrix in the vector of weights."""
    return w[place.first : place.first + height * place.width].reshape(height, place.width)


@called
def _forward(w: Any, place: Any, inputs: Any, products: Any) -> None:
    """What a layer makes of its inputs, before its activation."""
    for n in range(len(products)):
        line = products[n]
        for k in range(line.size):
            line[k] = w[place.bias + k] if place.bias >= 0 else w.dtype.type(0.0)
    by_rows(inputs, matrix_of(w, place, products.shape[1]), products)


@called
def _backward(w: Any, place: Any, errors: Any, products: Any) -> None:
    """What its matrix makes of its errors."""
    for n in range(len(products)):
        line = products[n]
        for k in range(line.size):
            line[k] = w.dtype.type(0.0)
    add_rows(errors, matrix_of(w, place, errors.shape[1]), products)


def passes(
    w: Any, samples: Any, classes: Any, index: Any, layers: Any, kinds: Any, loss: Any,
    count: Any, noisy: Any, std: Any, key: Any, factors: Any,
) -> Any:  # fmt: skip
    """Inputs and errors of every layer, as loops over outer products take them.

    Args:
        w: Weights.
        samples: Inputs of all samples, one a row.
        classes: Their classes.
        index: Numbers of the samples of the batch.
        layers: Of each layer a row, the last one first: see ``outer.pulses.write``.
        kinds: Activation behind each layer, in the same order.
        loss: Which loss.
        count: Samples that it is a mean over.
        noisy: Whether both passes see the weights with the noise of one read.
        std: Its standard deviation.
        key: Of the read, 64 bits without a sign.
        factors: Filled, see ``outer.pulses.write``.

    Returns:
        Whether all samples of the batch are there; nothing is done where one is not.
    """
    for n in range(index.size):
        if index[n] < 0 or index[n] >= len(samples):
            return False
    last, batch = len(layers) - 1, index.size
    outputs, most = np.empty((batch, layers[0][3]), w.dtype), 0
    for number in range(last + 1):
        most = max(most, layers[number][3])
    # A read's numbers that its backward pass needs.
    insides = np.empty((last + 1, batch, most if noisy else 0), w.dtype)
    _, inputs, _ = layer_of(factors, layers, last)
    for n in range(batch):
        sample = samples[index[n]]
        for k in range(sample.size):
            inputs[n, k] = sample[k]
    for number in range(last, -1, -1):
        place, inputs, _ = layer_of(factors, layers, number)
        into = layer_of(factors, layers, number - 1)[1] if number > 0 else outputs
        _forward(w, place, inputs, into)
        if noisy:
            inside = add_ahead(inputs, place.bias >= 0, std, key, place.first, into)
            copy(inside, insides[number])
        activate(kinds[number], into)
    _, _, errors = layer_of(factors, layers, 0)
    slope(loss, classes, index, count, outputs, errors)
    back_through(kinds[0], outputs, errors)
    for number in range(last):
        place, inputs, errors = layer_of(factors, layers, number)
        _, _, below = layer_of(factors, layers, number + 1)
        _backward(w, place, errors, below)
        if noisy:
            add_back(
                errors, inputs, place.bias >= 0, std, key, place.first,
                insides[number], below,
            )  # fmt: skip
        back_through(kinds[number + 1], inputs, below)
    return True


def ahead(
    inputs: Any, biased: Any, std: Any, key: Any, place: Any, inside: Any, products: Any
) -> None:
    """``noise.add_ahead``; G is filled in."""
    copy(add_ahead(inputs, biased, std, key, place, products), inside)


def back(
    errors: Any, inputs: Any, biased: Any, std: Any, key: Any, place: Any, inside: Any,
    products: Any,
) -> None:  # fmt: skip
    """``noise.add_back``."""
    add_back(errors, inputs, biased, std, key, place, inside, products)
