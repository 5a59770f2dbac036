"""Measured tables against the models they are sampled from, and what they refuse."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import device_models.write.measured as tables
from device_models.protocols import WritePath
from device_models.write.crossbar import draw_crossbar
from device_models.write.measured import (
    JumpTable,
    JumpTableWrite,
    PulseCurves,
    parse_jump_table,
    parse_measured,
    parse_pulse_curve,
)
from device_models.write.memristor_write import MemristorWrite
from device_models.write.pulse_response import nonlinear_response
from neurograd.seeding import generator_for

LOW, HIGH = 3.8e-6, 59e-6
UP = nonlinear_response(2.4, depression=False)
DOWN = nonlinear_response(-4.88, depression=True)
GOOD = "pulse,potentiation,depression\n0,1,3\n1,2,2.5\n2,3,1\n"


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def _sampled_curve(rows, separator=","):
    """A table of the closed form after every pulse from each end of the window."""
    lines = [separator.join(("pulse", "potentiation", "depression"))]
    for k in range(rows + 1):
        u = float(UP.step(_tensor(0.0), _tensor(k / rows)))
        v = float(DOWN.step(_tensor(0.0), _tensor(k / rows)))
        cells = (str(k), repr(LOW + u * (HIGH - LOW)), repr(HIGH - v * (HIGH - LOW)))
        lines.append(separator.join(cells))
    return "\n".join(lines) + "\n"


# -- pulse curves -----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "response"), [("potentiation", UP), ("depression", DOWN)])
def test_a_sampled_curve_is_the_closed_form_up_to_interpolation(name, response):
    """The error of linear interpolation: it falls 4 times when the rows double."""
    generator = generator_for(0)
    position = torch.rand(4000, generator=generator, dtype=torch.float64)
    nu = 0.3 * torch.rand(4000, generator=generator, dtype=torch.float64)
    exact = torch.minimum(response.step(position, nu), 1 - position)
    errors = []
    for rows in (40, 80, 160):
        curve = getattr(parse_pulse_curve(_sampled_curve(rows)), name)
        errors.append(float((curve.step(position, nu) - exact).abs().max()))
    assert errors[0] < 0.01
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.25)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.25)


def test_measured_points_are_met_exactly():
    curves = parse_pulse_curve(_sampled_curve(40))
    assert curves.conductance_min == pytest.approx(LOW, rel=1e-12)
    assert curves.conductance_max == pytest.approx(HIGH, rel=1e-12)
    assert curves.levels == (40, 40)
    for curve, response in ((curves.potentiation, UP), (curves.depression, DOWN)):
        nu = torch.arange(41, dtype=torch.float64) / 40
        step = curve.step(torch.zeros_like(nu), nu)
        torch.testing.assert_close(step, response.step(torch.zeros_like(nu), nu))
        assert float(curve.step(_tensor(1.0), _tensor(0.5))) == 0.0


def test_a_table_by_hand():
    """Uneven pulse numbers; the directions cover different parts of the window."""
    text = "pulse,potentiation,depression\n5,10,30\n7,20,25\n13,30,14\n"
    curves = parse_pulse_curve(text)
    assert curves.levels == (8, 8)
    assert (curves.conductance_min, curves.conductance_max) == (10, 30)
    up, down = curves.potentiation, curves.depression
    torch.testing.assert_close(up.times, _tensor(0, 0.25, 1))
    torch.testing.assert_close(up.positions, _tensor(0, 0.5, 1))
    torch.testing.assert_close(down.positions, _tensor(0, 0.25, 0.8))
    # One pulse from 10: half way to 20. From 25: a sixth of the way from 20 to 30.
    torch.testing.assert_close(
        up.step(_tensor(0, 0.75), _tensor(1 / 8, 1 / 8)), _tensor(0.25, 1 / 12)
    )
    # Below what depression reached, nothing moves any more.
    assert float(down.step(_tensor(0.9), _tensor(0.5))) == 0.0


def test_a_run_of_equal_values_does_not_hold_a_device():
    text = "pulse,potentiation,depression\n0,1,5\n1,1,4\n2,2,3\n3,2,3\n4,2,3\n5,3,2\n6,5,1\n7,5,1\n"
    curve = parse_pulse_curve(text).potentiation
    assert bool((curve.positions.diff() > 0).all())
    position = _tensor(0.0)
    for _ in range(8):
        position = position + curve.step(position, _tensor(1 / 7))
    assert float(position) == pytest.approx(1.0)
    torch.testing.assert_close(curve.times * 7, _tensor(1, 3, 5, 6))


def test_a_memristor_writes_along_its_measured_curve():
    """Write and moments of a measured device against those of the model it was sampled from."""
    curves = parse_pulse_curve(_sampled_curve(400))
    crossbar = draw_crossbar(50, generator=generator_for(0), device_to_device=0.1)
    options = {"levels": (400, 400), "cycle_to_cycle": 0.002}
    measured = MemristorWrite(crossbar, curves.potentiation, curves.depression, **options)
    model = MemristorWrite(crossbar, UP, DOWN, **options)
    w = 0.8 * torch.linspace(-1, 1, 50, dtype=torch.float64)
    increment = 0.1 * torch.randn(50, generator=generator_for(1), dtype=torch.float64)
    torch.testing.assert_close(
        measured.write(w, increment, generator_for(2)),
        model.write(w, increment, generator_for(2)),
        rtol=1e-2,
        atol=1e-4,
    )
    ours, theirs = measured.moments(w, increment), model.moments(w, increment)
    torch.testing.assert_close(ours.mean, theirs.mean, rtol=1e-2, atol=1e-4)
    torch.testing.assert_close(ours.variance, theirs.variance, rtol=2e-2, atol=1e-8)


def test_curves_change_type_only_when_asked():
    curve = parse_pulse_curve(GOOD).potentiation
    x = torch.tensor([0.1, 0.6])
    assert curve.to(dtype=torch.float32).step(x, x).dtype == torch.float32
    assert curve.positions.dtype == torch.float64


# -- jump tables ------------------------------------------------------------------------------


def _jump_text(samples=3000, spread=0.02, seed=0):
    """Samples of steps that fall along the window, with a spread that grows with it."""
    generator = generator_for(seed, "jump")
    g = torch.rand(samples, generator=generator, dtype=torch.float64)
    noise = torch.randn(2, samples, generator=generator, dtype=torch.float64)
    up = 0.06 * (1 - 0.8 * g) + spread * (0.5 + g) * noise[0]
    down = -0.06 * (0.2 + 0.8 * g) + spread * (0.5 + g) * noise[1]
    rows = (f"{a!r},{b!r},{c!r}" for a, b, c in torch.stack([g, up, down], 1).tolist())
    return "conductance,delta_up,delta_down\n" + "\n".join(rows)


def test_samples_give_back_mean_and_deviation():
    table = parse_jump_table(_jump_text(20_000))
    assert len(table.nodes) == 32
    x = table.nodes
    # 625 samples a node: 5 standard errors.
    error = 5 * 0.03 / math.sqrt(625)
    assert bool(((table.up_mean - 0.06 * (1 - 0.8 * x)).abs() < error).all())
    assert bool(((table.down_mean + 0.06 * (0.2 + 0.8 * x)).abs() < error).all())
    assert bool(((table.up_std / (0.02 * (0.5 + x)) - 1).abs() < 5 / math.sqrt(1250)).all())
    assert table.typical_steps() == pytest.approx((0.036, 0.036), rel=0.03)
    assert not table.deterministic


def test_a_slope_of_the_mean_is_no_noise():
    table = parse_jump_table(_jump_text(4000, spread=0.0))
    assert float(table.up_std.max()) < 1e-12
    torch.testing.assert_close(table.up_mean, 0.06 * (1 - 0.8 * table.nodes), rtol=1e-3, atol=1e-5)


def test_repeated_states_by_hand():
    text = "conductance;delta_up;delta_down\n20;1;-2\n10;2;-1\n10;4;-1\n20;1;-4\n14;3;-2\n"
    table = parse_jump_table(text)
    assert (table.conductance_min, table.conductance_max) == (10, 20)
    torch.testing.assert_close(table.nodes, _tensor(0, 0.4, 1))
    torch.testing.assert_close(table.up_mean, _tensor(0.3, 0.3, 0.1))
    torch.testing.assert_close(table.up_std, _tensor(math.sqrt(2) / 10, 0, 0))
    torch.testing.assert_close(table.down_mean, _tensor(-0.1, -0.2, -0.3))
    torch.testing.assert_close(table.down_std, _tensor(0, 0, math.sqrt(2) / 10))
    torch.testing.assert_close(
        table.mean(_tensor(0.2, 0.7, 0.7), torch.tensor([True, True, False])),
        _tensor(0.3, 0.2, -0.25),
    )
    # Trapezoids: 0.4·0.3 + 0.6·0.2 up, 0.4·0.15 + 0.6·0.25 down.
    assert table.typical_steps() == pytest.approx((0.24, 0.21))


@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
def test_one_pulse_has_the_closed_forms_mean_and_variance(rounding):
    """Every weight's mean and variance over 20,000 writes, together at 99 %."""
    write = JumpTableWrite(parse_jump_table(_jump_text()), 2.0, rounding)
    assert isinstance(write, WritePath)
    n, draws = 12, 20_000
    w = torch.linspace(-2, 2, n, dtype=torch.float64)
    step = 4.0 * min(write.table.typical_steps())
    increment = step * _tensor(*([0.97, -0.9, 0.7, -0.6, 0.55, -0.8] * 2))
    exact = write.moments(w, increment)
    many = write.write(w.repeat(draws), increment.repeat(draws), generator_for(1)).view(draws, n)
    quantile = float(stats.norm.ppf(1 - 0.005 / (2 * n)))
    error = (exact.variance / draws).sqrt()
    assert bool(((many.mean(0) - exact.mean).abs() < quantile * error + 1e-12).all())
    square = (many - exact.mean).square()
    assert bool(
        (
            (square.mean(0) - exact.variance).abs()
            < quantile * square.std(0) / math.sqrt(draws) + 1e-12
        ).all()
    )


def test_pulses_act_one_after_the_other():
    """Without deviation, three pulses are three single ones; more than one has no closed form."""
    table = parse_jump_table(_jump_text(spread=0.0))
    write = JumpTableWrite(table, 1.0, "nearest")
    w = torch.linspace(-0.8, 0.8, 9, dtype=torch.float64)
    step = 2.0 * table.typical_steps()[0]
    increment = torch.full_like(w, 3 * step)
    expected = w
    for _ in range(3):
        expected = expected + write.write(expected, increment / 3, generator_for(0))
    realized = write.write(w, increment, generator_for(0))
    torch.testing.assert_close(w + realized, expected, rtol=0, atol=1e-12)
    assert write.moments(w, increment) is None
    assert write.moments(w, increment / 3) is not None
    exact = JumpTable(
        table.conductance_min,
        table.conductance_max,
        table.nodes,
        table.up_mean,
        torch.zeros_like(table.up_std),
        table.down_mean,
        torch.zeros_like(table.down_std),
    )
    assert JumpTableWrite(exact, 1.0, "nearest").deterministic
    assert not JumpTableWrite(exact).deterministic


def test_writes_stay_in_the_window_and_ask_for_no_more_than_it():
    write = JumpTableWrite(parse_jump_table(_jump_text(spread=0.1)), 1.5)
    w = write.program(torch.linspace(-3, 3, 40, dtype=torch.float64))
    assert float(w.abs().max()) == 1.5
    for sign in (1.0, -1.0):
        moved = w + write.write(w, torch.full_like(w, sign * 1e9), generator_for(0))
        assert float(moved.abs().max()) <= 1.5 + 1e-12
        assert float((sign * moved).mean()) > 0.5
    assert not write.write(w, torch.zeros_like(w), generator_for(0)).any()


def test_jump_table_write_refuses_bad_arguments():
    table = parse_jump_table(_jump_text(100))
    with pytest.raises(ValueError, match="rounding is 'none'; allowed: nearest"):
        JumpTableWrite(table, 1.0, "none")
    with pytest.raises(ValueError, match="weight_range is 0; allowed: above 0"):
        JumpTableWrite(table, 0.0)
    with pytest.raises(ValueError, match="nodes is 0; allowed: 1 or more"):
        parse_jump_table(_jump_text(100), 0)


def test_table_changes_type_only_when_asked():
    write = JumpTableWrite(parse_jump_table(_jump_text(100)).to(dtype=torch.float32))
    w = torch.zeros(5)
    assert write.write(w, w + 0.1, generator_for(0)).dtype == torch.float32


# -- text -------------------------------------------------------------------------------------


def test_the_header_tells_the_form():
    assert isinstance(parse_measured(GOOD), PulseCurves)
    assert isinstance(parse_measured(_jump_text(50)), JumpTable)
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
        (_edited(3, "1,,2"), "line 3, column potentiation is ''; allowed: a number"),
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
