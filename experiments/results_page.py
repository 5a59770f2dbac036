"""Writes docs/results.md: every claim of the paper beside what was measured of it.

Reads the records in ``experiments/results`` that have claims. ``page`` is a pure function of them,
so the page can be held against the records at any time.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.support.record import RESULTS, ROOT, progress, run_main
from neurograd.errors import NeurogradError
from neurograd.output import write_atomically

PAGE = ROOT.parent / "docs" / "results.md"
HELD = ("held", "partly", "not held", "inconclusive")
KEYS = ("claim", "source", "setting", "measured", "held")


@dataclass(frozen=True)
class Record:
    """What the page needs of one experiment's record.

    Attributes:
        name: The experiment.
        command: What made it.
        claims: Its claims, each with the fields of ``experiments.support.record.Claim``.
        has_figure: Whether there is a figure beside the record.
        parts: What made parts of it anew.
    """

    name: str
    command: str
    claims: tuple[dict[str, str], ...]
    has_figure: bool
    parts: tuple[str, ...] = ()


def read_records(folder: Path = RESULTS) -> list[Record]:
    """All records with claims, by name.

    Args:
        folder: Where they are.

    Raises:
        NeurogradError: If the folder is missing or a record is damaged.
    """
    if not folder.is_dir():
        raise NeurogradError(f"{folder}: is not a folder; allowed: a folder of results")
    records = []
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise NeurogradError(
                f"{path}: cannot be read; allowed: a record that an experiment wrote"
            ) from None
        if isinstance(content, dict) and content.get("claims"):
            records.append(_record(path, content))
    return records


def _record(path: Path, content: dict[str, Any]) -> Record:
    claims = content["claims"]
    sound = isinstance(claims, list) and all(
        isinstance(claim, dict)
        and all(isinstance(claim.get(key), str) for key in KEYS)
        and claim["held"] in HELD
        for claim in claims
    )
    parts = content.get("parts", {})
    sound = sound and isinstance(parts, dict)
    sound = sound and all(isinstance(content.get(k), str) for k in ("experiment", "command"))
    if not sound or not all(isinstance(part.get("command"), str) for part in parts.values()):
        raise NeurogradError(f"{path}: is not a record; allowed: one that an experiment wrote")
    return Record(
        content["experiment"],
        content["command"],
        tuple(claims),
        path.with_suffix(".png").exists(),
        tuple(part["command"] for part in parts.values()),
    )


def order(source: str) -> tuple[int, int, int, str]:
    """Sort key of a claim's source: figures by number and panel, then lemmas and theorems.

    Args:
        source: Such as ``Theorem 2.4 (Eq. 6), Figure 4B``, which sorts with Figure 4.
    """
    figure = re.search(r"Figure (\d+)([A-Z]?)", source)
    if figure:
        return 0, int(figure[1]), 0, figure[2] + source
    numbered = re.search(r"(?:Lemma|Theorem|Corollary) ([A-Z]|\d+)\.(\d+)", source)
    if numbered:
        # An appendix's corollary comes after all sections.
        section = int(numbered[1]) if numbered[1].isdigit() else 100 + ord(numbered[1])
        return 1, section, int(numbered[2]), source
    return 2, 0, 0, source


def page(records: Sequence[Record]) -> str:
    """The page as Markdown.

    Args:
        records: From ``read_records``, in any order.
    """
    rows = [
        (order(claim["source"]), record.name, place, claim, record)
        for record in records
        for place, claim in enumerate(record.claims)
    ]
    rows.sort(key=lambda row: row[:3])
    counts = Counter(claim["held"] for *_, claim, _ in rows)
    summary = ", ".join(f"{counts[held]} {held}" for held in HELD if counts[held])
    lines = [
        "# The paper's claims, and what was measured",
        "",
        "Ghosh, Liu, Lajoie, Körding and Richards, *How gradient estimator variance and bias",
        "could impact learning in neural circuits*, ICLR 2023. One row a claim, sorted by figure,",
        f"then by theorem: {len(rows)} claims, {summary}.",
        "",
        "- **claim**: what the paper says, and where.",
        "- **setting**: on which networks, data and numbers it was tried here; often smaller than",
        "  the paper's.",
        "- **measured**: what came out, with the interval and its confidence.",
        "- **held**: *held* (its interval is inside what is claimed), *not held* (outside),",
        "  *inconclusive* (the interval reaches into what is claimed and beyond it: the claim is",
        "  not contradicted, and not shown), *partly* (held in some of the settings or statements",
        "  that the row names). Claims that a number is another one say within what tolerance;",
        "  without one they are inconclusive at best. Counts of what was tried, and times and",
        "  memory of single runs, have no interval and are judged as they are.",
        "- **figure**: made by the same command as the numbers, which are in the JSON beside it.",
        "",
        "Each experiment makes its rows by its own command, here in full; with `--quick` it takes",
        "a small form. Every record has its seed, versions and machine.",
        "",
    ]
    lines += [
        "- "
        + ", then ".join(f"`{command}`" for command in (record.command, *record.parts))
        + f" → [{record.name}.json](../experiments/results/{record.name}.json)"
        for record in sorted(records, key=lambda record: record.name)
    ]
    lines += [
        "",
        "This page is made from the records by `python -m experiments.results_page`.",
        "",
        "| claim | setting | measured | held | figure |",
        "| --- | --- | --- | --- | --- |",
    ]
    for _, _, _, claim, record in rows:
        link = f"../experiments/results/{record.name}"
        shown = f"[{record.name}]({link}.png)" if record.has_figure else f"[json]({link}.json)"
        cells = (
            f"{_cell(claim['claim'])} *{_cell(claim['source'])}*",
            _cell(claim["setting"]),
            _cell(claim["measured"]),
            f"**{claim['held']}**",
            shown,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table: one line, without what Markdown would read."""
    return re.sub(r"([|*_<`])", r"\\\1", " ".join(text.split()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.results_page", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the records")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page (default: docs/)")
    options = parser.parse_args(arguments)
    text = page(read_records(options.results))
    write_atomically(options.out, text)
    progress(f"wrote {options.out}")


if __name__ == "__main__":
    run_main(main)
