"""Pulse trains: the update that a crossbar makes by coincidences of pulses on its lines.

Source: Gokmen and Vlasov, Front. Neurosci. 2016 (Eq. 2, stochastic update; update management as in
Gokmen, Onen and Haensch, Front. Neurosci. 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import ClassVar, Literal, Self, get_args

import torch
from torch import Tensor

from device_models.kernels.cudnn_state import derivatives
from device_models.layer_hooks import LayerCall, LayerHook
from device_models.outer_products import OuterProducts, ReadSpread, TrainSettings, known_products
from device_models.protocols import ElementMoments, Problem
from device_models.rules.layerwise import count_samples, leaf_parameters

Kind = Literal["stochastic", "deterministic"]

_CHUNK_ELEMENTS = 2**22
"""Numbers that one chunk of samples may hold at a time; bounds the memory."""


@dataclass(frozen=True)
class PulseTrains:
    """Backpropagation whose rank-one updates are coincidences of pulse trains.

    For every vector i that a linear layer gets, with input x and error δ (the derivative of the
    sample's own loss), the lines carry trains of ``length`` slots. A slot of input line a has a
    pulse with probability p, one of output line b with probability q, all independent:

        p = min(1, α·m·|x_a|),   q = min(1, α/m·|δ_b|),
        α = √(Δt/(n·length·quantum)),   m = √(max|δ|/max|x|)   (update management),

    and every coincidence moves the weight by ``quantum`` in the direction of the sign of −x·δ. The
    estimate is the sum over the n samples, divided by −Δt: where no probability is cut at 1, its
    mean is the gradient. Cut ones shrink it (a gain below 1).

    ``deterministic`` trains have the same probabilities rounded to whole numbers of pulses, and
    ``length·p·q`` coincidences, rounded to the nearest whole number: no variance, but small
    products are lost.

    Passes take a chunk of the samples at a time; the vectors of all layers are held for all samples
    of the estimate.

    Biases of linear layers are a column of devices with input 1. Parameters of one dimension that
    are not given to ``functional.linear`` are digital and get their exact gradient.

    Attributes:
        quantum: Weight change of one coincidence, in weight units, above 0.
        step_size: Δt of the chip, above 0.
        length: Slots of a train, 1 or more.
        kind: ``stochastic`` or ``deterministic``.
        batch: n of the trains where that is not the number of samples of the estimate, which then
            is the mean over batches of so many; 1 or more.

    Raises:
        ValueError: If an attribute is out of range, or the network has weights that are not those
            of linear layers, each called once.
    """

    takes_calls: ClassVar[Literal["products"]] = "products"

    quantum: float
    step_size: float
    length: int = 31
    kind: Kind = "stochastic"
    batch: int | None = None

    def __post_init__(self) -> None:
        for name in ("quantum", "step_size"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ValueError(f"{name} is {value:g}; allowed: above 0")
        if self.length < 1:
            raise ValueError(f"length is {self.length}; allowed: 1 or more")
        if self.batch is not None and self.batch < 1:
            raise ValueError(f"batch is {self.batch}; allowed: 1 or more")
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind is {self.kind!r}; allowed: {', '.join(get_args(Kind))}")

    @property
    def deterministic(self) -> bool:
        """Whether the trains are."""
        return self.kind == "deterministic"

    @property
    def mean_over_samples(self) -> bool:
        """Always False: where pulses are cut or rounded depends on the number of samples."""
        return False

    def of_one_in(self, samples: int) -> PulseTrains:
        """The trains of one sample of a batch of ``samples``: those of its part of the step."""
        return self.with_step_size(self.step_size / samples)

    def in_batches_of(self, samples: int) -> PulseTrains:
        """The trains of batches of so many samples, over as many as an estimate has."""
        return replace(self, batch=samples)

    def with_step_size(self, step_size: float) -> PulseTrains:
        """The trains of another Δt."""
        return replace(self, step_size=step_size)

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        update = _rank_one_updates(problem, w, index)
        return self._estimate(update, self._counts(generator))

    def expected(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Mean of an estimate over the samples ``index`` (all when None), shape ``(N,)``."""
        return self.moments(problem, w, index).mean

    def moments(self, problem: Problem, w: Tensor, index: Tensor | None = None) -> ElementMoments:
        """Exact mean and variance of every element of the estimate.

        A count is binomial: with s the sign of x·δ, the mean is ``Σ_i s·length·p·q`` and the
        variance ``Σ_i length·p·q·(1 − p·q)`` times ``quantum/Δt`` and its square. Weights that
        share a line share its pulses, so that their noise is correlated: the total variance is
        exact, but the covariance is not diagonal.
        """
        update = _rank_one_updates(problem, w, index)
        count = self._rounded_counts if self.deterministic else self._expected_counts
        mean, variance = self._estimate(update, count), torch.zeros_like(w)
        if not self.deterministic:
            for layer in update.layers:
                spread = self._sum(layer, update.samples, self._count_variances)
                _put(layer, variance, self._unit(update) ** 2 * spread)
        return ElementMoments(mean, variance)

    def sample_products(
        self, problem: Problem, w: Tensor, index: Tensor, noise: ReadSpread | None = None
    ) -> Iterator[Sequence[OuterProducts]] | None:
        """What the lines of each sample's trains are made of, some samples at a time.

        None where they are not known as ``FactoredProblem`` knows them, or the trains are those of
        batches of another size.
        """
        return None if self.batch is not None else known_products(problem, w, index, noise)

    def of_samples(self, samples: int) -> TrainSettings:
        """The trains of single samples of a batch (``of_one_in``), which are written one by one."""
        alpha = self.of_one_in(samples)._alpha(1)
        numbers = (self.quantum, self.step_size, self.deterministic)
        return TrainSettings(self.length, alpha, samples, *numbers)

    def sample_estimates(
        self,
        layers: Sequence[OuterProducts],
        samples: int,
        like: Tensor,
        generator: torch.Generator,
    ) -> Iterator[Tensor]:
        """Those samples' parts of an estimate, with trains of their own, shapes ``(N,)``.

        Args:
            layers: Of ``sample_products``.
            samples: Samples of the batch.
            like: A vector of as many numbers as there are weights.
            generator: Source of the trains.
        """
        single = self.of_one_in(samples)
        for n in range(len(layers[0].inputs)):
            each = [_sample_of(layer, n, samples) for layer in layers]
            update = _RankOneUpdates.of(each, like, 1)
            yield single._estimate(update, single._counts(generator)) / samples

    def _counts(self, generator: torch.Generator) -> Callable[[Tensor, Tensor], Tensor]:
        return self._rounded_counts if self.deterministic else self._drawn_counts(generator)

    def _estimate(
        self, update: _RankOneUpdates, count: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """An estimate by the counts that it is made of, shape ``(N,)``."""
        result, unit = update.digital.clone(), self._unit(update)
        for layer in update.layers:
            _put(layer, result, unit * self._sum(layer, update.samples, count))
        return result

    def _unit(self, update: _RankOneUpdates) -> float:
        """What one coincidence is in gradient units, over the batches of an estimate."""
        batches = 1.0 if self.batch is None else update.samples / self.batch
        return self.quantum / (self.step_size * batches)

    def _sum(
        self, layer: OuterProducts, samples: int, count: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor:
        """Sum of a count over all vectors of a layer, shape ``(outputs, inputs)``.

        A layer with biases has one more column for these, with the input 1.
        """
        inputs = layer.inputs
        if layer.bias is not None:
            inputs = torch.cat([inputs, inputs.new_ones(len(inputs), 1)], 1)
        width, height = inputs.shape[1], layer.errors.shape[1]
        total = inputs.new_zeros(height, width)
        each = width * height if self.deterministic else self.length * (width + height)
        size = max(1, _CHUNK_ELEMENTS // each)
        for x, error in zip(inputs.split(size), layer.errors.split(size), strict=True):
            total += count(*self._probabilities(x, error, samples))
        return total

    def _alpha(self, samples: int) -> float:
        """α of an estimate over so many samples."""
        return math.sqrt(self.step_size / ((self.batch or samples) * self.length * self.quantum))

    def _probabilities(self, x: Tensor, error: Tensor, samples: int) -> tuple[Tensor, Tensor]:
        """Signed p and q of the vectors of a chunk, shapes ``(n, inputs)`` and ``(n, outputs)``."""
        alpha = self._alpha(samples)
        largest_x = x.abs().amax(1, keepdim=True)
        largest_error = error.abs().amax(1, keepdim=True)
        ratio = (largest_error / largest_x).sqrt()
        # A vector of zeros makes no pulse whatever its scale.
        known = (largest_x > 0) & (largest_error > 0)
        m = torch.where(known, ratio, torch.ones_like(ratio))
        return (alpha * m * x).clamp(-1.0, 1.0), (alpha / m * error).clamp(-1.0, 1.0)

    def _drawn_counts(self, generator: torch.Generator) -> Callable[[Tensor, Tensor], Tensor]:
        def trains(p: Tensor) -> Tensor:
            shape = (len(p), self.length, p.shape[1])
            draw = torch.rand(shape, generator=generator, dtype=p.dtype, device=p.device)
            pulses = (draw < p.abs().unsqueeze(1)).to(p.dtype) * p.sign().unsqueeze(1)
            return pulses.flatten(0, 1)

        def count(p: Tensor, q: Tensor) -> Tensor:
            inputs = trains(p)
            return trains(q).T @ inputs

        return count

    def _rounded_counts(self, p: Tensor, q: Tensor) -> Tensor:
        pulses_in, pulses_out = (p * self.length).round(), (q * self.length).round()
        products = pulses_out.unsqueeze(2) * pulses_in.unsqueeze(1) / self.length
        return products.round().sum(0)

    def _expected_counts(self, p: Tensor, q: Tensor) -> Tensor:
        return self.length * (q.T @ p)

    def _count_variances(self, p: Tensor, q: Tensor) -> Tensor:
        return self.length * (q.abs().T @ p.abs() - q.square().T @ p.square())


@dataclass(frozen=True)
class _RankOneUpdates:
    """What the layers' arrays get, and the gradients of what has no array.

    Attributes:
        layers: Inputs and errors of every array, one vector a row; errors are of the samples' own
            losses.
        digital: The gradient of what has no array, at its places, shape ``(N,)``.
        samples: Of the estimate.
    """

    layers: list[OuterProducts]
    digital: Tensor
    samples: int

    @classmethod
    def of(cls, layers: Sequence[OuterProducts], like: Tensor, samples: int) -> Self:
        """Those of layers with some samples, whose errors are of their own losses.

        Args:
            layers: Arrays, and biases that no array holds.
            like: A vector of as many numbers as there are weights.
            samples: Of the estimate.
        """
        digital = torch.zeros_like(like)
        for layer in layers:
            if layer.digital:
                layer.matrix_in(digital).copy_(layer.errors.sum(0).unsqueeze(1) / samples)
        return cls([layer for layer in layers if not layer.digital], digital, samples)


def _put(layer: OuterProducts, vector: Tensor, matrix: Tensor) -> None:
    """Store an array's values, with a last column of biases if it has any, in a flat vector."""
    layer.matrix_in(vector).copy_(matrix[:, : layer.inputs.shape[1]])
    if (biases := layer.biases_in(vector)) is not None:
        biases.copy_(matrix[:, -1])


def _sample_of(layer: OuterProducts, n: int, samples: int) -> OuterProducts:
    """One of the samples of a batch, with the error of its own loss."""
    return replace(layer, inputs=layer.inputs[n : n + 1], errors=layer.errors[n : n + 1] * samples)


@dataclass(frozen=True)
class _Call:
    """One call of ``functional.linear``."""

    weight: Tensor
    bias: Tensor | None
    x: Tensor
    product: Tensor


class _RankOneHook(LayerHook):
    """Records what every linear layer gets and gives."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        if call.is_convolution:
            return y
        # A copy of the input, and one of the product to go on with: layers in place change theirs.
        self.calls.append(_Call(call.weight, call.bias, call.input.detach().clone(), y))
        return y.clone()


def _rank_one_updates(problem: Problem, w: Tensor, index: Tensor | None) -> _RankOneUpdates:
    """Inputs and errors of every linear layer; exact gradients of the digital parameters."""
    samples = count_samples(problem, index)
    parameters = leaf_parameters(problem, w)
    parts = [
        _rank_one_part(problem, w, parameters, chunk, samples)
        for chunk in problem.chunks("train", index)
    ]
    if len(parts) == 1:
        return parts[0]
    layers = [
        replace(
            same[0],
            inputs=torch.cat([layer.inputs for layer in same]),
            errors=torch.cat([layer.errors for layer in same]),
        )
        for same in zip(*(part.layers for part in parts), strict=True)
    ]
    digital = torch.stack([part.digital for part in parts]).sum(0)
    return _RankOneUpdates(layers, digital, samples)


def _rank_one_part(
    problem: Problem,
    w: Tensor,
    parameters: dict[str, Tensor],
    chunk: tuple[Tensor, Tensor],
    samples: int,
) -> _RankOneUpdates:
    """What a chunk of the samples adds."""
    recording = _RankOneHook()
    with torch.enable_grad():
        with recording.applied():
            outputs = problem.outputs(parameters, chunk[0])
        loss = problem.sample_losses(outputs, chunk[1]).sum() / samples
        calls = dict(_named_calls(parameters, recording.calls))
        wanted = [*parameters.values(), *(call.product for call in calls.values())]
        found = derivatives(loss, wanted, allow_unused=True, materialize_grads=True)
    names = {id(p): name for name, p in parameters.items()}
    ends = accumulate((p.numel() for p in parameters.values()), initial=0)
    first = dict(zip(parameters, ends, strict=False))
    layers: list[OuterProducts] = []
    for (name, call), error in zip(calls.items(), found[len(parameters) :], strict=True):
        x = call.x.reshape(-1, call.x.shape[-1])
        # A tensor that is no parameter, such as a fixed bias, is not in the array.
        named = None if call.bias is None else names.get(id(call.bias))
        bias = None if named is None else first[named]
        if bias is not None and any(layer.bias == bias for layer in layers):
            raise ValueError(f"bias {named} is used by two layers; allowed: one, for pulse trains")
        errors = samples * error.reshape(-1, error.shape[-1])
        layers.append(OuterProducts(first[name], bias, x, errors))
    exact = problem.flatten(dict(zip(parameters, found[: len(parameters)], strict=True)))
    return _RankOneUpdates(layers, exact, samples)


def _named_calls(parameters: dict[str, Tensor], calls: list[_Call]) -> Iterator[tuple[str, _Call]]:
    """The call of every weight matrix; refuses what has not exactly one."""
    for name, parameter in parameters.items():
        if parameter.ndim < 2:
            continue
        own = [call for call in calls if call.weight is parameter]
        if len(own) != 1:
            times = f"{len(own)} times by a linear layer"
            raise ValueError(f"weight {name} is used {times}; allowed: once, for pulse trains")
        yield name, own[0]
