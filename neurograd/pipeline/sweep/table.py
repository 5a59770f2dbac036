"""The table of a sweep as a file: CSV, or Parquet by the name's ending."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurograd.errors import NeurogradError, OutputError
from neurograd.keys.units import parse_number
from neurograd.pipeline.sweep.modes import Row

ENDINGS = (".csv", ".parquet")
_TEXTS = ("verdict", "cost_kind", "cause", "decided_by", "error")
_WHOLE = ("chips", "diverged", "num_parameters")
_TRUTHS = ("clean_learned",)


def check_table(path: Path) -> None:
    """Refuse a table that cannot be written, before anything runs.

    Raises:
        NeurogradError: If the ending is unknown, or pyarrow is not installed for Parquet.
    """
    if path.suffix not in ENDINGS:
        raise OutputError(f"--table {path}: allowed: a name that ends in {' or '.join(ENDINGS)}")
    if path.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401, PLC0415  (optional)
        except ImportError:
            raise NeurogradError(
                f"--table {path}: pyarrow is not installed; allowed: .csv, or after "
                "pip install 'neurograd-chip[sweep]'"
            ) from None


def to_table(rows: Sequence[Row], keys: Sequence[str], ending: str) -> bytes:
    """The rows as the bytes of a file; the same rows give the same bytes.

    In CSV every digit is kept, truth values are ``true`` and ``false``, and what is not there is
    empty. In Parquet a swept key is a number where all its values are plain numbers, else text.

    Args:
        rows: One or more, with the same columns in the same order.
        keys: The swept keys, whose values are texts.
        ending: One of ``ENDINGS``.
    """
    return _csv(rows) if ending == ".csv" else _parquet(rows, keys)


def _csv(rows: Sequence[Row]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return buffer.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _parquet(rows: Sequence[Row], keys: Sequence[str]) -> bytes:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name in keys:
            numbers = [parse_number(value) for value in values]
            columns[name] = pa.array(values if None in numbers else numbers)
        elif name in _TEXTS:
            columns[name] = pa.array(values, pa.string())
        elif name in _TRUTHS:
            columns[name] = pa.array(values, pa.bool_())
        elif name in _WHOLE:
            columns[name] = pa.array(values, pa.int64())
        else:
            columns[name] = pa.array(values, pa.float64())
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()
