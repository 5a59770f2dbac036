"""Reads a YAML file from an untrusted source into plain dicts, lists, strings and numbers.

Size, nesting, nodes and aliases are bounded on the parser's event stream, before any value is
built, so that neither a deeply nested file nor a 'billion laughs' file costs time or memory.
Dates, 0100 and 1:30 stay text; tags other than `!!str` are refused, and so are duplicate or
non-text keys. Every problem is a one-line `SpecError`, with the line number where it is known.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from neurograd.errors import SpecError
from neurograd.keys.units import show

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_NODES = 10_000
MAX_ALIASES = 20
MAX_SCALAR = 4096
MAX_INT_BITS = 1024

_STR_TAG = "tag:yaml.org,2002:str"
_MERGE_TAG = "tag:yaml.org,2002:merge"
_LEFT_AS_TEXT = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
_NUMBERS = {
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)\Z"),
    "tag:yaml.org,2002:float": re.compile(
        r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
}
"""Numbers of YAML 1.1 without its octal 0100 (64) and its sexagesimal 1:30 (90), which are text."""
_MAX_PROBLEM = 160


def load_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a YAML file whose top level is a mapping.

    Args:
        path: The file; errors repeat it as given.

    Returns:
        Plain dicts, lists, strings, numbers, booleans and None.

    Raises:
        SpecError: When the file cannot be read or is not such YAML.
    """
    source = os.fspath(path)
    return parse_yaml(read_text(path), source)


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """Parses YAML whose top level is a mapping.

    Args:
        text: The YAML text.
        source: What errors call it, such as the file's path.

    Returns:
        Plain dicts, lists, strings, numbers, booleans and None.

    Raises:
        SpecError: When the text is not such YAML.
    """
    data = _parse(text, source)
    if data is None:
        raise SpecError(source, "", "the file is empty; allowed: a mapping such as 'name: my chip'")
    if not isinstance(data, dict):
        raise SpecError(
            source, "", f"the top level is {show(data)}, not a mapping; allowed: 'key: value' lines"
        )
    return data


def parse_value(text: str, source: str) -> Any:
    """Parses one YAML value, such as the right-hand side of `--set KEY=VALUE`.

    Args:
        text: A scalar or a flow collection, for example `5 %`, `null` or `[64, 64]`.
        source: What errors call it.

    Returns:
        The value in plain Python types.

    Raises:
        SpecError: When the text is not one bounded YAML value.
    """
    if not text.strip():
        raise SpecError(source, "", "the value is empty; allowed: KEY=VALUE (write null for none)")
    return _parse(text, source)


def read_text(path: str | os.PathLike[str]) -> str:
    """Reads a regular UTF-8 file, whose size is checked first.

    Raises:
        SpecError: When it is none, or cannot be read.
    """
    source = os.fspath(path)
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise SpecError(source, "", "is a directory; allowed: a YAML file")
        if not stat.S_ISREG(status.st_mode):
            raise SpecError(source, "", "is not a regular file; allowed: a YAML file")
        _check_size(status.st_size, source)
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(source, "", "no such file; allowed: the path of a spec") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SpecError(source, "", f"cannot be read: {reason}; allowed: a YAML file") from None
    except ValueError as error:  # a null character or a lone surrogate in the path
        if isinstance(error, SpecError):
            raise
        raise SpecError(show(source), "", "is not a path; allowed: the path of a spec") from None
    _check_size(len(raw), source)
    try:
        return raw.decode("utf-8")  # PyYAML drops a byte order mark
    except UnicodeDecodeError as error:
        raise SpecError(
            source, "", f"is not UTF-8 text (byte {error.start}); allowed: UTF-8"
        ) from None


def _check_size(size: int, source: str) -> None:
    if size > MAX_BYTES:
        raise SpecError(source, "", f"is larger than {MAX_BYTES // 1024} kB, the most allowed")


def _parse(text: str, source: str) -> Any:
    """Bounds the event stream, then builds the one document."""
    try:
        _check_size(len(text.encode("utf-8", "surrogatepass")), source)
        _check_events(yaml.parse(text, Loader=yaml.SafeLoader))
        # _Loader is a SafeLoader, narrowed further
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        parts = filter(None, (error.context, error.problem))
        raise SpecError(source, "", _problem(", ".join(parts), mark)) from None
    except yaml.reader.ReaderError as error:
        raise SpecError(
            source, "", f"position {error.position}: character not allowed in YAML text"
        ) from None
    except SpecError:
        raise
    except RecursionError:
        raise SpecError(source, "", f"is nested too deeply; allowed: {MAX_DEPTH} levels") from None
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError) as error:
        raise SpecError(source, "", _problem(f"is not valid YAML: {error}", None)) from None


def _problem(problem: str, mark: Any) -> str:
    """One short line from a PyYAML error."""
    text = " ".join(problem.split())
    if len(text) > _MAX_PROBLEM:
        text = text[:_MAX_PROBLEM] + "…"
    return f"line {mark.line + 1}: {text}" if mark is not None else text


class _LimitError(yaml.MarkedYAMLError):
    """The YAML is well formed but beyond what a spec needs."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


@dataclass
class _Frame:
    """An open collection: its anchor, and its size and height with the aliases written out."""

    anchor: str | None
    size: int = 1
    height: int = 1


@dataclass
class _Limits:
    """Counts what the event stream would build."""

    nodes: int = 0
    aliases: int = 0
    open: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, size: int, height: int, mark: Any) -> None:
        """Counts a node, or the whole subtree that an alias repeats."""
        self.nodes += size
        if self.nodes > MAX_NODES:
            raise _LimitError(f"has more than {MAX_NODES} values, the most allowed", mark)
        if len(self.open) + height > MAX_DEPTH:
            raise _LimitError(f"nested too deeply; allowed: {MAX_DEPTH} levels", mark)

    def close(self, anchor: str | None, size: int, height: int) -> None:
        """Records a finished node under its anchor and adds it to its parent."""
        if anchor is not None:
            self.anchors[anchor] = (size, height)
        if self.open:
            parent = self.open[-1]
            parent.size += size
            parent.height = max(parent.height, height + 1)


def _check_events(events: Iterator[Any]) -> None:
    """Refuses events that would build too much, are recursive or carry a tag."""
    limits = _Limits()
    for event in events:
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            _check_alias(event, limits)
        elif isinstance(event, yaml.ScalarEvent):
            _check_tag(event)
            if len(event.value) > MAX_SCALAR:
                raise _LimitError(f"text is longer than {MAX_SCALAR} characters", mark)
            limits.add(1, 1, mark)
            limits.close(event.anchor, 1, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            _check_tag(event)
            limits.add(1, 1, mark)
            limits.open.append(_Frame(event.anchor))
        elif isinstance(event, yaml.CollectionEndEvent):
            frame = limits.open.pop()
            limits.close(frame.anchor, frame.size, frame.height)


def _check_alias(event: yaml.AliasEvent, limits: _Limits) -> None:
    mark, name = event.start_mark, show(event.anchor)
    limits.aliases += 1
    if limits.aliases > MAX_ALIASES:
        raise _LimitError(f"has more than {MAX_ALIASES} aliases, the most allowed", mark)
    if any(frame.anchor == event.anchor for frame in limits.open):
        raise _LimitError(f"alias {name} is inside the value that it repeats", mark)
    if event.anchor not in limits.anchors:
        raise _LimitError(f"alias {name} is not defined", mark)
    size, height = limits.anchors[event.anchor]
    limits.add(size, height, mark)
    limits.close(None, size, height)


def _check_tag(event: Any) -> None:
    if event.tag not in (None, "!", _STR_TAG):
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        raise _LimitError(
            f"tag {show(tag)} is not allowed; allowed: plain values without tags",
            event.start_mark,
        )


def _merge_sources(value: yaml.Node) -> list[yaml.MappingNode]:
    """The mappings that a merge key names: one, or a list of them."""
    sources: list[Any] = value.value if isinstance(value, yaml.SequenceNode) else [value]
    for source in sources:
        if not isinstance(source, yaml.MappingNode):
            problem = "merging ('<<') takes a mapping or a list of mappings"
            raise _LimitError(problem, source.start_mark)
    return sources


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses duplicate and non-text keys and leaves dates as text."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Composes a mapping and checks its keys before merge keys are written out."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag not in (_STR_TAG, _MERGE_TAG):
                shown = show(key.value) if isinstance(key, yaml.ScalarNode) else "a collection"
                raise _LimitError(f"key {shown} is not text; put it in quotes", key.start_mark)
            if key.value in seen:
                raise _LimitError(f"duplicate key {show(key.value)}", key.start_mark)
            seen.add(key.value)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Writes out merge keys: own keys win, then the earlier mapping of a list.

        PyYAML's own way lets a merged key win over an own one in some versions (6.0.4) as soon as
        the mapping is merged a second time.
        """
        merges = [value for key, value in node.value if key.tag == _MERGE_TAG]
        if not merges:
            return
        pairs: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for source in reversed([each for value in merges for each in _merge_sources(value)]):
            self.flatten_mapping(source)
            pairs.update((key.value, (key, value)) for key, value in source.value)
        own = [(key, value) for key, value in node.value if key.tag != _MERGE_TAG]
        pairs.update((key.value, (key, value)) for key, value in own)
        node.value = list(pairs.values())

    def construct_number(self, node: Any) -> int | float:
        """Builds a number, and turns what Python cannot read as one into a marked error."""
        build = self.construct_yaml_float if node.tag.endswith("float") else self.construct_yaml_int
        try:
            number: int | float = build(node)
        except (ValueError, LookupError, OverflowError):
            problem = f"{show(node.value)} is not a number that can be read"
            raise _LimitError(problem, node.start_mark) from None
        if isinstance(number, int) and number.bit_length() > MAX_INT_BITS:
            raise _LimitError(f"{show(node.value)} is too large a number", node.start_mark)
        return number


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, _NUMBERS.get(tag, regexp)) for tag, regexp in resolvers if tag not in _LEFT_AS_TEXT
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_number)
