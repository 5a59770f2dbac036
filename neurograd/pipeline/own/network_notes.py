"""What a report says of a network that has more than layers and activations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch.nn.modules.instancenorm import _InstanceNorm

from device_models.spiking.graph_network import GraphNetwork
from neurograd import words
from neurograd.effects.chip_builder import matrices_outside_layers
from neurograd.problem import Problem
from neurograd.problem.layer_names import layers_called, layers_of
from neurograd.problem.module_parts import CALIBRATION
from neurograd.spec import Spec

MOST_NAMES = 4
"""Names in one sentence."""


def network_notes(spec: Spec, problem: Problem) -> Iterator[str]:
    """What of a network is frozen, off, or not seen as layers: one sentence each.

    Args:
        spec: The validated spec.
        problem: Its problem.
    """
    parts = problem.parts
    if parts.calibrated:
        yield (
            f"{_normalization(problem, parts.calibrated)} keeps the mean and variance of one "
            f"pass of the ideal network over {min(CALIBRATION, problem.num_samples)} training "
            "samples at the initial weights; they follow neither the training nor the chip."
        )
    if parts.kept:
        yield (
            f"{_normalization(problem, parts.kept)} keeps the running mean and variance that "
            "the network came with; they follow neither the training nor the chip."
        )
    if parts.dropout:
        yield (
            f"Dropout ({_names(parts.dropout)}) is off, in training as well: the updates have no "
            "variance from it."
        )
    if parts.fixed:
        yield (
            f"{parts.fixed} parameters are not trained (requires_grad is False): they are not on "
            "the chip, and no effect of the device acts on them."
        )
    if spec.network.kind == "module":
        yield from _spikes(spec, problem)
    if isinstance(problem.module, GraphNetwork):
        yield from _graph(spec, problem.module)
    yield from _outside_layers(spec, problem)
    if spec.network.kind in ("module", "nir") or spec.network.weights is not None:
        yield from _beyond_the_window(spec, problem)


def _normalization(problem: Problem, names: Sequence[str]) -> str:
    modules = [problem.module.get_submodule(name) for name in names]
    instance = [isinstance(module, _InstanceNorm) for module in modules]
    kind = "Instance" if all(instance) else "Batch and instance" if any(instance) else "Batch"
    return f"{kind} normalization ({_names(names)})"


def _spikes(spec: Spec, problem: Problem) -> Iterator[str]:
    spiking = problem.parts.spiking
    if spiking:
        yield (
            f"The network spikes ({_names(spiking)}): the reference is the gradient of the "
            "smoothed loss (measure.smoothing), backpropagation goes through the module's own "
            "surrogate derivatives, and every sample begins at rest."
        )
    else:
        given = [key for key in ("smoothing", "smoothing_draws") if getattr(spec.measure, key)]
        for key in given:
            yield f"measure.{key} changes no number of this spec: it is for networks that spike."


def _graph(spec: Spec, network: GraphNetwork) -> Iterator[str]:
    """How a graph was read: what its file leaves open."""
    keys = spec.network
    assert keys.step_duration is not None
    subtract = keys.reset == "subtract"
    reset = "takes the threshold off the potential" if subtract else "puts the potential at v_reset"
    out = "spikes are counted" if network.readout == "spikes" else "potentials are averaged"
    yield (
        f"The graph of {keys.file} was read in steps of {words.number(keys.step_duration * 1e3)} "
        f"ms (network.step_duration): all neurons begin at 0, a spike {reset} "
        f"(network.reset), and the {out} over time (network.readout)."
    )


def _outside_layers(spec: Spec, problem: Problem) -> Iterator[str]:
    outside = problem.outside_layers
    views = spec.views().values()
    on_chip = any(each.device is not None or each.quantization is not None for each in views)
    if outside and on_chip:
        beside = (
            "; converters and rules that work layer by layer are refused with them"
            if matrices_outside_layers(problem)
            else ""
        )
        yield (
            f"{_names(tuple(outside))} {'are' if len(outside) > 1 else 'is'} used outside of "
            "linear and convolution layers: the chip stores, reads and writes them like "
            f"weights{beside}."
        )


def _beyond_the_window(spec: Spec, problem: Problem) -> Iterator[str]:
    own = {} if not spec.layers else layers_called(layers_of(problem), spec.layers, "layers")
    apart = {each.name for each in own.values()}
    for name, view in spec.views().items():
        if view.device is None:
            continue
        here = [own[name]] if name else [e for e in layers_of(problem) if e.name not in apart]
        edge = view.device.conductance.weight_range
        parts = [problem.initial_weights[layer.place] for layer in here]
        beyond = sum(int((part.abs() > edge).sum()) for part in parts)
        if beyond:
            key = f"layers.{name}.device" if name else "device"
            yield (
                f"{beyond} of {sum(len(part) for part in parts)} initial weights lie beyond "
                f"{key}.conductance.weight_range ({words.number(edge)}): the chip starts with them "
                "at the edge."
            )


def _names(names: Sequence[str]) -> str:
    shown = [name or "the module itself" for name in names[:MOST_NAMES]]
    more = len(names) - len(shown)
    return words.listed([*shown, *([f"{more} more"] if more else [])])
