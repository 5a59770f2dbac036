"""Which test runs which line, and how long each test takes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import coverage
import pytest

from tests.mutation.child import FLAGS, ROOT, in_child


@dataclass(frozen=True)
class Tests:
    """The tests that mutants are run against.

    Attributes:
        seconds: Time of the processor that each test takes.
        lines: Of each module, the tests that run each of its lines.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]

    def of(self, module: str, first: int, last: int, most: float) -> list[str]:
        """Tests that run one of some lines, of no more time than ``most``.

        The module's own test file comes first, then the fastest; what no longer fits is left out.
        Lines that run at an import are
        run by all tests of the module.
        """
        own = f"/test_{Path(module).stem}.py::"
        lines = self.lines.get(module, {})
        names = {name for k in range(first, last + 1) for name in lines.get(k, ())}
        if not names:
            names = {name for each in lines.values() for name in each}
        chosen, total = [], 0.0
        for name in sorted(names, key=lambda each: (own not in each, self.seconds[each], each)):
            if total + self.seconds[name] <= most or not chosen:
                total += self.seconds[name]
                chosen.append(name)
        return chosen


class Tracer:
    """Switches the context of the coverage with every test and takes its time."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self.cover, self.seconds = cover, dict[str, float]()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):
        """Runs one test in a context of its own."""
        self.cover.switch_context(item.nodeid)
        began = time.process_time()
        yield
        self.seconds[item.nodeid] = time.process_time() - began
        self.cover.switch_context("")


def traced(arguments: Sequence[str], target: Path, seconds: int) -> bool:
    """Runs tests with coverage in a child; their lines and times are kept as ``target``."""

    def work() -> int:
        cover = coverage.Coverage(
            data_file=None, source=[str(ROOT / top) for top in ("neurograd", "device_models")]
        )
        tracer = Tracer(cover)
        cover.start()
        code = pytest.main(
            [flag for flag in FLAGS if flag != "-x"] + list(arguments), plugins=[tracer]
        )
        cover.stop()
        data = cover.get_data()
        lines = {
            str(Path(name).relative_to(ROOT)): data.contexts_by_lineno(name)
            for name in data.measured_files()
        }
        target.write_text(json.dumps({"seconds": tracer.seconds, "lines": lines}))
        return int(code)

    return in_child(work, seconds) == 0


def merged(parts: Sequence[Path]) -> Tests:
    """The parts of a map as one."""
    seconds: dict[str, float] = {}
    lines: dict[str, dict[int, list[str]]] = {}
    for part in parts:
        kept = json.loads(part.read_text("utf-8"))
        seconds |= kept["seconds"]
        for module, found in kept["lines"].items():
            for line, names in found.items():
                tests = lines.setdefault(module, {}).setdefault(int(line), [])
                tests += [name for name in names if name]
    return Tests(seconds, lines)
