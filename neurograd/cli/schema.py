"""``neurograd schema``: what editors and readers need to know of a spec or of a report."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from neurograd.cli.streams import print_text


def schema(
    report: Annotated[
        bool,
        typer.Option("--report", help="That of the reports of check, train, limits and compare."),
    ] = False,
) -> None:
    """Print the JSON Schema of a spec, for editors, or of a report, for those who read it."""
    if report:
        from neurograd.records.json_form import schema_text  # noqa: PLC0415  (scipy is slow)

        print_text(schema_text())
        return
    from neurograd.spec import json_schema  # noqa: PLC0415

    print_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
