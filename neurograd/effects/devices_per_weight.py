"""Several devices a weight: noise averages over them, and fine devices beside coarse ones.

No effect that harms: it makes those of single devices smaller.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.effects import faults, measured_device, pulsed_device, write_curve
from neurograd.effects.assembly import Synapse
from neurograd.effects.effect import Contribution, Keys, Stage, on_device
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.sections import SpecSections
from neurograd.errors import NeurogradError
from neurograd.keys.fields import Number, SpecModel, Whole, spec_problem
from neurograd.words import listed, number

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly

_KEY = "device.devices_per_weight"
_MOST = 64


class DevicesPerWeight(SpecModel):
    """The devices, or pairs of them, whose weighted sum is a weight."""

    count: Annotated[int, Whole(2, _MOST)] = Field(
        description="Devices a weight, or pairs beside mapping differential_pair, 2 to 64."
    )
    significance: tuple[Annotated[float, Number(0, above=True)], ...] | None = Field(
        None,
        description="What each counts for in the weight, over their sum. Default: null, all alike.",
    )
    update: Literal["all", "one_by_one", "least_significant"] = Field(
        "all",
        description="Which of them an update is written to: all, each asked for the whole; one, "
        "drawn for each weight and write; or the one of least significance, of several the last. "
        "Default: all.",
    )

    @model_validator(mode="after")
    def _check_significance(self) -> DevicesPerWeight:
        given = self.significance
        if given is not None and len(given) != self.count:
            problem = f"has {len(given)} numbers for {self.count} devices; allowed: one a device"
            raise spec_problem(problem, "significance")
        return self


class DevicesPerWeightKeys(SpecModel):
    """device.devices_per_weight."""

    devices_per_weight: DevicesPerWeight | None = Field(
        None, description="Several devices a weight. Default: null, one, or one pair."
    )


class DevicesPerWeightChecks(SpecModel):
    """What is not there beside several devices a weight."""

    @model_validator(mode="after")
    def _check_several(self) -> DevicesPerWeightChecks:
        device: Any = self
        several: DevicesPerWeight | None = device.devices_per_weight
        if several is None:
            return self
        for key in ("drift", "ir_drop", "leakage", "endurance"):
            if getattr(device, key) is not None:
                problem = "is of one device, or one pair, a weight; remove it or devices_per_weight"
                raise spec_problem(problem, key)
        if device.conductance.states is not None:
            problem = "are of one device, or one pair, a weight; remove it or devices_per_weight"
            raise spec_problem(problem, "conductance.states")
        if device.pulse_train is not None and several.update != "all":
            problem = (
                "reaches all devices of a weight alike; allowed: devices_per_weight.update all"
            )
            raise spec_problem(problem, "pulse_train")
        return self


def noise_part(device: Any) -> float:
    """Noise of a weight's sum of devices over that of one, √Σs²/Σs; 1 for one device."""
    several: DevicesPerWeight | None = device.devices_per_weight
    if several is None:
        return 1.0
    given = _significance(several)
    return math.sqrt(sum(each**2 for each in given)) / sum(given)


def _of(spec: SpecSections) -> DevicesPerWeight | None:
    several: DevicesPerWeight | None = (
        None if spec.device is None else spec.device.devices_per_weight
    )
    return several


def _significance(several: DevicesPerWeight) -> tuple[float, ...]:
    return several.significance or (1.0,) * several.count


def _build(parts: Assembly) -> None:
    from device_models.write.several_devices import SeveralDevices  # noqa: PLC0415  (needs torch)

    several: DevicesPerWeight = parts.spec.device.devices_per_weight
    if parts.spec.deployment is not None:
        raise NeurogradError(
            f"{_KEY}: a deployment programs one device, or pair, a weight; remove it"
        )
    cells = [_cell(parts, k) for k in range(several.count)]
    bounds = tuple(cell.bounds for cell in cells)
    writes = tuple(cell.write for cell in cells)
    write = SeveralDevices(writes, bounds, _significance(several), several.update)
    parts.synapse = Synapse(write, write.weight_bounds(), has_faults=True)


def _cell(parts: Assembly, k: int) -> Synapse:
    """The k-th device or pair of every weight, some of them stuck."""
    own, samples = replace(parts, cell=k, synapse=None), parts.problem.num_samples
    for each in (write_curve, pulsed_device, measured_device):
        if each.SHARED.applies(parts.spec, samples) and each.SHARED.build is not None:
            each.SHARED.build(own)
    stuck = faults.EFFECT
    if parts.keeps(stuck) and stuck.applies(parts.spec, samples) and stuck.build is not None:
        stuck.build(own)
    assert own.synapse is not None
    return own.synapse


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    several: DevicesPerWeight | None = (
        None if spec.device is None else spec.device.devices_per_weight
    )
    if several is not None and several.significance is None:
        key = f"{_KEY}.count"
        settings = one_key(key, whole=True)
        yield Knob(key, "devices a weight", several.count, -1, 2, _MOST, settings, whole=True)


_GOES = {
    "all": "every update goes to all of them",
    "one_by_one": "every update goes to one of them, drawn for each weight",
    "least_significant": "every update goes to the one of least significance",
}


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    several: DevicesPerWeight | None = (
        None if spec.device is None else spec.device.devices_per_weight
    )
    if several is None:
        return
    pair = spec.device.conductance.mapping == "differential_pair"
    given = several.significance
    counts = "" if given is None else f" of significance {listed(number(s) for s in given)}"
    goes = _GOES[several.update]
    if several.update == "least_significant" and len({*_significance(several)}) == 1:
        goes = "all are of one significance, so that every update goes to the last of them"
    yield (
        f"A weight is held by {several.count} {'pairs' if pair else 'devices'}{counts}: "
        f"{goes}, and they are taken as brought to the same part of their ways "
        "after it."
    )


SHARED = Contribution(
    name="devices_per_weight",
    stage=Stage.WRITE,
    order=5,
    keys=(
        Keys("device", DevicesPerWeightKeys, 45),
        Keys("device", DevicesPerWeightChecks, 210),
    ),
    when=on_device(lambda device: device.devices_per_weight is not None),
    build=_build,
    knobs=_knobs,
    knob_rank=14,
    hints=_hints,
)
