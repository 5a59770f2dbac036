"""What is not read is refused in one line that says what would be."""

from __future__ import annotations

import os
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurograd.errors import DataError, SpecError
from neurograd.fit.reading import read_measurements
from neurograd.fit.reading.sheets import sheet
from neurograd.fit.reading.sheets import table as tables
from neurograd.spec import validate_spec

GOOD = "pulse,potentiation,depression\n0,1,3\n1,2,2.5\n2,3,1\n"
FILE_SPEC = {"network": {"hidden": [8]}, "task": {"name": "digits"}}
JUMPS = "conductance,delta_up,delta_down\n0,1,-1\n1,1,-1\n2,1,-1\n"


def written(tmp_path, content, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _edited(line, text):
    lines = GOOD.splitlines()
    lines[line - 1] = text
    return "\n".join(lines)


def _long(rows, text="{k},{up},{down}", heads="pulse,potentiation,depression"):
    lines = [text.format(k=k, up=1 + k, down=rows - k) for k in range(rows)]
    return "\n".join([heads, *lines])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_edited(3, "1,abc,2"), "line 3, column potentiation is 'abc'; allowed: a number such as"),
        (_edited(3, "1,2,-inf"), "line 3, column depression is '-inf'; allowed: a number"),
        (_edited(3, "1,1_0,2"), "line 3, column potentiation is '1_0'; allowed: a number"),
        (_edited(3, "1,1e33,2"), "line 3, column potentiation is '1e33'; allowed: .*up to 1e.30"),
        (_edited(3, "1,2,3,4"), "line 3 has 4 cells; allowed: 3"),
        (_edited(3, "0.5,2,2"), "line 3, column pulse is 0.5; allowed: whole numbers from 0"),
        (_edited(2, "-1,1,3"), "line 2, column pulse is -1; allowed: whole numbers from 0"),
        (
            _edited(4, f"{10**20},3,1"),
            r"line 4, column pulse is 1e\+20; allowed: whole numbers from 0 to 9e\+15 ",
        ),
        (_edited(4, ""), "column potentiation has 2 values in a row; allowed: 3 or more"),
        (_edited(3, "0,2,2"), "has 1 values in a row; allowed: .*starts anew begins another cycle"),
        ("", "has no numbers; allowed: columns of a measured device"),
        ("a;b\nc;d\n", "has no numbers"),
        ("a,b\n1,2\n1,2\n1,2\n", "has the columns a, b; allowed: pulse, potentiation, depression"),
        (GOOD.replace("depression", "G (us)"), "'G .us.' has the unit us, a time; allowed: S"),
        (_long(9, "{k},{down},{up}"), "potentiation falls from 9 to 1, and .*unit in the heads"),
        (_long(9, "{k},{up},{up}"), "depression rises from 1 to 9; .*depression=depression:rever"),
        (_long(9, "{k},{down},{down}"), "potentiation falls from 9 to 1; allowed: from the small"),
        (_long(9, "{k},7,{down}"), "column potentiation is 7 in all rows; allowed: a change"),
        (
            _long(9, "{k},{up},-1", "n,LTP (kOhm),LTD (kOhm)"),
            r"line 2, column LTD \(kOhm\) is -1; allowed: a resistance above 0",
        ),
        (_long(9, "{k},x,{up}", "n,direction,G"), "column direction is 'x'; allowed: LTP or LTD"),
        (JUMPS.replace("delta_down", "x"), "has no columns delta_down, but conductance, delta_up"),
        (JUMPS.replace("conductance", "x"), "has no columns conductance beside the changes"),
        (JUMPS.replace("1,-1", "-1,-1"), "changes of potentiation are -1 on average; .*above 0"),
        (
            JUMPS.replace("conductance", "G (S)"),
            r"G \(S\) is in S and delta_up has no unit that is",
        ),
        (_edited(3, "1," + "9" * 200_000 + ",1"), "line 3: field larger than .*allowed: plain"),
        (b"\xd0\xcf\x11\xe0....", "an old Excel file .*allowed: .xlsx, or text such as CSV"),
        (b"\x00\x01\x02\x03", "is not UTF-8 text; allowed: text"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_measurements(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("potentiation", "--columns: 'potentiation' is not understood; allowed: ROLE=HEAD"),
        ("ltp=a", "'ltp=a' is not understood; allowed: .*ROLE one of potentiation, depression"),
        ("potentiation=z", "there is no column 'z'; allowed: pulse, potentiation, depression"),
        ("potentiation=9", "there is no column '9'"),
        ("potentiation=2,depression=2", "2 is named twice; allowed: once"),
        ("read_voltage=much", "read_voltage=much; allowed: a voltage such as 0.2 V"),
        ("read_voltage=1.2.3", r"read_voltage=1\.2\.3; allowed: a voltage such as 0.2 V"),
        ("read_voltage=.", r"read_voltage=\.; allowed: a voltage such as 0.2 V"),
        ("read_voltage=1e999", "read_voltage=1e999; allowed: a voltage such as 0.2 V"),
        ("read_voltage=0 V", "read_voltage=0 V; allowed: a voltage such as 0.2 V"),
    ],
)
def test_columns_that_can_not_be_named_say_which_can(tmp_path, columns, message):
    with pytest.raises(DataError, match=message):
        read_measurements(written(tmp_path, GOOD), columns)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"No such file.*allowed: a CSV file or another one"):
        read_measurements(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder; allowed: a file of measured data"):
        read_measurements(tmp_path)
    with pytest.raises(DataError, match="larger than 10 MB"):
        read_measurements(written(tmp_path, b"1" * 10_000_001))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_pipes_and_devices_are_refused_before_they_are_read(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    for path in (pipe, "/dev/zero"):
        with pytest.raises(DataError, match="is not a regular file; allowed: a file of measured"):
            read_measurements(path)
        with pytest.raises(SpecError, match=r"device\.measured: .*is not a regular file"):
            validate_spec({**FILE_SPEC, "device": {"measured": str(path)}})


def test_no_more_is_read_than_is_allowed(tmp_path, monkeypatch):
    """A file that grows between the look at its size and the reading of it."""
    monkeypatch.setattr(sheet, "MAX_BYTES", 20)
    with pytest.raises(DataError, match="larger than 10 MB"):
        read_measurements(written(tmp_path, GOOD))


def test_too_many_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MAX_ROWS", 8)
    with pytest.raises(DataError, match="has 9 rows; allowed: 8"):
        read_measurements(written(tmp_path, _long(9)))


def test_one_direction_is_read_and_said(tmp_path):
    found = read_measurements(
        written(tmp_path, "n,LTP\n" + "\n".join(f"{k},{k}" for k in range(5)))
    )
    assert any("has no depression" in note for note in found.notes)


def test_windows_that_differ_are_noted(tmp_path):
    text = _long(9, "{k},0.0{up},{down}")
    (note,) = [n for n in read_measurements(written(tmp_path, text)).notes if "windows" in n]
    assert "potentiation passes 0.01 to 0.09, 0.89 % of it" in note
    assert not any("windows" in n for n in read_measurements(written(tmp_path, GOOD)).notes)


def test_padding_is_no_saturation(tmp_path):
    """A column that stops short is filled up; one that comes to rest is as it was measured."""
    padded = "\n".join(["n,LTP,LTD"] + [f"{k},{k},{max(20 - 4 * k, 0)}" for k in range(21)])
    resting = "\n".join(["n,LTP,LTD"] + [f"{k},{k},{round(20 * 0.5**k, 2)}" for k in range(21)])
    short, long = (read_measurements(written(tmp_path, text)).runs[1] for text in (padded, resting))
    np.testing.assert_array_equal(short.conductance, [20, 16, 12, 8, 4, 0])
    assert len(long.conductance) == 21


def test_readings_of_no_value_are_blank(tmp_path):
    """A source meter's 9.91e37 is no reading."""
    text = "n,LTP,LTD\n0,1,5\n1,2,9.91E+37\n2,3,3\n3,nan,2\n4,5,1\n"
    up, down = read_measurements(written(tmp_path, text)).runs
    np.testing.assert_array_equal(up.pulses, [0, 1, 2, 4])
    np.testing.assert_array_equal(down.conductance, [5, 3, 2, 1])


def test_units_may_stand_in_a_line_of_their_own(tmp_path):
    text = "Pulse\tLTP\tLTD\n-\tuS\tuS\n" + "\n".join(f"{k}\t{1 + k}\t{9 - k}" for k in range(5))
    found = read_measurements(written(tmp_path, text))
    assert found.unit == "S"
    np.testing.assert_allclose(found.runs[0].conductance, 1e-6 * np.arange(1, 6))


def test_heads_may_stand_in_a_comment(tmp_path):
    text = "# pulse LTP LTD\n" + "\n".join(f"{k} {1 + k} {9 - k}" for k in range(5))
    assert [r.direction for r in read_measurements(written(tmp_path, text)).runs] == [
        "potentiation", "depression",
    ]  # fmt: skip


def test_a_workbook_is_read_or_asks_for_the_extra(tmp_path, monkeypatch):
    path = written(tmp_path, b"PK\x03\x04", "table.xlsx")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(
        DataError, match=r"needs openpyxl; allowed: pip install 'neurograd-chip.exc"
    ):
        read_measurements(path)
    rows = [
        ("Pulse", "LTP (uS)", "LTD (uS)"),
        *((k, 1.5 + k, 9 - k) for k in range(5)),
        (None,) * 3,
    ]
    sheet = SimpleNamespace(
        title="Data", iter_rows=lambda values_only: iter(rows), reset_dimensions=lambda: None
    )
    book = SimpleNamespace(worksheets=[sheet, sheet], close=lambda: None)
    library = SimpleNamespace(load_workbook=lambda path, read_only, data_only: book)
    monkeypatch.setitem(sys.modules, "openpyxl", library)
    found = read_measurements(path)
    np.testing.assert_allclose(found.runs[0].conductance, 1e-6 * np.arange(1.5, 6))
    assert "Excel workbook, sheet Data; 1 more not read" in found.understood[0]


def test_a_real_workbook_is_read(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [("Pulse", "LTP (uS)", "LTD (uS)"), *((k, 1.5 + k, 9 - k) for k in range(5))]:
        book.active.append(row)
    book.save(tmp_path / "table.xlsx")
    found = read_measurements(tmp_path / "table.xlsx")
    np.testing.assert_allclose(found.runs[0].conductance, 1e-6 * np.arange(1.5, 6))
    with pytest.raises(DataError, match="can not be read as a workbook"):
        read_measurements(written(tmp_path, b"PK\x03\x04", "broken.xlsx"))


def test_a_workbook_is_read_beyond_the_size_that_it_names(tmp_path):
    """Other programs write A1 for the size of any sheet."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [("Pulse", "LTP (uS)", "LTD (uS)"), *((k, 1.5 + k, 9 - k) for k in range(5))]:
        book.active.append(row)
    book.save(tmp_path / "right.xlsx")
    with (
        zipfile.ZipFile(tmp_path / "right.xlsx") as right,
        zipfile.ZipFile(tmp_path / "table.xlsx", "w") as wrong,
    ):
        for name in right.namelist():
            content = right.read(name)
            wrong.writestr(name, content.replace(b'<dimension ref="A1:C6"', b'<dimension ref="A1"'))
            assert name != "xl/worksheets/sheet1.xml" or b'"A1:C6"' in content
    found = read_measurements(tmp_path / "table.xlsx")
    np.testing.assert_allclose(found.runs[1].conductance, 1e-6 * np.arange(9, 4, -1))


def test_a_refused_sheet_names_those_that_were_not_read(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [("Operator", "me"), ("Date", 20240101)]:
        book.active.append(row)
    second = book.create_sheet("Data")
    for row in [("Pulse", "LTP (uS)", "LTD (uS)"), *((k, 1.5 + k, 9 - k) for k in range(5))]:
        second.append(row)
    book.save(tmp_path / "table.xlsx")
    with pytest.raises(DataError, match=r"the first sheet alone is read, not 'Data': put the she"):
        read_measurements(tmp_path / "table.xlsx")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    text=st.text(max_size=200) | st.text('pulse,otniadr01.9-\n;\t"#', max_size=200),
    place=st.integers(0, 3),
)
def test_any_text_is_read_or_refused_in_one_line(tmp_path_factory, text, place):
    source = (text, GOOD + text, text + GOOD, JUMPS + text)[place]
    path = written(tmp_path_factory.getbasetemp(), source.encode("utf-8", "replace"), "any.csv")
    message = ""
    try:
        read_measurements(path)
    except DataError as error:
        message = str(error)
    assert len(message.splitlines()) <= 1


@pytest.mark.parametrize(
    ("heads", "row"),
    [
        ("pulse,LTP (nS),LTD (nS)", '{k},"{k},764.6","5{k},504.4"'),
        ("Puls;LTP (nS);LTD (nS)", "{k};{k}.870,01;5{k}.572,77"),
        ("Puls;LTP (nS);LTD (nS)", "{k};{k} 870.0;5{k} 572.8"),
        ("pulse,LTP,LTD", "{k},{k}.870 uS,5{k}.573 uS"),
    ],
)
def test_cells_with_marks_between_thousands_or_units_are_told(tmp_path, heads, row):
    path = tmp_path / "table.csv"
    path.write_text("\n".join([heads, *(row.format(k=k) for k in range(1, 9))]))
    words = r"line 2 has '.*; allowed: .* without marks between thousands and without units in"
    with pytest.raises(DataError, match=words):
        read_measurements(path)
