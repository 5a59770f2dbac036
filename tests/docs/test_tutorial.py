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


PATHS = 0.1
"""Part of the largest number of a line by which numbers may differ in a block with forecasts.

Their paths amplify rounding, which differs between processors: 51.0 % on one, 56.3 % on another.
"""

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _is_quoted(quoted, printed, *, forecast):
    """Whether a printed line is the quoted one, by rounding of paths in a block with forecasts."""
    if not forecast or NUMBER.sub("#", quoted) != NUMBER.sub("#", printed):
        return quoted == printed
    pairs = [[float(each) for each in NUMBER.findall(line)] for line in (quoted, printed)]
    largest = max((abs(each) for each in pairs[0]), default=0.0)
    return all(abs(a - b) <= PATHS * largest for a, b in zip(*pairs, strict=True))


def test_quoted_forecasts_are_those_of_the_command_by_rounding():
    line = "accuracy drop, predicted 23.5 % -5.1 to 53.2 % at 99 %"
    assert _is_quoted(line, line.replace("23.5", "23.4"), forecast=True)
    assert not _is_quoted(line, line.replace("23.5", "35.5"), forecast=True)
    assert not _is_quoted(line, line.replace("drop", "loss"), forecast=True)
    assert not _is_quoted(line, line.replace("23.5", "23.4"), forecast=False)


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
    lines = [(line, "predicted" in block) for block in quotes for line in _lines(block)]
    for quoted, forecast in lines:
        places = range(start, len(printed))
        found = next((k for k in places if _is_quoted(quoted, printed[k], forecast=forecast)), None)
        assert found is not None, f"{line} prints no line {quoted!r}, or elsewhere"
        start = found + 1
    verdict = re.search(r"^(?:Predicted v|V)erdict: (.+)$", out, re.M)[1]
    assert code == {"tolerated": 0, "not tolerated": 1, "inconclusive": 3}[verdict]


def test_the_words_around_quote_the_same_numbers():
    quoted = "\n".join(body for kind, body in BLOCKS if kind == "text")
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S)
    for number in ("2.48", "0.181", "93.9 %", "49.7 %", "44.2 %", "38.0", "29.4 %", "1.12"):
        assert number in prose
        assert number in quoted
    limit = r"cycle-to-cycle noise: now (\S+ %), tolerated up to (\S+ %), lost from (\S+ %)"
    now, inside, outside = re.search(limit, quoted).groups()
    said = " ".join(prose.split())
    assert f"pulses with less noise, up to {inside} of the window" in said
    assert f"Between {inside} and {outside} the prediction does not decide" in said
    assert (
        f"from {outside} on the chip is predicted to be lost, and so it is with the {now}" in said
    )
    (levels,) = re.findall(r"- levels: [^-]*", quoted)
    told = "not known to be tolerated" in levels
    assert told is ("No number of levels is known to be enough alone" in said)
