"""What was checked, in one line."""

from __future__ import annotations

from neurograd import words
from neurograd.records.design import Network
from neurograd.records.report import CheckReport
from neurograd.spec.network_schema import PUBLISHED

BESIDE = "Beside the verdict, from theory and single steps:"
"""Above the sentences that do not decide."""


def heading(report: CheckReport) -> str:
    """One line that says what was checked."""
    design = report.design
    rule = design.learning_rule
    batch = rule.batch_size
    batches = "full batch" if batch == "full" else f"batches of {batch}"
    return (
        f"{words.counted(report.num_parameters, 'weight')} ({_shape(report)}), "
        f"{design.task.label}, {_chip(report)}, {batches}, Δt = {_step_size(report)}, "
        f"{_length(report)}"
    )


def _length(report: CheckReport) -> str:
    """How long the training was, in which order, and how its step size fell."""
    training = report.design.training
    steps = report.steps if training.steps is None else training.steps
    said = words.counted(steps, "step")
    if training.epochs is not None:
        said = f"{words.counted(training.epochs, 'epoch')} ({said})"
    if training.order not in (None, "fresh") and report.design.learning_rule.batch_size != "full":
        said = f"{said}, samples {training.order.replace('_', ' ')}"
    if training.schedule is not None:
        said = f"{said}, {training.schedule.label}"
    return said


def _step_size(report: CheckReport) -> str:
    """Δt, that of each layer where they have their own, and the optimizer."""
    training = report.design.training
    sizes, optimizer = training.step_size, training.optimizer
    said = words.number(report.step_size)
    if isinstance(sizes, dict):
        said = " and ".join(f"{words.number(each)} ({name})" for name, each in sizes.items())
    if optimizer is None:
        return said
    if report.effective_step_size is None:
        return f"{said}, {optimizer.name}"
    effective = words.number(report.effective_step_size)
    return f"{said}, momentum {words.number(optimizer.momentum)} (Δt/(1 − μ) = {effective})"


def _chip(report: CheckReport) -> str:
    """The rule, or what a chip of a program is made of."""
    if report.own_chip is not None:
        return f"a chip of {report.own_chip}"
    return report.design.learning_rule.name


def _shape(report: CheckReport) -> str:
    """The network in a few words."""
    network = report.design.network
    if network.kind == "module":
        return f"module {network.factory}" + (f" of {network.file}" if network.file else "")
    if network.kind == "nir":
        return f"graph of {network.file}, {_neurons(report)}"
    if network.architecture in PUBLISHED:
        return f"{network.architecture}, {_activations(network)}"
    layers = network.channels if network.architecture == "cnn" else network.hidden
    shape = "×".join(str(width) for width in layers or ()) or "single layer"
    neurons = _neurons(report) if network.kind == "spiking" else _activations(network)
    return f"{network.architecture} {shape}, {neurons}"


def _activations(network: Network) -> str:
    """That of the hidden layers, and of the outputs where they have one."""
    outputs = network.output_activation
    return f"{network.activation}" + (f", {outputs} outputs" if outputs is not None else "")


def _neurons(report: CheckReport) -> str:
    """Neurons that spike, in a few words."""
    network = report.design.network
    own = report.data.sample_shape[0] if report.data is not None else "?"
    surrogate = network.surrogate.name if network.surrogate is not None else "?"
    return f"spiking, {surrogate}, {network.time_steps or own} steps"
