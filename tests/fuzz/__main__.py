"""A long look for specs that are neither a result nor one line.

python -m tests.fuzz [--specs N] [--checks N] [--seed S]    1 where one is found, which is printed
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.outcomes import as_file, checked, validated
from tests.fuzz.specs import specs
from tests.neurograd.pipeline.test_every_key import own_files


def drawn(count: int, start: int) -> list[dict[str, Any]]:
    """Specs, the same ones for the same seed."""
    found: list[dict[str, Any]] = []
    options = settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @seed(start)
    @options
    @given(specs())
    def draw(data: dict[str, Any]) -> None:
        found.append(data)

    draw()
    return found


def main() -> None:
    """Draws specs, validates all and checks some."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--specs", type=int, default=5000)
    parser.add_argument("--checks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    off: list[str] = []
    codes: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        own_files(Path(name))
        files, refused = [], 0
        for data in drawn(options.specs, options.seed):
            spec, wrong = validated(data)
            off += [f"{wrong}\n    {data!r:.2000}"] if wrong else []
            refused += spec is None
            text = None if spec is None or len(files) == options.checks else as_file(data, spec)
            files += [] if text is None else [text]
        print(f"{options.specs} specs, {refused} of them refused", flush=True)
        for text in files:
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code, wrong = checked(
                    text,
                    Path(name),
                    lambda: (out.getvalue(), err.getvalue()),  # noqa: B023
                )
            codes[code] = codes.get(code, 0) + 1
            off += [f"{wrong}\n{text}"] if wrong else []
    print(f"{len(files)} checks, by their exit codes: {dict(sorted(codes.items()))}")
    print("\n".join(off) if off else "nothing is off")
    sys.exit(bool(off))


if __name__ == "__main__":
    main()
