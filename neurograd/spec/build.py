"""From a validated spec to a problem and its chips: the only place that knows models by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch

from device_models import (
    Backprop,
    Chip,
    FixedPointGrid,
    LearningRule,
    MemristorWrite,
    Minibatch,
    PulseResponse,
    ReadNoise,
    ReadPath,
    UpdateRounding,
    WeightRounding,
    WritePath,
    draw_crossbar,
    draw_feedback,
    linear_response,
    nonlinear_response,
)
from device_models.crossbar import Crossbar
from device_models.minibatch import BatchRule
from neurograd import datasets, networks
from neurograd.errors import NeurogradError
from neurograd.losses import CrossEntropy, MeanSquaredError
from neurograd.problem import Problem
from neurograd.seeding import generator_for
from neurograd.spec.device_schema import Device
from neurograd.spec.schema import Quantization, Spec

_DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class Effect:
    """One thing that sets a chip apart from the ideal one.

    Attributes:
        name: Its name in reports' data.
        label: What a sentence calls it.
        key: The key of the spec that switches it on.
    """

    name: str
    label: str
    key: str


CYCLE_TO_CYCLE = Effect("cycle_to_cycle", "cycle-to-cycle noise", "device.write.cycle_to_cycle")
NONLINEARITY = Effect("nonlinearity", "the nonlinear pulse response", "device.write.nonlinearity")
LEVELS = Effect("levels", "the finite number of levels", "device.conductance.levels")
DEVICE_TO_DEVICE = Effect(
    "device_to_device", "device-to-device variation", "device.write.device_to_device"
)
FAULTS = Effect("faults", "stuck devices", "device.faults")
READ_NOISE = Effect("read_noise", "read noise", "device.read.noise")
WEIGHT_ROUNDING = Effect("weight_rounding", "weight quantization", "quantization.weight_bits")
UPDATE_ROUNDING = Effect("update_rounding", "update quantization", "quantization.update_bits")
FEEDBACK = Effect("feedback_alignment", "feedback alignment", "learning_rule.name")
MINIBATCH = Effect("minibatch", "minibatch sampling", "learning_rule.batch_size")


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
    if network.architecture == "cnn":
        module = networks.small_cnn(
            data.input_shape,
            channels=network.channels or (8, 16),
            outputs=data.output_size,
            activation=network.activation,
            init=network.init,
            generator=generator,
            dtype=dtype,
        )
    else:
        module = networks.mlp(
            data.input_shape[0],
            network.hidden,
            data.output_size,
            activation=network.activation,
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
    """The clean twin: backpropagation on the spec's batches, ideal synapses."""
    return Chip(_rule(Backprop(), spec, problem), spec.training.step_size)


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
        NeurogradError: If feedback alignment is asked of a network of one layer.
    """
    names = {effect.name for effect in without}
    rule: BatchRule = Backprop()
    if spec.learning_rule.name == "feedback_alignment" and FEEDBACK.name not in names:
        rule = _feedback_alignment(spec, problem, index)
    batched: LearningRule = rule if MINIBATCH.name in names else _rule(rule, spec, problem)
    reads, writes = _digital(spec, names)
    if spec.device is not None:
        crossbar = _crossbar(spec.device, problem, spec.measure.seed, index, names)
        if spec.device.read.noise > 0 and READ_NOISE.name not in names:
            noise = ReadNoise.of_range(
                spec.device.read.noise, crossbar.gain, crossbar.devices_per_weight
            )
            reads.insert(0, noise)
        writes.append(_memristor(spec.device, spec.quantization, crossbar, names))
    return Chip(batched, spec.training.step_size, tuple(reads), tuple(writes))


def active_effects(spec: Spec, problem: Problem) -> list[Effect]:
    """The effects that a spec switches on, in the order in which an update meets them."""
    effects = []
    if spec.learning_rule.name == "feedback_alignment":
        effects.append(FEEDBACK)
    if _is_batched(spec, problem):
        effects.append(MINIBATCH)
    quantization = spec.quantization or Quantization()
    if quantization.weight_bits is not None:
        effects.append(WEIGHT_ROUNDING)
    if quantization.update_bits is not None:
        effects.append(UPDATE_ROUNDING)
    device = spec.device
    if device is None:
        return effects
    write = device.write
    curved = write.nonlinearity is not None and any(write.nonlinearity.model_dump().values())
    sloped = write.slope is not None and any(write.slope.model_dump().values())
    switched = [
        (device.read.noise > 0, READ_NOISE),
        (device.conductance.levels is not None, LEVELS),
        (curved or sloped or write.model == "soft_bounds", NONLINEARITY),
        (write.cycle_to_cycle > 0, CYCLE_TO_CYCLE),
        (write.device_to_device > 0, DEVICE_TO_DEVICE),
        (device.faults.stuck_low > 0 or device.faults.stuck_high > 0, FAULTS),
    ]
    return effects + [effect for on, effect in switched if on]


def _is_batched(spec: Spec, problem: Problem) -> bool:
    size = spec.learning_rule.batch_size
    return isinstance(size, int) and size < problem.num_samples


def _rule(rule: BatchRule, spec: Spec, problem: Problem) -> LearningRule:
    if not _is_batched(spec, problem):
        return rule
    assert isinstance(spec.learning_rule.batch_size, int)
    return Minibatch(rule, spec.learning_rule.batch_size)


def _feedback_alignment(spec: Spec, problem: Problem, index: int) -> BatchRule:
    rule = spec.learning_rule
    seed = spec.measure.seed if rule.feedback_seed is None else rule.feedback_seed
    generator = generator_for(seed, "feedback", index, device=problem.device)
    try:
        return draw_feedback(
            problem, problem.initial_weights, generator, rule.feedback_scale or 1.0
        )
    except ValueError as error:
        raise NeurogradError(f"learning_rule.name: {error}; allowed: backprop") from None


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


def _crossbar(
    device: Device, problem: Problem, seed: int, index: int, without: set[str]
) -> Crossbar:
    varied, faulty = DEVICE_TO_DEVICE.name not in without, FAULTS.name not in without
    return draw_crossbar(
        problem.num_parameters,
        weight_range=device.conductance.weight_range,
        mapping=device.conductance.mapping,
        device_to_device=device.write.device_to_device if varied else 0.0,
        stuck_low=device.faults.stuck_low if faulty else 0.0,
        stuck_high=device.faults.stuck_high if faulty else 0.0,
        generator=generator_for(seed, "chip", index, device=problem.device),
        dtype=problem.dtype,
    )


def _memristor(
    device: Device, quantization: Quantization | None, crossbar: Crossbar, without: set[str]
) -> MemristorWrite:
    levels = device.conductance.levels
    up, down = _responses(device)
    if NONLINEARITY.name in without:
        up = down = PulseResponse()
    rounded = LEVELS.name not in without
    mode = quantization.update_rounding if quantization is not None else "stochastic"
    return MemristorWrite(
        crossbar,
        up,
        down,
        None if levels is None else (levels.potentiation, levels.depression),
        device.write.cycle_to_cycle if CYCLE_TO_CYCLE.name not in without else 0.0,
        mode if rounded else "none",
    )


def _responses(device: Device) -> tuple[PulseResponse, PulseResponse]:
    """Pulse responses up and down."""
    write, levels = device.write, device.conductance.levels
    if write.nonlinearity is not None:
        return (
            nonlinear_response(write.nonlinearity.potentiation, depression=False),
            nonlinear_response(write.nonlinearity.depression, depression=True),
        )
    slopes = (1.0, 1.0)
    if write.model == "linear":
        slope = write.slope
        slopes = (slope.potentiation, slope.depression) if slope is not None else (0.0, 0.0)
    counts = (None, None) if levels is None else (levels.potentiation, levels.depression)
    return linear_response(slopes[0], counts[0]), linear_response(slopes[1], counts[1])
