"""``neurograd presets``: the shipped devices and published errors, and pulse responses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurograd.cli.outputs import check_figure, check_outputs, tables, write_outputs
from neurograd.errors import NeurogradError, SpecError

if TYPE_CHECKING:
    from neurograd.spec import Device

_SPECS = (".yaml", ".yml")


def presets(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|SPEC.yaml]", help="Show one of them, or a spec's device."),
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw its pulse response as NAME.png.")
    ] = False,
    plot_file: Annotated[
        Path | None,
        typer.Option("--plot-file", metavar="FILE", help="Another file: .png, .svg or .pdf."),
    ] = None,
) -> None:
    """List the shipped devices and published errors, or show one with its source.

    A spec shows its own device; ``--plot`` draws the pulse response of either.
    """
    path = plot_file
    if path is None and plot and name is not None:
        path = Path(f"{Path(name).stem if name.endswith(_SPECS) else name}.png")
    if path is not None:
        check_figure(path)
        check_outputs({"--plot-file": path})
    if name is None:
        if plot or plot_file is not None:
            raise NeurogradError("--plot: which device? allowed: neurograd presets NAME --plot")
        _list()
        return
    title, device = _spec_device(name) if name.endswith(_SPECS) else _shipped(name)
    if path is None:
        return
    if device is None:
        raise NeurogradError(
            f"--plot: {name} has no response to pulses; allowed: a device, or a spec with one"
        )
    _plot(device, title, path)


def _list() -> None:
    from neurograd.report.console.preset_tables import render_presets  # noqa: PLC0415
    from neurograd.report.console.published_errors import render_errors  # noqa: PLC0415
    from neurograd.spec import (  # noqa: PLC0415
        list_inference_presets,
        list_presets,
        load_preset,
    )

    console = tables()
    devices = [load_preset(name) for name in list_presets()]
    render_presets(devices, [load_preset(name) for name in list_inference_presets()], console)
    render_errors(console)
    console.print("\n'neurograd presets NAME' shows one.")


def _shipped(name: str) -> tuple[str, Device | None]:
    """Show a preset or a published error; its title, and its device where pulses write it."""
    from neurograd.report.console.preset_tables import render_preset  # noqa: PLC0415
    from neurograd.spec import Device, list_presets, load_preset  # noqa: PLC0415

    if "_" in name:  # those of presets are written with hyphens
        from neurograd.report.console.published_errors import render_published  # noqa: PLC0415

        if render_published(name, tables()):
            return name, None
    preset = load_preset(name)
    render_preset(preset, tables())
    written = name in list_presets()
    return f"{name}: {preset.title}", Device(preset=name) if written else None


def _spec_device(name: str) -> tuple[str, Device | None]:
    """Show the device of a user's spec."""
    from neurograd.report.console.preset_tables import render_device  # noqa: PLC0415
    from neurograd.spec import load_spec, spec_to_dict  # noqa: PLC0415

    spec = load_spec(Path(name))
    if spec.device is None:
        raise SpecError(name, "device", "is missing; allowed: a spec with a device")
    render_device(spec.name, spec_to_dict(spec)["device"], tables())
    return spec.name, spec.device


def _plot(device: Device, title: str, path: Path) -> None:
    from neurograd.pipeline.pulse_curves import pulse_curve  # noqa: PLC0415  (torch is slow)
    from neurograd.report.figures.pulse_response import plot_pulse_curve  # noqa: PLC0415
    from neurograd.report.plots import to_image  # noqa: PLC0415

    figure = plot_pulse_curve(pulse_curve(device), title)
    write_outputs({path: to_image(figure, path.suffix[1:])})
