"""What becomes of a spec: a result, or one line that names a key; anything else is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from neurograd import cli
from neurograd.errors import SpecError
from neurograd.spec import Spec, spec_to_dict, validate_spec
from tests.fuzz.specs import SIZES, put

LONGEST = 700
"""Characters of a line."""


def validated(data: dict[str, Any]) -> tuple[Spec | None, str]:
    """The spec, None where it is refused, and what is wrong with what happened, mostly nothing."""
    try:
        spec = validate_spec(data, "f")
    except SpecError as error:
        return None, _wrong_line(str(error))
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    plain = spec_to_dict(spec)
    json.dumps(plain, allow_nan=False).encode()
    return spec, "" if validate_spec(plain) == spec else "the canonical form is another spec"


def _wrong_line(line: str) -> str:
    if len(line.splitlines()) != 1 or len(line) > LONGEST:
        return f"not one short line: {line[:LONGEST]!r}"
    try:
        line.encode()
    except UnicodeEncodeError:
        return f"cannot be printed: {line!r}"
    return ""


def as_file(data: dict[str, Any], spec: Spec) -> str | None:
    """The YAML of a spec with little to compute; None where there is no such."""
    plain = spec_to_dict(spec)
    for key, most in SIZES.items():
        value: Any = plain
        for name in (path := tuple(key.split("."))):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, list):
            put(data, path, [min(each, most) for each in value[:3]])
        elif isinstance(value, int | float) and value > most:
            put(data, path, most)
    if plain["task"]["name"] not in ("teacher_student", "file"):
        put(data, ("task", "train_samples"), 20)
        put(data, ("task", "test_samples"), 10)
    try:
        text = yaml.safe_dump(data, allow_unicode=True)
    except (yaml.YAMLError, RecursionError):  # objects of Python, of which there is no YAML
        return None
    return None if validated(data)[0] is None else text


def checked(text: str, folder: Path, read: Callable[[], tuple[str, str]]) -> tuple[int, str]:
    """The exit code of a check of a spec's file, and what is wrong with what happened.

    Args:
        text: The file.
        folder: Where it and the report go.
        read: Gives what was printed since the last call, on standard output and error.
    """
    path, report = folder / "spec.yaml", folder / "report.json"
    path.write_text(text, "utf-8", "surrogatepass")
    report.unlink(missing_ok=True)
    code = 0
    try:
        cli.main(["check", str(path), "--quick", "--allow-code", "--json", str(report)])
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = read()
    lines = [line for line in err.splitlines() if not line.startswith("wrote ")]
    if code == 2:
        right = not out and len(lines) == 1 and lines[0].startswith("neurograd: error: ")
    else:
        right = code in (0, 1, 3) and not lines and json.loads(report.read_text("utf-8"))
    return code, "" if right else f"code {code}: {err[-LONGEST:]}"
