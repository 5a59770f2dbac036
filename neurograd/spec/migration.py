"""Rewrites an old spec: only what has changed is touched, comments and layout stay.

The text is edited at the places that PyYAML's nodes name, one change at a time, and the result is
parsed and compared with what `versions.upgrade` makes of the spec: where they differ (a moved key
behind a merge or an alias, say) the spec is refused rather than changed in meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from neurograd.errors import SpecError
from neurograd.spec import versions
from neurograd.spec.versions import VERSION_KEY, Change
from neurograd.spec.yaml_loading import parse_yaml


@dataclass(frozen=True)
class Migration:
    """A spec in the newest version.

    Attributes:
        text: The YAML text.
        changes: What was changed, oldest first; the version itself is not listed.
    """

    text: str
    changes: tuple[Change, ...]


def migrate(text: str, source: str) -> Migration:
    """Rewrites the YAML text of a spec in the newest version, which it then names.

    Args:
        text: The text.
        source: What errors call it.

    Raises:
        SpecError: If the text is no spec, is too new, or has an old key that cannot be rewritten.
    """
    data = parse_yaml(text, source)
    upgraded, changes = versions.upgrade(data, source)
    wanted = {**upgraded, VERSION_KEY: versions.CURRENT}
    rewritten = text
    try:
        for change in changes:
            rewritten = _rewrite(rewritten, change)
        rewritten = _name_version(rewritten)
        same = parse_yaml(rewritten, source) == wanted
    except (LookupError, yaml.YAMLError, SpecError):
        same = False
    if not same:
        by_hand = ", ".join(change.summary for change in changes)
        problem = f"cannot be rewritten with its layout; by hand: {by_hand or 'spec_version'}"
        raise SpecError(source, "", problem)
    return Migration(rewritten, tuple(changes))


# -- One change ------------------------------------------------------------------------------------


def _rewrite(text: str, change: Change) -> str:
    """Moves a key and writes its new value."""
    old, new = change.old.split("."), change.new.split(".")
    value = _value(text, old)
    assert change.rewrite is not None  # `upgrade` has refused the others
    wanted = change.rewrite(value)
    if old[:-1] == new[:-1]:
        key = _find(text, old)[1]
        text = _splice(text, key.start_mark.index, key.end_mark.index, new[-1])
    else:
        text = _remove(_insert(text, old, new), old)
    if wanted == value:
        return text
    node = _find(text, new)[2]
    return _splice(text, node.start_mark.index, _end(text, node), _flow(wanted))


def _insert(text: str, old: list[str], new: list[str]) -> str:
    """Copies the value at ``old`` to ``new``, in the style of the section that takes it."""
    node, value = _find(text, old)[2], _value(text, old)
    section, depth = _root(text), 0
    while (below := _entry(section, new[depth])) is not None:
        depth += 1
        if not isinstance(below[1], yaml.MappingNode):
            return _fill(text, below[1], _nested(new[depth:], value))
        section = below[1]
    names = new[depth:]
    if section.flow_style:
        content = _flow(_nested(names, value))[1:-1]
        if not section.value:
            return _splice(
                text, section.start_mark.index + 1, section.start_mark.index + 1, content
            )
        end = _end(text, section.value[-1][1])
        return _splice(text, end, end, f", {content}")
    place = _line_end(text, _end(text, section.value[-1][1]))
    lines = _block(text, names, section.value[0][0].start_mark.column, node)
    return text[:place] + "".join(f"\n{line}" for line in lines) + text[place:]


def _fill(text: str, node: yaml.Node, value: Any) -> str:
    """Writes a section where there was none ('device:' or 'device: null')."""
    start, end = node.start_mark.index, node.end_mark.index
    space = "" if text[start - 1] == " " else " "
    return _splice(text, start, end, space + _flow(value))


def _block(text: str, names: list[str], column: int, value: yaml.Node) -> list[str]:
    """The lines of an entry below sections that are made for it, from a column on."""
    lines = [f"{' ' * (column + 2 * depth)}{name}:" for depth, name in enumerate(names)]
    start, end = value.start_mark.index, _end(text, value)
    if isinstance(value, yaml.CollectionNode) and not value.flow_style:
        first, inside = _line_start(text, start), column + 2 * len(names)
        for line in text[first : _line_end(text, end)].splitlines():
            cut = min(value.start_mark.column, len(line) - len(line.lstrip()))
            lines.append(" " * inside + line[cut:] if line.strip() else "")
    else:
        lines[-1] += (
            f" {text[start : _line_end(text, end)] if _ends_line(text, end) else text[start:end]}"
        )
    return lines


def _remove(text: str, path: list[str]) -> str:
    """Takes an entry out, and the sections that are empty without it."""
    parent, key, value = _find(text, path)
    if len(parent.value) == 1 and len(path) > 1:
        return _remove(text, path[:-1])
    if not parent.flow_style:
        return text[: _line_start(text, key.start_mark.index)] + (
            text[_line_end(text, _end(text, value)) :].removeprefix("\r").removeprefix("\n")
        )
    place = [each for each, _ in parent.value].index(key)
    if place + 1 < len(parent.value):
        after = parent.value[place + 1][0].start_mark.index
        return _splice(text, key.start_mark.index, after, "")
    before = _end(text, parent.value[place - 1][1]) if place else key.start_mark.index
    return _splice(text, before, _end(text, value), "")


def _name_version(text: str) -> str:
    """Writes the version, as the first key where there was none."""
    root = _root(text)
    there = _entry(root, VERSION_KEY)
    line = f"{VERSION_KEY}: {versions.CURRENT}"
    if there is not None:
        start, end = there[0].start_mark.index, _end(text, there[1])
        return _splice(text, start, max(end, there[0].end_mark.index + 1), line)
    if root.flow_style:
        start = root.start_mark.index + 1
        return _splice(text, start, start, f"{line}, " if root.value else line)
    newline = "\r\n" if "\r\n" in text else "\n"
    start = _line_start(text, root.start_mark.index)
    return _splice(text, start, start, f"{' ' * root.start_mark.column}{line}{newline}")


# -- Places in the text ----------------------------------------------------------------------------


def _root(text: str) -> yaml.MappingNode:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise LookupError("no mapping")
    return node


def _entry(section: yaml.MappingNode, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    return next((pair for pair in section.value if pair[0].value == name), None)


def _find(text: str, path: list[str]) -> tuple[yaml.MappingNode, yaml.Node, yaml.Node]:
    """The section, the key and the value of a dotted key."""
    node: yaml.Node = _root(text)
    for depth, name in enumerate(path, start=1):
        if not isinstance(node, yaml.MappingNode) or (found := _entry(node, name)) is None:
            raise LookupError(name)
        if depth == len(path):
            return node, *found
        node = found[1]
    raise LookupError("no key")


def _end(text: str, node: yaml.Node) -> int:
    """Where the last character of a node's content ends; a block's own end is the next token."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        return len(text[: node.end_mark.index].rstrip())
    last = node.value[-1]
    return _end(text, last[1] if isinstance(node, yaml.MappingNode) else last)


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """The end of the line, its comment included, without the line break."""
    end = text.find("\n", index)
    return len(text[: len(text) if end < 0 else end].rstrip("\r"))


def _ends_line(text: str, index: int) -> bool:
    """Whether nothing but a comment follows on the line, so that the comment belongs to it."""
    rest = text[index : _line_end(text, index)].strip()
    return not rest or rest.startswith("#")


def _splice(text: str, start: int, end: int, middle: str) -> str:
    return text[:start] + middle + text[end:]


# -- Values ----------------------------------------------------------------------------------------


def _value(text: str, path: list[str]) -> Any:
    """The value of a dotted key, read as a spec is read."""
    value: Any = parse_yaml(text, "")
    for name in path:
        value = value[name]
    return value


def _flow(value: Any) -> str:
    """A value in flow style, on one line."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").strip()


def _nested(names: list[str], value: Any) -> Any:
    for name in reversed(names):
        value = {name: value}
    return value
