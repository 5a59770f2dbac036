"""Every device that is compared, as aihwkit makes it and as we do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from device_models.write.pulsed_devices import NominalDevice
from device_models.write.pulsed_step import (
    ExponentialStep,
    LinearStep,
    PowerStep,
    Step,
)
from neurograd.effects.pulsed_device import nominal_device, pulsed_step
from neurograd.spec import Device

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
