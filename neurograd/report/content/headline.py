"""What was checked, in one line."""

from __future__ import annotations

from neurograd import words
from neurograd.records.report import CheckReport

BESIDE = "Beside the verdict, from theory and single steps:"
"""Above the sentences that do not decide."""


def heading(report: CheckReport) -> str:
    """One line that says what was checked."""
    design = report.design
    rule = design.learning_rule
    batch = rule.batch_size
    batches = "full batch" if batch == "full" else f"batches of {batch}"
    return (
        f"{report.num_parameters} weights ({_shape(report)}), "
        f"{design.task.label}, {rule.name}, {batches}, Δt = {words.number(report.step_size)}, "
        f"{design.training.steps} steps"
    )


def _shape(report: CheckReport) -> str:
    """The network in a few words."""
    network = report.design.network
    if network.kind == "module":
        return f"module {network.factory}" + (f" of {network.file}" if network.file else "")
    if network.architecture in ("lenet5", "resnet18"):
        return f"{network.architecture}, {network.activation}"
    layers = network.channels if network.architecture == "cnn" else network.hidden
    shape = "×".join(str(width) for width in layers or ()) or "single layer"
    if network.kind == "spiking" and network.surrogate is not None:
        own = report.data.sample_shape[0] if report.data is not None else "?"
        neurons = f"spiking, {network.surrogate.name}, {network.time_steps or own} steps"
    else:
        neurons = f"{network.activation}"
    return f"{network.architecture} {shape}, {neurons}"
