"""What was checked, in one line."""

from __future__ import annotations

from neurograd import words
from neurograd.records.design import Network
from neurograd.records.report import CheckReport

BESIDE = "Beside the verdict, from theory and single steps:"
"""Above the sentences that do not decide."""


def heading(report: CheckReport) -> str:
    """One line that says what was checked."""
    design = report.design
    network, rule = design.network, design.learning_rule
    batch = rule.batch_size
    batches = "full batch" if batch == "full" else f"batches of {batch}"
    return (
        f"{report.num_parameters} weights ({_shape(network)}), "
        f"{design.task.name}, {rule.name}, {batches}, Δt = {words.number(report.step_size)}, "
        f"{design.training.steps} steps"
    )


def _shape(network: Network) -> str:
    """The network in a few words."""
    if network.kind == "module":
        return f"module {network.factory}" + (f" of {network.file}" if network.file else "")
    if network.architecture in ("lenet5", "resnet18"):
        return f"{network.architecture}, {network.activation}"
    layers = network.channels if network.architecture == "cnn" else network.hidden
    shape = "×".join(str(width) for width in layers or ()) or "single layer"
    if network.kind == "spiking" and network.surrogate is not None:
        neurons = f"spiking, {network.surrogate.name}, {network.time_steps} steps"
    else:
        neurons = f"{network.activation}"
    return f"{network.architecture} {shape}, {neurons}"
