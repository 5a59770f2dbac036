"""``neurograd schema``: what editors need to know of a spec."""

from __future__ import annotations

import json

from neurograd.cli.streams import print_text


def schema() -> None:
    """Print the JSON Schema of a spec, for editors."""
    from neurograd.spec import json_schema  # noqa: PLC0415

    print_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
