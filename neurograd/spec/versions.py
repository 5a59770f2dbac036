"""The versions of the YAML language: which keys have moved, and how an old spec is read.

A spec may carry `spec_version`. One that does not is read under the newest version, and keys that
have moved since are recognised by their old names, which are never given to anything else. So an
old spec runs, with a warning for each changed key, or is refused with the new key's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from neurograd.errors import ChangedKeyWarning, SpecError
from neurograd.keys.units import parse_number, show

CURRENT = 1
"""The version of the specs that this program writes."""

VERSION_KEY = "spec_version"


@dataclass(frozen=True)
class Change:
    """A key that has moved, or whose values are written in another way.

    Attributes:
        old: The dotted key in specs before ``version``.
        new: The dotted key that stands for it; the old one where only the values have changed.
        version: The first version with the new key.
        rewrite: The new value of an old one, which leaves new values as they are; None where an old
            value cannot be translated, so that the spec is refused.
    """

    old: str
    new: str
    version: int
    rewrite: Callable[[Any], Any] | None = lambda value: value

    def __post_init__(self) -> None:
        """A key cannot move into or out of itself; such a change is a rewritten value."""
        old, new = f"{self.old}.", f"{self.new}."
        if self.moved and (old.startswith(new) or new.startswith(old)):
            raise ValueError(f"{self.old} and {self.new} lie within each other")

    @property
    def moved(self) -> bool:
        """Whether the key has another name."""
        return self.old != self.new

    @property
    def summary(self) -> str:
        """What has changed, in words."""
        return f"{self.old} is now {self.new}" if self.moved else f"{self.old} has other values now"


@dataclass(frozen=True)
class AsWritten:
    """The keys that a spec was read from, in the newest version: no preset's, no default.

    They are no part of what a spec is: two of the same meaning are equal, however they are written.
    """

    keys: Mapping[str, Any] = field(default_factory=dict, compare=False)


CHANGES: tuple[Change, ...] = ()
"""Every change since version 1, oldest first. No key has moved so far."""


def upgrade(data: Mapping[str, Any], source: str) -> tuple[dict[str, Any], list[Change]]:
    """Gives a spec of any version in the newest one.

    Args:
        data: The keys of the spec as plain dicts; not changed.
        source: What errors call it.

    Returns:
        A copy with the keys of today, and the changes that were made to it.

    Raises:
        SpecError: If the spec is newer than this program, has an old key that cannot be translated
            or beside the new one, or has an old key although it claims to be of a newer version.
    """
    version = _version(data, source)
    upgraded, made = _copy(data), []
    for change in CHANGES:
        if not _has(upgraded, change.old):
            continue
        known = version is not None and version >= change.version
        if known and not change.moved:
            continue
        if known or change.rewrite is None:
            raise SpecError(source, change.old, f"is now {change.new}; allowed: {change.new}")
        if change.moved and _has(upgraded, change.new):
            problem = f"is the old name of {change.new}, which is there as well; allowed: only that"
            raise SpecError(source, change.old, problem)
        old = _take(upgraded, change.old.split("."))
        new = change.rewrite(old)
        _put(upgraded, change.new.split("."), new, source)
        if change.moved or new != old:
            made.append(change)
    if version is not None:
        upgraded[VERSION_KEY] = CURRENT
    return upgraded, made


def old_key(data: Mapping[str, Any]) -> Change | None:
    """The first change whose old key is in a spec that should be in the newest version."""
    return next((each for each in CHANGES if each.moved and _has(data, each.old)), None)


def warning(source: str, change: Change) -> ChangedKeyWarning:
    """What the user of an old spec is told of a changed key, in one line."""
    since = f"{VERSION_KEY} {change.version}"
    advice = f"'neurograd migrate {source}' rewrites it"
    return ChangedKeyWarning(f"{source}: {change.summary} ({since}); {advice}")


def check_version(data: Mapping[str, Any], source: str) -> None:
    """Refuses a spec of a version that this program does not know.

    Raises:
        SpecError: If it is newer, or no version at all.
    """
    _version(data, source)


def _version(data: Mapping[str, Any], source: str) -> int | None:
    version = data.get(VERSION_KEY)
    allowed = "1" if CURRENT == 1 else f"1 to {CURRENT}"
    if version is None:
        return None
    if isinstance(version, str) and (number := parse_number(version)) is not None:
        version = int(number) if number.is_integer() else version  # as text, as any number may be
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise SpecError(source, VERSION_KEY, f"{show(version)} is no version; allowed: {allowed}")
    if version > CURRENT:
        problem = (
            f"{version} is newer than this neurograd; allowed: {allowed}, or a newer neurograd"
        )
        raise SpecError(source, VERSION_KEY, problem)
    return version


def _copy(section: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _copy(value) if isinstance(value, Mapping) else value for key, value in section.items()
    }


def _has(data: Mapping[str, Any], key: str) -> bool:
    section: Any = data
    for name in key.split("."):
        if not isinstance(section, Mapping) or name not in section:
            return False
        section = section[name]
    return True


def _take(section: dict[str, Any], path: list[str]) -> Any:
    """Takes a value out, and the sections that are empty without it."""
    if len(path) == 1:
        return section.pop(path[0])
    value = _take(section[path[0]], path[1:])
    if not section[path[0]]:
        del section[path[0]]
    return value


def _put(section: dict[str, Any], path: Iterable[str], value: Any, source: str) -> None:
    """Sets a value; sections that are missing are made."""
    *sections, last = path
    for depth, name in enumerate(sections, start=1):
        if section.get(name) is None:
            section[name] = {}
        section = section[name]
        if not isinstance(section, dict):
            place = ".".join(sections[:depth])
            raise SpecError(source, place, f"is {show(section)}; allowed: a mapping with {last}")
    section[last] = value
