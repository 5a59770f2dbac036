"""``neurograd presets``: the shipped devices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurograd.cli.outputs import check_figure, check_outputs, tables, write_outputs
from neurograd.errors import NeurogradError

if TYPE_CHECKING:
    from neurograd.spec import Preset


def presets(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show one of them.")] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw its pulse response as NAME.png.")
    ] = False,
    plot_file: Annotated[
        Path | None,
        typer.Option("--plot-file", metavar="FILE", help="Another file: .png, .svg or .pdf."),
    ] = None,
) -> None:
    """List the shipped devices, or show one with its source and its pulse response."""
    from neurograd.report.console.preset_tables import render_preset, render_presets  # noqa: PLC0415
    from neurograd.spec import list_presets, load_preset  # noqa: PLC0415

    plot = plot or plot_file is not None
    if name is None:
        if plot:
            raise NeurogradError("--plot: which device? allowed: neurograd presets NAME --plot")
        render_presets([load_preset(each) for each in list_presets()], tables())
        return
    preset = load_preset(name)
    render_preset(preset, tables())
    if plot:
        _plot(preset, plot_file or Path(f"{name}.png"))


def _plot(preset: Preset, path: Path) -> None:
    check_figure(path)
    check_outputs({"--plot-file": path})
    from neurograd.pipeline.pulse_curves import pulse_curve  # noqa: PLC0415  (torch is slow)
    from neurograd.report.figures.pulse_response import plot_pulse_curve  # noqa: PLC0415
    from neurograd.report.plots import to_image  # noqa: PLC0415
    from neurograd.spec import Device  # noqa: PLC0415

    curve = pulse_curve(Device.model_validate({"preset": preset.name}))
    figure = plot_pulse_curve(curve, f"{preset.name}: {preset.title}")
    write_outputs({path: to_image(figure, path.suffix[1:])})
