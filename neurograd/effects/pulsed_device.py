"""What one write pulse does by a behavioural model: aihwkit's pulsed devices."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from neurograd.effects import cycle_to_cycle, device_to_device, granularity, nonlinearity
from neurograd.effects.assembly import Assembly, Synapse
from neurograd.effects.effect import Contribution, Keys, Stage, on_device
from neurograd.effects.knob import Knob, fraction, one_key, pair, spread
from neurograd.effects.pulsed_keys import Pulsed
from neurograd.effects.sections import SpecSections
from neurograd.effects.stuck_pairs import stick
from neurograd.effects.write_curve import Write
from neurograd.errors import NumbersError
from neurograd.keys.fields import SpecModel, fill, spec_problem

if TYPE_CHECKING:
    from torch import Tensor

    from device_models import NominalDevice
    from device_models.write.pulsed_step import DeviceValues, Step

_MAPPING = {False: "reference", True: "differential_pair"}


class PulsedKeys(SpecModel):
    """device.pulsed."""

    pulsed: Pulsed | None = Field(
        None, description="What one write pulse does, by a behavioural model. Default: null."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_mapping_of_pulsed(cls, data: Any) -> Any:
        """A pair of devices a weight for a one-sided pair, else one against a reference."""
        pulsed = data.get("pulsed") if isinstance(data, Mapping) else None
        if not isinstance(pulsed, Mapping):
            return data
        return fill_mapping(data, _MAPPING[pulsed.get("model") == "one_sided_pair"])

    @model_validator(mode="after")
    def _check_beside_pulsed(self) -> PulsedKeys:
        pulsed = self.pulsed
        device: Any = self
        if pulsed is None:
            return self
        for key, other in (("measured", device.measured), ("write", device.write)):
            if other not in (None, Write()):
                problem = "is given beside pulsed; give one of write, pulsed and measured"
                raise spec_problem(problem, key)
        refuse_levels(device, "pulsed")
        mapping = _MAPPING[pulsed.model == "one_sided_pair"]
        if device.conductance.mapping != mapping:
            problem = f"{device.conductance.mapping} is not what model {pulsed.model} has; "
            raise spec_problem(f"{problem}allowed: {mapping}", "conductance.mapping")
        return self


def fill_mapping(device: Mapping[str, Any], mapping: str) -> dict[str, Any]:
    """The mapping of a device that says itself how it holds a weight, unless the spec does."""
    conductance = device.get("conductance")
    if conductance is not None and not isinstance(conductance, Mapping):
        return dict(device)
    return {**device, "conductance": fill(conductance or {}, {"mapping": mapping})}


def refuse_levels(device: Any, kind: str) -> None:
    """Refuses levels beside a device that has its own."""
    if device.conductance.levels is not None:
        problem = f"is given beside {kind}, which has its own; remove the key"
        raise spec_problem(problem, "conductance.levels")


def _build(parts: Assembly) -> None:
    from device_models import OneSidedPair, PulsedWrite  # noqa: PLC0415  (needs torch)

    pulsed: Pulsed = parts.spec.device.pulsed
    curved = parts.keeps(nonlinearity.EFFECT)
    step = pulsed_step(pulsed, noisy=parts.keeps(cycle_to_cycle.EFFECT), curved=curved)
    options = (_known_step(parts, curved=curved), parts.weight_range, *granularity.counting(parts))
    write: OneSidedPair | PulsedWrite
    if pulsed.model == "one_sided_pair":
        second = draw_pulsed(parts, "second device")
        write = OneSidedPair(step, draw_pulsed(parts, "chip"), second, *options)
    else:
        write = PulsedWrite(step, draw_pulsed(parts, "chip"), *options)
    parts.synapse = Synapse(write, write.weight_bounds())
    if isinstance(write, OneSidedPair) and pulsed.corrupt and parts.keeps(device_to_device.EFFECT):
        stick(parts.synapse, (_held(write.positive), _held(write.negative)))


def _held(devices: DeviceValues) -> Tensor:
    """State that each device holds whatever it is pulsed, NaN for those that work."""
    held: Tensor = devices.low.where(devices.low == devices.high, math.nan)
    return held


def _known_step(parts: Assembly, *, curved: bool) -> float | tuple[float, float]:
    """What a pulse is counted for, or one up and one down where these are not the same."""
    pulsed: Pulsed = parts.spec.device.pulsed
    if curved and counts_each(parts.spec.device):
        up, down = controller_steps(pulsed)
        if up != down:
            return up, down
    return controller_step(pulsed)


def draw_pulsed(parts: Assembly, purpose: str) -> DeviceValues:
    """The chip's devices of one purpose, the same at every call."""
    from device_models import draw_devices  # noqa: PLC0415  (needs torch)

    pulsed: Pulsed = parts.spec.device.pulsed
    nominal = nominal_device(pulsed, varied=parts.keeps(device_to_device.EFFECT))
    if not parts.keeps(nonlinearity.EFFECT):
        # A straight device has the step that the controller counts in: its gain is 1.
        step = controller_step(pulsed)
        nominal = replace(nominal, soft_bounds=False, up_down=0.0, dw_min=step)
        # Nor does any device have a slope of its own about the nominal one.
        nominal = replace(nominal, gamma=(0.0, 0.0), gamma_dtod=0.0)
    size, dtype = parts.problem.num_parameters, parts.problem.dtype
    return draw_devices(nominal, size, parts.generator(purpose), dtype)


def counts_each(device: Any) -> bool:
    """Whether the controller of a behavioural device counts by the step of the direction."""
    pulsed: Pulsed = device.pulsed
    return device.pulse_train is None and pulsed.known_step != "mean" and not _one_sided(pulsed)


def controller_step(pulsed: Pulsed) -> float:
    """What one pulse is on average: the mean of both directions' steps from weight 0.

    In units of the weight range; dw_min for constant and linear steps. A one-sided pair has pulses
    up only.

    Raises:
        NumbersError: If that is not a positive number.
    """
    up, down = controller_steps(pulsed)
    return up if _one_sided(pulsed) else 0.5 * (up + down)


def controller_steps(pulsed: Pulsed) -> tuple[float, float]:
    """The nominal device's mean step up and down from weight 0, in units of the weight range.

    Raises:
        NumbersError: If one that is used is not a positive number.
    """
    from device_models.write.pulsed_devices import nominal_steps  # noqa: PLC0415  (needs torch)

    steps = nominal_steps(pulsed_step(pulsed, noisy=False), nominal_device(pulsed, varied=False))
    for step in steps[:1] if _one_sided(pulsed) else steps:
        if not 0 < step < math.inf:
            raise NumbersError(
                f"device.pulsed: a pulse moves the nominal device by {step:g} from weight 0; "
                "allowed: parameters that give a step above 0"
            )
    return steps


def _one_sided(pulsed: Pulsed) -> bool:
    return pulsed.model == "one_sided_pair"


def nominal_device(pulsed: Pulsed, *, varied: bool = True) -> NominalDevice:
    """The published device of a spec, without device-to-device variation if asked."""
    from device_models import NominalDevice  # noqa: PLC0415  (needs torch)

    gamma = (0.0, 0.0)
    if pulsed.model == "linear" and pulsed.gamma is not None:
        gamma = (pulsed.gamma.potentiation, pulsed.gamma.depression)
    fixed = NominalDevice(
        dw_min=pulsed.dw_min,
        up_down=pulsed.up_down,
        w_max=pulsed.w_max,
        w_min=pulsed.w_min,
        gamma=gamma,
        soft_bounds=pulsed.model == "soft_bounds",
        subtract_symmetry_point=bool(pulsed.subtract_symmetry_point),
    )
    if not varied:
        return fixed
    return replace(
        fixed,
        dw_min_dtod=pulsed.dw_min_dtod,
        log_normal=pulsed.dw_min_dtod_log_normal,
        up_down_dtod=pulsed.up_down_dtod,
        w_max_dtod=pulsed.w_max_dtod,
        w_min_dtod=pulsed.w_min_dtod,
        gamma_dtod=pulsed.gamma_dtod or 0.0,
        reference_std=pulsed.reference_std or 0.0,
        corrupt=pulsed.corrupt,
    )


def nominal_bounds(pulsed: Pulsed) -> tuple[float, float]:
    """Lowest and highest weight of the nominal device, in units of the weight range."""
    import torch  # noqa: PLC0415

    from device_models import draw_devices  # noqa: PLC0415  (needs torch)

    if _one_sided(pulsed):
        return -pulsed.w_max, pulsed.w_max
    # Weights are counted from the reference, which may stand at the symmetry point.
    device = draw_devices(nominal_device(pulsed, varied=False), 1, torch.Generator())
    return float(device.low - device.reference), float(device.high - device.reference)


def pulsed_step(pulsed: Pulsed, *, noisy: bool = True, curved: bool = True) -> Step:
    """The step of one pulse of a spec's device, without noise or its dependence on the state."""
    from device_models import ExponentialStep, LinearStep, PowerStep  # noqa: PLC0415  (torch)

    noise = pulsed.dw_min_std if noisy else 0.0
    if not curved:
        return LinearStep(noise)
    if pulsed.model == "power":
        return PowerStep(noise, pulsed.exponent or 0.0)
    if pulsed.model in ("exponential", "one_sided_pair"):
        assert pulsed.amplitude is not None
        assert pulsed.gamma is not None
        return ExponentialStep(
            noise,
            (pulsed.amplitude.potentiation, pulsed.amplitude.depression),
            (pulsed.gamma.potentiation, pulsed.gamma.depression),
            pulsed.a or 0.0,
            pulsed.b or 0.0,
            # Parts of a noise that there is none of.
            (pulsed.noise_offset or 0.0) if noise else 0.0,
            (pulsed.noise_slope or 0.0) if noise else 0.0,
        )
    scaled = pulsed.noise == "multiplicative" and _depends_on_state(pulsed)
    return LinearStep(noise, bool(noise) and scaled)


def _depends_on_state(pulsed: Pulsed) -> bool:
    """Whether the linear step of any device has a slope."""
    slopes = () if pulsed.gamma is None else (pulsed.gamma.potentiation, pulsed.gamma.depression)
    return pulsed.model == "soft_bounds" or any(slopes) or bool(pulsed.gamma_dtod)


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    pulsed: Pulsed | None = None if spec.device is None else spec.device.pulsed
    if pulsed is None:
        return

    def key(name: str) -> str:
        return f"device.pulsed.{name}"

    # A short step is fine, but takes more pulses, each of which has its noise.
    step = key("dw_min")
    yield Knob(step, "step of one pulse", pulsed.dw_min, 1, 1e-6, 1.0, one_key(step), either=True)
    noise = "cycle-to-cycle noise (of a step)"
    yield spread(key("dw_min_std"), noise, pulsed.dw_min_std, 100.0, 0.25)
    yield spread(key("dw_min_dtod"), "spread of steps", pulsed.dw_min_dtod)
    sign = -1.0 if pulsed.up_down < 0 else 1.0
    yield Knob(
        key("up_down"), "up-down asymmetry", abs(pulsed.up_down), 1, 0.0, 0.99,
        lambda value: {key("up_down"): sign * value}, "%", first=0.01, bare=True,
    )  # fmt: skip
    yield spread(key("up_down_dtod"), "spread of the asymmetry", pulsed.up_down_dtod, first=0.01)
    yield spread(key("w_max_dtod"), "spread of upper bounds", pulsed.w_max_dtod)
    if pulsed.model != "one_sided_pair":
        yield spread(key("w_min_dtod"), "spread of lower bounds", pulsed.w_min_dtod)
    yield from _shape_knobs(pulsed)
    std = key("write_noise_std")
    yield Knob(
        std, "write noise (in steps)", pulsed.write_noise_std, 1, 0.0, 1000.0, one_key(std),
        first=1.0,
    )  # fmt: skip
    yield fraction(key("corrupt"), "corrupt devices", pulsed.corrupt)
    if pulsed.max_pulses is not None:
        most = key("max_pulses")
        yield Knob(
            most, "most pulses of an update", pulsed.max_pulses, -1, 1, 10_000,
            one_key(most, whole=True), whole=True,
        )  # fmt: skip


def _shape_knobs(pulsed: Pulsed) -> Iterator[Knob]:
    """Those of one model only."""
    if pulsed.gamma is not None and pulsed.model == "linear":
        gamma = (pulsed.gamma.potentiation, pulsed.gamma.depression)
        if any(gamma):
            label = "slope of the step (larger gamma)"
            # A step that grows begins at 0 at the least, with a gamma of -1.
            grows = max(0.0, *(-each for each in gamma)) / max(abs(each) for each in gamma)
            yield pair("device.pulsed.gamma", label, gamma, 1.0 / max(grows, 0.01))
            size = pulsed.gamma_dtod or 0.0
            yield spread("device.pulsed.gamma_dtod", "spread of the slope", size)
    if pulsed.model == "power":
        key, exponent = "device.pulsed.exponent", pulsed.exponent or 0.0
        label = "exponent of the step"
        yield Knob(key, label, exponent, 1, 0.0, 20.0, one_key(key), first=0.25)
    if pulsed.model == "soft_bounds":
        size = pulsed.reference_std or 0.0
        yield spread("device.pulsed.reference_std", "spread of references", size)


SHARED = Contribution(
    name="pulsed_device",
    stage=Stage.WRITE,
    keys=(Keys("device", PulsedKeys, 30),),
    when=on_device(lambda device: device.pulsed is not None),
    build=_build,
    knobs=_knobs,
    knob_rank=14,
)
