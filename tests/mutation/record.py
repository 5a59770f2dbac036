"""The record of a run of mutants."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tests.mutation.operators import Mutant

HERE = Path(__file__).parent

SAMPLE = 50
"""Mutants that the record shows one by one, those drawn first."""


def reasons() -> dict[str, str]:
    """Why survivors cannot be told from the original, by their keys."""
    return dict(json.loads((HERE / "equivalent.json").read_text("utf-8")))


def record(
    drawn: Sequence[Mutant], found: Mapping[str, Any], seed: int, note: str
) -> dict[str, Any]:
    """What a run has found, as it is kept; mutants of the draw that were not run do not count."""
    run = [each for each in drawn if each.key in found]
    ends = Counter(found[each.key]["how"] for each in run)
    known = reasons()
    survivors = [each for each in run if found[each.key]["how"] == "passed"]
    return {
        "command": "python -m tests.mutation map; python -m tests.mutation run",
        "note": note,
        "date": date.today().isoformat(),
        "seed": seed,
        "commits": sorted({found[each.key]["commit"] for each in run}),
        "drawn": len(drawn),
        "mutants": len(run),
        "by_folder": dict(Counter("/".join(each.module.split("/")[:2]) for each in run)),
        "by_rule": dict(Counter(each.rule for each in run)),
        "caught_by_a_test": ends["failed"],
        "caught_by_a_timeout": ends["timeout"],
        "survived": ends["passed"],
        "caught": round(1.0 - ends["passed"] / len(run), 4),
        "survivors_shown_to_be_equivalent": sum(each.key in known for each in survivors),
        "processor_seconds": round(sum(found[each.key]["seconds"] for each in run)),
        "survivors": [_line(each) | {"reason": known.get(each.key)} for each in survivors],
        "sample": [_line(each) | {"end": found[each.key]["how"]} for each in run[:SAMPLE]],
    }


def _line(mutant: Mutant) -> dict[str, Any]:
    return {
        "key": mutant.key,
        "module": mutant.module,
        "function": mutant.function,
        "rule": mutant.rule,
        "before": mutant.before[:200],
        "after": mutant.after[:200],
    }


def write(drawn: Sequence[Mutant], found: Mapping[str, Any], seed: int, note: str) -> None:
    """Writes ``record.json``, with a note on how the run was made."""
    kept = record(drawn, found, seed, note)
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (HERE / "record.json").write_text(text + "\n", "utf-8")
    print({name: value for name, value in kept.items() if name not in {"survivors", "sample"}})
