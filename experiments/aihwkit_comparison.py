"""Pulsed devices against IBM's aihwkit: mean and variance of updates, device by device too.

aihwkit is no dependency: run this where it is installed. Every shipped preset that stems from it is
compared with the class that it is called after, and two models of no preset (the power step, and
soft bounds read from a symmetry point far from 0) with aihwkit's:

- *nominal*: no device-to-device variation; every device gets the same number of pulses from the
  same weight, and the realized updates have a mean and a variance;
- *population*: the same with all device-to-device variation (and stuck devices) on;
- *same devices*: aihwkit's own drawn devices in our step, without noise, compared one by one;
- *write noise*: the spread of the weight that passes see.

aihwkit takes its Gaussian numbers from a list of 2¹⁵ − 1 numbers or so that is drawn once a tile,
so that updates of one tile share its error. Samples are therefore many small tiles, and intervals
come from the spread over tiles (Student's t, 99 % over all comparisons by Bonferroni).
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from device_models.read.write_noise import WriteNoise
from device_models.write.one_sided_pair import OneSidedPair
from device_models.write.pulsed_devices import NominalDevice, draw_devices
from device_models.write.pulsed_step import (
    DeviceValues,
    ExponentialStep,
    LinearStep,
    PowerStep,
    Step,
)
from device_models.write.pulsed_write import PulsedWrite, pulse_train
from neurograd.output import write_atomically
from neurograd.pipeline.build_device import nominal_device, pulsed_step
from neurograd.seeding import generator_for
from neurograd.spec.device_schema import Device

RESULTS = Path(__file__).parent / "results" / "aihwkit_comparison.json"
SIDE = 25
"""Devices of a tile: SIDE × SIDE."""

Maker = Callable[..., Any]
"""Makes aihwkit's device from its options."""

_CLASSES = {
    "idealized": "IdealizedPresetDevice",
    "gokmen-vlasov": "GokmenVlasovPresetDevice",
    "capacitor": "CapacitorPresetDevice",
    "ecram-li": "EcRamPresetDevice",
    "ecram-mo": "EcRamMOPresetDevice",
    "reram-sb": "ReRamSBPresetDevice",
    "reram-array-om": "ReRamArrayOMPresetDevice",
    "reram-array-hfo2": "ReRamArrayHfO2PresetDevice",
    "reram-es": "ReRamESPresetDevice",
    "pcm": "PCMPresetDevice",
}
_NO_SPREAD = {"dw_min_dtod": 0.0, "up_down_dtod": 0.0, "w_max_dtod": 0.0, "w_min_dtod": 0.0}


@dataclass(frozen=True)
class Case:
    """One device, in both simulators.

    Attributes:
        name: Preset, or model.
        theirs: Makes aihwkit's device.
        nominal: Ours, with its spreads.
        step: Ours, with its noise.
        write_noise: Standard deviation of what passes see, in states; 0 for none.
        no_spread: aihwkit's options for no device-to-device variation.
        pair: Whether it is a one-sided pair.
    """

    name: str
    theirs: Maker
    nominal: NominalDevice
    step: Step
    write_noise: float
    no_spread: dict[str, float]
    pair: bool = False

    @property
    def plain(self) -> NominalDevice:
        """The device without variation."""
        return replace(
            self.nominal,
            dw_min_dtod=0.0,
            up_down_dtod=0.0,
            w_max_dtod=0.0,
            w_min_dtod=0.0,
            gamma_dtod=0.0,
            reference_std=0.0,
            corrupt=0.0,
        )

    def weights(self) -> tuple[float, ...]:
        """Weights to start from: near both ends and between."""
        low, high = self.nominal.w_min, self.nominal.w_max
        low = -high if self.pair else low
        parts = (0.03, 0.3, 0.5, 0.7, 0.97)
        if self.nominal.subtract_symmetry_point:
            # aihwkit sets weights that the shifted device cannot hold, until the next pulse.
            parts = (0.25, 0.35, 0.5, 0.65, 0.75)
        return tuple(low + part * (high - low) for part in parts)


@dataclass(frozen=True)
class Estimate:
    """Mean and variance of an update, with 99 % intervals.

    Attributes:
        mean: Mean update.
        mean_interval: Its 99 % interval.
        variance: Variance of the update.
        variance_interval: Its 99 % interval.
        errors: Standard errors of mean and variance.
    """

    mean: float
    mean_interval: tuple[float, float]
    variance: float
    variance_interval: tuple[float, float]
    errors: tuple[float, float]


def estimate(sample: Tensor) -> Estimate:
    """Mean and variance of a sample of shape ``(tiles, devices)``; tiles are independent."""
    tiles = len(sample)
    mean = float(sample.mean())
    squares = (sample - mean).square().mean(1)
    variance = float(squares.mean())
    errors = (float(sample.mean(1).std()) / tiles**0.5, float(squares.std()) / tiles**0.5)
    t = float(stats.t.ppf(0.995, tiles - 1))

    def interval(value: float, error: float) -> tuple[float, float]:
        return value - t * error, value + t * error

    return Estimate(
        mean, interval(mean, errors[0]), variance, interval(variance, errors[1]), errors
    )


def as_simulated(nominal: NominalDevice) -> NominalDevice:
    """The device that aihwkit 1.2.0 makes of an ``up_down``.

    It documents steps of ``1 ± up_down``, and simulates 1 for the larger and ``1 − |up_down|`` for
    the smaller one: the documented device with another mean step and asymmetry.
    """
    middle = 1.0 - abs(nominal.up_down) / 2.0
    return replace(
        nominal,
        dw_min=nominal.dw_min * middle,
        up_down=nominal.up_down / 2.0 / middle,
        dw_min_dtod=nominal.dw_min_dtod / middle,
        up_down_dtod=nominal.up_down_dtod / middle,
    )


def cases(names: Sequence[str] | None = None) -> list[Case]:
    """The devices to compare; all when ``names`` is None."""
    from aihwkit.simulator.configs.devices import PowStepDevice, SoftBoundsReferenceDevice
    from aihwkit.simulator.presets import devices as presets

    made = []
    for name, class_name in _CLASSES.items():
        pulsed = Device(preset=name).pulsed
        assert pulsed is not None
        nominal, step = nominal_device(pulsed), pulsed_step(pulsed)
        no_spread = dict(_NO_SPREAD)
        if name in ("capacitor", "ecram-li", "ecram-mo"):
            no_spread |= {"gamma_up_dtod": 0.0, "gamma_down_dtod": 0.0}
        if nominal.reference_std:
            no_spread["reference_std"] = 0.0
        if name == "pcm":
            # The preset's noise has three terms; a spec holds the first.
            assert isinstance(step, ExponentialStep)
            step = replace(step, noise_offset=0.042, noise_slope=0.108)
        write_noise = pulsed.write_noise_std * pulsed.dw_min
        maker = getattr(presets, class_name)
        pair = pulsed.model == "one_sided_pair"
        made.append(Case(name, maker, as_simulated(nominal), step, write_noise, no_spread, pair))
    power = NominalDevice(
        dw_min=0.01, dw_min_dtod=0.2, up_down_dtod=0.05, w_max_dtod=0.2, w_min_dtod=0.1
    )

    published = {key: getattr(power, key) for key in (*_NO_SPREAD, "dw_min", "w_max", "w_min")}
    fixed = {"dw_min_std": 0.5, "pow_gamma": 1.7, "pow_gamma_dtod": 0.0}
    power_device = partial(PowStepDevice, **{**published, **fixed})
    made.append(Case("power step", power_device, power, PowerStep(0.5, 1.7), 0.0, _NO_SPREAD))
    shifted = NominalDevice(
        dw_min=0.02,
        dw_min_dtod=0.2,
        up_down=-0.4,
        up_down_dtod=0.05,
        w_max=1.25,
        w_min=-0.75,
        w_max_dtod=0.05,
        w_min_dtod=0.05,
        soft_bounds=True,
        reference_std=0.02,
        subtract_symmetry_point=True,
    )
    spreads = ("up_down", "w_max", "w_min", "reference_std", "subtract_symmetry_point", "dw_min")
    published = {key: getattr(shifted, key) for key in (*_NO_SPREAD, *spreads)}
    made.append(
        Case(
            "soft bounds at the symmetry point",
            partial(SoftBoundsReferenceDevice, **{**published, "dw_min_std": 0.5}),
            as_simulated(shifted),
            LinearStep(0.5),
            0.0,
            {**_NO_SPREAD, "reference_std": 0.0},
        )
    )
    return [case for case in made if names is None or case.name in names]


def tile_of(device: Any, pulses: int, *, pair: bool = False) -> Any:
    """A tile of SIDE × SIDE devices whose updates are trains of ``pulses`` pulses everywhere."""
    from aihwkit.simulator.configs import SingleRPUConfig, UnitCellRPUConfig
    from aihwkit.simulator.configs.compounds import OneSidedUnitCell
    from aihwkit.simulator.parameters.enums import PulseType
    from aihwkit.simulator.parameters.training import UpdateParameters
    from aihwkit.simulator.tiles import AnalogTile

    update = UpdateParameters(
        desired_bl=pulses,
        pulse_type=PulseType.DETERMINISTIC_IMPLICIT,
        update_management=False,
        update_bl_management=False,
    )
    if pair:
        cell = OneSidedUnitCell(unit_cell_devices=[device], refresh_every=0)
        config = UnitCellRPUConfig(device=cell, update=update)
    else:
        config = SingleRPUConfig(device=device, update=update)
    tile = AnalogTile(SIDE, SIDE, config, bias=False)
    # Far more than the longest train asks for: every line carries a pulse in every slot.
    tile.set_learning_rate(1e6)
    return tile


def their_update(tile: Any, weight: float, *, up: bool) -> Tensor:
    """Realized updates of one train from ``weight``, shape ``(SIDE²,)``."""
    tile.set_weights(torch.full((SIDE, SIDE), weight))
    before = tile.get_weights()[0].double().clone()
    tile.update(torch.ones(1, SIDE), torch.full((1, SIDE), -1.0 if up else 1.0))
    return (tile.get_weights()[0].double() - before).flatten()


def our_update(
    case: Case, nominal: NominalDevice, weight: float, pulses: int, up: bool, seed: int, tiles: int
) -> Tensor:
    """Realized updates of ours, shape ``(tiles, SIDE²)``."""
    size = tiles * SIDE**2
    path = (case.name, "up" if up else "down", pulses, round(1e6 * (weight + 100)))
    drawn = [draw_devices(nominal, size, generator_for(seed, *path, k)) for k in (0, 1)]
    noise = generator_for(seed, *path, "write")
    w = torch.full((size,), weight, dtype=torch.float64)
    if nominal.reference_std:
        return _from_set_weights(case.step, drawn[0], w, pulses, up, noise).view(tiles, -1)
    if case.pair:
        write: Any = OneSidedPair(case.step, *drawn, nominal.dw_min, rounding="nearest")
    else:
        write = PulsedWrite(case.step, drawn[0], nominal.dw_min, rounding="nearest")
    increment = torch.full_like(w, (1.0 if up else -1.0) * pulses * nominal.dw_min)
    return write.write(write.program(w), increment, noise).view(tiles, -1)


def _from_set_weights(
    step: Step, devices: DeviceValues, w: Tensor, pulses: int, up: bool, noise: torch.Generator
) -> Tensor:
    """Updates from where aihwkit's ``set_weights`` leaves devices beside a reference.

    It clips weights to the bounds of the state, as if the reference were 0, so that some devices
    are out of bounds until their next pulse. Our ``program`` clips to what the device can hold.
    """
    state = torch.minimum(torch.maximum(w, devices.low), devices.high) + devices.reference
    direction, count = torch.full(w.shape, up), torch.full_like(w, float(pulses))
    return pulse_train(step, devices, state, direction, count, noise) - state


def compare(
    names: Sequence[str] | None = None, tiles: int = 64, seed: int = 0, confidence: float = 0.99
) -> list[dict[str, Any]]:
    """Compare our pulsed devices with aihwkit's.

    Args:
        names: Devices; all when None.
        tiles: Tiles of SIDE² devices for every sample.
        seed: Seed of our draws; aihwkit draws its own seeds.
        confidence: Of all comparisons together, if the two are the same.

    Returns:
        One row a comparison; ``agree`` tells whether the two differ by no more than chance.
    """
    chosen = cases(names)
    rows = [row for case in chosen for row in _samples(case, tiles, seed)]
    rows += [row for case in chosen for row in _write_noise(case, tiles, seed)]
    level = 1.0 - (1.0 - confidence) / (2 * len(rows))
    for row in rows:
        _judge(row, level, tiles)
    return rows + [row for case in chosen if not case.pair for row in _same_devices(case)]


def documented_up_down(tiles: int = 64, seed: int = 0) -> list[dict[str, Any]]:
    """reram-es with ``up_down`` as aihwkit documents it: it must differ from what it simulates."""
    pulsed = Device(preset="reram-es").pulsed
    assert pulsed is not None
    (case,) = cases(["reram-es"])
    case = replace(case, nominal=nominal_device(pulsed))
    rows = [row for row in _samples(case, tiles, seed) if row["kind"] == "nominal"]
    for row in rows:
        _judge(row, 1.0 - 0.01 / (2 * len(rows)), tiles)
    return rows


def _samples(case: Case, tiles: int, seed: int) -> Iterator[dict[str, Any]]:
    quiet = {} if case.pair or not case.write_noise else {"write_noise_std": 0.0}
    corrupt = {"corrupt_devices_prob": case.nominal.corrupt} if case.nominal.corrupt else {}
    for kind, nominal, options in (
        ("nominal", case.plain, case.no_spread),
        ("population", case.nominal, corrupt),
    ):
        weights = case.weights() if kind == "nominal" else case.weights()[1:4]
        for pulses in (1, 10):
            made = [
                tile_of(case.theirs(**options, **quiet), pulses, pair=case.pair)
                for _ in range(tiles)
            ]
            for weight in weights:
                for up in (True, False):
                    theirs = torch.stack([their_update(tile, weight, up=up) for tile in made])
                    ours = our_update(case, nominal, weight, pulses, up, seed, tiles)
                    yield {
                        "device": case.name,
                        "kind": kind,
                        "weight": weight,
                        "pulses": pulses if up else -pulses,
                        "ours": estimate(ours),
                        "aihwkit": estimate(theirs),
                    }


def _write_noise(case: Case, tiles: int, seed: int) -> Iterator[dict[str, Any]]:
    """What passes see after one pulse up from 0."""
    if not case.write_noise:
        return
    hidden = our_update(case, case.plain, 0.0, 1, True, seed, tiles)
    seen = WriteNoise(case.write_noise).read(hidden, generator_for(seed, case.name, "seen"))
    theirs = []
    for _ in range(tiles):
        # Without noise on the weights that are set, they are seen as they are.
        tile = tile_of(case.theirs(**case.no_spread, apply_write_noise_on_set=False), 1)
        theirs.append(their_update(tile, 0.0, up=True))
    yield {
        "device": case.name,
        "kind": "write noise",
        "weight": 0.0,
        "pulses": 1,
        "ours": estimate(seen),
        "aihwkit": estimate(torch.stack(theirs)),
    }


def _judge(row: dict[str, Any], level: float, tiles: int) -> None:
    """Say whether two estimates agree, and write them out."""
    ours, theirs = row["ours"], row["aihwkit"]
    t = float(stats.t.ppf(0.5 + level / 2.0, tiles - 1))
    # aihwkit computes in single precision.
    floor = 2.0**-23 * max(abs(row["weight"]), abs(ours.mean))
    gaps = (ours.mean - theirs.mean, ours.variance - theirs.variance)
    limits = [
        t * (a**2 + b**2) ** 0.5 + extra
        for a, b, extra in zip(ours.errors, theirs.errors, (floor, floor**2), strict=True)
    ]
    row["agree"] = all(abs(gap) <= limit for gap, limit in zip(gaps, limits, strict=True))
    for side in ("ours", "aihwkit"):
        row[side] = {key: value for key, value in asdict(row[side]).items() if key != "errors"}


def _their_devices(tile: Any, step: Step) -> DeviceValues:
    """The devices that aihwkit drew, in our terms."""
    names, values = tile.tile.get_hidden_parameter_names(), tile.tile.get_hidden_parameters()
    found = {name: value.double().flatten() for name, value in zip(names, values, strict=True)}
    up, down = found["dwmin_up"], found["dwmin_down"]
    zero = torch.zeros_like(up)
    slopes = [zero, zero]
    if "slope_up" in found:
        slopes = [
            torch.where(size > 0, found[key] / size.clamp_min(1e-30), zero)
            for size, key in ((up, "slope_up"), (down, "slope_down"))
        ]
    elif "reference" in found:
        slopes = [-1.0 / found["max_bound"], -1.0 / found["min_bound"]]
    reference = found.get("reference", zero)
    return DeviceValues(
        up, down, found["min_bound"], found["max_bound"], slopes[0], slopes[1], reference
    )


def _same_devices(case: Case) -> Iterator[dict[str, Any]]:
    """Ten noiseless pulses of the same devices: the largest difference over all of them."""
    options = (
        {"dw_min_std": 0.0, "write_noise_std": 0.0} if case.write_noise else {"dw_min_std": 0.0}
    )
    step = replace(case.step, noise=0.0)  # type: ignore[type-var]
    for up in (True, False):
        tile = tile_of(case.theirs(**options), 10)
        devices = _their_devices(tile, step)
        low = torch.maximum(devices.low - devices.reference, devices.low)
        high = torch.minimum(devices.high - devices.reference, devices.high)
        part = torch.rand(low.shape, generator=generator_for(1), dtype=low.dtype)
        start = (low + part * (high - low).clamp_min(0.0)).float()
        tile.set_weights(start.view(SIDE, SIDE))
        start = tile.get_weights()[0].double().flatten()
        sign = -1.0 if up else 1.0
        tile.update(torch.ones(1, SIDE), torch.full((1, SIDE), sign))
        end = tile.get_weights()[0].double().flatten()
        state = start + devices.reference
        direction = torch.full(state.shape, up)
        count = torch.full_like(state, 10.0)
        ours = pulse_train(step, devices, state, direction, count, generator_for(0))
        gap = float((ours - devices.reference - end).abs().max())
        moved = float((end - start).abs().mean())
        yield {
            "device": case.name,
            "kind": "same devices",
            "weight": "uniform within the bounds",
            "pulses": 10 if up else -10,
            "mean_size": moved,
            "largest_difference": gap,
            "agree": gap <= 3e-6 and moved > 0,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, write the rows as JSON, and exit with 1 where any differ beyond chance."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="16 tiles in place of 64")
    parser.add_argument("--seed", type=int, default=0, help="seed of our draws (default: 0)")
    parser.add_argument("--out", type=Path, help="folder (default: experiments/results, or out/)")
    options = parser.parse_args(arguments)
    try:
        theirs = version("aihwkit")
    except ImportError:
        print("aihwkit is not installed here; it is no dependency of ours", file=sys.stderr)
        return 2
    start, tiles = time.perf_counter(), 16 if options.quick else 64
    # The tensors are small: threads that wait for each other take most of the time.
    torch.set_num_threads(1)
    rows = compare(tiles=tiles, seed=options.seed)
    record = {
        "experiment": "aihwkit_comparison",
        "command": f"python -m experiments.aihwkit_comparison --seed {options.seed}"
        + (" --quick" if options.quick else ""),
        "seed": options.seed,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "aihwkit": theirs,
        },
        "seconds": round(time.perf_counter() - start, 1),
        "devices_per_sample": tiles * SIDE**2,
        "intervals": "99 % each; agreement at 99 % over all rows (Bonferroni, Student's t)",
        "agreeing": sum(row["agree"] for row in rows),
        "compared": len(rows),
        "rows": rows,
        "known_difference": {
            "why": "aihwkit documents steps of 1 + up_down and 1 - up_down, and simulates 1 for the"
            " larger and 1 - |up_down| for the smaller. The rows above compare with what it"
            " simulates (only reram-es has an up_down), these with what it documents.",
            "rows": documented_up_down(tiles, options.seed),
        },
    }
    folder = options.out or (Path("out") if options.quick else RESULTS.parent)
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / RESULTS.name
    write_atomically(out, json.dumps(record, indent=1) + "\n")
    for row in rows:
        if not row["agree"]:
            print(json.dumps(row))
    print(f"{record['agreeing']} of {record['compared']} agree; wrote {out}", file=sys.stderr)
    return 0 if record["agreeing"] == record["compared"] else 1


if __name__ == "__main__":
    sys.exit(main())
