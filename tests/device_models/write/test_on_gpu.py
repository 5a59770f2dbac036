"""Writes by kernels on a GPU against the plain ones of the same key on the CPU."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from device_models import (
    ExponentialStep,
    LinearStep,
    MemristorWrite,
    NominalDevice,
    OneSidedPair,
    PowerStep,
    PulsedWrite,
    draw_crossbar,
    draw_devices,
    nonlinear_response,
)
from device_models.kernels.counter_numbers import draw_key
from device_models.outer_products import OuterProducts, sample_gradients
from device_models.write import on_gpu
from device_models.write.crossbar import Crossbar
from device_models.write.measured_curve import pulse_curves
from device_models.write.pulse_response import CONSTANT_STEP
from neurograd.seeding import generator_for

PLACE = "cuda"
N = 700
"""More than a program's devices, and no whole number of programs."""

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")

PULSES = {
    "linear": (LinearStep(0.3), {}),
    "soft bounds": (LinearStep(0.3), {"soft_bounds": True}),
    "multiplicative": (LinearStep(0.3, multiplicative=True), {"rounding": "nearest"}),
    "silent": (LinearStep(), {"rounding": "truncate"}),
    "divided": (LinearStep(0.3), {"rounding": "none"}),
    "exponential": (ExponentialStep(0.3, noise_offset=0.01, noise_slope=0.1), {"max_pulses": 40}),
    "power": (PowerStep(0.2, 0.7), {"dw_min": (0.011, 0.009), "max_pulses": (3, 2000)}),
    "uniform": (LinearStep(0.3), {"uniform": True}),
}

CURVES = {
    "constant": {},
    "nonlinear": {"responses": "nonlinear", "mapping": "reference"},
    "mixed": {"responses": "mixed", "rounding": "nearest", "counted": 25.0},
    "fine": {"responses": "nonlinear", "fine": True},
    "measured": {"responses": "measured"},
}


def pulse_write(name, dtype, one_sided=False):
    step, options = PULSES[name]
    options = dict(options)
    spread = 0.0 if options.pop("uniform", False) else 0.2
    nominal = NominalDevice(
        dw_min=0.01,
        dw_min_dtod=spread,
        up_down=0.1,
        w_max_dtod=spread,
        w_min_dtod=spread,
        gamma=(0.4, 0.3),
        corrupt=0.5 * spread,
        soft_bounds=options.pop("soft_bounds", False),
    )
    plus, minus = (draw_devices(nominal, N, generator_for(3, "d", k), dtype) for k in (0, 1))
    dw_min = options.pop("dw_min", 0.01)
    if one_sided:
        return OneSidedPair(step, plus, minus, dw_min, 1.3, **options)
    return PulsedWrite(step, plus, dw_min, 1.3, **options)


def curve_write(name, dtype):
    options = dict(CURVES[name])
    responses, fine = options.pop("responses", "constant"), options.pop("fine", False)
    crossbar = draw_crossbar(
        N,
        weight_range=1.5,
        mapping=options.pop("mapping", "differential_pair"),
        device_to_device=0.2,
        stuck_low=0.1,
        generator=generator_for(4, "crossbar"),
        dtype=dtype,
    )
    up, down = CONSTANT_STEP, CONSTANT_STEP
    levels = (20, 30)
    if responses in ("nonlinear", "mixed"):
        down = nonlinear_response(-4.88, depression=True)
    if responses == "nonlinear":
        up = nonlinear_response(2.4, depression=False)
    if responses == "measured":
        pulses = torch.arange(6.0).double()
        passed = torch.tensor([0.0, 0.3, 0.5, 0.5, 0.9, 1.0]).double()
        curves = pulse_curves((pulses, passed), (pulses, passed.flip(0)))
        up, down = (each.to(dtype=dtype) for each in (curves.potentiation, curves.depression))
        levels = curves.levels
    return MemristorWrite(crossbar, up, down, None if fine else levels, (0.05, 0.02), **options)


def there(write):
    """The same devices on the GPU."""

    def moved(values):
        return type(values)(
            **{
                name: value.to(PLACE) if isinstance(value, torch.Tensor) else value
                for name, value in vars(values).items()
            }
        )

    if isinstance(write, OneSidedPair):
        return replace(write, positive=moved(write.positive), negative=moved(write.negative))
    if isinstance(write, PulsedWrite):
        return replace(write, devices=moved(write.devices))
    populations = tuple(moved(each) for each in write.crossbar.populations)
    sides = {
        name: getattr(write, name).to(device=PLACE)
        for name in ("potentiation", "depression")
        if hasattr(getattr(write, name), "to")
    }
    return replace(write, crossbar=Crossbar(write.crossbar.weight_range, populations), **sides)


def hold(write, size, dtype, tolerance=500.0):
    """A kernel's write is the plain one's to rounding, and a pulse makes a difference."""
    w = write.program(torch.linspace(-0.8, 0.8, N, dtype=dtype))
    increment = size * torch.randn(N, generator=generator_for(1), dtype=torch.float64).to(dtype)
    increment[::3] = 0.0
    if not isinstance(write, MemristorWrite):
        increment[1], increment[2] = math.nan, math.inf if size > 1 else size
    key = draw_key(generator_for(2, "key"))
    expected = write.plain_write(w, increment, key)
    found = on_gpu.write_all(there(write), w.to(PLACE), increment.to(PLACE), key.to(PLACE))
    assert found is not None
    tolerance *= torch.finfo(dtype).eps
    torch.testing.assert_close(found.cpu(), expected, rtol=tolerance, atol=tolerance)
    assert int((found != 0).sum()) > N // 20


def make(name, kind, dtype):
    """A write of a kind of device."""
    if kind == "curve":
        return curve_write(name, dtype)
    return pulse_write(name, dtype, one_sided=kind == "pair")


EVERY = [
    *((name, kind, torch.float32) for name in PULSES for kind in ("single", "pair")),
    *((name, kind, torch.float64) for name in ("linear", "power") for kind in ("single", "pair")),
    *((name, "curve", dtype) for name in CURVES for dtype in on_gpu.TYPES),
]


def layers_of(dtype, samples=3):
    """Two layers that fill ``N`` weights, the first without biases."""
    shapes = ((20, 25), (10, 19))
    parts = []
    for k, (rows, columns) in enumerate(shapes):
        inputs = torch.rand(samples, columns, generator=generator_for(5, k), dtype=dtype)
        inputs[inputs < 0.3] = 0.0
        errors = torch.randn(samples, rows, generator=generator_for(6, k), dtype=dtype)
        parts.append((inputs, errors))
    return [
        OuterProducts(0, None, *parts[0]),
        OuterProducts(500, 690, *parts[1]),
    ]


def hold_products(write, factor, dtype):
    """Samples of layers are those samples' own writes, one after the other."""
    w = write.program(torch.linspace(-0.5, 0.5, N, dtype=dtype))
    layers = layers_of(dtype)
    generator = generator_for(7, device=PLACE)
    keys = [write.key_of(generator).cpu() for _ in range(3)]
    expected = w.clone()
    for key, gradient in zip(keys, sample_gradients(layers, w), strict=True):
        expected += write.plain_write(expected, gradient * factor, key)
    moved = [replace(a, inputs=a.inputs.to(PLACE), errors=a.errors.to(PLACE)) for a in layers]
    found = w.to(PLACE, copy=True)
    assert on_gpu.write_products(there(write), found, moved, factor, generator_for(7, device=PLACE))
    tolerance = 500 * torch.finfo(dtype).eps
    torch.testing.assert_close(found.cpu(), expected, rtol=tolerance, atol=tolerance)
    assert int((found.cpu() != w).sum()) > N // 20


@pytest.mark.cuda
@NO_CUDA
@pytest.mark.parametrize(("name", "kind", "dtype"), EVERY)
def test_a_write_is_the_plain_one_on_cuda(name, kind, dtype):
    hold(make(name, kind, dtype), 0.3 if kind == "curve" else 0.03, dtype)


@pytest.mark.cuda
@NO_CUDA
@pytest.mark.parametrize(("name", "kind", "dtype"), EVERY)
def test_a_batch_is_its_samples_on_cuda(name, kind, dtype):
    hold_products(make(name, kind, dtype), -0.2 if kind == "curve" else -0.02, dtype)


@pytest.mark.cuda
@NO_CUDA
@pytest.mark.parametrize("one_sided", [False, True], ids=["single", "pair"])
@pytest.mark.parametrize("name", ["linear", "exponential", "silent"])
def test_thousands_of_pulses_on_cuda(name, one_sided):
    """And infinitely many, of one device."""
    write = replace(pulse_write(name, torch.float64, one_sided), max_pulses=None)
    hold(write, 30.0, torch.float64, tolerance=1e5)


@pytest.mark.cuda
@NO_CUDA
def test_a_write_waits_for_nothing_on_cuda():
    write, generator = there(pulse_write("linear", torch.float32)), generator_for(0, device=PLACE)
    w, increment = torch.zeros(N, device=PLACE), torch.full((N,), 0.03, device=PLACE)
    write.write(w, increment, generator)
    torch.cuda.set_sync_debug_mode("error")
    try:
        write.write(w, increment, generator)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert bool(write.write(w, increment, generator).any())


def test_pulses_are_packed_as_the_kernel_reads_them():
    write = pulse_write("power", torch.float64)
    packed, own = write.for_gpu, write.devices
    rows = (own.step_up, own.slope_up, own.step_down, own.slope_down, own.low, own.high)
    for row, wanted in zip(packed.table, (*rows, own.reference, own.reference), strict=True):
        assert torch.equal(row, wanted.expand(N))
    shared = packed.shared[0].tolist()
    assert shared[:5] == [1.3 * 0.011, 1.3 * 0.009, 3.0, 1.3, 0.2]
    assert shared[13:] == [0.7, 2000.0]
    assert (packed.kinds["KIND"], packed.kinds["PAIR"], packed.kinds["MANY"]) == (2, False, True)
    assert packed.strides == (N, 1)
    exponential = pulse_write("exponential", torch.float32, one_sided=True)
    packed, minus = exponential.for_gpu, exponential.negative
    assert torch.equal(packed.table[2], minus.step_up)
    assert torch.equal(packed.table[6], minus.low)
    assert packed.shared[0].tolist()[2] == 40.0
    assert (packed.kinds["KIND"], packed.kinds["PAIR"], packed.kinds["MANY"]) == (1, True, False)
    assert packed.kinds["EPS"] == torch.finfo(torch.float32).eps


def test_curves_are_packed_as_the_kernel_reads_them():
    write = curve_write("mixed", torch.float64)
    packed, (plus, minus) = write.for_gpu, write.crossbar.populations
    rows = (plus.scale, plus.low, plus.high, minus.scale, minus.low, minus.high)
    assert all(torch.equal(*pair) for pair in zip(packed.table, rows, strict=True))
    down = write.depression
    assert packed.shared[0].tolist() == [
        *(1.0, 0.0, 0.0, 20.0, 25.0, 0.05),
        *(down.fixed_point, 1.0, down.log_rate, 30.0, 25.0, 0.02),
        *(3.0, write.crossbar.gain, 0.0),
    ]
    assert packed.shared[1].numel() == packed.kinds["RISES"] == 0
    measured = curve_write("measured", torch.float64)
    times, positions = measured.potentiation.times, measured.potentiation.positions
    packed = measured.for_gpu
    assert packed.kinds["RISES"] == len(times)
    assert torch.equal(packed.shared[1][: 2 * len(times)], torch.cat([times, positions]))


def test_what_kernels_do_not_take_is_left_to_the_plain_write(monkeypatch):
    class Own(LinearStep):
        """A subclass may do anything."""

    write = pulse_write("linear", torch.float32)
    assert replace(write, step=Own(0.3)).for_gpu is None
    mixed = replace(write.devices, low=write.devices.low.double())
    assert replace(write, devices=mixed).for_gpu is None
    monkeypatch.setattr(on_gpu, "MOST_NUMBERS", 8 * N)
    assert replace(write).for_gpu is None
    w, key = torch.zeros(N), draw_key(generator_for(0))
    assert on_gpu.write_all(write, w, w, key) is None
    assert not on_gpu.write_products(
        write, w, layers_of(torch.float32), 1.0, generator_for(0, device="cpu")
    )

    class Half:
        """Half a constant step."""

        def step(self, position, pulses):
            return 0.5 * pulses

    curve = curve_write("constant", torch.float32)
    assert replace(curve, potentiation=Half()).for_gpu is None


def test_without_a_compiler_nothing_is_taken(monkeypatch):
    on_gpu.available.cache_clear()
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setenv("CC", "cc")
    assert on_gpu.available()
    on_gpu.available.cache_clear()
    monkeypatch.delenv("CC")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert not on_gpu.available()
    on_gpu.available.cache_clear()


@pytest.mark.parametrize("mode", ["all", "products"])
def test_a_launch_has_what_the_kernel_takes(monkeypatch, mode):
    """Every device has its place in a launch, and the write of other devices is not taken."""
    launched = []
    monkeypatch.setattr(on_gpu, "taken", lambda *each: True)
    monkeypatch.setattr(on_gpu, "_launch", lambda *each: launched.append(each))
    write = curve_write("constant", torch.float32)
    w = torch.zeros(N)
    if mode == "all":
        assert on_gpu.write_all(write, w, w, draw_key(generator_for(0))) is not None
        ((name, packed, tensors, size),) = launched
        assert (name, packed.module, len(tensors), size) == ("write", "curve_writes", 4, N)
        assert on_gpu.write_all(write, w[1:], w[1:], draw_key(generator_for(0))) is None
        return
    layers, generator = layers_of(torch.float32), generator_for(8)
    assert on_gpu.write_products(write, w, layers, -0.5, generator)
    assert [each[3:] for each in launched] == [(500, 3, 0, 0, 25, 20), (200, 3, 500, 690, 19, 10)]
    scale, keys = launched[0][2][3:]
    assert scale.tolist() == [-0.5]
    again = generator_for(8)
    assert keys.tolist() == [int(draw_key(again)) for _ in range(3)]
    assert not on_gpu.write_products(write, w.double(), layers, -0.5, generator)
