"""JSON in and out, here and nowhere else: records as JSON types, reports read back, schema."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from neurograd.errors import OldReportWarning, ReportError
from neurograd.output import plain
from neurograd.records.comparison import ComparisonReport
from neurograd.records.record import Record
from neurograd.records.report import REPORT_VERSION, Report

R = TypeVar("R", bound=Record)

_REPORT: TypeAdapter[Report] = TypeAdapter(Annotated[Report, Field(discriminator="kind")])
_KINDS = ("check", "train", "limits")
_WRITTEN: TypeAdapter[Report | ComparisonReport] = TypeAdapter(
    Annotated[Report | ComparisonReport, Field(discriminator="kind")]
)


def to_json_dict(record: Record) -> dict[str, Any]:
    """A record as JSON types; what is not finite is null."""
    made: dict[str, Any] = plain(record.model_dump(mode="json"))
    return made


def from_json_dict(kind: type[R], data: Any) -> R | None:
    """A record from JSON types; None where they are not those of its kind."""
    try:
        return kind.model_validate(data)
    except ValidationError:
        return None


def report_from_json(
    data: Any, source: str = "report", *, note: Callable[[str], None] | None = None
) -> Report:
    """A report from the JSON types of its file.

    A report without ``report_version`` is of version 0: it is read, with one line that says so; of
    version 1 one with limits that meant something else is. One of a newer version is refused.

    Args:
        data: What the file holds.
        source: What errors call it, such as the name of the file.
        note: Told the line about an old version; a warning when None.

    Raises:
        ReportError: If it is no report, or of a newer version.
    """
    if not isinstance(data, Mapping) or not ({"verdict", "spec"} <= set(data)):
        raise ReportError(
            f"{source}: is no report; allowed: a JSON file that neurograd check, train or limits "
            "wrote"
        )
    version = data.get("report_version", 0)
    if not isinstance(version, int) or isinstance(version, bool) or version < 0:
        raise ReportError(
            f"{source}: report_version is {version!r}; allowed: whole numbers up to "
            f"{REPORT_VERSION}"
        )
    if version > REPORT_VERSION:
        raise ReportError(
            f"{source}: report_version {version} is newer than this neurograd; allowed: up to "
            f"{REPORT_VERSION}"
        )
    kind = data.get("kind", "check")
    if isinstance(kind, str) and kind not in _KINDS:
        raise ReportError(
            f"{source}: is of kind {kind!r:.60}; allowed: a report of check, train or limits"
        )
    if version == 0:
        line = f"{source}: is a report of version 0, from before reports had one; it is read as is"
        (note or _warn)(line)
        data = _from_version_0(data)
    if version == 1 and _has_crossings(data):
        (note or _warn)(f"{source}: is a report of version 1, {_CROSSINGS}; it is read as is")
    data = {**data, "report_version": REPORT_VERSION}
    try:
        report = _REPORT.validate_python(data)
    except ValidationError as error:
        # The first word of a place is the kind of report.
        raise _refused(source, error, error.errors()[0]["loc"][1:]) from None
    try:
        report.design  # noqa: B018  (what sentences say of the spec is read here, not later)
    except ValidationError as error:
        raise _refused(source, error, ("spec", *error.errors()[0]["loc"])) from None
    return report


def read_report(path: str | Path, *, note: Callable[[str], None] | None = None) -> Report:
    """Read a report's JSON file.

    Args:
        path: The file.
        note: As for ``report_from_json``.

    Raises:
        ReportError: If there is no such file, or it is no report that can be read.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror}); allowed: a file") from None
    except (ValueError, RecursionError):
        raise ReportError(f"{path}: is no JSON; allowed: a report's JSON file") from None
    return report_from_json(data, str(path), note=note)


def report_schema() -> dict[str, Any]:
    """JSON Schema of the reports of ``check``, ``train``, ``limits`` and ``compare``."""
    schema = _WRITTEN.json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"neurograd report, version {REPORT_VERSION}",
        **schema,
    }


def schema_text() -> str:
    """The schema as the text of its file."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"


def _from_version_0(data: Mapping[str, Any]) -> dict[str, Any]:
    chips = "check" if data.get("points") else "train"
    kind = "limits" if "numbers" in data else chips
    return {**data, "kind": kind}


_CROSSINGS = (
    "whose limits stand on either side of where the predicted cost is the allowed one, not where a "
    "verdict is decided"
)


def _has_crossings(data: Mapping[str, Any]) -> bool:
    """Whether limits of version 1 are those from before they were two verdicts."""
    rows = data.get("numbers")
    known = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    return any(row.get("separated") is not None for row in known)


def _refused(source: str, error: ValidationError, place: tuple[int | str, ...]) -> ReportError:
    key = ".".join(str(word) for word in place) or "kind"
    problem = error.errors()[0]["msg"]
    return ReportError(f"{source}: {key}: {problem}; allowed: see neurograd schema --report")


def _warn(line: str) -> None:
    warnings.warn(line, OldReportWarning, stacklevel=3)
