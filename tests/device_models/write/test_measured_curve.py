"""Measured pulse curves against the models they are sampled from."""

from __future__ import annotations

import pytest
import torch

from device_models.write.crossbar import draw_crossbar
from device_models.write.memristor_write import MemristorWrite
from device_models.write.pulse_response import nonlinear_response
from neurograd.seeding import generator_for
from tests.device_models.write.tables import curves_of

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


@pytest.mark.parametrize(("name", "response"), [("potentiation", UP), ("depression", DOWN)])
def test_a_sampled_curve_is_the_closed_form_up_to_interpolation(name, response):
    """The error of linear interpolation: it falls 4 times when the rows double."""
    generator = generator_for(0)
    position = torch.rand(4000, generator=generator, dtype=torch.float64)
    nu = 0.3 * torch.rand(4000, generator=generator, dtype=torch.float64)
    exact = torch.minimum(response.step(position, nu), 1 - position)
    errors = []
    for rows in (40, 80, 160):
        curve = getattr(curves_of(_sampled_curve(rows)), name)
        errors.append(float((curve.step(position, nu) - exact).abs().max()))
    assert errors[0] < 0.01
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.25)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.25)


def test_measured_points_are_met_exactly():
    curves = curves_of(_sampled_curve(40))
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
    curves = curves_of(text)
    # 8 pulses over the whole window up, 8 over 0.8 of it down.
    assert curves.levels == pytest.approx((8, 10), abs=1e-12)
    assert curves.windows == ((10, 30), (14, 30))
    assert curves.covered == (1.0, 0.8)
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
    curve = curves_of(text).potentiation
    assert bool((curve.positions.diff() > 0).all())
    position = _tensor(0.0)
    for _ in range(5):
        position = position + curve.step(position, _tensor(1 / 5))
    assert float(position) == pytest.approx(1.0)
    # It moves from pulse 1 to pulse 6.
    torch.testing.assert_close(curve.times * 5, _tensor(0, 2, 4, 5))


def _uneven_table(ending):
    """64 pulses up and 16 down over one window, and what stands below the shorter column."""
    lines = ["pulse,potentiation,depression"]
    for k in range(65):
        down = f"{10 - 9 * k / 16:.6f}" if k <= 16 else ending
        lines.append(f"{k},{1 + 9 * k / 64:.6f},{down}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("ending", ["", "1.000000"])
def test_either_direction_has_a_pulse_number_of_its_own(ending):
    curves = curves_of(_uneven_table(ending))
    assert curves.levels == (64, 16)
    for curve, count in ((curves.potentiation, 64), (curves.depression, 16)):
        x = torch.linspace(0, 0.9, 7, dtype=torch.float64)
        step = curve.step(x, torch.full_like(x, 1 / count))
        torch.testing.assert_close(step, torch.full_like(x, 1 / count))


HEADS = "pulse,potentiation,depression\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0,1,1\n1,2,2\n2,3,3\n", "depression is 2; allowed: not above 1, the one before"),
        ("0,3,3\n1,2,2\n2,1,1\n", "potentiation is 2; allowed: not below 3, the one before"),
        ("0,1,3\n1,2,2\n2,3,\n3,4,\n", "depression has 2 values; allowed: 3 or more"),
        ("0,1,3\n1,2,1\n2,3,1\n3,4,1\n", "depression changes in one pulse only"),
        ("0,2,3\n1,2,2\n2,2,1\n", "potentiation is 2 throughout; allowed: a change"),
        ("0,1,3\n0,2,2\n2,3,1\n", "pulse numbers of potentiation are not whole and rising"),
        ("0,1,3\n0.5,2,2\n2,3,1\n", "pulse numbers of potentiation are not whole and rising"),
    ],
)
def test_what_is_no_pair_of_curves_is_refused_with_the_remedy(text, words):
    with pytest.raises(ValueError, match=words) as caught:
        curves_of(HEADS + text)
    assert len(str(caught.value).splitlines()) == 1


def test_a_memristor_writes_along_its_measured_curve():
    """Write and moments of a measured device against those of the model it was sampled from."""
    curves = curves_of(_sampled_curve(400))
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
    curve = curves_of(GOOD).potentiation
    x = torch.tensor([0.1, 0.6])
    assert curve.to(dtype=torch.float32).step(x, x).dtype == torch.float32
    assert curve.positions.dtype == torch.float64
