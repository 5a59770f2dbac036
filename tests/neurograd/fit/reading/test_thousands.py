"""'4,000' may be 4 or 4000: it is read only where the file tells which."""

from __future__ import annotations

import numpy as np
import pytest

from neurograd.errors import DataError
from neurograd.fit.reading import read_measurements

UP = (4.0, 6.8, 9.6, 12.4, 15.2)
THOUSANDS = ("4{m}000", "6{m}800", "9{m}600", "12{m}400", "15{m}200")


def read(tmp_path, separator, mark, up, heads="pulse|LTP (nS)|LTD (nS)"):
    quote = '"' if separator == mark else ""
    cells = [quote + cell.format(m=mark) + quote for cell in up]
    rows = [f"{k}|{u}|{d}" for k, (u, d) in enumerate(zip(cells, cells[::-1], strict=True))]
    text = "\n".join([heads, *rows]).replace("|", separator)
    (tmp_path / "table.csv").write_text(text + "\n")
    return read_measurements(tmp_path / "table.csv").runs[0].conductance


@pytest.mark.parametrize(("separator", "mark"), [(",", ","), ("\t", ","), (";", ","), (";", ".")])
def test_marks_that_may_be_of_thousands_are_refused(tmp_path, separator, mark):
    message = (
        "like '4.000', which may be 4 or 4000; allowed: 4000 where the mark is one of "
        r"thousands, 4\.000 between tabs or commas where it is decimal"
    )
    with pytest.raises(DataError, match=message):
        read(tmp_path, separator, mark, THOUSANDS)


@pytest.mark.parametrize("separator", ["\t", ","])
def test_what_is_advised_is_read(tmp_path, separator):
    decimals = read(tmp_path, separator, ".", THOUSANDS)
    np.testing.assert_allclose(decimals, 1e-9 * np.array(UP))
    bare = read(tmp_path, separator, "", THOUSANDS)
    np.testing.assert_allclose(bare, 1e-6 * np.array(UP))


@pytest.mark.parametrize(
    ("up", "values"),
    [
        (("0{m}400", *THOUSANDS), (0.4, *UP)),
        (("3{m}50", *THOUSANDS), (3.5, *UP)),
        ((*THOUSANDS, "4000{m}000"), (*UP, 4000)),
        ((*THOUSANDS, "1{m}500e4"), (*UP, 15_000)),
        ((*THOUSANDS, "1500"), (*UP, 1500)),
    ],
)
@pytest.mark.parametrize(("separator", "mark"), [("\t", ","), (";", ","), (";", ".")])
def test_one_number_tells_of_all(tmp_path, separator, mark, up, values):
    np.testing.assert_allclose(read(tmp_path, separator, mark, up), 1e-9 * np.array(values))


def test_another_column_tells_the_decimal_mark(tmp_path):
    heads = "time (s);LTP (nS);LTD (nS)"
    rows = [
        f"0,{k};{u};{d}" for k, (u, d) in enumerate(zip(THOUSANDS, THOUSANDS[::-1], strict=True))
    ]
    (tmp_path / "table.csv").write_text("\n".join([heads, *rows]).replace("{m}", ","))
    found = read_measurements(tmp_path / "table.csv").runs[0]
    np.testing.assert_allclose(found.conductance, 1e-9 * np.array(UP))
