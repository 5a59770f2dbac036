"""Very many pulses of one request, against pulses one by one and against closed forms."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from scipy.stats import ks_2samp

from device_models import JumpTable, LinearStep, NominalDevice, draw_devices, jump_table_write
from device_models.kernels.counter_numbers import DeviceNumbers, draw_key
from device_models.write import fused_pulses, many_pulses, pulsed_write
from device_models.write.many_pulses import MOST_SINGLE_PULSES, block_length, take_together
from device_models.write.pulsed_step import ExponentialStep, PowerStep
from device_models.write.pulsed_write import PulsedWrite, pulse_train
from neurograd.seeding import generator_for
from tests.device_models.write.looped_steps import LOOPED

SIZE = 200


LITERALS = {
    r"reach = ([\d.e-]+) \* std": many_pulses.FREE_REACH,
    r"reach = ([\d.e-]+) \* width": many_pulses.LARGEST_MOVE,
    r"block = ([\d.e-]+) \* taken": many_pulses.GROWTH,
    r"tl\.minimum\(pulses, ([\d.e-]+)\)": many_pulses.MOST_PULSES,
    r"number < ([\d.e-]+)\)": many_pulses.MOST_BLOCKS,
    r"probe = ([\d.e-]+) \* width": many_pulses.PROBE,
    r"tl\.maximum\(bend, ([\d.e-]+)\)": many_pulses.STEEPEST,
}


@pytest.mark.parametrize("literal", LITERALS)
def test_kernels_on_a_gpu_have_the_same_constants(literal):
    """They are literals there, and what they do is seen on a GPU only."""
    source = Path(many_pulses.__file__).parents[1] / "kernels" / "gpu" / "pulse_writes.py"
    (found,) = re.findall(literal, source.read_text())
    assert float(found) == LITERALS[literal]


def _devices(dw_min, dtype=torch.float64, **options):
    nominal = NominalDevice(dw_min=dw_min, **options)
    return draw_devices(nominal, SIZE, generator_for(0, "devices"), dtype)


def _numbers(seed, states):
    return DeviceNumbers.of_all(draw_key(generator_for(seed, "pulses")), states)


def _after(step, devices, pulses, up, dtype=torch.float64, seed=0):
    start = torch.linspace(-0.5, 0.5, SIZE, dtype=dtype)
    direction = torch.full((SIZE,), up)
    count = torch.full((SIZE,), float(pulses), dtype=dtype)
    return pulse_train(step, devices, start, direction, count, _numbers(seed, start))


STEPS = [
    (LinearStep, (), {"dw_min_dtod": 0.3}, 1e-12),
    (LinearStep, (), {"gamma": (0.6, 0.5)}, 1e-12),
    (ExponentialStep, (), {}, 1e-3),
    (PowerStep, (2.0,), {}, 1e-3),
    (PowerStep, (0.5,), {}, 3e-3),
]


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize(("kind", "arguments", "options", "tolerance"), STEPS)
def test_blocks_end_where_single_pulses_do(kind, arguments, options, tolerance, up, monkeypatch):
    """4000 pulses without noise; the tolerance is of a window of 2."""
    devices = _devices(3e-4, **options)
    together = _after(kind(0.0, *arguments), devices, 4000, up)
    monkeypatch.setattr(pulsed_write, "MOST_SINGLE_PULSES", 10**9)
    singly = _after(kind(0.0, *arguments), devices, 4000, up)
    torch.testing.assert_close(together, singly, rtol=0, atol=tolerance)
    assert float((singly - torch.linspace(-0.5, 0.5, SIZE)).abs().mean()) > 0.1


@pytest.mark.parametrize("kind", [LinearStep, ExponentialStep, PowerStep])
def test_noise_of_blocks_is_that_of_single_pulses(kind, monkeypatch):
    """Two samples of 4000 devices that start alike: Kolmogorov and Smirnov at 0.1 %.

    States above 0.95 count as one: what the last block throws over the bound ends at it, while
    single pulses come back from it, so that more devices stand at the very bound after blocks.
    """
    start = torch.zeros(4000, dtype=torch.float64)
    devices = draw_devices(NominalDevice(dw_min=3e-4), len(start), generator_for(0, "devices"))

    def ends(seed):
        write = PulsedWrite(kind(5.0), devices, 3e-4, rounding="nearest")
        asked = torch.full_like(start, 3000 * 3e-4)
        return write.write(start, asked, generator_for(seed, "pulses")).clamp_max(0.95)

    together = ends(1)
    for each in (pulsed_write, fused_pulses):
        monkeypatch.setattr(each, "MOST_SINGLE_PULSES", 10**9)
    singly = ends(2)
    assert float((singly < 0.95).double().mean()) > 0.3
    assert ks_2samp(together.numpy(), singly.numpy()).pvalue > 1e-3


def test_a_linear_step_is_its_closed_form():
    """A geometric approach to the fixed point 1/γ, for any number of pulses, clipped at 1."""
    devices = _devices(1e-5, gamma=(1.4, 1.4))
    slope = float(devices.slope_up)
    start = torch.linspace(-0.5, 0.5, SIZE, dtype=torch.float64)
    for pulses in (2000, 10_000, 100_000):
        fixed = -1.0 / slope
        exact = fixed + (start - fixed) * (1.0 + 1e-5 * slope) ** pulses
        found = _after(LinearStep(), devices, pulses, up=True)
        torch.testing.assert_close(found, exact.clamp(-1.0, 1.0), rtol=0, atol=1e-9)


def test_few_pulses_are_drawn_as_ever(monkeypatch):
    """No request of up to ``MOST_SINGLE_PULSES`` is touched, bit by bit."""
    devices = _devices(1e-3)
    found = _after(LinearStep(0.3), devices, MOST_SINGLE_PULSES, up=True)
    monkeypatch.setattr(pulsed_write, "MOST_SINGLE_PULSES", 10**9)
    assert found.equal(_after(LinearStep(0.3), devices, MOST_SINGLE_PULSES, up=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("request_size", [10.0, 1e12, math.inf])
def test_the_number_of_steps_is_bounded(dtype, request_size):
    """An increment of 10 by pulses of 1e-5 is a million pulses: a thousand steps and as many."""
    calls = []

    class Counted(LinearStep):
        def moments(self, h, up, devices):
            calls.append(len(h))
            return super().moments(h, up, devices)

    write = PulsedWrite(Counted(0.3), _devices(1e-5, dtype), 1e-5)
    w = torch.zeros(SIZE, dtype=dtype)
    realized = write.write(w, torch.full_like(w, request_size), generator_for(0))
    assert len(calls) <= MOST_SINGLE_PULSES + 3 * 1000
    assert realized.dtype == dtype
    torch.testing.assert_close(realized, torch.ones_like(w), rtol=0, atol=1e-3)


def test_what_is_not_a_number_moves_nothing():
    w = torch.zeros(SIZE, dtype=torch.float64)
    request = torch.full_like(w, math.nan)
    ends = PulsedWrite(LinearStep(0.3), _devices(1e-5), 1e-5).write(w, request, generator_for(0))
    assert not ends.any()
    assert not _fine_table(0.0).write(w, request, generator_for(0)).any()


def _fine_table(std):
    columns = ([0.0, 1.0], [2e-5, 1e-5], [std] * 2, [-1e-5, -2e-5], [std] * 2)
    return jump_table_write(
        JumpTable(0.0, 1.0, *(torch.tensor(c, dtype=torch.float64) for c in columns))
    )


@pytest.mark.parametrize("std", [0.0, 1e-5])
def test_a_fine_jump_table_ends_on_its_curve(std):
    """A step that falls from 2e-5 to 1e-5: x = 2 − (2 − x₀)·(1 − 1e-5)ⁿ, in units of the window."""
    write = _fine_table(std)
    w = torch.full((SIZE,), -0.5, dtype=torch.float64)
    pulses = 20_000
    rise, _ = write.step.typical_steps()
    realized = write.write(w, torch.full_like(w, 2.0 * rise * pulses), generator_for(0))
    exact = 2.0 - (2.0 - 0.25) * (1.0 - 1e-5) ** pulses - 0.25
    assert float(realized.mean()) / 2.0 == pytest.approx(exact, abs=3 * std * pulses**0.5 + 1e-9)
    spread = std * ((1 - (1 - 1e-5) ** (2 * pulses)) / 2e-5) ** 0.5
    assert float(realized.std()) / 2.0 == pytest.approx(spread, rel=0.15, abs=1e-9)


@pytest.mark.parametrize("pulses", [1000.5, 1001.0, 1001.5, 1400.25])
def test_the_last_pulse_and_a_part_of_one_are_taken(pulses):
    """Of a constant step, what is left of the pulses after the first thousand."""
    state = torch.zeros(3, dtype=torch.float64)
    ends = take_together(
        lambda h, which: (torch.full_like(h, 1e-4), torch.zeros_like(h)),
        state,
        state - 1.0,
        state + 1.0,
        torch.full_like(state, pulses),
        None,
    )
    assert ends.tolist() == pytest.approx([1e-4 * (pulses - 1000.0)] * 3)


def test_a_narrow_window_is_a_wide_one_in_other_units():
    """All states, steps and noise times 1/8, the noise as large as the steps: the same blocks."""
    start = torch.linspace(-0.5, 0.5, SIZE, dtype=torch.float64)
    high, pulses = torch.ones_like(start), torch.full_like(start, 5000.0)
    numbers = _numbers(0, start)

    def ends(scale):
        def kick(h, which):
            return 1e-3 * scale * torch.exp(-h / scale), torch.full_like(h, 2e-3 * scale)

        def noise(which, block):
            return numbers.pick(which).normal(block)

        low = -scale * high
        return take_together(kick, scale * start, low, scale * high, pulses, noise)

    assert ends(0.125).equal(0.125 * ends(1.0))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_block_moves_a_device_by_a_part_of_its_window(sign):
    """By a 16th of a window of 2, in the mean and at random, and by an eighth of those before."""

    def block(mean=0.0, std=0.0, decay=0.0, taken=8e9):
        numbers = (mean, std, decay, 2.0, taken)
        return float(block_length(*(torch.tensor([v], dtype=torch.float64) for v in numbers)))

    assert block(taken=8000.0) == 1000
    assert block(mean=sign * 1e-3) == 125
    assert block(std=1e-2) == 156, "(0.125/0.01)² pulses"
    assert block(mean=sign * 1e-3, std=1e-2, taken=800.0) == 100
    assert block(mean=sign) == block(std=10.0) == block(taken=1.0) == 1, "one pulse at least"
    # What fades before it has moved a device so far needs no limit: mean/decay in all, and
    # std²/(decay·(2 − decay)) of variance.
    assert block(mean=sign * 1e-3, decay=1e-2) == 1e9
    assert block(mean=sign * 1e-3, decay=1e-3) == 125
    assert block(std=1e-2, decay=0.01) == 1e9
    assert block(std=1e-2, decay=0.003) == 156
    assert block(std=0.15, decay=1.0) == 1, "the variance is the pulse's own, 0.0225 over 0.0156"
    assert block(std=0.12, decay=1.0) == 1e9
    # A step that grows is followed until it has changed by about its size.
    assert block(mean=sign * 1e-9, decay=-1e-3) == 1000


def test_a_device_without_a_window_stays():
    state = torch.full((3,), 0.2, dtype=torch.float64)
    pulses = torch.full((3,), 1e5, dtype=torch.float64)

    def kick(h, which):
        return torch.zeros_like(h), torch.zeros_like(h)

    assert take_together(kick, state, state, state, pulses, None).equal(state)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("step", LOOPED, ids=repr)
def test_the_compiled_loop_has_the_plain_numbers(step, soft, dtype):
    """Few blocks and infinitely many; in 32 bits a block may have a pulse more or less."""
    devices = _devices(1e-4, dtype, dw_min_dtod=0.3, w_max_dtod=0.2, soft_bounds=soft)
    state = devices.clip(torch.linspace(-0.9, 0.9, SIZE, dtype=dtype))
    up = torch.arange(SIZE) % 3 > 0
    pulses = torch.logspace(3.01, 9, SIZE, dtype=dtype).round()
    pulses[::5] = math.inf
    numbers = DeviceNumbers(draw_key(generator_for(1, "key")), torch.arange(SIZE) * 7, dtype)
    arguments = (step, devices, state, up, pulses, numbers)
    found = fused_pulses.further_fused(*arguments)
    expected = pulsed_write.further_pulses(*arguments)
    assert found is not None
    assert not found.equal(state)
    tolerance = 1e-9 if dtype == torch.float64 else 2e-4
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_other_steps_have_no_compiled_loop(monkeypatch):
    class Own(LinearStep):
        """Any other."""

    devices, state = _devices(1e-4), torch.zeros(SIZE, dtype=torch.float64)
    up, pulses = torch.ones(SIZE, dtype=torch.bool), torch.full_like(state, 2000.0)
    arguments = (devices, state, up, pulses, _numbers(0, state))
    assert fused_pulses.further_fused(Own(0.3), *arguments) is None
    assert fused_pulses.further_fused(LinearStep(0.3), *arguments) is not None
    monkeypatch.setattr("device_models.kernels.dispatch.available", lambda: False)
    assert fused_pulses.further_fused(LinearStep(0.3), *arguments) is None
    ends = pulsed_write.pulses_beyond(LinearStep(0.3), *arguments)
    assert ends.equal(pulsed_write.further_pulses(LinearStep(0.3), *arguments))
