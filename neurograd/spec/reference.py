"""All keys of a spec as a page: what they mean, what is allowed, what they default to.

``python -m neurograd.spec.reference FILE`` writes it.
"""

from __future__ import annotations

import re
import sys
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from neurograd.effects.effect import Effect
from neurograd.effects.registry import all_effects
from neurograd.effects.rules.rule import Rule, never
from neurograd.keys.field_words import allowed_words, section_in
from neurograd.spec.schema import Spec

_INTRODUCTION = """\
# Keys of a spec

Every key has a default unless its row says *required*. An empty section has its defaults.
`neurograd schema` gives the same as a JSON Schema for editors, and `--set KEY=VALUE` replaces a key
at the command line. A number of `device` or `deployment` may have a [range](ranges.md) in its
place: `{typ: 5 %, min: 3 %, max: 8 %}` or `5 % ± 1 %`. This page is assembled from the files of
`neurograd/effects` and `neurograd/spec`.

## Effects

What sets a chip apart from an ideal one, in the order in which an update meets it.
"""

_DEFAULT = re.compile(r"\s*Default: (.*)\.$")


@dataclass(frozen=True)
class Row:
    """One key.

    Attributes:
        key: Its dotted name.
        meaning: What it means.
        allowed: What may be written.
        default: What holds where it is not given.
        effects: The effects that come from it, empty where there is none.
    """

    key: str
    meaning: str
    allowed: str
    default: str
    effects: str


def rows() -> Iterator[Row]:
    """Every key of a spec, section by section."""
    yield from _rows_of(Spec, "")


def page() -> str:
    """The page, in Markdown."""
    parts = [_INTRODUCTION, _effects_table()]
    sections: dict[str, list[Row]] = {}
    for row in rows():
        head, dot, _ = row.key.partition(".")
        sections.setdefault(head if dot or _is_section(head) else "The spec itself", []).append(row)
    for name, found in sections.items():
        parts.append(f"## {name if name == 'The spec itself' else f'`{name}`'}\n")
        columns = ("key", "meaning", "allowed", "default", "effect")
        cells = [(f"`{r.key}`", r.meaning, r.allowed, r.default, r.effects) for r in found]
        # A section that no effect has keys in does without their column.
        width = 5 if any(row.effects for row in found) else 4
        parts.append(_table(columns[:width], [row[:width] for row in cells]))
    return "\n".join(parts)


def main() -> None:
    """Writes the page to the file that the command line names."""
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")


def _effects_table() -> str:
    cells = [
        (
            each.label,
            f"`{each.key}: {each.name}`" if isinstance(each, Rule) else f"`{each.key}`",
            f"`{file_of(each)}`",
        )
        for each in all_effects()
        if each.when is not never
    ]
    return _table(("effect", "key", "file"), cells)


def file_of(effect: Effect) -> str:
    """The file of an effect, below ``neurograd/effects``."""
    return f"rules/{effect.name}.py" if isinstance(effect, Rule) else f"{effect.name}.py"


def _table(columns: tuple[str, ...], cells: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    lines += ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in cells]
    return "\n".join(lines) + "\n"


def _is_section(name: str) -> bool:
    return section_in(Spec.model_fields[name].annotation) is not None


def _rows_of(model: type[BaseModel], place: str) -> Iterator[Row]:
    for name, field in model.model_fields.items():
        key = f"{place}.{name}" if place else name
        section = section_in(field.annotation)
        if section is None:
            yield _row(key, field)
            continue
        if typing.get_origin(field.annotation) is dict:
            yield _row(key, field)
            yield from _rows_of(section, f"{key}.NAME")
            continue
        if field.default_factory is None:
            yield _row(key, field)
        yield from _rows_of(section, key)


def _row(key: str, field: FieldInfo) -> Row:
    text = field.description or ""
    found = _DEFAULT.search(text)
    default = found[1] if found else "*required*" if field.is_required() else _shown(field.default)
    meaning = _DEFAULT.sub("", text) if found else text
    return Row(key, meaning, allowed_words(field), default, _effects_of(key))


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)


def _effects_of(key: str) -> str:
    """The effects whose key it is, or below whose key it stands."""
    found = []
    for each in all_effects():
        if isinstance(each, Rule):
            if key in {f"learning_rule.{own}" for own in each.own_keys}:
                found.append(f"`{each.name}`")
        elif any(key == own or key.startswith(f"{own}.") for own in (each.key, *each.also)):
            found.append(each.label)
    return ", ".join(found)


if __name__ == "__main__":
    main()
