"""Lists the experiments: ``python -m experiments``."""

from __future__ import annotations

import ast
from pathlib import Path

HELPERS = ("__init__", "__main__", "results_page")


def list_experiments() -> dict[str, str]:
    """Names of the experiments with the first line of what each is about."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in HELPERS:
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            found[path.stem] = text.splitlines()[0]
    return found


if __name__ == "__main__":
    for name, line in list_experiments().items():
        print(f"python -m experiments.{name:20} {line}")
