"""From a validated spec to a problem and its chips."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import nn

from device_models import Backprop, Chip, LearningRule, Minibatch, Surrogate
from neurograd.effects import chip_builder
from neurograd.effects.effect import Effect
from neurograd.effects.minibatch import is_batched
from neurograd.effects.recipe_keys import recipe_of
from neurograd.effects.registry import active_in
from neurograd.effects.training_keys import period_in_updates
from neurograd.errors import DataError, NumbersError
from neurograd.pipeline.own.handed_over import handed_over, own_chip
from neurograd.pipeline.own.spike_trains import as_trains
from neurograd.problem import Problem, datasets, networks
from neurograd.problem.layer_names import layers_called, layers_of
from neurograd.problem.losses import ClassSquaredError, CrossEntropy, Loss, MeanSquaredError
from neurograd.problem.module_parts import check_values
from neurograd.seeding import generator_for
from neurograd.spec.schema import Spec
from neurograd.training.schedules import (
    ConstantStep,
    CosineDecay,
    Schedule,
    StepDecay,
    factor_at,
)
from neurograd.words import counted

__all__ = ["active_effects", "build_chip", "build_clean_chip", "build_problem", "build_schedule"]

LEAST_FACTOR = 1e-30
"""Least part of a step size that a schedule may leave: below it nothing is computed any more."""

_MADE = ("module", "nir")
"""Kinds of networks whose outputs are there whatever the data are."""

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


def build_problem(spec: Spec, device: torch.device | str = "cpu") -> Problem:
    """Network, loss and data of a spec.

    The network's weights come from ``measure.seed``, or from the file of ``network.weights``.

    Args:
        spec: The validated spec.
        device: Where the problem lives.

    Raises:
        DataError: If the data set or the start weights are missing, malformed or of other shapes,
            or if all test samples are of one class.
        ModelError: If a module is no network for these data, or a layer is not there, or has no
            product that a factor could stand behind.
        SpecError: If its file may not be run.
    """
    if spec.handed_over is not None:
        return _with_layers(spec, _scaled(spec, handed_over(spec, torch.device(device))))
    data = _dataset(spec)
    network, dtype = spec.network, _DTYPES[spec.measure.precision]
    generator = generator_for(spec.measure.seed, "network")
    module: torch.nn.Module
    if network.architecture not in ("mlp", None):
        data = _as_images(data, network.architecture)
    if network.kind == "spiking":
        data, module = _spiking(spec, data, generator)
    elif network.kind == "nir":
        data, module = _from_graph(spec, data)
    elif network.kind == "module":
        module = _from_file(spec, generator)
    elif (make := networks.PUBLISHED.get(network.architecture or "")) is not None:
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
    if network.output_activation is not None:
        _check_targets(data)
        module = nn.Sequential(*module.children(), nn.Sigmoid())
    if network.biases == "none":
        networks.drop_biases(module)
    networks.learn_output_scales(module, spec.output_scales)
    if network.weights is not None:
        # A factory may give another type, which would round the numbers of the file.
        check_values(module)
        networks.start_from(module.to(dtype), network.weights)
    problem = Problem(
        module,
        _loss(spec, data),
        data.inputs,
        data.targets,
        test_inputs=data.test_inputs,
        test_targets=data.test_targets,
        dtype=dtype,
        device=device,
        chunk_size=spec.measure.chunk_size,
    )
    problem.remarks = data.remarks
    if network.kind in _MADE:
        problem.check_network()
    return _with_layers(spec, problem)


def _scaled(spec: Spec, problem: Problem) -> Problem:
    """A problem of a program with the learned factors of a spec."""
    names = spec.output_scales
    if not names:
        return problem
    return problem.changed(lambda module: networks.learn_output_scales(module, names))


def _with_layers(spec: Spec, problem: Problem) -> Problem:
    """A problem that has the layers of its spec, or ModelError; DataError for one test class."""
    _check_test_classes(problem)
    layers_called(layers_of(problem), spec.layers, "layers")
    networks.check_output_scales(problem)
    return problem


def _check_test_classes(problem: Problem) -> None:
    """Raise DataError where guessing is always right, so that no test accuracy is worth losing."""
    if not (problem.has_test and problem.is_classification):
        return
    _, targets = problem.data("test")
    if len(targets.unique()) > 1:
        return
    raise DataError(
        f"task: the test set, {counted(len(targets), 'sample')}, has one class only, which a "
        "network that has learned nothing can always answer; allowed: 2 or more"
    )


def _loss(spec: Spec, data: datasets.Dataset) -> Loss:
    if data.kind == "regression":
        return MeanSquaredError()
    return CrossEntropy() if spec.network.output_activation is None else ClassSquaredError()


def _check_targets(data: datasets.Dataset) -> None:
    """Raise DataError for values that a sigmoid cannot reach."""
    if data.kind == "classification":
        return
    low, high = float(data.targets.min()), float(data.targets.max())
    if not 0 <= low <= high <= 1:
        raise DataError(
            f"network.output_activation: a sigmoid gives 0 to 1, and the targets of the task run "
            f"from {low:g} to {high:g}; allowed: null, or scaled targets"
        )


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
    network = spec.network
    assert network.decay is not None
    assert network.threshold is not None
    module = networks.spiking_mlp(
        data.input_shape[-1],
        network.hidden,
        data.output_size,
        surrogate=_surrogate(spec),
        decay=network.decay,
        threshold=network.threshold,
        reset=network.reset or "subtract",
        readout=network.readout or "membrane",
        init=network.init or "xavier",
        generator=generator,
        dtype=_DTYPES[spec.measure.precision],
    )
    return as_trains(spec, data), module


def _from_graph(spec: Spec, data: datasets.Dataset) -> tuple[datasets.Dataset, torch.nn.Module]:
    """The data as spike trains, and the graph of a file that they go into."""
    network = spec.network
    assert network.file is not None
    assert network.step_duration is not None
    reading = networks.Reading(
        network.step_duration,
        network.reset or "zero",
        _surrogate(spec),
        _DTYPES[spec.measure.precision],
    )
    found = networks.nir_network(network.file, reading, network.readout)
    return as_trains(spec, data, found.input_shape), found.network


def _surrogate(spec: Spec) -> Surrogate:
    surrogate = spec.network.surrogate
    assert surrogate is not None
    return Surrogate(surrogate.name, surrogate.parameters())


def _as_images(data: datasets.Dataset, architecture: str) -> datasets.Dataset:
    """Samples with channels, height and width; of two dimensions with one channel.

    Raises:
        DataError: If they are no images, or those of a user's file seem to have channels last.
    """
    if len(data.input_shape) == 2:
        inputs, test_inputs = data.inputs.unsqueeze(1), data.test_inputs.unsqueeze(1)
        return replace(data, inputs=inputs, test_inputs=test_inputs)
    if len(data.input_shape) != 3:
        raise DataError(
            f"network.architecture: {architecture} needs images, and the samples of the task have "
            f"shape {data.input_shape}; allowed: (height, width), (channels, height, width), or mlp"
        )
    if data.name == "file" and _has_channels_last(data.input_shape):
        raise DataError(
            f"task.train: the samples have shape {data.input_shape}, (height, width, channels)? "
            "allowed: (channels, height, width), such as x.transpose(0, 3, 1, 2)"
        )
    return data


_COLOURS = (1, 3, 4)
"""Channels of grey images, of colours, and of colours with a mask."""

_LONGEST = 4
"""How many times as long as wide an image may be, where signals of many channels are longer."""


def _has_channels_last(shape: tuple[int, ...]) -> bool:
    """Whether three sizes are more likely height, width and channels than channels first."""
    *sides, last = shape
    return last in _COLOURS and last < min(sides) and max(sides) <= _LONGEST * min(sides)


_OPTIONS = (
    *("inputs", "outputs", "teacher_hidden", "label_noise"),
    *("train", "test", "test_fraction", "target", "loss"),
    *("crop", "binarise"),
)
"""Keys of a task that only some data sets have."""


def _dataset(spec: Spec) -> datasets.Dataset:
    task, network = spec.task, spec.network
    # A user's own samples may be spike trains.
    own_trains = task.name == "file" and network.kind == "spiking"
    options = {key: getattr(task, key) for key in _OPTIONS}
    if task.name == "file":
        options["as_numbered"] = network.kind in _MADE
    return datasets.load(
        task.name,
        folder=task.folder,
        train_samples=task.train_samples,
        test_samples=task.test_samples,
        flat=network.architecture == "mlp" and not own_trains,
        seed=spec.measure.seed,
        dtype=_DTYPES[spec.measure.precision],
        **options,
    )


def build_chip(
    spec: Spec, problem: Problem, *, index: int = 0, without: Collection[Effect] = ()
) -> Chip:
    """One chip of a spec; one that a program has handed over is the same for every index.

    Arguments and errors as for ``neurograd.effects.chip_builder.build_chip``.
    """
    own = own_chip(spec, problem)
    if own is not None:
        return own
    return chip_builder.build_chip(spec, problem, index=index, without=without)


def build_clean_chip(spec: Spec, problem: Problem) -> Chip:
    """The clean twin: backpropagation on the spec's batches by its recipe, ideal synapses.

    A spiking network's backpropagation goes through its surrogate derivative.
    """
    rule: LearningRule = Backprop()
    if is_batched(spec, problem.num_samples):
        order = spec.training.order or "fresh"
        rule = Minibatch(Backprop(), spec.learning_rule.batch_size, order=order)
    recipe = recipe_of(spec.training, problem)
    return Chip(rule, spec.training.largest_step_size, recipe=recipe)


def build_schedule(spec: Spec, samples: int) -> Schedule:
    """How the step size falls along a spec's training.

    Args:
        spec: The validated spec.
        samples: Size of the training set.

    Raises:
        NumbersError: If next to nothing is left of it.
    """
    given, steps = spec.training.schedule, spec.count_updates(samples)
    if given is None or steps == 0:
        return ConstantStep()
    if given.kind == "cosine":
        return CosineDecay(steps, given.minimum or 0.0)
    assert given.every is not None
    assert given.factor is not None
    every = period_in_updates(given.every, spec.epoch_length(samples))
    found = StepDecay(every, given.factor)
    if factor_at(found, steps - 1) < LEAST_FACTOR:
        raise NumbersError(
            f"training.schedule: {steps} updates, every {every} of which multiply the step size by "
            f"{given.factor:g}, leave less than {LEAST_FACTOR:g} of it; allowed: longer periods"
        )
    return found


def active_effects(spec: Spec, problem: Problem) -> list[Effect]:
    """The effects that a spec switches on, in the order in which an update meets them.

    A chip that a program has handed over is a whole: none of it is taken apart.
    """
    if own_chip(spec, problem) is not None:
        return []
    return active_in(spec, problem.num_samples)
