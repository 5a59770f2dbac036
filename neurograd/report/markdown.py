"""The report as Markdown, short enough for a comment on a pull request."""

from __future__ import annotations

import html
import re
from typing import Any

from neurograd.records.report import CheckReport
from neurograd.report.content import Sheet, deployment_sheet, heading, training_sheet
from neurograd.report.content.claims import Outcome, claims
from neurograd.report.content.facts import facts

_SPECIAL = re.compile(r"([\\`*_\[\]#|~@])")
"""What Markdown or a code host would read as more than text."""


def render_markdown(report: CheckReport) -> str:
    """The verdict with cause and action, the trainings as a table, and what it was made from.

    Args:
        report: What was found.
    """
    quick = " (quick look)" if report.quick else ""
    parts = [
        f"### {_plain(report.design.name)}: {report.verdict.value}{quick}",
        _plain(heading(report)),
        "\n".join(f"- {_plain(reason)}" for reason in report.decided_by),
        _table(training_sheet(report)),
    ]
    aged = deployment_sheet(report)
    if aged is not None:
        parts.append(_table(aged))
    if report.ranges is not None:
        parts.append("\n".join(f"- {_plain(said)}" for said in report.ranges.sentences))
    failed = [claim for claim in claims(report)[1:] if claim.outcome is Outcome.FAILS]
    if failed:
        parts.append(
            "\n".join(f"- Not so: {_plain(claim.name)}. {_plain(claim.text)}" for claim in failed)
        )
    if report.notes:
        parts.append("\n".join(f"- Note: {_plain(note)}" for note in report.notes))
    made = "; ".join(f"{fact.label} {_plain(fact.text)}" for fact in facts(report))
    parts.append(f"<sub>{made}</sub>")
    return "\n\n".join(parts) + "\n"


def _table(sheet: Sheet[Any]) -> str:
    """A sheet as a table, with its title above."""
    columns = sheet.shown(page=False)
    lines = [
        [_plain(column.title) for column in columns],
        ["---" if column.text else "---:" for column in columns],
        *([_plain(cell) for cell in row] for row in sheet.cells(page=False)),
    ]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"**{_plain(sheet.title)}**\n\n{rows}"


def _plain(text: str) -> str:
    """Text that is shown as it is."""
    return _SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
