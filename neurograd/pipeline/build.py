"""From a validated spec to a problem, its learning rule and its chips.

This file and ``build_device.py`` are the only places that know models by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from device_models import (
    Backprop,
    Chip,
    EProp,
    EquilibriumPropagation,
    FixedPointGrid,
    ForwardGradient,
    LearningRule,
    Manhattan,
    Minibatch,
    NodePerturbation,
    PulseTrains,
    ReadPath,
    SignSymmetric,
    Surrogate,
    SurrogateBptt,
    UnstableRuleError,
    UpdateRounding,
    WeightPerturbation,
    WeightRounding,
    WritePath,
    draw_direct_feedback,
    draw_eprop,
    draw_feedback,
    draw_readouts,
)
from device_models.protocols import BatchRule
from neurograd.effects.catalogue import (
    MINIBATCH,
    PULSE_TRAIN,
    UPDATE_ROUNDING,
    WEIGHT_ROUNDING,
    Effect,
)
from neurograd.errors import NeurogradError
from neurograd.pipeline.build_device import build_device, device_effects, pulse_quantum
from neurograd.problem import Problem, datasets, networks
from neurograd.problem.coding import encode
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.seeding import generator_for
from neurograd.spec.schema import Quantization, Spec

_DTYPES = {"float64": torch.float64, "float32": torch.float32}

_RULE_LABELS = {
    "surrogate": "the surrogate gradient",
    "eprop": "e-prop",
    "feedback_alignment": "feedback alignment",
    "direct_feedback_alignment": "direct feedback alignment",
    "sign_symmetric": "sign-symmetric feedback",
    "local_loss": "local losses",
    "weight_perturbation": "weight perturbation",
    "node_perturbation": "node perturbation",
    "forward_gradient": "the forward gradient",
    "equilibrium_propagation": "equilibrium propagation",
    "manhattan": "the Manhattan rule",
}


def build_problem(spec: Spec, device: torch.device | str = "cpu") -> Problem:
    """Network, loss and data of a spec; the network's weights come from ``measure.seed``.

    Args:
        spec: The validated spec.
        device: Where the problem lives.

    Raises:
        DataError: If the data set is missing or malformed.
    """
    data = _dataset(spec)
    network, dtype = spec.network, _DTYPES[spec.measure.precision]
    generator = generator_for(spec.measure.seed, "network")
    module: torch.nn.Module
    if network.kind == "spiking":
        data, module = _spiking(spec, data, generator)
    elif network.architecture == "cnn":
        module = networks.small_cnn(
            data.input_shape,
            channels=network.channels or (8, 16),
            outputs=data.output_size,
            activation=network.activation or "relu",
            init=network.init,
            generator=generator,
            dtype=dtype,
        )
    else:
        module = networks.mlp(
            data.input_shape[0],
            network.hidden,
            data.output_size,
            activation=network.activation or "relu",
            init=network.init,
            generator=generator,
            dtype=dtype,
        )
    return Problem(
        module,
        CrossEntropy() if data.kind == "classification" else MeanSquaredError(),
        data.inputs,
        data.targets,
        test_inputs=data.test_inputs,
        test_targets=data.test_targets,
        dtype=dtype,
        device=device,
        chunk_size=spec.measure.chunk_size,
    )


def _spiking(
    spec: Spec, data: datasets.Dataset, generator: torch.Generator
) -> tuple[datasets.Dataset, torch.nn.Module]:
    """The data as spike trains, drawn once, and the network that they go into."""
    network, seed = spec.network, spec.measure.seed
    assert network.surrogate is not None
    assert network.time_steps is not None
    assert network.decay is not None
    assert network.threshold is not None
    module = networks.spiking_mlp(
        data.input_shape[0],
        network.hidden,
        data.output_size,
        surrogate=Surrogate(network.surrogate.name, network.surrogate.parameters()),
        decay=network.decay,
        threshold=network.threshold,
        reset=network.reset or "subtract",
        readout=network.readout or "membrane",
        init=network.init,
        generator=generator,
        dtype=_DTYPES[spec.measure.precision],
    )

    def trains(values: Tensor, part: str) -> Tensor:
        source = generator_for(seed, "coding", part)
        return encode(values, network.coding or "rate", network.time_steps or 10, source)

    encoded = replace(
        data,
        inputs=trains(data.inputs, "train"),
        test_inputs=trains(data.test_inputs, "test"),
    )
    return encoded, module


def _dataset(spec: Spec) -> datasets.Dataset:
    task = spec.task
    options: dict[str, Any] = {}
    if task.name == "teacher_student":
        options = {
            "inputs": task.inputs,
            "outputs": task.outputs,
            "teacher_hidden": task.teacher_hidden,
            "label_noise": task.label_noise,
        }
    return datasets.load(
        task.name,
        folder=task.folder,
        train_samples=task.train_samples,
        test_samples=task.test_samples,
        flat=spec.network.architecture != "cnn",
        seed=spec.measure.seed,
        dtype=_DTYPES[spec.measure.precision],
        **options,
    )


def build_clean_chip(spec: Spec, problem: Problem) -> Chip:
    """The clean twin: backpropagation on the spec's batches, ideal synapses.

    A spiking network's backpropagation goes through its surrogate derivative.
    """
    return Chip(_batched(Backprop(), spec, problem), spec.training.step_size)


def build_chip(
    spec: Spec, problem: Problem, *, index: int = 0, without: Collection[Effect] = ()
) -> Chip:
    """One chip of a spec.

    Args:
        spec: The validated spec.
        problem: The spec's problem.
        index: Which chip: fixed variation, faults and feedback are drawn from (seed, index).
        without: Effects to leave out; all others stay as they are, draw by draw.

    Raises:
        NeurogradError: If the network or the device can not do what is asked of it.
    """
    names = {effect.name for effect in without}
    exact = spec.learning_rule.name in names
    rule: BatchRule = Backprop() if exact else _rule(spec, problem, index)
    if spec.device is not None and spec.device.pulse_train and PULSE_TRAIN.name not in names:
        train = spec.device.pulse_train
        quantum = pulse_quantum(spec.device)
        rule = PulseTrains(quantum, spec.training.step_size, train.length, train.kind)
    batched = rule if MINIBATCH.name in names else _batched(rule, spec, problem)
    reads, writes = _digital(spec, names)
    if spec.device is None:
        return Chip(batched, spec.training.step_size, tuple(reads), tuple(writes))
    parts = build_device(spec.device, spec.quantization, problem, spec.measure.seed, index, names)
    return Chip(
        batched,
        spec.training.step_size,
        (*parts.reads, *reads),
        (*writes, *parts.writes),
        parts.passes,
    )


def active_effects(spec: Spec, problem: Problem) -> list[Effect]:
    """The effects that a spec switches on, in the order in which an update meets them."""
    effects = []
    rule = spec.learning_rule.name
    # A spiking network's clean twin learns by surrogate gradients as well.
    cut = rule == "surrogate" and spec.learning_rule.truncation is not None
    if rule in _RULE_LABELS and (rule != "surrogate" or cut):
        effects.append(Effect(rule, _RULE_LABELS[rule], "learning_rule.name"))
    if spec.device is not None and spec.device.pulse_train is not None:
        effects.append(PULSE_TRAIN)
    if _is_batched(spec, problem):
        effects.append(MINIBATCH)
    quantization = spec.quantization or Quantization()
    if quantization.weight_bits is not None:
        effects.append(WEIGHT_ROUNDING)
    if quantization.update_bits is not None:
        effects.append(UPDATE_ROUNDING)
    return effects if spec.device is None else effects + device_effects(spec.device)


def _is_batched(spec: Spec, problem: Problem) -> bool:
    size = spec.learning_rule.batch_size
    return isinstance(size, int) and size < problem.num_samples


def _batched(rule: BatchRule, spec: Spec, problem: Problem) -> LearningRule:
    if not _is_batched(spec, problem):
        return rule
    assert isinstance(spec.learning_rule.batch_size, int)
    return Minibatch(rule, spec.learning_rule.batch_size)


def _rule(spec: Spec, problem: Problem, index: int) -> BatchRule:
    """The learning rule that a spec names."""
    rule = spec.learning_rule
    samples, size = rule.samples or 1, rule.perturbation or 1e-3
    makers: dict[str, Callable[[], BatchRule]] = {
        "backprop": lambda: _backprop(spec),
        "surrogate": lambda: _backprop(spec),
        "sign_symmetric": SignSymmetric,
        "weight_perturbation": lambda: WeightPerturbation(size, samples),
        "node_perturbation": lambda: NodePerturbation(size, samples),
        "forward_gradient": lambda: ForwardGradient(samples),
        "manhattan": lambda: Manhattan(rule.magnitude),
        "equilibrium_propagation": lambda: _Relaxing(
            EquilibriumPropagation(
                nudging=rule.nudging or 0.1,
                relaxation_steps=rule.relaxation_steps or 100,
                relaxation_rate=rule.relaxation_rate or 0.2,
                symmetric=rule.symmetric is not False,
            )
        ),
    }
    make = makers.get(rule.name)
    return _fixed_feedback(spec, problem, index) if make is None else make()


class RelaxationError(NeurogradError, UnstableRuleError):
    """A learning rule's own dynamics diverge with the spec's numbers."""


@dataclass(frozen=True)
class _Relaxing:
    """Equilibrium propagation whose errors name the key of the spec that mends them."""

    rule: EquilibriumPropagation

    @property
    def deterministic(self) -> bool:
        return self.rule.deterministic

    def gradient(
        self,
        problem: Any,
        w: Tensor,
        generator: torch.Generator,
        index: Tensor | None = None,
    ) -> Tensor:
        try:
            return self.rule.gradient(problem, w, generator, index)
        except UnstableRuleError as error:
            raise RelaxationError(f"learning_rule.relaxation_rate: {error}") from None
        except ValueError as error:
            raise NeurogradError(f"learning_rule.name: {error}") from None


def _backprop(spec: Spec) -> BatchRule:
    if spec.network.kind == "rate" or spec.network.surrogate is None:
        return Backprop()
    surrogate = Surrogate(spec.network.surrogate.name, spec.network.surrogate.parameters())
    return SurrogateBptt(spec.learning_rule.truncation, surrogate.stochastic)


def _fixed_feedback(spec: Spec, problem: Problem, index: int) -> BatchRule:
    """Rules whose feedback or readouts are drawn once for a chip."""
    rule = spec.learning_rule
    if rule.name == "eprop" and rule.feedback == "symmetric":
        return EProp()
    seed = spec.measure.seed if rule.feedback_seed is None else rule.feedback_seed
    generator = generator_for(seed, "feedback", index, device=problem.device)
    draw: Any = {
        "eprop": draw_eprop,
        "feedback_alignment": draw_feedback,
        "direct_feedback_alignment": draw_direct_feedback,
        "local_loss": draw_readouts,
    }[rule.name]
    try:
        made: BatchRule = draw(
            problem, problem.initial_weights, generator, rule.feedback_scale or 1.0
        )
    except ValueError as error:
        raise NeurogradError(f"learning_rule.name: {error}; allowed: backprop") from None
    return made


def _digital(spec: Spec, without: set[str]) -> tuple[list[ReadPath], list[WritePath]]:
    """Read and write effects of the digital side.

    Weights are stored at ``update_bits``, or at ``weight_bits`` where no finer memory (a device,
    ``update_bits``) holds them; what the passes see of a finer memory is rounded to
    ``weight_bits``.
    """
    quantization = spec.quantization
    if quantization is None:
        return [], []
    reads: list[ReadPath] = []
    writes: list[WritePath] = []
    weight_range, update = quantization.weight_range, quantization.update_bits
    if update is not None and UPDATE_ROUNDING.name not in without:
        grid = FixedPointGrid(update, weight_range)
        writes.append(UpdateRounding(grid, quantization.update_rounding))
    if quantization.weight_bits is not None and WEIGHT_ROUNDING.name not in without:
        grid = FixedPointGrid(quantization.weight_bits, weight_range)
        if update is None and spec.device is None:
            writes.append(UpdateRounding(grid, quantization.update_rounding))
        else:
            reads.append(WeightRounding(grid, quantization.weight_rounding))
    return reads, writes
