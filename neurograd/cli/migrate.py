"""``neurograd migrate``: an old spec in the keys of today."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from neurograd.cli.outputs import check_outputs, write_outputs
from neurograd.cli.streams import print_text, say
from neurograd.cli.work import spec_files
from neurograd.errors import ChangedKeyWarning, OutputError
from neurograd.output import is_same_file


def migrate(
    spec_path: Annotated[Path, typer.Argument(metavar="OLD.yaml", help="A spec of any version.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Where to write; beside the old spec if that names files by paths relative to it.",
        ),
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Write over the old spec.")] = False,
) -> None:
    """Rewrite an old spec in the keys of today, comments and layout kept; prints it by default."""
    from neurograd.spec import load_spec, parse_yaml, read_text  # noqa: PLC0415
    from neurograd.spec import migrate as rewrite  # noqa: PLC0415

    if in_place and output is not None:
        raise OutputError("--in-place: beside --output; allowed: one of them")
    if output is not None and is_same_file(output, spec_path):
        raise OutputError(f"{output}: is the old spec itself; allowed: --in-place, or another file")
    target = spec_path if in_place else output
    check_outputs({"--output": target}, inputs=() if in_place else spec_files(spec_path, None))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ChangedKeyWarning)  # said below
        load_spec(spec_path)
    text = read_text(spec_path)
    migration = rewrite(text, str(spec_path))
    if output is not None:
        _check_folder(output, spec_path, parse_yaml(migration.text, str(spec_path)))
    for change in migration.changes:
        say(f"{spec_path}: {change.summary}")
    if not migration.changes:
        say(f"{spec_path}: no key has changed")
    if target is None:
        print_text(migration.text)
    elif migration.text != text or not in_place:
        write_outputs({target: migration.text})


def _check_folder(output: Path, spec_path: Path, keys: Mapping[str, Any]) -> None:
    """Raise OutputError where a spec would not find the files that its keys name any more."""
    from neurograd.spec import named_files  # noqa: PLC0415

    before, after = spec_path.parent.resolve(), output.parent.resolve()
    for key, name in named_files(keys):
        if (before / name).resolve() != (after / name).resolve():
            raise OutputError(
                f"{output}: {key}: {name} is relative to the folder of {spec_path}; allowed: "
                "a file beside that"
            )
