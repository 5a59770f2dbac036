"""Node perturbation: every sample's loss responds to noise on the layers' pre-activations.

Sources: Werfel, Xie and Seung, Neural Comput. 2005; Fiete and Seung, Phys. Rev. Lett. 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor

from device_models.kernels.cudnn_state import derivatives
from device_models.layer_hooks import LayerRecorder, RecordedCall, detached
from device_models.protocols import Problem
from device_models.rules.layerwise import (
    count_samples,
    flat_gradient,
    layers_called,
    leaf_parameters,
)
from device_models.rules.loss_comparisons import Read, seen_weights

_SOME = 100
"""Samples among which two that differ are looked for."""

_ROUNDING = 1e-3
"""What rows of a sample alone may be off by, over the largest number: single precision is less."""


@dataclass(frozen=True)
class NodePerturbation:
    """Credit ``(ℓ_i(+) − ℓ_i(−))/(2ε)·ξ_i`` at every layer, times its presynaptic activity.

    All pre-activations of sample i, in every call of every layer, change by ±ε times independent
    standard normal ξ_i; the activity is that of an unperturbed pass. The mean is the gradient up to
    order ε². Trainable parameters outside linear and convolution layers get no update. Layers may
    get several rows a sample, such as its time steps, where these follow each other.

    Behind converters a pre-activation is what the network goes on with: the converted product plus
    the digital bias. Passes take a chunk of the samples at a time; perturbations and credits, two
    numbers a pre-activation, are held for all samples of the estimate.

    Attributes:
        perturbation: ε, standard deviation of the change of a pre-activation, above 0.
        samples: Number K of perturbations in one estimate, 1 or more.
        read: What each pass over the samples sees of the weights, of which one is unperturbed and
            two are of each perturbation; they themselves when None.

    Raises:
        ValueError: If an argument is out of range.
    """

    compares_losses: ClassVar[Literal[True]] = True

    perturbation: float = 1e-3
    samples: int = 1
    read: Read | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.perturbation > 0:
            raise ValueError(f"perturbation is {self.perturbation:g}; allowed: above 0")
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}; allowed: 1 or more")

    @property
    def deterministic(self) -> bool:
        """Always False: the perturbation is random."""
        return False

    @property
    def mean_over_samples(self) -> bool:
        """Always True."""
        return True

    def reading(self, read: Read) -> Self:
        """The same rule with a read for every pass over the samples."""
        return replace(self, read=read)

    def gradient(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """One estimate over the samples ``index`` (all when None), shape ``(N,)``.

        Raises:
            ValueError: If a layer's output has not all rows of a sample one after the other.
        """
        count = count_samples(problem, index)
        parameters = self._seen(problem, w, generator)
        chunks = list(problem.chunks("train", index))
        first = self._pre_activations(problem, parameters, chunks[0][0])
        credits = [z.new_zeros(count, z.shape[1]) for z in first]
        for _ in range(self.samples):
            # Drawn for all samples at once, so that the draws do not depend on the chunks.
            noise = [
                torch.randn(z.shape, generator=generator, dtype=z.dtype, device=z.device)
                for z in credits
            ]
            # A read each, of all chunks.
            ends = [self._seen(problem, w, generator) for _ in range(2)]
            start = 0
            for chunk in chunks:
                part = slice(start, start + len(chunk[0]))
                own = [xi[part] for xi in noise]
                up = self._losses(problem, ends[0], chunk, own, self.perturbation)
                down = self._losses(problem, ends[1], chunk, own, -self.perturbation)
                slope = (up - down) / (2.0 * self.perturbation)
                for credit, xi in zip(credits, own, strict=True):
                    credit[part].addcmul_(slope.unsqueeze(1), xi)
                start = part.stop
        estimate: Tensor | None = None
        start = 0
        for k, (inputs, _) in enumerate(chunks):
            outputs = first if k == 0 else self._pre_activations(problem, parameters, inputs)
            part = slice(start, start + len(inputs))
            with torch.enable_grad():
                # Inputs are detached, so each output depends on its own layer's weights only.
                assigned = torch.stack(
                    [(z * credit[part]).sum() for z, credit in zip(outputs, credits, strict=True)]
                ).sum()
                found = flat_gradient(problem, assigned / (count * self.samples), parameters)
            estimate = found if estimate is None else estimate + found
            start = part.stop
        assert estimate is not None
        return estimate

    def _seen(self, problem: Problem, w: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Parameters as one pass sees them, to differentiate by."""
        return leaf_parameters(problem, seen_weights(self.read, w, generator))

    @staticmethod
    def check_rows(problem: Problem, w: Tensor) -> None:
        """Refuse a network whose layers do not have the rows of each sample one after the other.

        Args:
            problem: Network, loss and data.
            w: Any weights, shape ``(N,)``.

        Raises:
            ValueError: One line that says what a layer gives.
        """
        some, _ = problem.batch(torch.arange(min(_SOME, problem.num_samples), device=w.device))
        flat = some.reshape(len(some), -1)
        other = int((flat != flat[0]).any(1).to(torch.uint8).argmax())
        pair = torch.stack([some[0], some[other]])
        parameters = leaf_parameters(problem, w)
        _check_order(problem, parameters, pair, _layer_outputs(problem, parameters, pair))

    @staticmethod
    def _pre_activations(
        problem: Problem, parameters: dict[str, Tensor], inputs: Tensor
    ) -> list[Tensor]:
        """Outputs of all layers, one row a sample; each depends on its own layer's weights only."""
        outputs = _layer_outputs(problem, parameters, inputs)
        if any(len(z) != len(inputs) for z in outputs):
            _check_order(problem, parameters, inputs, outputs)
        with torch.enable_grad():
            return [z.reshape(len(inputs), -1) for z in outputs]

    @staticmethod
    @torch.no_grad()
    def _losses(
        problem: Problem,
        parameters: dict[str, Tensor],
        batch: tuple[Tensor, Tensor],
        noise: Sequence[Tensor],
        size: float,
    ) -> Tensor:
        """Loss of every sample with ``size·noise[k]`` on the output of call k, shape ``(n,)``."""

        def perturbed(k: int, z: Tensor) -> Tensor:
            return z + size * noise[k].view_as(z)

        layers = LayerRecorder(parameters, change_output=perturbed)
        outputs = _through(problem, layers).outputs(parameters, batch[0])
        return problem.sample_losses(outputs, batch[1])

    def expected(
        self,
        problem: Problem,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        """Mean of an estimate, shape ``(N,)``: the exact gradient of what layers have.

        Its bias is of order ε². Behind converters and of spikes the loss is a staircase: the mean
        is the gradient of what the perturbation smooths of it, not that of a pass
        (``Chip.knows_mean``).
        """
        gradient = problem.gradient(w, index)
        calls = layers_called(problem, w)
        taught = {name for call in calls for name in (call.weight, call.bias)}
        found = problem.parameters_of(gradient)
        if taught.issuperset(found):
            return gradient
        return problem.flatten(
            {name: g if name in taught else torch.zeros_like(g) for name, g in found.items()}
        )

    def total_variance(self, problem: Problem, w: Tensor) -> float:
        """Closed-form total variance over the whole training set, for a small perturbation.

        ``(1/n²) Σ_i Σ_l A_il (D_l‖δ_i‖² + ‖δ_il‖²)/K`` with ``A_il = ‖a_il‖² + 1`` (without a bias
        ``‖a_il‖²``), a the input of layer l, D_l its width and δ_i sample i's derivatives of its
        loss by all pre-activations. From ``E[⟨δ,ξ⟩²ξ_j²] = ‖δ‖² + 2δ_j²``. Exact for any
        perturbation where the loss is quadratic in the pre-activations.

        Raises:
            ValueError: If the network has other layers than linear ones that are called once.
        """
        parameters = leaf_parameters(problem, w)
        variance = 0.0
        for inputs, targets in problem.chunks():
            layers = LayerRecorder(parameters)
            with torch.enable_grad():
                outputs = _through(problem, layers).outputs(parameters, inputs)
                total = problem.sample_losses(outputs, targets).sum()
                _check_linear(layers.calls, parameters, len(inputs))
                deltas = derivatives(total, [call.outputs for call in layers.calls])
            squares = [delta.square().sum(1) for delta in deltas]
            whole = torch.stack(squares).sum(0)
            for call, square in zip(layers.calls, squares, strict=True):
                activity = call.inputs.detach().square().sum(1) + (call.bias is not None)
                variance += float((activity * (call.outputs.shape[1] * whole + square)).sum())
        return variance / (problem.num_samples**2 * self.samples)


def _layer_outputs(problem: Problem, parameters: dict[str, Tensor], inputs: Tensor) -> list[Tensor]:
    """Outputs of all layers as the network has them, from inputs without a graph."""
    layers = LayerRecorder(parameters, change_input=detached)
    with torch.enable_grad():
        _through(problem, layers).outputs(parameters, inputs)
    return [call.outputs for call in layers.calls]


def _check_order(
    problem: Problem, parameters: dict[str, Tensor], inputs: Tensor, outputs: Sequence[Tensor]
) -> None:
    """Raise ValueError where a sample's rows are not one after the other.

    Layers may get all time steps of a sample as so many rows, which time steps could also come
    before samples in: the first sample alone tells them apart.
    """
    for z, row in zip(outputs, _layer_outputs(problem, parameters, inputs[:1]), strict=True):
        own, alone = z[: len(row)].detach(), row.detach()
        fits = len(z) == len(inputs) * len(alone) and own.shape == alone.shape
        if not fits or float((own - alone).abs().max()) > _ROUNDING * float(alone.abs().max()):
            raise ValueError(
                f"a layer gives shape {tuple(z.shape)} for {len(inputs)} samples; allowed: samples "
                "in the first dimension, or all rows of a sample one after the other"
            )


def _through(problem: Problem, layers: LayerRecorder) -> Problem:
    """The problem with its layers recorded as the network sees them.

    Inside the arrays' periphery, which takes a layer apart into a product and a digital bias: a
    pre-activation is what comes after both, and both learn from its perturbation.
    """
    return problem.through(layers.applied)


def _check_linear(
    calls: Sequence[RecordedCall], parameters: dict[str, Tensor], samples: int
) -> None:
    names = [call.weight for call in calls]
    once = len(names) == len(set(names))
    shapes = {call.inputs.shape[:-1] for call in calls}
    linear = all(parameters[call.weight].ndim == 2 for call in calls) and shapes == {(samples,)}
    if not (once and linear):
        raise ValueError(
            "node perturbation has no closed form for this network; allowed: linear layers, each "
            "called once"
        )
    known = {name for call in calls for name in (call.weight, call.bias)}
    if not known.issuperset(parameters):
        raise ValueError(
            "node perturbation has no closed form for parameters outside layers; allowed: linear "
            "layers, each called once"
        )
