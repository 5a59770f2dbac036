"""The keys of a spec's device: one synapse's conductance, writes, reads, faults and periphery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.effects.measured_device import MeasuredFile
from neurograd.keys.fields import (
    EMPTY,
    Fraction,
    Number,
    Seconds,
    Shorthand,
    Siemens,
    SpecModel,
    Whole,
    fill,
    given,
    refuse,
    spec_problem,
)
from neurograd.spec.presets import PresetName, merge_preset


def _same_levels(value: Any) -> Any:
    """One number of levels stands for both directions."""
    if value is None or isinstance(value, Levels | Mapping):
        return value
    number = _LEVELS.read(value)
    return {"potentiation": number, "depression": number}


_LEVELS = Whole(2, 1_000_000, also=", {potentiation: N, depression: N}, or null for continuous")
_COUNT = Whole(2, 1_000_000)
_ONE_NUMBER = Shorthand(_same_levels, tuple(_LEVELS.json().items()))


class Levels(SpecModel):
    """Distinct conductance levels from one end of the range to the other, for each direction."""

    potentiation: Annotated[int, _COUNT] = Field(description="Levels on the way up, 2 to 1000000.")
    depression: Annotated[int, _COUNT] = Field(description="Levels on the way down, 2 to 1000000.")


class Conductance(SpecModel):
    """The conductance range of one synaptic device, and what it stands for."""

    min: Annotated[float, Siemens()] | None = Field(
        None,
        description="Smallest conductance: '3.8 uS', or as a resistance '263 kΩ'; "
        "a bare number is in siemens. Default: none (only the range in weights matters).",
    )
    max: Annotated[float, Siemens()] | None = Field(
        None,
        description="Largest conductance: '59 uS', or as a resistance '16.9 kΩ'. Default: none.",
    )
    levels: Annotated[Levels | None, _ONE_NUMBER] = Field(
        None,
        description="Number of levels, 2 to 1000000, for both directions or each on its own. "
        "Default: null, continuous.",
    )
    mapping: Literal["differential_pair", "reference"] = Field(
        "differential_pair",
        description="How a signed weight becomes conductances: two devices a weight, or one device "
        "against a fixed reference. Default: differential_pair.",
    )
    weight_range: Annotated[float, Number(0, above=True)] = Field(
        1.0,
        description="Largest |weight| that the conductance range stands for, above 0. Default: 1.",
    )

    @model_validator(mode="after")
    def _check_window(self) -> Conductance:
        if (self.min is None) != (self.max is None):
            missing, given = ("min", "max") if self.min is None else ("max", "min")
            raise spec_problem(f"is missing; {given} is given, so give both or neither", missing)
        if self.min is not None and self.max is not None and self.min >= self.max:
            problem = (
                f"{self.min:g} S is not below max, {self.max:g} S; allowed: min below max "
                "(the larger resistance is the smaller conductance)"
            )
            raise spec_problem(problem, "min")
        return self


class Nonlinearity(SpecModel):
    """NeuroSim's nonlinearity labels; 0 is a straight line."""

    potentiation: Annotated[float, Number(-9, 9)] = Field(
        0.0, description="Label on the way up, -9 to 9. Default: 0."
    )
    depression: Annotated[float, Number(-9, 9)] = Field(
        0.0, description="Label on the way down, -9 to 9. Default: 0."
    )


class Slope(SpecModel):
    """How fast the step shrinks towards the bound (aihwkit's gamma)."""

    potentiation: Annotated[float, Number(0, 1)] = Field(
        0.0, description="0: constant step, 1: the step is 0 at the upper bound. Default: 0."
    )
    depression: Annotated[float, Number(0, 1)] = Field(
        0.0, description="0: constant step, 1: the step is 0 at the lower bound. Default: 0."
    )


class Write(SpecModel):
    """What one write pulse does."""

    model: Literal["linear", "nonlinear", "soft_bounds"] = Field(
        "linear",
        description="linear: the step depends linearly on the conductance (see slope); nonlinear: "
        "NeuroSim's exponential curve; soft_bounds: linear with slope 1. "
        "Default: nonlinear when nonlinearity is given, else linear.",
    )
    nonlinearity: Nonlinearity | None = Field(
        None, description="NeuroSim labels, for model nonlinear only. Default: 0 and 0."
    )
    slope: Slope | None = Field(
        None, description="Shrinking of the step, for model linear only. Default: 0 and 0."
    )
    cycle_to_cycle: Annotated[float, Fraction()] = Field(
        0.0,
        description="Standard deviation of one pulse's write noise, as a fraction of the "
        "conductance range. Default: 0 %.",
    )
    device_to_device: Annotated[float, Fraction()] = Field(
        0.0,
        description="Relative standard deviation of each device's conductance window and step, "
        "fixed for a chip. Default: 0 %.",
    )

    @model_validator(mode="before")
    @classmethod
    def _choose_model(cls, data: Any) -> Any:
        model = "nonlinear" if given(data, "nonlinearity") else "linear"
        data = fill(data, {"model": model})
        if not isinstance(data, Mapping):
            return data
        if data["model"] == "nonlinear":
            return fill(data, {"nonlinearity": {}})
        return fill(data, {"slope": {}}) if data["model"] == "linear" else data

    @model_validator(mode="after")
    def _check_model(self) -> Write:
        if self.model != "nonlinear":
            refuse(self, ("nonlinearity",), f"is for model nonlinear only, not {self.model}")
        if self.model != "linear":
            refuse(self, ("slope",), f"is for model linear only, not {self.model}")
        return self


class Read(SpecModel):
    """What one read gives."""

    noise: Annotated[float, Fraction()] = Field(
        0.0,
        description="Standard deviation of the noise of one read, as a fraction of the "
        "conductance range. Default: 0 %.",
    )


class Faults(SpecModel):
    """Devices that no pulse moves."""

    stuck_low: Annotated[float, Fraction()] = Field(
        0.0, description="Fraction of devices stuck at the smallest conductance. Default: 0 %."
    )
    stuck_high: Annotated[float, Fraction()] = Field(
        0.0, description="Fraction of devices stuck at the largest conductance. Default: 0 %."
    )

    @model_validator(mode="after")
    def _check_sum(self) -> Faults:
        total = self.stuck_low + self.stuck_high
        if total > 1:
            problem = f"with stuck_low is {total:.4g} in all; allowed: at most 100 % together"
            raise spec_problem(problem, "stuck_high")
        return self


class Endurance(SpecModel):
    """Devices that have worn out after so many write cycles."""

    cycles: Annotated[float, Number(0, above=True)] = Field(
        1e6, description="Median lifetime in write cycles, above 0. Default: 1e6."
    )
    spread: Annotated[float, Number(0, above=True)] = Field(
        0.5, description="Standard deviation of the logarithm of the lifetime. Default: 0.5."
    )
    age: Annotated[float, Number(0)] = Field(
        0.0,
        description="Write cycles that every device has seen when the training begins. Default: 0.",
    )
    fails: Literal["low", "high", "held"] = Field(
        "high",
        description="Where a worn device stands: at the smallest or largest conductance, or where "
        "it was programmed. Default: high.",
    )


class Leakage(SpecModel):
    """A volatile synapse: its weight decays between updates."""

    lifetime: Annotated[float, Number(1)] = Field(
        1e6, description="Updates in which a weight falls to 1/e, at least 1. Default: 1e6."
    )
    spread: Annotated[float, Fraction()] = Field(
        0.0, description="Relative standard deviation over devices. Default: 0 %."
    )


class Drift(SpecModel):
    """Conductance drift between programming and reading: g(t) = g·(t/t0)^(-nu)."""

    time: Annotated[float, Seconds()] = Field(
        description="Time between programming and reading: '1 h', or seconds; at least t0."
    )
    t0: Annotated[float, Seconds()] = Field(
        20.0, description="Time at which the programmed value is read. Default: 20 s."
    )
    exponent: Annotated[float, Number(0, 1)] | None = Field(
        None,
        description="Mean drift exponent nu, 0 to 1. Default: null, the state-dependent exponent "
        "of phase-change memory (Nandakumar et al. 2019).",
    )
    exponent_spread: Annotated[float, Number(0, 1)] | None = Field(
        None, description="Standard deviation of nu over devices, with exponent only. Default: 0."
    )

    @model_validator(mode="after")
    def _check_times(self) -> Drift:
        if not self.t0 > 0:
            raise spec_problem("0 s is out of range; allowed: above 0 s", "t0")
        if self.time < self.t0:
            problem = f"{self.time:g} s is before t0, {self.t0:g} s; allowed: t0 or later"
            raise spec_problem(problem, "time")
        if self.exponent is None:
            refuse(self, ("exponent_spread",), "is for a given exponent only")
        return self


class Converters(SpecModel):
    """Digital-to-analog and analog-to-digital converters of a crossbar's products."""

    dac_bits: Annotated[int, Whole(2, 16, also=", or null for ideal")] | None = Field(
        None, description="Bits of inputs and errors, 2 to 16. Default: null, ideal."
    )
    adc_bits: Annotated[int, Whole(2, 16, also=", or null for ideal")] | None = Field(
        None, description="Bits of the products, 2 to 16. Default: null, ideal."
    )
    input_range: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Largest |input|, above which it is clipped. Default: null, the largest of "
        "each vector.",
    )
    output_range: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Largest |product|, above which it is clipped. Default: null, the largest of "
        "each vector.",
    )


class IrDrop(SpecModel):
    """Voltage that is lost along the wires of an array, to first order."""

    wire_ratio: Annotated[float, Number(0, 0.1)] = Field(
        description="Resistance of one wire segment over a device's smallest, 0 to 0.1."
    )
    array_rows: Annotated[int, Whole(1, 65536)] | None = Field(
        None, description="Rows of an array; larger layers are tiled. Default: null, one array."
    )
    array_columns: Annotated[int, Whole(1, 65536)] | None = Field(
        None, description="Columns of an array. Default: null, one array."
    )

    @model_validator(mode="after")
    def _check_array(self) -> IrDrop:
        if (self.array_rows is None) != (self.array_columns is None):
            missing = "array_rows" if self.array_rows is None else "array_columns"
            raise spec_problem("is missing; give both array_rows and array_columns", missing)
        return self


class PulseTrain(SpecModel):
    """Rank-one updates by trains of pulses on rows and columns that coincide at the devices."""

    kind: Literal["stochastic", "deterministic"] = Field(
        "stochastic", description="Random or counted pulses. Default: stochastic."
    )
    length: Annotated[int, Whole(1, 1000)] = Field(
        31, description="Slots of a train, 1 to 1000. Default: 31."
    )


class Gamma(SpecModel):
    """One number for each direction."""

    potentiation: Annotated[float, Number(-100, 100)] = Field(description="On the way up.")
    depression: Annotated[float, Number(-100, 100)] = Field(description="On the way down.")


_PULSED_KEYS: Mapping[str, tuple[str, ...]] = {
    "constant": (),
    "linear": ("gamma", "gamma_dtod", "noise"),
    "soft_bounds": ("noise", "reference_std", "subtract_symmetry_point"),
    "exponential": ("gamma", "amplitude", "a", "b", "noise_offset", "noise_slope"),
    "power": ("exponent",),
    "one_sided_pair": ("gamma", "amplitude", "a", "b", "noise_offset", "noise_slope"),
}
_PULSED_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "linear": {
        "gamma": {"potentiation": 0, "depression": 0},
        "gamma_dtod": 0,
        "noise": "additive",
    },
    "soft_bounds": {"noise": "additive", "reference_std": 0, "subtract_symmetry_point": False},
    "exponential": {
        "gamma": {"potentiation": 5, "depression": 5},
        "amplitude": {"potentiation": -1.18445, "depression": -0.081404},
        "a": -0.5,
        "b": -0.5,
        "noise_offset": 0,
        "noise_slope": 0,
    },
    "power": {"exponent": 1},
    "one_sided_pair": {
        "gamma": {"potentiation": 2.5, "depression": 2.5},
        "amplitude": {"potentiation": -27.235, "depression": -2.235},
        "a": -1,
        "b": 0,
        "noise_offset": 0,
        "noise_slope": 0,
        "w_min": 0,
    },
}


class Pulsed(SpecModel):
    """A behavioural pulsed device in weight units, as IBM's aihwkit has them.

    One device a weight against an ideal reference (two in a one-sided pair); the weight that 1
    stands for is conductance.weight_range. Spreads (..._dtod) are over devices and fixed for a
    chip, relative to what they vary.
    """

    model: Literal[
        "constant", "linear", "soft_bounds", "exponential", "power", "one_sided_pair"
    ] = Field(
        "constant", description="How a pulse's step depends on the weight. Default: constant."
    )
    dw_min: Annotated[float, Number(1e-6, 1)] = Field(
        0.001, description="Mean step of one pulse, 1e-6 to 1. Default: 0.001."
    )
    dw_min_dtod: Annotated[float, Number(0, 5)] = Field(0.0, description="Its spread. Default: 0.")
    dw_min_dtod_log_normal: bool = Field(
        False, description="Whether that spread is log-normal. Default: false."
    )
    dw_min_std: Annotated[float, Number(0, 100)] = Field(
        0.0, description="Cycle-to-cycle noise of one pulse, relative to its step. Default: 0."
    )
    up_down: Annotated[float, Number(-0.99, 0.99)] = Field(
        0.0, description="Asymmetry: steps up are 1 + up_down, down 1 - up_down. Default: 0."
    )
    up_down_dtod: Annotated[float, Number(0, 5)] = Field(0.0, description="Its spread. Default: 0.")
    w_max: Annotated[float, Number(0, 100, above=True)] = Field(
        1.0, description="Mean upper bound. Default: 1."
    )
    w_min: Annotated[float, Number(-100, 0)] = Field(
        -1.0, description="Mean lower bound. Default: -1."
    )
    w_max_dtod: Annotated[float, Number(0, 5)] = Field(0.0, description="Its spread. Default: 0.")
    w_min_dtod: Annotated[float, Number(0, 5)] = Field(0.0, description="Its spread. Default: 0.")
    gamma: Gamma | None = Field(
        None,
        description="Slope of a linear step, or gamma of an exponential one. Default: by model.",
    )
    gamma_dtod: Annotated[float, Number(0, 5)] | None = Field(
        None, description="Spread of a linear step's slope. Default: 0."
    )
    noise: Literal["additive", "multiplicative"] | None = Field(
        None,
        description="Whether cycle-to-cycle noise scales with dw_min or with the present step, for "
        "models linear and soft_bounds. Default: additive.",
    )
    amplitude: Gamma | None = Field(
        None, description="A of the exponential step (aihwkit's A_up, A_down). Default: by model."
    )
    a: Annotated[float, Number(-100, 100)] | None = Field(
        None, description="a of the exponential step. Default: by model."
    )
    b: Annotated[float, Number(-100, 100)] | None = Field(
        None, description="b of the exponential step. Default: by model."
    )
    noise_offset: Annotated[float, Number(0, 100)] | None = Field(
        None,
        description="Part of an exponential step's noise that is there whatever the step, in "
        "weight units, times dw_min_std. Default: 0.",
    )
    noise_slope: Annotated[float, Number(0, 100)] | None = Field(
        None,
        description="Part of an exponential step's noise that grows with |weight|, times "
        "dw_min_std. Default: 0.",
    )
    exponent: Annotated[float, Number(0, 20)] | None = Field(
        None, description="Exponent of the power step. Default: 1."
    )
    reference_std: Annotated[float, Number(0, 5)] | None = Field(
        None, description="Spread of the reference device, for soft_bounds. Default: 0."
    )
    subtract_symmetry_point: bool | None = Field(
        None,
        description="Whether the reference stands at each device's symmetry point, for "
        "soft_bounds. Default: false.",
    )
    write_noise_std: Annotated[float, Number(0, 1000)] = Field(
        0.0,
        description="Noise of the weight that passes see, in units of dw_min, redrawn at each "
        "update. Default: 0.",
    )
    corrupt: Annotated[float, Fraction()] = Field(
        0.0, description="Part of the devices that no pulse moves. Default: 0 %."
    )
    max_pulses: Annotated[int, Whole(1, 10_000, also=", or null for any number")] | None = Field(
        None, description="Most pulses of one update. Default: null, any number."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_model(cls, data: Any) -> Any:
        model = data.get("model") if isinstance(data, Mapping) else None
        if not isinstance(model, str) or model not in _PULSED_DEFAULTS:
            return data
        return fill(data, _PULSED_DEFAULTS[model])

    @model_validator(mode="after")
    def _check_keys(self) -> Pulsed:
        every = {key for keys in _PULSED_KEYS.values() for key in keys}
        for key in sorted(every - set(_PULSED_KEYS[self.model])):
            models = [model for model, keys in _PULSED_KEYS.items() if key in keys]
            refuse(self, (key,), f"is for model {' or '.join(models)} only, not {self.model}")
        if self.model == "one_sided_pair" and self.w_min != 0:
            problem = f"{self.w_min:g} is not allowed; a one-sided pair's devices begin at 0"
            raise spec_problem(problem, "w_min")
        if self.model != "one_sided_pair" and self.w_min == 0:
            raise spec_problem("0 is out of range; allowed: below 0", "w_min")
        return self


class Device(SpecModel):
    """The synaptic device. A preset's keys lie under the ones given here.

    How it is written is told by one of write, pulsed and measured.
    """

    preset: Annotated[str, PresetName()] | None = Field(
        None, description="A shipped device to start from ('neurograd presets'). Default: none."
    )
    conductance: Annotated[Conductance, EMPTY] = Field(
        default_factory=Conductance, description="Conductance range and levels."
    )
    write: Annotated[Write, EMPTY] = Field(
        default_factory=Write, description="What one write pulse does, by a conductance curve."
    )
    pulsed: Pulsed | None = Field(
        None, description="What one write pulse does, by a behavioural model. Default: null."
    )
    measured: Annotated[str, MeasuredFile()] | None = Field(
        None,
        description="CSV file of a measured device: columns pulse, potentiation, depression or "
        "conductance, delta_up, delta_down. Relative to the spec. Default: null.",
    )
    pulse_train: Annotated[PulseTrain, EMPTY] | None = Field(
        None, description="Updates by trains of coinciding pulses. Default: null, pulses counted."
    )
    read: Annotated[Read, EMPTY] = Field(default_factory=Read, description="What one read gives.")
    converters: Converters | None = Field(
        None, description="Converters around the array. Default: null, ideal."
    )
    ir_drop: IrDrop | None = Field(None, description="Losses in the wires. Default: null, none.")
    drift: Drift | None = Field(None, description="Conductance drift. Default: null, none.")
    leakage: Annotated[Leakage, EMPTY] | None = Field(
        None, description="Decay of volatile synapses. Default: null, none."
    )
    faults: Annotated[Faults, EMPTY] = Field(
        default_factory=Faults, description="Devices that no pulse moves."
    )
    endurance: Annotated[Endurance, EMPTY] | None = Field(
        None, description="Worn devices. Default: null, none."
    )

    @model_validator(mode="before")
    @classmethod
    def _merge_preset(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        merged = merge_preset(data)
        mapping = _mapping_of(merged)
        conductance = merged.get("conductance")
        if mapping is not None and (conductance is None or isinstance(conductance, Mapping)):
            merged["conductance"] = fill(conductance or {}, {"mapping": mapping})
        return merged

    @model_validator(mode="after")
    def _check_one_write(self) -> Device:
        if self.pulsed is not None and self.measured is not None:
            problem = "is given beside pulsed; give one of write, pulsed and measured"
            raise spec_problem(problem, "measured")
        kind = "pulsed" if self.pulsed is not None else "measured" if self.measured else None
        if kind is None:
            return self
        if kind == "pulsed" and self.write != Write():
            problem = "is given beside pulsed; give one of write, pulsed and measured"
            raise spec_problem(problem, "write")
        if self.measured is not None:
            self._check_write_of_table(self.measured)
        if self.conductance.levels is not None:
            problem = f"is given beside {kind}, which has its own; remove the key"
            raise spec_problem(problem, "conductance.levels")
        if self.pulsed is not None:
            mapping = _PULSED_MAPPING[self.pulsed.model == "one_sided_pair"]
            if self.conductance.mapping != mapping:
                problem = f"{self.conductance.mapping} is not what model {self.pulsed.model} has; "
                raise spec_problem(f"{problem}allowed: {mapping}", "conductance.mapping")
        return self

    def _check_write_of_table(self, path: str) -> None:
        """A table tells the steps; one of steps against conductance tells their noise as well."""
        from device_models.write.jump_table import JumpTable  # noqa: PLC0415  (needs torch)
        from neurograd.effects.measured_device import read_measured  # noqa: PLC0415

        noise = {"cycle_to_cycle": 0.0, "device_to_device": 0.0}
        if self.write.model_copy(update=noise) != Write():
            problem = "has a curve beside measured; allowed there: " + ", ".join(noise)
            raise spec_problem(problem, "write")
        if not isinstance(read_measured(path), JumpTable):
            return
        for key in noise:
            if getattr(self.write, key) != 0:
                problem = "is given beside a table of steps, which has its own; remove the key"
                raise spec_problem(problem, f"write.{key}")
        if self.conductance.mapping != "reference":
            problem = "differential_pair is not there for a table of steps; allowed: reference"
            raise spec_problem(problem, "conductance.mapping")

    @model_validator(mode="after")
    def _check_pulse_train(self) -> Device:
        counted = (self.pulsed, self.measured, self.conductance.levels)
        if self.pulse_train is not None and counted == (None, None, None):
            problem = (
                "needs pulses to count; allowed: with device.pulsed, device.measured or "
                "device.conductance.levels"
            )
            raise spec_problem(problem, "pulse_train")
        return self


_PULSED_MAPPING = {False: "reference", True: "differential_pair"}


def _mapping_of(device: Mapping[str, Any]) -> str | None:
    """How a pulsed or measured device holds a weight, unless the spec says otherwise."""
    pulsed = device.get("pulsed")
    if isinstance(pulsed, Mapping):
        return _PULSED_MAPPING[pulsed.get("model") == "one_sided_pair"]
    return "reference" if isinstance(device.get("measured"), str) else None
