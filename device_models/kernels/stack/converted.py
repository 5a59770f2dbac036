"""Both passes of a small batch through arrays behind converters, layer by layer.

What converters do is said in ``device_models.passes.converters``; the passes are those of
``passes``, where the sums of every layer are read before its biases are added.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from device_models.kernels.compiled import called, inlined
from device_models.kernels.counter_numbers import READ_AHEAD, READ_BACK, READ_BIASES
from device_models.kernels.number_loops import largest_size
from device_models.kernels.outer.pulses import layer_of
from device_models.kernels.stack.noise import add_again, add_ahead, add_back, copy, normals
from device_models.kernels.stack.passes import activate, back_through, matrix_of, slope
from device_models.kernels.stack.products import add_row, add_rows, by_rows, dot


class Coder(NamedTuple):
    """A converter.

    Attributes:
        step: Distance of two levels over the range; 0 for infinitely fine levels.
        reach: The range; 0 where it is matched to each vector.
        clips: Whether values beyond the range are clipped.
    """

    step: float
    reach: float
    clips: bool


class Periphery(NamedTuple):
    """The converters of every array.

    Attributes:
        dac: Of inputs.
        adc: Of sums.
        error_dac: Of errors that enter.
        error_adc: Of sums of errors.
        noise: Standard deviation of the noise of sums.
        abs_max: Whether inputs are divided by their largest magnitude.
        most_halvings: Of an input by bound management; 0 without it.
    """

    dac: Coder
    adc: Coder
    error_dac: Coder
    error_adc: Coder
    noise: float
    abs_max: bool
    most_halvings: int


@called
def _convert(coder: Any, line: Any) -> None:
    """A vector becomes what a converter makes of it, in place."""
    real, fixed = line.dtype.type, coder.reach > 0.0
    reach = real(coder.reach)
    if fixed and coder.clips:
        for k in range(line.size):
            line[k] = reach if line[k] > reach else (-reach if line[k] < -reach else line[k])
    if coder.step == 0.0:
        return
    step = real(coder.reach * coder.step) if fixed else largest_size(line) * real(coder.step)
    # A vector of zeros has no range: any step keeps it.
    step = max(step, np.finfo(line.dtype).tiny)
    for k in range(line.size):
        line[k] = np.rint(line[k] / step) * step


@called
def _scaled(raw: Any, scale: Any, coder: Any, line: Any) -> None:
    """The input of an array: a vector over its scale, through the DACs."""
    for k in range(line.size):
        line[k] = raw[k] / scale
    _convert(coder, line)


@called
def _sums(w: Any, place: Any, inputs: Any, products: Any) -> None:
    """What an array makes of its inputs."""
    for n in range(len(products)):
        line = products[n]
        for k in range(line.size):
            line[k] = w.dtype.type(0.0)
    by_rows(inputs, matrix_of(w, place, products.shape[1]), products)


class Read(NamedTuple):
    """The noise of one read of all weights.

    Attributes:
        std: Standard deviation of a weight as read.
        key: Of the read, 64 bits without a sign.
    """

    std: float
    key: Any


class _Seen(NamedTuple):
    """What arrays have got in a forward pass, as far as the noise of their read is known by it.

    Room is for twice as many vectors as there are samples, in the places of ``factors``, twice as
    far from the beginning.

    Attributes:
        inputs: Vectors of all arrays: of each first those of the samples, then what came again.
        inside: Normal numbers that belong to them, see ``noise.add_ahead``.
        rows: Of each array, which samples those are that came again.
        counts: Of each array, how many vectors.
    """

    inputs: Any
    inside: Any
    rows: Any
    counts: Any


@inlined
def _seen_by(seen: Any, layers: Any, number: Any) -> Any:
    """What an array has got, and the normal numbers that belong to it."""
    _, _, width, height, begin, samples = layers[number]
    first, middle, count = 2 * begin, 2 * (begin + samples * width), seen.counts[number]
    return (
        seen.inputs[first : first + count * width].reshape(count, width),
        seen.inside[middle : middle + count * height].reshape(count, height),
    )


@called
def _with_noise(
    place: Any, inputs: Any, read: Any, seen: Any, layers: Any, number: Any, products: Any
) -> None:
    """Adds the noise of the read to the sums of the first vectors that an array gets."""
    seen.counts[number] = len(inputs)
    vectors, inside = _seen_by(seen, layers, number)
    copy(inputs, vectors)
    copy(add_ahead(inputs, False, read.std, read.key, place.first, products), inside)


@called
def _again(
    w: Any, place: Any, inputs: Any, products: Any, read: Any, seen: Any, layers: Any,
    number: Any, further: Any,
) -> None:  # fmt: skip
    """The sums of some samples whose inputs an array gets again."""
    matrix, rows = matrix_of(w, place, products.shape[1]), seen.rows[number]
    for i in range(further):
        line, given = products[rows[i]], inputs[rows[i]]
        for k in range(line.size):
            line[k] = dot(given, matrix[k])
    if read is not None:
        seen.counts[number] += further
        vectors, inside = _seen_by(seen, layers, number)
        for i in range(further):
            line, given = vectors[len(inputs) + i], inputs[rows[i]]
            for k in range(line.size):
                line[k] = given[k]
        if further > 0:
            add_again(vectors, len(inputs), rows, read.std, read.key, place.first, inside, products)


@called
def _managed(
    w: Any, place: Any, raw: Any, inputs: Any, products: Any, periphery: Any, read: Any,
    scales: Any, seen: Any, layers: Any, number: Any,
) -> None:  # fmt: skip
    """Inputs, their scales and the sums of an array, behind management of noise and bounds."""
    real, further, rows = w.dtype.type, 0, seen.rows[number]
    for n in range(len(inputs)):
        most = largest_size(raw[n]) if periphery.abs_max else real(1.0)
        scales[n] = most if most > real(0.0) else real(1.0)
        _scaled(raw[n], scales[n], periphery.dac, inputs[n])
    _sums(w, place, inputs, products)
    if read is not None:
        _with_noise(place, inputs, read, seen, layers, number, products)
    if periphery.most_halvings == 0:
        return
    for n in range(len(inputs)):
        beyond = largest_size(products[n]) / real(periphery.adc.reach)
        if beyond > real(1.0):
            halvings = min(np.ceil(np.log2(beyond)), real(periphery.most_halvings))
            scales[n] *= real(2.0) ** halvings
            _scaled(raw[n], scales[n], periphery.dac, inputs[n])
            rows[further] = n
            further += 1
    _again(w, place, inputs, products, read, seen, layers, number, further)


@called
def _read(key: Any, stream: Any, noise: Any, sizes: Any, coder: Any, products: Any) -> None:
    """Sums, with their noise in units of the sizes of their vectors, as they are read."""
    if noise > 0.0:
        drawn = normals(key, stream, len(products), products.shape[1], products)
        for n in range(len(products)):
            line, numbers, std = products[n], drawn[n], products.dtype.type(noise) * sizes[n]
            for k in range(line.size):
                line[k] += std * numbers[k]
    for n in range(len(products)):
        _convert(coder, products[n])


@called
def _go_on(w: Any, bias: Any, read: Any, scales: Any, products: Any) -> None:
    """Sums that were read in the units of the network, plus the biases as they are read."""
    real, height = w.dtype.type, products.shape[1]
    biases = np.zeros(height, w.dtype)
    if bias >= 0:
        for k in range(height):
            biases[k] = w[bias + k]
        if read is not None:
            stream = np.uint64(bias) | np.uint64(READ_BIASES)
            add_row(height, real(read.std), normals(read.key, stream, 1, height, w)[0], biases)
    for n in range(len(products)):
        line, scale = products[n], scales[n]
        for k in range(height):
            line[k] = line[k] * scale + biases[k]


@called
def _enter_back(raw: Any, scales: Any, coder: Any, sizes: Any, errors: Any) -> None:
    """Errors at the array's side of a layer's scales, through the DACs; ``sizes`` is filled."""
    for n in range(len(errors)):
        line, given, scale = errors[n], raw[n], scales[n]
        for k in range(line.size):
            line[k] = given[k] * scale
        sizes[n] = largest_size(line)
        _convert(coder, line)


@called
def _fill(values: Any, number: Any) -> None:
    for n in range(len(values)):
        for k in range(values.shape[1]):
            values[n, k] = number


def passes(
    w: Any, samples: Any, classes: Any, index: Any, layers: Any, biases: Any, kinds: Any,
    loss: Any, count: Any, periphery: Any, key: Any, read: Any, factors: Any,
) -> None:  # fmt: skip
    """Inputs and errors of every array, as loops over outer products take them.

    Args:
        w: Weights.
        samples: Inputs of all samples, one a row.
        classes: Their classes.
        index: Numbers of the samples of the batch, all of which are there.
        layers: Of each array a row, the last one first, then one for the biases of each layer,
            whose input is 1: see ``outer.pulses.write``.
        biases: Of each array the number of the row of its layer's biases; below 0 without.
        kinds: Activation behind each layer, in the order of the arrays.
        loss: Which loss.
        count: Samples that it is a mean over.
        periphery: The converters.
        key: Of the noise of sums, 64 bits without a sign.
        read: Of the weights by both passes; None where it is exact, without the loops of its noise.
        factors: Filled, see ``outer.pulses.write``.
    """
    last, batch, one = len(kinds) - 1, index.size, np.ones(index.size, w.dtype)
    # What the network computes around the arrays, in the places of what these get.
    around, scales = np.empty_like(factors), np.empty((last + 1, batch), w.dtype)
    seen = _Seen(
        np.empty(2 * len(factors), w.dtype), np.empty(2 * len(factors), w.dtype),
        np.empty((last + 1, batch), np.int64), np.zeros(last + 1, np.int64),
    )  # fmt: skip
    outputs, sizes = np.empty((batch, layers[0][3]), w.dtype), np.empty(batch, w.dtype)
    _, raw, _ = layer_of(around, layers, last)
    for n in range(batch):
        sample, line = samples[index[n]], raw[n]
        for k in range(line.size):
            line[k] = sample[k]
    for number in range(last, -1, -1):
        place, inputs, _ = layer_of(factors, layers, number)
        _, raw, _ = layer_of(around, layers, number)
        into = layer_of(around, layers, number - 1)[1] if number > 0 else outputs
        _managed(w, place, raw, inputs, into, periphery, read, scales[number], seen, layers, number)
        stream = np.uint64(place.first) | np.uint64(READ_AHEAD)
        _read(key, stream, periphery.noise, one, periphery.adc, into)
        bias = layers[biases[number]][0] if biases[number] >= 0 else -1
        _go_on(w, bias, read, scales[number], into)
        activate(kinds[number], into)
    _, _, raw = layer_of(around, layers, 0)
    slope(loss, classes, index, count, outputs, raw)
    back_through(kinds[0], outputs, raw)
    for number in range(last + 1):
        place, _, errors = layer_of(factors, layers, number)
        _, values, raw = layer_of(around, layers, number)
        _enter_back(raw, scales[number], periphery.error_dac, sizes, errors)
        if biases[number] >= 0:
            _, inputs, digital = layer_of(factors, layers, biases[number])
            _fill(inputs, w.dtype.type(1.0))
            for n in range(batch):
                for k in range(digital.shape[1]):
                    digital[n, k] = raw[n, k]
        if number == last:
            return
        _, _, below = layer_of(around, layers, number + 1)
        _fill(below, w.dtype.type(0.0))
        add_rows(errors, matrix_of(w, place, errors.shape[1]), below)
        if read is not None:
            vectors, inside = _seen_by(seen, layers, number)
            add_back(errors, vectors, False, read.std, read.key, place.first, inside, below)
        stream = np.uint64(place.first) | np.uint64(READ_BACK)
        _read(key, stream, periphery.noise, sizes, periphery.error_adc, below)
        for n in range(batch):
            line, scale = below[n], scales[number, n]
            for k in range(line.size):
                line[k] /= scale
        back_through(kinds[number + 1], values, below)
