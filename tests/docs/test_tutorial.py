"""The tutorial's spec and every output that it quotes are what the commands give."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from neurograd.pipeline.limits import command
from neurograd.pipeline.limits.knobs import find_knobs
from tests.neurograd.command_line import run_command

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.M | re.S)


def _commands():
    """Each command of the page with the blocks of output that follow it."""
    commands = []
    for kind, body in BLOCKS:
        if kind == "console":
            commands.append((body.strip(), []))
        elif kind == "text":
            commands[-1][1].append(body)
    return commands


def _lines(text):
    """Lines that say something, with single spaces and without rules."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line.strip("─ ")]


def test_the_page_shows_the_spec():
    (shown,) = [body for kind, body in BLOCKS if kind == "yaml"]
    file = (ROOT / "examples" / "tutorial.yaml").read_text(encoding="utf-8")
    assert shown == "".join(line for line in file.splitlines(True) if not line.startswith("#"))


def _search_what_is_quoted(lines, monkeypatch):
    """Of all numbers those whose lines the page quotes: each is searched for itself."""

    def quoted(*arguments, **options):
        knobs = find_knobs(*arguments, **options)
        found = [k for k in knobs if any(line.startswith(f"- {k.label}: ") for line in lines)]
        assert len(found) == sum(line.startswith("- ") for line in lines)
        return found

    monkeypatch.setattr(command, "find_knobs", quoted)
    monkeypatch.setattr(command, "find_changes", lambda *arguments: [])


@pytest.mark.slow
@pytest.mark.parametrize(("line", "quotes"), _commands(), ids=lambda x: str(x).split()[1])
def test_the_output_is_what_the_command_prints(line, quotes, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    program, *arguments = shlex.split(line)
    assert program == "neurograd"
    assert quotes
    if arguments[0] == "limits":
        _search_what_is_quoted(_lines("\n".join(quotes)), monkeypatch)
    code, out, _ = run_command(capsys, *arguments)
    printed = _lines(out)
    start = 0
    for quoted in _lines("\n".join(quotes)):
        assert quoted in printed[start:], f"{line} prints no line {quoted!r}, or elsewhere"
        start = printed.index(quoted, start) + 1
    verdict = re.search(r"^(?:Predicted v|V)erdict: (.+)$", out, re.M)[1]
    assert code == {"tolerated": 0, "not tolerated": 1, "inconclusive": 3}[verdict]


def test_the_words_around_quote_the_same_numbers():
    quoted = "\n".join(body for kind, body in BLOCKS if kind == "text")
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S)
    for number in ("2.48", "0.181", "93.9 %", "59.5 %", "34.4 %", "26.2", "23.5 %", "1.12"):
        assert number in prose
        assert number in quoted
