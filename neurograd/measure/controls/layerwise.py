"""What the noise of each layer adds to its products, at inputs as the noisy step leaves them.

With ``W + ε`` in a layer, ε of mean 0, a' its inputs and z' its outputs after the step, and Δ any
fixed numbers, ``⟨Δ, z' − Wa'⟩ = ⟨Δ, εa'⟩`` has mean 0 wherever a' does not depend on ε: where the
noise of different weights is independent and no earlier use of the same weights makes a' (the sum
over layers is then a martingale). With Δ the loss's derivative by z this is the first-order change
at inputs as they are, not as they were: products of one layer's noise with another's, and what
kinks do to inputs, are in it, which the first order in all weights leaves in the spread. As Δ is
fixed, ``⟨Δ, Wa'⟩ = ⟨WᵀΔ, a'⟩`` takes no product but the pass's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import torch
from torch import Tensor

from device_models.kernels.cudnn_state import derivatives
from device_models.layer_hooks import LayerCall, LayerHook
from neurograd.errors import ModelError
from neurograd.measure.controls.linear import smoothed_gradient
from neurograd.measure.controls.smoothed_slopes import SmoothedSlopes
from neurograd.problem import Problem


@dataclass(frozen=True, eq=False)
class _Layer:
    """One call of a layer at the weights where the mean update lands, for some samples.

    Attributes:
        name: Of its weight.
        bias: Name of its bias; None without a trainable one.
        call: The call.
        inputs: a, what the layer sees; shape ``(n, ...)``.
        outputs: z.
        error: Δ = ∂L/∂z of the mean loss.
        back: WᵀΔ; None where the input depends on no weight.
    """

    name: str
    bias: str | None
    call: LayerCall
    inputs: Tensor
    outputs: Tensor
    error: Tensor
    back: Tensor | None


class _Recorder(SmoothedSlopes):
    """Records the calls of layers whose weight is a parameter itself."""

    def __init__(self, parameters: Mapping[str, Tensor], widths: Sequence[Tensor]) -> None:
        super().__init__(widths)
        self._name_of = {id(tensor): name for name, tensor in parameters.items()}
        self._seen: Tensor | None = None
        self.calls: list[tuple[str, str | None, LayerCall, Tensor, Tensor]] = []

    def before(self, call: LayerCall, x: Tensor) -> Tensor:
        """The input by a name of its own, so that errors of other uses are told from it."""
        self._seen = x.view_as(x)
        return self._seen

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        """A copy of the output: what comes next may be in place."""
        name = self._name_of.get(id(call.weight))
        if name is not None and self._seen is not None:
            bias = None if call.bias is None else self._name_of.get(id(call.bias))
            self.calls.append((name, bias, call, self._seen, y))
        return y.clone()


@dataclass(frozen=True)
class IndependentLayers:
    """Layers whose inputs do not depend on their own weights.

    Attributes:
        weights: Names of their weights.
        parameters: Names of their weights and biases.
        numbers: Inputs and outputs of one sample, over all calls of them.
    """

    weights: frozenset[str]
    parameters: frozenset[str]
    numbers: int


def independent_layers(problem: Problem, w: Tensor) -> IndependentLayers:
    """The layers that a ``LayerControl`` holds for.

    A layer that is called again on what an earlier call of it gave is none. Where the graph of a
    pass shows it that is known; what reaches it outside the graph (``detach``, ``no_grad``, a
    comparison) shows where its own weights are changed and its inputs change with them.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
    """
    with torch.enable_grad():
        named = problem.parameters_of(w.detach().clone().requires_grad_())
        recorder = _Recorder(named, ())
        with recorder.applied():
            problem.outputs(named, problem.data()[0][:1])
    again = {name for name, _, _, seen, _ in recorder.calls if _depends(seen, named[name])}
    again |= _reaching_themselves(problem, w, {c[0]: c[1] for c in recorder.calls}, again)
    calls = [call for call in recorder.calls if call[0] not in again]
    biases = {bias for _, bias, *_ in calls if bias is not None}
    weights = frozenset(name for name, *_ in calls)
    return IndependentLayers(
        weights, weights | biases, sum(seen.numel() + z.numel() for *_, seen, z in calls)
    )


_LOOKED_AT = 8
"""Samples whose inputs are looked at when a layer's weights are changed."""


class _Inputs(LayerHook):
    """Keeps the inputs of each layer whose weight is a parameter itself, by its name."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self._name_of = {id(tensor): name for name, tensor in parameters.items()}
        self.seen: dict[str, list[Tensor]] = {}

    def before(self, call: LayerCall, x: Tensor) -> Tensor:
        """The input as it is."""
        name = self._name_of.get(id(call.weight))
        if name is not None:
            self.seen.setdefault(name, []).append(x.clone())
        return x


def _inputs_at(problem: Problem, w: Tensor) -> dict[str, list[Tensor]]:
    named = problem.parameters_of(w)
    hook = _Inputs(named)
    with torch.no_grad(), hook.applied():
        problem.outputs(named, problem.data()[0][:_LOOKED_AT])
    return hook.seen


def _reaching_themselves(
    problem: Problem, w: Tensor, biases: Mapping[str, str | None], known: Set[str]
) -> set[str]:
    """Layers whose inputs change with their own weights, but for those that are known.

    Weights are turned round, doubled and shifted, one layer at a time: signs, sizes and gates of
    what they give differ then.
    """
    before, found = _inputs_at(problem, w), set()
    for name, bias in biases.items():
        if name in known:
            continue
        changed = w.detach().clone()
        parts = problem.parameters_of(changed)
        for own in (name, bias):
            if own is not None:
                size = float(parts[own].abs().mean()) or 1.0
                parts[own].mul_(-2.0).add_(size)
        after = _inputs_at(problem, changed).get(name, [])
        same = len(after) == len(before[name]) and all(map(torch.equal, after, before[name]))
        if not same:
            found.add(name)
    return found


def _depends(x: Tensor, parameter: Tensor) -> bool:
    if not x.requires_grad:
        return False
    found = torch.autograd.grad(x.sum(), parameter, retain_graph=True, allow_unused=True)
    return found[0] is not None


class _Moved(LayerHook):
    """Sums up ⟨Δ, z' − z⟩ − ⟨WᵀΔ, a' − a⟩ over the layers of a pass, and their inputs if asked."""

    def __init__(
        self, layers: Sequence[_Layer], weights: Mapping[str, Tensor], inputs: list[Tensor] | None
    ) -> None:
        self._layers = layers
        self._name_of = {id(weight): name for name, weight in weights.items()}
        self._inputs, self._next, self.total = inputs, 0, 0.0

    def after(self, call: LayerCall, y: Tensor) -> Tensor:
        """The layer's output; what the step makes of it is added up."""
        name = self._name_of.get(id(call.weight))
        if name is None:
            return y
        if self._next == len(self._layers) or self._layers[self._next].name != name:
            raise _other_calls(len(self._layers))
        layer = self._layers[self._next]
        self.total += _inner(layer.error, y - layer.outputs)
        if layer.back is not None:
            self.total -= _inner(layer.back, call.input - layer.inputs)
        if self._inputs is not None:
            self._inputs[self._next] += call.input
        self._next += 1
        return y

    def check(self) -> None:
        """Raise ModelError if the pass made fewer calls than the one before the step."""
        if self._next != len(self._layers):
            raise _other_calls(len(self._layers))


def _inner(one: Tensor, other: Tensor) -> float:
    return float(torch.dot(one.flatten(), other.flatten()))


def _other_calls(count: int) -> ModelError:
    return ModelError(
        f"the network calls its {count} layers in another number or order after a step; allowed: "
        "networks whose calls do not depend on their weights"
    )


class LayerControl:
    """``Σ ⟨Δ, z' − Wa'⟩`` over layers, and the first order of all other weights.

    Args:
        problem: Network, loss and data.
        w: Weights, shape ``(N,)``.
        step_size: Δt.
        mean: Mean update, shape ``(N,)``; the noise of different weights around it is independent.
        layers: The network's layers that the control holds for.
        widths: As for ``SmoothedSlopes``.
        keep_inputs: Whether ``direction`` is asked for, to which the inputs of all draws go.
    """

    def __init__(
        self,
        problem: Problem,
        w: Tensor,
        step_size: float,
        mean: Tensor,
        layers: IndependentLayers,
        widths: Sequence[Tensor],
        *,
        keep_inputs: bool,
    ) -> None:
        self._problem, self._w, self._step_size, self._mean = problem, w, step_size, mean
        self._names, self._landed = layers, w + step_size * mean
        self._rest = self._other_weights(widths)
        self._chunks = [self._record(x, y, widths) for x, y in problem.chunks("train")]
        self._inputs = (
            [[torch.zeros_like(layer.inputs) for layer in chunk] for chunk in self._chunks]
            if keep_inputs
            else None
        )
        self._draws = 0

    def _other_weights(self, widths: Sequence[Tensor]) -> Tensor | None:
        """The first order of weights outside the layers; None where there are none."""
        slope = torch.zeros_like(self._w)
        parts = self._problem.parameters_of(slope)
        if not parts.keys() - self._names.parameters:
            return None
        slope += self._step_size * smoothed_gradient(self._problem, self._landed, widths)
        for name in self._names.parameters:
            parts[name].zero_()
        return slope

    def _record(self, x: Tensor, y: Tensor, widths: Sequence[Tensor]) -> list[_Layer]:
        """One pass forward and back where the mean update lands."""
        with torch.enable_grad():
            leaf = self._landed.clone().requires_grad_()
            named = self._problem.parameters_of(leaf)
            recorder = _Recorder(named, widths)
            with recorder.applied():
                outputs = self._problem.outputs(named, x)
            loss = self._problem.sample_losses(outputs, y).sum() / self._problem.num_samples
        calls = [call for call in recorder.calls if call[0] in self._names.weights]
        wanted = [z for *_, z in calls] + [seen for *_, seen, _ in calls if seen.requires_grad]
        found = iter(derivatives(loss, wanted, materialize_grads=True))
        errors = [next(found) for _ in calls]
        return [
            _Layer(
                name,
                bias,
                call,
                seen.detach(),
                z.detach(),
                error,
                next(found) if seen.requires_grad else None,
            )
            for (name, bias, call, seen, z), error in zip(calls, errors, strict=True)
        ]

    def judge(self, update: Tensor) -> tuple[Tensor, float]:
        """Losses after an update, one a sample, and the control."""
        named = self._problem.parameters_of(self._w + self._step_size * update)
        weights = {name: named[name] for name in self._names.weights}
        losses, total = [], 0.0
        for k, (x, y) in enumerate(self._problem.chunks("train")):
            inputs = None if self._inputs is None else self._inputs[k]
            moved = _Moved(self._chunks[k], weights, inputs)
            with torch.no_grad(), moved.applied():
                losses.append(self._problem.sample_losses(self._problem.outputs(named, x), y))
            moved.check()
            total += moved.total
        self._draws += 1
        if self._rest is not None:
            total += float(self._rest @ (update - self._mean))
        return torch.cat(losses), total

    def direction(self) -> Tensor:
        """Δ times the mean inputs of the draws so far, shape ``(N,)``.

        Raises:
            ValueError: If the inputs were not kept.
        """
        if self._inputs is None:
            raise ValueError("the inputs were not kept; allowed: keep_inputs")
        total = torch.zeros_like(self._w) if self._rest is None else self._rest.clone()
        parts = self._problem.parameters_of(total)
        for layers, sums in zip(self._chunks, self._inputs, strict=True):
            for layer, inputs in zip(layers, sums, strict=True):
                self._add_layer(layer, inputs / self._draws, parts)
        return total

    def _add_layer(self, layer: _Layer, inputs: Tensor, parts: Mapping[str, Tensor]) -> None:
        own = [layer.name] if layer.bias is None else [layer.name, layer.bias]
        with torch.enable_grad():
            leaves = [torch.zeros_like(parts[name]).requires_grad_() for name in own]
            bias = layer.call.bias if layer.bias is None else leaves[1]
            product = layer.call.function(inputs, leaves[0], bias, *layer.call.options)
            along = (product * layer.error).sum()  # Given as it is, autograd imports sympy.
        for name, found in zip(own, derivatives(along, leaves), strict=True):
            parts[name].add_(found, alpha=self._step_size)
