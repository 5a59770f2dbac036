"""The program on the page for Python runs as it stands."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from neurograd.judge.verdict import Verdict

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_an_own_network_on_a_chip():
    block = re.search(
        r"^## Your own network.*?^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S
    )
    program = block[1]
    assert len([line for line in program.splitlines() if line.strip()]) <= 15
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {})
    lines = printed.getvalue().splitlines()
    assert lines[0] in {verdict.value for verdict in Verdict}
    assert "kind='accuracy_drop'" in lines[1]
    assert "key='device.write.cycle_to_cycle'" in lines[2]
    assert "device.read.noise" in lines[-1]
