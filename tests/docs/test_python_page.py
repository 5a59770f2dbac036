"""The program on the page for Python runs as it stands."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import torch

import neurograd
from neurograd.judge.verdict import Verdict

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def program_under(heading):
    """The first program under a heading."""
    pattern = rf"^## {heading}.*?^```python\n(.*?)^```$"
    return re.search(pattern, PAGE.read_text("utf-8"), re.M | re.S)[1]


def test_an_own_network_on_a_chip():
    program = program_under("Your own network")
    assert len([line for line in program.splitlines() if line.strip()]) <= 15
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {})
    lines = printed.getvalue().splitlines()
    assert lines[0] in {verdict.value for verdict in Verdict}
    assert "kind='accuracy_drop'" in lines[1]
    assert "key='device.write.cycle_to_cycle'" in lines[2]
    assert "device.read.noise" in lines[-1]


def test_a_chip_of_ones_own():
    x, y = torch.eye(4).repeat(6, 1), torch.arange(24) % 2
    module, loss = torch.nn.Linear(4, 2), torch.nn.CrossEntropyLoss()
    problem = neurograd.Problem(module, loss, x, y, test_inputs=x, test_targets=y)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program_under("A chip of your own"), {"neurograd": neurograd, "problem": problem})
    assert printed.getvalue() == "Minibatch of Backprop, ReadNoise\nreads.0.std\n"


def test_every_name_on_the_page_is_there_once_neurograd_is_imported():
    """In a process of its own: what another test imports would be there by that."""
    text = PAGE.read_text("utf-8")
    imports = re.findall(r"^ *`?(from neurograd[\w.]* import \w+)", text, re.M)
    names = re.findall(r"(?<!from )\bneurograd\.(?!md\b)\w+(?:\.\w+)*", text)
    assert "from neurograd.report import render_html" in imports
    assert {"neurograd.theory", "neurograd.check"} <= set(names)
    program = "\n".join(["import neurograd", *sorted(set(names)), *imports])
    found = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
