"""Jump tables: what they make of samples, and writes by them against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from device_models.protocols import WritePath
from device_models.write.jump_table import JumpTable
from device_models.write.jump_table_write import jump_table_write
from neurograd.seeding import generator_for
from tests.device_models.write.tables import jumps_of


def _tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


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
    table = jumps_of(_jump_text(20_000))
    assert len(table.nodes) == 32
    x = table.nodes
    # 625 samples a node: 5 standard errors.
    error = 5 * 0.03 / math.sqrt(625)
    assert bool(((table.up_mean - 0.06 * (1 - 0.8 * x)).abs() < error).all())
    assert bool(((table.down_mean + 0.06 * (0.2 + 0.8 * x)).abs() < error).all())
    assert bool(((table.up_std / (0.02 * (0.5 + x)) - 1).abs() < 5 / math.sqrt(1250)).all())
    assert table.typical_steps() == pytest.approx((0.036, 0.036), rel=0.03)
    assert table.noise == 1


def test_a_slope_of_the_mean_is_no_noise():
    table = jumps_of(_jump_text(4000, spread=0.0))
    assert float(table.up_std.max()) < 1e-12
    torch.testing.assert_close(table.up_mean, 0.06 * (1 - 0.8 * table.nodes), rtol=1e-3, atol=1e-5)


def test_repeated_states_by_hand():
    text = "conductance,delta_up,delta_down\n20,1,-2\n10,2,-1\n10,4,-1\n20,1,-4\n14,3,-2\n"
    table = jumps_of(text)
    assert (table.conductance_min, table.conductance_max) == (10, 20)
    torch.testing.assert_close(table.nodes, _tensor(0, 0.4, 1))
    torch.testing.assert_close(table.up_mean, _tensor(0.3, 0.3, 0.1))
    torch.testing.assert_close(table.up_std, _tensor(math.sqrt(2) / 10, 0, 0))
    torch.testing.assert_close(table.down_mean, _tensor(-0.1, -0.2, -0.3))
    torch.testing.assert_close(table.down_std, _tensor(0, 0, math.sqrt(2) / 10))
    up = torch.tensor([True, True, False])
    mean, std = table.moments(_tensor(0.2, 0.7, 0.7), up, jump_table_write(table).devices)
    torch.testing.assert_close(mean, _tensor(0.3, 0.2, 0.25))
    torch.testing.assert_close(std, math.sqrt(0.5) / 10 * _tensor(1.0, 0.0, 1.0))
    # Trapezoids: 0.4·0.3 + 0.6·0.2 up, 0.4·0.15 + 0.6·0.25 down.
    assert table.typical_steps() == pytest.approx((0.24, 0.21))


def test_the_directions_may_have_states_of_their_own():
    """Nodes of the other direction between leave every straight line what it is."""
    table = jumps_of(
        "conductance,delta_up,delta_down\n0,2,\n4,,-1\n5,1,\n10,0.5,\n0,,-0.5\n8,,-3\n"
    )
    torch.testing.assert_close(table.nodes, _tensor(0, 0.4, 0.5, 0.8, 1))
    torch.testing.assert_close(table.up_mean, _tensor(0.2, 0.12, 0.1, 0.07, 0.05))
    torch.testing.assert_close(table.down_mean, _tensor(-0.05, -0.1, -0.15, -0.3, -0.3))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,1,-1\n1,1,-1\n1,1,-1", "column conductance is 1 in all rows; allowed: a range"),
        ("1,-1,-1\n2,-3,-1\n3,-1,-1", "column delta_up is -2 on average; allowed: above 0"),
        ("1,1,1\n2,1,1\n3,1,1", "column delta_down is 1 on average; allowed: below 0"),
        ("1,1e-7,-1\n2,1e-7,-1\n3,1e-7,-1", "allowed: above 0, by a millionth of the range"),
    ],
)
def test_samples_that_are_no_device_say_why(rows, message):
    with pytest.raises(ValueError, match=message):
        jumps_of("conductance,delta_up,delta_down\n" + rows)


def test_a_conductance_that_fills_several_groups_is_one_node():
    """Half of 40 samples at one conductance, 8 nodes: each has a conductance of its own."""
    rows = [(0.0, 1.0 + 0.1 * (k % 2), -1.0) for k in range(20)]
    rows += [(float(k), 1.0, -1.0) for k in range(1, 21)]
    lines = (",".join(map(str, row)) for row in rows)
    table = jumps_of("conductance,delta_up,delta_down\n" + "\n".join(lines), 8)
    assert bool((table.nodes.diff() > 0).all())
    torch.testing.assert_close(table.nodes, _tensor(0.0, 3.0, 8.0, 13.0, 18.0) / 20.0)
    assert float(table.up_mean[0]) == pytest.approx(1.05 / 20.0)
    assert float(table.up_std[0]) > 0


@pytest.mark.parametrize("rounding", ["stochastic", "nearest", "none"])
def test_one_pulse_has_the_closed_forms_mean_and_variance(rounding):
    """Every weight's mean and variance over 20,000 writes, together at 99 %."""
    write = jump_table_write(jumps_of(_jump_text()), 2.0, rounding)
    assert isinstance(write, WritePath)
    n, draws = 12, 20_000
    w = torch.linspace(-2, 2, n, dtype=torch.float64)
    step = 4.0 * min(write.step.typical_steps())
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
    table = jumps_of(_jump_text(spread=0.0))
    write = jump_table_write(table, 1.0, "nearest")
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
    assert jump_table_write(exact, 1.0, "nearest").deterministic
    assert not jump_table_write(exact).deterministic


def test_divided_pulses_end_with_a_part_of_one():
    """Two and a half jumps, the half one from where the second ended."""
    table = jumps_of(_jump_text(spread=0.0))
    write = jump_table_write(table, 1.0, "none")
    x, up = _tensor(0.2, 0.7), torch.tensor([True, True])
    asked = torch.full_like(x, 2.5 * 2.0 * table.typical_steps()[0])
    expected = x
    for part in (1.0, 1.0, 0.5):
        expected = expected + part * table.moments(expected, up, write.devices)[0]
    realized = write.write(2.0 * x - 1.0, asked, generator_for(0))
    torch.testing.assert_close(realized, 2.0 * (expected - x), rtol=0, atol=1e-12)


def test_writes_stay_in_the_window_and_ask_for_no_more_than_it():
    write = jump_table_write(jumps_of(_jump_text(spread=0.1)), 1.5)
    w = write.program(torch.linspace(-3, 3, 40, dtype=torch.float64))
    assert float(w.abs().max()) == 1.5
    for sign in (1.0, -1.0):
        moved = w + write.write(w, torch.full_like(w, sign * 1e9), generator_for(0))
        assert float(moved.abs().max()) <= 1.5 + 1e-12
        assert float((sign * moved).mean()) > 0.5
    assert not write.write(w, torch.zeros_like(w), generator_for(0)).any()


def test_a_weight_beyond_the_window_moves_as_one_at_its_end():
    """Trained weights can stand there; no pulse brings them back by more than a jump."""
    write = jump_table_write(jumps_of(_jump_text(spread=0.0)), 1.5, "nearest")
    at = _tensor(1.5, 1.5, -1.5, -1.5)
    increment = 3.0 * write.step.typical_steps()[0] * _tensor(1.0, -1.0, 1.0, -1.0)
    expected = write.write(at, increment, generator_for(0))
    assert float(expected[1]) < 0 < float(expected[2])
    assert float(expected[0]) == float(expected[3]) == 0
    assert write.write(1.2 * at, increment, generator_for(0)).equal(expected)
    assert write.moments(1.2 * at, increment).mean.equal(write.moments(at, increment).mean)


def test_jump_table_write_refuses_bad_arguments():
    table = jumps_of(_jump_text(100))
    with pytest.raises(ValueError, match="rounding is 'up'; allowed: nearest"):
        jump_table_write(table, 1.0, "up")
    with pytest.raises(ValueError, match="weight_range is 0; allowed: above 0"):
        jump_table_write(table, 0.0)
    with pytest.raises(ValueError, match="counted is 0; allowed: above 0, or None"):
        jump_table_write(table, counted=0.0)
    with pytest.raises(ValueError, match="nodes is 0; allowed: 1 or more"):
        jumps_of(_jump_text(100), 0)


def test_table_changes_type_only_when_asked():
    write = jump_table_write(jumps_of(_jump_text(100)).to(dtype=torch.float32))
    w = torch.zeros(5)
    assert write.write(w, w + 0.1, generator_for(0)).dtype == torch.float32
