"""Tables as text: which form they have, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import device_models.write.measured_table as tables
from device_models.write.jump_table import JumpTable, parse_jump_table
from device_models.write.measured import parse_measured
from device_models.write.measured_curve import PulseCurves, parse_pulse_curve

JUMPS = "conductance,delta_up,delta_down\n0,1,-1\n1,1,-1\n2,1,-1\n"
GOOD = "pulse,potentiation,depression\n0,1,3\n1,2,2.5\n2,3,1\n"


def test_the_header_tells_the_form():
    assert isinstance(parse_measured(GOOD), PulseCurves)
    assert isinstance(parse_measured(JUMPS), JumpTable)
    with pytest.raises(ValueError, match="line 1 has the columns 'a, b'; allowed: pulse, pot"):
        parse_measured("a,b\n1,2\n1,2\n1,2\n")
    with pytest.raises(ValueError, match="line 1 has the columns ''; allowed: pulse"):
        parse_measured("")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_line_ends_and_byte_order_marks(separator, ending, mark):
    text = mark + GOOD.replace(",", separator).replace("\n", ending)
    plain = parse_measured(GOOD)
    read = parse_measured(text)
    assert read.potentiation.positions.equal(plain.potentiation.positions)
    assert read.levels == (2, 2)


def test_blank_lines_order_and_other_columns_do_not_matter():
    text = '\n Depression ,note, PULSE,"potentiation"\n3,"a, b",0,1\n\n2.5,,1,2\n , , , \n1,c,2,3\n'
    read = parse_measured(text)
    assert read.depression.positions.equal(parse_measured(GOOD).depression.positions)


def _edited(line, text):
    lines = GOOD.splitlines()
    lines[line - 1] = text
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_edited(3, "1,abc,2"), "line 3, column potentiation is 'abc'; allowed: a number such as"),
        (_edited(3, "1,nan,2"), "line 3, column potentiation is 'nan'; allowed: a number"),
        (_edited(3, "1,2,-inf"), "line 3, column depression is '-inf'; allowed: a number"),
        (_edited(3, "1,1_0,2"), "line 3, column potentiation is '1_0'; allowed: a number"),
        (_edited(3, "1,1e99,2"), "line 3, column potentiation is '1e99'; allowed: .*up to 1e.30"),
        (_edited(3, "1,,2"), "line 4, column potentiation is 3 below an empty cell"),
        (_edited(3, "1,2"), "line 3 has 2 cells; allowed: 3"),
        (_edited(3, "1,2,3,4"), "line 3 has 4 cells; allowed: 3"),
        (_edited(3, "0,2,2"), "line 3, column pulse is 0; allowed: above 0, the one before"),
        (_edited(3, "0.5,2,2"), "line 3, column pulse is 0.5; allowed: whole numbers from 0"),
        (_edited(2, "-1,1,3"), "line 2, column pulse is -1; allowed: whole numbers from 0"),
        (_edited(4, "2,1.5,1"), "line 4, column potentiation is 1.5; allowed: not below 2, the"),
        (_edited(4, "2,3,2.6"), "line 4, column depression is 2.6; allowed: not above 2.5, the"),
        (_edited(4, ""), "the table has 2 rows; allowed: 3 or more"),
        ("", "line 1 has no column pulse, but ''; allowed: pulse, potentiation, depression"),
        (GOOD.replace("depression", "reset"), "line 1 has no column depression, but 'pulse, pot"),
        (GOOD.replace("depression", "pulse"), "line 1 has column 'pulse' twice; allowed: once"),
        (
            "pulse,potentiation,depression\n0,2,3\n1,2,2\n2,2,1\n",
            "column potentiation is 2 in all rows; allowed: a change",
        ),
        (_edited(3, "1," + "9" * 200_000 + ",1"), "line 3: field larger than .*allowed: plain"),
    ],
)
def test_pulse_tables_say_what_is_wrong(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_pulse_curve(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,1,-1\n1,1,-1\n1,1,-1", "column conductance is 1 in all rows; allowed: a range"),
        ("1,-1,-1\n2,-3,-1\n3,-1,-1", "column delta_up is -2 on average; allowed: above 0"),
        ("1,1,1\n2,1,1\n3,1,1", "column delta_down is 1 on average; allowed: below 0"),
        ("1,1e-7,-1\n2,1e-7,-1\n3,1e-7,-1", "allowed: above 0, by a millionth of the range"),
        ("1,1,-1\n2,x,-1\n3,1,-1", "line 3, column delta_up is 'x'; allowed: a number"),
        ("1,1,-1\n2,1,-1", "the table has 2 rows; allowed: 3 or more"),
    ],
)
def test_jump_tables_say_what_is_wrong(rows, message):
    with pytest.raises(ValueError, match=message):
        parse_jump_table("conductance,delta_up,delta_down\n" + rows)


def test_jump_tables_need_their_columns():
    with pytest.raises(ValueError, match="line 2 has no column delta_up, but 'conductance, x'"):
        parse_jump_table("\nconductance,x\n1,2\n")


def test_huge_tables_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="10000001 characters; allowed: 10000000"):
        parse_measured("x" * 10_000_001)
    monkeypatch.setattr(tables, "MAX_ROWS", 3)
    assert isinstance(parse_measured(GOOD), PulseCurves)
    with pytest.raises(ValueError, match="line 5 is one row too many; allowed: 3 rows"):
        parse_measured(GOOD + "3,4,0\n")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.text('pulse,otniadr01.9-\n;\t"', max_size=200))
def test_any_text_is_read_or_refused_in_one_line(text):
    for source in (text, GOOD + text, "conductance,delta_up,delta_down\n" + text):
        message = ""
        try:
            parse_measured(source)
        except ValueError as error:
            message = str(error)
        assert len(message.splitlines()) <= 1
