"""From a validated spec to a problem and its chips."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from device_models import Backprop, Chip, LearningRule, Minibatch, Surrogate
from neurograd.effects.assembly import build_chip
from neurograd.effects.effect import Effect
from neurograd.effects.minibatch import is_batched
from neurograd.effects.registry import active_in
from neurograd.pipeline.own.handed_over import handed_over
from neurograd.problem import Problem, datasets, networks
from neurograd.problem.coding import encode
from neurograd.problem.losses import CrossEntropy, MeanSquaredError
from neurograd.seeding import generator_for
from neurograd.spec.schema import Spec

__all__ = ["active_effects", "build_chip", "build_clean_chip", "build_problem"]

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


def build_problem(spec: Spec, device: torch.device | str = "cpu") -> Problem:
    """Network, loss and data of a spec; the network's weights come from ``measure.seed``.

    Args:
        spec: The validated spec.
        device: Where the problem lives.

    Raises:
        DataError: If the data set is missing or malformed.
        ModelError: If a module is no network for these data.
        SpecError: If its file may not be run.
    """
    if spec.handed_over is not None:
        return handed_over(spec, torch.device(device))
    data = _dataset(spec)
    network, dtype = spec.network, _DTYPES[spec.measure.precision]
    generator = generator_for(spec.measure.seed, "network")
    module: torch.nn.Module
    if network.kind == "spiking":
        data, module = _spiking(spec, data, generator)
    elif network.kind == "module":
        module = _from_file(spec, generator)
    elif network.architecture in ("lenet5", "resnet18"):
        make = networks.lenet5 if network.architecture == "lenet5" else networks.resnet18
        module = make(
            data.input_shape,
            data.output_size,
            activation=network.activation or "relu",
            init=network.init or "xavier",
            generator=generator,
            dtype=dtype,
        )
    elif network.architecture == "cnn":
        module = networks.small_cnn(
            data.input_shape,
            channels=network.channels or (8, 16),
            outputs=data.output_size,
            activation=network.activation or "relu",
            init=network.init or "xavier",
            generator=generator,
            dtype=dtype,
        )
    else:
        module = networks.mlp(
            data.input_shape[0],
            network.hidden,
            data.output_size,
            activation=network.activation or "relu",
            init=network.init or "xavier",
            generator=generator,
            dtype=dtype,
        )
    problem = Problem(
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
    if network.kind == "module":
        problem.check_network()
    return problem


def _from_file(spec: Spec, generator: torch.Generator) -> torch.nn.Module:
    """The module of a spec's file, where the file may be run."""
    network = spec.network
    assert network.file is not None
    spec.check_leave(spec.name)
    make, arguments = network.factory or "make_net", network.arguments or {}
    return networks.module_from_file(network.file, make, arguments, generator)


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
        init=network.init or "xavier",
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
        flat=spec.network.architecture == "mlp",
        seed=spec.measure.seed,
        dtype=_DTYPES[spec.measure.precision],
        **options,
    )


def build_clean_chip(spec: Spec, problem: Problem) -> Chip:
    """The clean twin: backpropagation on the spec's batches, ideal synapses.

    A spiking network's backpropagation goes through its surrogate derivative.
    """
    rule: LearningRule = Backprop()
    if is_batched(spec, problem.num_samples):
        rule = Minibatch(Backprop(), spec.learning_rule.batch_size)
    return Chip(rule, spec.training.step_size)


def active_effects(spec: Spec, problem: Problem) -> list[Effect]:
    """The effects that a spec switches on, in the order in which an update meets them."""
    return active_in(spec, problem.num_samples)
