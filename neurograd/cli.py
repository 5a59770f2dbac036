"""The command line: exit codes 0 tolerated, 1 not tolerated, 3 inconclusive, 2 bad input."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from neurograd.errors import NeurogradError, OutputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from neurograd.spec import Preset, Spec

BAD_INPUT = 2
INTERRUPTED = 130

app = typer.Typer(
    name="neurograd",
    help="Learn before fabrication whether training on a neuromorphic chip will work.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC.yaml", help="The device spec.")]
JsonPath = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the report.")]
Quick = Annotated[bool, typer.Option("--quick", help="A smaller version, for a first look.")]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="In place of measure.seed.")]
DeviceName = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to compute.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace one key of the spec; repeatable."),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        "--resume", metavar="FOLDER", help="Keep finished stages there, and go on from them."
    ),
]


@app.command()
def check(
    spec_path: SpecPath,
    json_path: JsonPath = None,
    html_path: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the report as a page.")
    ] = None,
    quick: Quick = False,
    seed: Seed = None,
    device: DeviceName = "auto",
    overrides: Overrides = None,
    resume: Resume = None,
) -> None:
    """Measure, predict and train: will training on this chip work?"""
    spec = _load(spec_path, overrides, seed)
    outputs = [path for path in (json_path, html_path) if path is not None]
    _check_outputs(outputs, resume)
    from neurograd.output import to_json  # noqa: PLC0415
    from neurograd.pipeline.check import check as run_check  # noqa: PLC0415  (torch is slow to import)
    from neurograd.report import render_html, render_report  # noqa: PLC0415

    with _blaming(spec_path), _Progress() as progress:
        result = run_check(
            spec, device=_device(device), quick=quick, reporter=progress, resume=resume
        )
    render_report(result.report, Console())
    texts = {json_path: to_json, html_path: render_html}
    _write({path: texts[path](result.report) for path in outputs})
    raise typer.Exit(result.verdict.exit_code)


@app.command()
def train(
    spec_path: SpecPath,
    json_path: JsonPath = None,
    quick: Quick = False,
    seed: Seed = None,
    device: DeviceName = "auto",
    overrides: Overrides = None,
    resume: Resume = None,
) -> None:
    """Train through the chip beside a clean twin, without measuring moments."""
    spec = _load(spec_path, overrides, seed)
    _check_outputs([] if json_path is None else [json_path], resume)
    from neurograd.output import to_json  # noqa: PLC0415
    from neurograd.pipeline.check import train_beside  # noqa: PLC0415
    from neurograd.report import render_report  # noqa: PLC0415

    with _blaming(spec_path), _Progress() as progress:
        result = train_beside(
            spec, device=_device(device), quick=quick, reporter=progress, resume=resume
        )
    render_report(result.report, Console())
    if json_path is not None:
        _write({json_path: to_json(result.report)})
    raise typer.Exit(result.verdict.exit_code)


@app.command()
def sweep(
    spec_path: SpecPath,
    over: Annotated[
        list[str] | None,
        typer.Option(
            "--over",
            metavar="KEY=V1,V2,...",
            help="Values of a key, or a range LOW:HIGH:COUNT or LOW:HIGH:COUNTlog; repeatable.",
        ),
    ] = None,
    random: Annotated[
        int | None,
        typer.Option("--random", metavar="COUNT", help="A random design in place of the grid."),
    ] = None,
    mode: Annotated[
        str, typer.Option("--mode", metavar="train|check|predict", help="What is done at a point.")
    ] = "train",
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE", help="Where the rows go: .csv or .parquet."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw a heat map or a line.")
    ] = None,
    resume: Resume = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", metavar="N", help="Points at once on the cores here.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="A dask.distributed cluster."),
    ] = None,
    quick: Quick = False,
    seed: Seed = None,
    device: DeviceName = "auto",
    overrides: Overrides = None,
) -> None:
    """Evaluate a grid or a random design over any keys; after a kill the same command goes on."""
    from neurograd.pipeline.sweep.command import Request  # noqa: PLC0415
    from neurograd.pipeline.sweep.command import sweep as run_sweep  # noqa: PLC0415
    from neurograd.report.sweep_table import render_sweep  # noqa: PLC0415

    settings = [*(overrides or ()), *([] if seed is None else [f"measure.seed={seed}"])]
    request = Request(
        spec_path, tuple(over or ()), tuple(settings), random, mode, table, plot, resume, jobs,
        scheduler, device, quick,
    )  # fmt: skip
    try:
        with _Progress() as progress:
            result = run_sweep(request, progress)
    except KeyboardInterrupt:
        if request.folder.is_dir():
            kept = f"what is finished is kept in {request.folder}: the same command goes on"
            print(kept, file=sys.stderr)
        raise
    render_sweep(result.rows, result.keys, Console())
    _say_written(*result.written)


@app.command()
def limits(
    spec_path: SpecPath,
    json_path: JsonPath = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", help="Draw a tornado plot: .png, .svg or .pdf."),
    ] = None,
    no_confirm: Annotated[
        bool, typer.Option("--no-confirm", help="Predict only: train no chips at the limits.")
    ] = False,
    quick: Quick = False,
    seed: Seed = None,
    device: DeviceName = "auto",
    overrides: Overrides = None,
    resume: Resume = None,
) -> None:
    """How far each number may move before the verdict flips, and what else would save a design."""
    spec = _load(spec_path, overrides, seed)
    if plot is not None:
        _check_figure(plot)
    _check_outputs([path for path in (json_path, plot) if path is not None], resume)
    from neurograd.output import to_json  # noqa: PLC0415
    from neurograd.pipeline.limits import find_limits  # noqa: PLC0415  (torch is slow to import)
    from neurograd.report.limits_table import render_limits  # noqa: PLC0415

    with _blaming(spec_path), _Progress() as progress:
        result = find_limits(
            spec,
            device=_device(device),
            quick=quick,
            confirm=not no_confirm,
            reporter=progress,
            resume=resume,
        )
    render_limits(result.report, Console())
    written: dict[Path, str | bytes] = {}
    if json_path is not None:
        written[json_path] = to_json(result.report)
    if plot is not None:
        from neurograd.report.plots import to_image  # noqa: PLC0415
        from neurograd.report.tornado import plot_tornado  # noqa: PLC0415

        written[plot] = to_image(plot_tornado(result.report), plot.suffix[1:])
    _write(written)
    raise typer.Exit(result.verdict.exit_code)


@app.command()
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
    from neurograd.report.presets import render_preset, render_presets  # noqa: PLC0415
    from neurograd.spec import list_presets, load_preset  # noqa: PLC0415

    plot = plot or plot_file is not None
    if name is None:
        if plot:
            raise NeurogradError("--plot: which device? allowed: neurograd presets NAME --plot")
        render_presets([load_preset(each) for each in list_presets()], Console())
        return
    preset = load_preset(name)
    render_preset(preset, Console())
    if plot:
        path = plot_file or Path(f"{name}.png")
        _plot_preset(preset, path)
        _say_written(path)


def _plot_preset(preset: Preset, path: Path) -> None:
    from neurograd.output import check_writable, write_atomically  # noqa: PLC0415
    from neurograd.pipeline.pulse_curves import pulse_curve  # noqa: PLC0415
    from neurograd.report.plots import to_image  # noqa: PLC0415
    from neurograd.report.pulse_plot import plot_pulse_curve  # noqa: PLC0415
    from neurograd.spec import Device  # noqa: PLC0415

    _check_figure(path)
    check_writable(path)
    curve = pulse_curve(Device.model_validate({"preset": preset.name}))
    figure = plot_pulse_curve(curve, f"{preset.name}: {preset.title}")
    write_atomically(path, to_image(figure, path.suffix[1:]))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a spec, for editors."""
    from neurograd.spec import json_schema  # noqa: PLC0415

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every mistake of a user is one line and exit code 2."""
    try:
        code = app(arguments, standalone_mode=False)
    except typer.TyperException as error:
        _fail(error.format_message())
    except NeurogradError as error:
        _fail(str(error))
    except BrokenPipeError:
        # The reader of a pipe is gone, which is no mistake; keep the interpreter from writing more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    if code == INTERRUPTED:  # what the library makes of a KeyboardInterrupt
        print("neurograd: interrupted", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    print(f"neurograd: error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(BAD_INPUT)


def _load(path: Path, overrides: list[str] | None, seed: int | None) -> Spec:
    from neurograd.spec import load_spec  # noqa: PLC0415

    settings = list(overrides or [])
    if seed is not None:
        settings.append(f"measure.seed={seed}")
    return load_spec(path, settings)


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Errors of the work name the spec that asked for it."""
    try:
        yield
    except OutputError:
        raise
    except NeurogradError as error:
        raise NeurogradError(f"{path}: {error}") from None


def _check_figure(path: Path) -> None:
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise OutputError(f"{path}: is no figure; allowed: a name that ends in .png, .svg or .pdf")


def _check_outputs(paths: list[Path], folder: Path | None) -> None:
    from neurograd.output import check_folder, check_writable  # noqa: PLC0415

    if len({path.absolute() for path in paths}) < len(paths):
        raise OutputError(f"{paths[0]}: is given twice; allowed: another file for each report")
    for path in paths:
        check_writable(path)
    if folder is not None:
        check_folder(folder)


def _device(name: str) -> str:
    from neurograd.compute_device import choose_device  # noqa: PLC0415

    return str(choose_device(name))


def _write(files: Mapping[Path, str | bytes]) -> None:
    from neurograd.output import write_atomically  # noqa: PLC0415

    for path, content in files.items():
        write_atomically(path, content)
        _say_written(path)


def _say_written(*paths: Path) -> None:
    for path in paths:
        Console(stderr=True).print(f"wrote {path}", highlight=False, soft_wrap=True)


class _Progress:
    """Progress bars on standard error; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress: Progress | None = None

    def __enter__(self) -> _Progress:
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._progress.start()
        return self

    def __exit__(self, *details: Any) -> None:
        if self._progress is not None:
            self._progress.stop()

    def stage(self, label: str, total: int) -> Callable[[int], None]:
        """Begin a bar."""
        progress = self._progress
        if progress is None:
            return lambda done: None
        task = progress.add_task(label, total=total)
        return lambda done: progress.advance(task, done)


if __name__ == "__main__":
    main()
