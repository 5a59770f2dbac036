"""The keys of a device spec: types, ranges, defaults and the checks between keys.

The models are frozen and hold plain numbers: fractions as floats from 0 to 1, conductances in
siemens. A key that does not apply to the chosen model, rule, architecture or task is None. The
field descriptions are the JSON Schema that editors show.
"""

from __future__ import annotations

import difflib
import numbers
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from neurograd.spec.presets import list_presets, merge_preset, unknown_preset
from neurograd.spec.units import (
    MAX_TEXT,
    NUMBER_PATTERN,
    UNIT_PATTERN,
    parse_conductance,
    parse_fraction,
    parse_number,
    show,
)

Json = dict[str, Any]

_DIGITS = re.compile("[0-9]+")

SPEC_ERROR = "spec"
"""Type of the errors raised here; their text is final and `ctx['key']` is below their place."""


def spec_problem(problem: str, key: str = "") -> PydanticCustomError:
    """Makes the error that a validator raises.

    Args:
        problem: What is wrong and what is allowed, one line.
        key: The key below the place where the validator sits.

    Returns:
        An error that pydantic collects with its place.
    """
    return PydanticCustomError(SPEC_ERROR, "{problem}", {"problem": problem, "key": key})


# -- Field types: each reads one value, and says in one line what it allows. ----------------------


class _FieldType:
    """A field type with its own reading, messages and JSON Schema; goes into `Annotated`."""

    def read(self, value: Any) -> Any:
        """Reads one value or raises `spec_problem`."""
        raise NotImplementedError

    def json(self) -> Json:
        """The JSON Schema of what is accepted."""
        raise NotImplementedError

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        return self.json()


@dataclass(frozen=True)
class Whole(_FieldType):
    """An integer from `low` to `high`; `word` is a word allowed instead, `also` tells of others."""

    low: int
    high: int
    word: str | None = None
    also: str = ""

    def read(self, value: Any) -> int | str:
        """Reads an integer, 1e6 and '1e6' included, but no boolean."""
        if self.word is not None and value == self.word:
            return self.word
        number = _integer(value)
        if number is None:
            raise spec_problem(f"{show(value)} is not an integer; allowed: {self.allowed}")
        if not self.low <= number <= self.high:
            raise spec_problem(f"{show(value)} is out of range; allowed: {self.allowed}")
        return number

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        word = f"'{self.word}' or " if self.word is not None else ""
        return f"{word}an integer from {self.low} to {self.high}{self.also}"

    def json(self) -> Json:
        """An integer, its text, or the word."""
        number: Json = {"type": "integer", "minimum": self.low, "maximum": self.high}
        words = [{"const": self.word}] if self.word is not None else []
        return {"anyOf": [*words, number, _TEXT_NUMBER]}


@dataclass(frozen=True)
class Number(_FieldType):
    """A finite number from `low` to `high`; with `above` the low end itself is not allowed."""

    low: float
    high: float | None = None
    above: bool = False

    def read(self, value: Any) -> float:
        """Reads a number or its text, but no boolean."""
        number = parse_number(value)
        if number is None:
            raise spec_problem(f"{show(value)} is not a finite number; allowed: {self.allowed}")
        low = number <= self.low if self.above else number < self.low
        if low or (self.high is not None and number > self.high):
            raise spec_problem(f"{show(value)} is out of range; allowed: {self.allowed}")
        return number

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        if self.high is not None:
            return f"a number from {self.low:g} to {self.high:g}"
        return f"a number {'above' if self.above else 'of at least'} {self.low:g}"

    def json(self) -> Json:
        """A number or its text."""
        number: Json = {
            "type": "number",
            "exclusiveMinimum" if self.above else "minimum": self.low,
        }
        if self.high is not None:
            number["maximum"] = self.high
        return {"anyOf": [number, _TEXT_NUMBER]}


@dataclass(frozen=True)
class Fraction(_FieldType):
    """A fraction, '5 %' or 0.05; `above` and `below` are ends that are themselves not allowed."""

    above: float | None = None
    below: float | None = None

    def read(self, value: Any) -> float:
        """Reads a percentage or a number from 0 to 1."""
        number: float = _with_unit(parse_fraction, value)
        low = self.above is not None and number <= self.above
        if low or (self.below is not None and number >= self.below):
            raise spec_problem(
                f"{show(value)} is out of range; allowed: a percentage above "
                f"{self.above or 0:.0%} and below {self.below or 1:.0%}, such as '95 %'"
            )
        return number

    def json(self) -> Json:
        """A number from 0 to 1 or a percentage."""
        number: Json = {"type": "number", "minimum": 0, "maximum": 1}
        if self.above is not None:
            number["exclusiveMinimum"] = self.above
        if self.below is not None:
            number["exclusiveMaximum"] = self.below
        text = {"type": "string", "pattern": rf"^\s*{NUMBER_PATTERN}\s*(%|percent)?\s*$"}
        return {"anyOf": [number, text]}


@dataclass(frozen=True)
class Siemens(_FieldType):
    """A conductance, or a resistance as its inverse."""

    def read(self, value: Any) -> float:
        """Reads '59 uS', '16.9 kΩ' or a bare number of siemens."""
        siemens: float = _with_unit(parse_conductance, value)
        return siemens

    def json(self) -> Json:
        """A number of siemens or text with a unit."""
        text = {"type": "string", "pattern": rf"^\s*{NUMBER_PATTERN}\s*({UNIT_PATTERN})?\s*$"}
        return {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, text]}


@dataclass(frozen=True)
class Line(_FieldType):
    """One line of printable text."""

    longest: int

    def read(self, value: Any) -> str:
        """Reads text."""
        if not isinstance(value, str):
            raise spec_problem(f"{show(value)} is not text; allowed: text (put it in quotes)")
        if not 1 <= len(value) <= self.longest or not value.isprintable() or not value.strip():
            raise spec_problem(
                f"{show(value)} is not one line of 1 to {self.longest} printable characters"
            )
        return value

    def json(self) -> Json:
        """A string with a longest length."""
        return {"type": "string", "minLength": 1, "maxLength": self.longest}


@dataclass(frozen=True)
class PresetName(_FieldType):
    """The name of a shipped preset."""

    def read(self, value: Any) -> str:
        """Reads a name and checks that there is such a preset."""
        if not isinstance(value, str) or value not in list_presets():
            raise spec_problem(unknown_preset(value))
        return value

    def json(self) -> Json:
        """One of the shipped presets."""
        return {"enum": list(list_presets())}


@dataclass(frozen=True)
class Shorthand:
    """Lets a section be written shorter: `expand` turns the short form into the long one."""

    expand: Callable[[Any], Any]
    short: tuple[tuple[str, Any], ...]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> Json:
        return {"anyOf": [handler(schema), dict(self.short)]}


_TEXT_NUMBER: Json = {"type": "string", "pattern": rf"^\s*{NUMBER_PATTERN}\s*$"}


def _integer(value: Any) -> int | None:
    """The integer that a number or its text stands for exactly, or None."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and len(value) <= MAX_TEXT and _DIGITS.fullmatch(value.strip()):
        return int(value)
    number = parse_number(value)
    return int(number) if number is not None and number.is_integer() else None


def _with_unit(parse: Callable[[Any], float], value: Any) -> float:
    try:
        return parse(value)
    except ValueError as error:
        raise spec_problem(str(error)) from None


def _empty_section(value: Any) -> Any:
    """An empty section, such as 'targets:' alone, has only defaults."""
    return {} if value is None else value


def _same_levels(value: Any) -> Any:
    """One number of levels stands for both directions."""
    if value is None or isinstance(value, Levels | Mapping):
        return value
    number = _LEVELS.read(value)
    return {"potentiation": number, "depression": number}


_LEVELS = Whole(2, 1_000_000, also=", {potentiation: N, depression: N}, or null for continuous")
_COUNT = Whole(2, 1_000_000)
_EMPTY = Shorthand(_empty_section, (("type", "null"),))
_ONE_NUMBER = Shorthand(_same_levels, tuple(_LEVELS.json().items()))
_SEED = Whole(0, 2**63 - 1)
_BITS = Whole(1, 32, also=", or null for full precision")
_WIDTH = Whole(1, 65536)
_MAX_LAYERS = 64


class SpecModel(BaseModel):
    """Base of every section: frozen, and with no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _given(data: Any, key: str) -> bool:
    return isinstance(data, Mapping) and data.get(key) is not None


def _fill(data: Any, defaults: Mapping[str, Any]) -> Any:
    """Fills in the keys of a section that apply and were left out or null."""
    if not isinstance(data, Mapping):
        return data
    return {**data, **{key: value for key, value in defaults.items() if not _given(data, key)}}


def _refuse(section: SpecModel, keys: tuple[str, ...], reason: str) -> None:
    """Refuses keys that do not apply."""
    for key in keys:
        if getattr(section, key) is not None:
            raise spec_problem(f"{reason}; remove the key or set it to null", key)


# -- The device ------------------------------------------------------------------------------------


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
        model = "nonlinear" if _given(data, "nonlinearity") else "linear"
        data = _fill(data, {"model": model})
        if not isinstance(data, Mapping):
            return data
        if data["model"] == "nonlinear":
            return _fill(data, {"nonlinearity": {}})
        return _fill(data, {"slope": {}}) if data["model"] == "linear" else data

    @model_validator(mode="after")
    def _check_model(self) -> Write:
        if self.model != "nonlinear":
            _refuse(self, ("nonlinearity",), f"is for model nonlinear only, not {self.model}")
        if self.model != "linear":
            _refuse(self, ("slope",), f"is for model linear only, not {self.model}")
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


class Device(SpecModel):
    """The synaptic device. A preset's keys lie under the ones given here."""

    preset: Annotated[str, PresetName()] | None = Field(
        None, description="A shipped device to start from ('neurograd presets'). Default: none."
    )
    conductance: Annotated[Conductance, _EMPTY] = Field(
        default_factory=Conductance, description="Conductance range and levels."
    )
    write: Annotated[Write, _EMPTY] = Field(
        default_factory=Write, description="What one write pulse does."
    )
    read: Annotated[Read, _EMPTY] = Field(default_factory=Read, description="What one read gives.")
    faults: Annotated[Faults, _EMPTY] = Field(
        default_factory=Faults, description="Devices that no pulse moves."
    )

    @model_validator(mode="before")
    @classmethod
    def _merge_preset(cls, data: Any) -> Any:
        return merge_preset(data) if isinstance(data, Mapping) else data


# -- What is trained on it, and how ----------------------------------------------------------------


class Quantization(SpecModel):
    """Digital limits of weights and updates."""

    weight_bits: Annotated[int, _BITS] | None = Field(
        None,
        description="Bits (two's complement) of a weight as forward and backward pass see it, 1 to "
        "32; without a device and update_bits also as it is stored. Default: null, full precision.",
    )
    weight_rounding: Literal["nearest", "stochastic"] = Field(
        "nearest",
        description="How weights are rounded for the passes; without a device and update_bits "
        "nothing is rounded there. Default: nearest.",
    )
    update_bits: Annotated[int, _BITS] | None = Field(
        None,
        description="Bits of the memory that sums the updates, 1 to 32. Default: null, the "
        "device's levels, else weight_bits.",
    )
    update_rounding: Literal["stochastic", "nearest", "truncate"] = Field(
        "stochastic",
        description="How an update becomes a whole number of steps, or of pulses of a device with "
        "levels. Default: stochastic.",
    )
    weight_range: Annotated[float, Number(0, above=True)] = Field(
        1.0,
        description="Largest |weight| that can be stored, above 0. With a device, "
        "device.conductance.weight_range governs. Default: 1.",
    )


class LearningRule(SpecModel):
    """What the chip computes as its gradient."""

    name: Literal["backprop", "feedback_alignment"] = Field(
        "backprop", description="The rule. Default: backprop."
    )
    batch_size: Annotated[int | Literal["full"], Whole(1, 10_000_000, word="full")] = Field(
        "full", description="Samples an update: 'full' or 1 to 10000000. Default: full."
    )
    feedback_seed: Annotated[int, _SEED] | None = Field(
        None,
        description="Seed of the fixed feedback weights, for feedback_alignment only. "
        "Default: null, taken from measure.seed.",
    )
    feedback_scale: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Scale of the feedback weights, above 0, for feedback_alignment only. "
        "Default: 1.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_scale(cls, data: Any) -> Any:
        aligned = _given(data, "name") and data["name"] == "feedback_alignment"
        return _fill(data, {"feedback_scale": 1.0}) if aligned else data

    @model_validator(mode="after")
    def _check_feedback(self) -> LearningRule:
        if self.name != "feedback_alignment":
            keys = ("feedback_seed", "feedback_scale")
            _refuse(self, keys, f"is for name feedback_alignment only, not {self.name}")
        return self


class Network(SpecModel):
    """The network that the chip trains."""

    kind: Literal["rate"] = Field("rate", description="Kind of neurons. Default: rate.")
    architecture: Literal["mlp", "cnn"] = Field(
        "mlp", description="Fully connected, or convolutional. Default: mlp."
    )
    hidden: tuple[Annotated[int, _WIDTH], ...] = Field(
        (128, 128),
        max_length=_MAX_LAYERS,
        description="Widths of the hidden layers, each 1 to 65536, at most 64; [] for none. "
        "Default: [128, 128].",
    )
    channels: tuple[Annotated[int, _WIDTH], ...] | None = Field(
        None,
        min_length=1,
        max_length=_MAX_LAYERS,
        description="Channels of the convolution layers, for architecture cnn only. "
        "Default: [8, 16].",
    )
    activation: Literal["relu", "tanh", "linear"] = Field(
        "relu", description="Nonlinearity of the hidden layers. Default: relu."
    )
    init: Literal["xavier", "kaiming"] = Field(
        "xavier", description="How the weights start. Default: xavier."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_channels(cls, data: Any) -> Any:
        convolutional = _given(data, "architecture") and data["architecture"] == "cnn"
        return _fill(data, {"channels": (8, 16)}) if convolutional else data

    @model_validator(mode="after")
    def _check_channels(self) -> Network:
        if self.architecture != "cnn":
            _refuse(self, ("channels",), "is for architecture cnn only")
        return self


_TEACHER_DEFAULTS: Mapping[str, Any] = {
    "train_samples": 5000,
    "test_samples": 1000,
    "inputs": 25,
    "outputs": 10,
    "teacher_hidden": (50, 50, 50),
    "label_noise": 0.0,
}
_TEACHER_KEYS = ("inputs", "outputs", "teacher_hidden", "label_noise")


class Task(SpecModel):
    """What is learned."""

    name: Literal["digits", "teacher_student", "mnist", "cifar10"] = Field(
        "digits",
        description="digits: 8x8 digits, ships with scikit-learn; teacher_student: regression on a "
        "random network's outputs; mnist and cifar10: from files in folder. Default: digits.",
    )
    folder: Annotated[str, Line(4096)] | None = Field(
        None, description="Folder of the data files; required for mnist and cifar10 only."
    )
    train_samples: Annotated[int, Whole(1, 10_000_000, also=", or null for all")] | None = Field(
        None,
        description="Training samples, 1 to 10000000. Default: null, all; 5000 of teacher_student.",
    )
    test_samples: Annotated[int, Whole(1, 10_000_000, also=", or null for all")] | None = Field(
        None,
        description="Test samples, 1 to 10000000. Default: null, all; 1000 of teacher_student.",
    )
    inputs: Annotated[int, _WIDTH] | None = Field(
        None, description="Inputs of teacher and student; teacher_student only. Default: 25."
    )
    outputs: Annotated[int, _WIDTH] | None = Field(
        None, description="Outputs of teacher and student; teacher_student only. Default: 10."
    )
    teacher_hidden: tuple[Annotated[int, _WIDTH], ...] | None = Field(
        None,
        max_length=_MAX_LAYERS,
        description="Widths of the teacher's hidden layers; teacher_student only. "
        "Default: [50, 50, 50].",
    )
    label_noise: Annotated[float, Number(0)] | None = Field(
        None,
        description="Standard deviation of noise added to the teacher's outputs, in their units; "
        "teacher_student only. Default: 0.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_teacher(cls, data: Any) -> Any:
        teacher = _given(data, "name") and data["name"] == "teacher_student"
        return _fill(data, _TEACHER_DEFAULTS) if teacher else data

    @model_validator(mode="after")
    def _check_task(self) -> Task:
        if self.name in ("mnist", "cifar10"):
            if self.folder is None:
                problem = f"is missing; {self.name} needs the folder that holds its files"
                raise spec_problem(problem, "folder")
        else:
            _refuse(self, ("folder",), f"is for mnist and cifar10 only, not {self.name}")
        if self.name != "teacher_student":
            _refuse(self, _TEACHER_KEYS, f"is for name teacher_student only, not {self.name}")
        return self


class Training(SpecModel):
    """How the network is trained."""

    step_size: Annotated[float, Number(0, above=True)] = Field(
        0.1, description="Learning rate Δt, above 0. Default: 0.1."
    )
    steps: Annotated[int, Whole(1, 10_000_000)] = Field(
        1000, description="Updates, 1 to 10000000. Default: 1000."
    )
    seeds: Annotated[int, Whole(1, 1000)] = Field(
        5, description="Number of chips trained, 1 to 1000. Default: 5."
    )


class Targets(SpecModel):
    """What the verdict is held against."""

    max_accuracy_drop: Annotated[float, Fraction()] = Field(
        0.02,
        description="Test accuracy that the chip may lose against the clean network, in points "
        "of accuracy; for classification. Default: 2 %.",
    )
    max_excess_loss: Annotated[float, Fraction()] = Field(
        0.05,
        description="Part of the clean network's decrease of the loss that may be lost; "
        "for regression. Default: 5 %.",
    )
    confidence: Annotated[float, Fraction(above=0.5, below=1)] = Field(
        0.95, description="Confidence of the verdict, above 50 % and below 100 %. Default: 95 %."
    )


class Measure(SpecModel):
    """How much is measured."""

    draws: Annotated[int, Whole(2, 10_000_000)] = Field(
        2000, description="Updates drawn at each point, 2 to 10000000. Default: 2000."
    )
    loss_draws: Annotated[int, Whole(2, 10_000_000)] = Field(
        200, description="Draws whose loss is evaluated, 2 to 10000000. Default: 200."
    )
    points: Annotated[int, Whole(1, 1000)] = Field(
        5, description="Points along the clean training, 1 to 1000. Default: 5."
    )
    seed: Annotated[int, _SEED] = Field(0, description="Seed of every draw. Default: 0.")
    chunk_size: Annotated[int, Whole(1, 10_000_000)] = Field(
        4096,
        description="Samples of the data that one pass takes, 1 to 10000000; bounds the memory and "
        "changes no result. Default: 4096.",
    )
    precision: Literal["float64", "float32"] = Field(
        "float64", description="Floating point format. Default: float64."
    )


class Spec(SpecModel):
    """A chip, what it trains, and what is asked of it."""

    name: Annotated[str, Line(200)] = Field(
        "unnamed chip", description="Name in reports, 1 to 200 characters. Default: unnamed chip."
    )
    device: Device | None = Field(
        None, description="The synaptic device. Default: null, ideal synapses."
    )
    quantization: Quantization | None = Field(
        None, description="Digital limits. Default: null, none."
    )
    learning_rule: Annotated[LearningRule, _EMPTY] = Field(
        default_factory=LearningRule, description="What the chip computes as its gradient."
    )
    network: Annotated[Network, _EMPTY] = Field(
        default_factory=Network, description="The network that the chip trains."
    )
    task: Annotated[Task, _EMPTY] = Field(default_factory=Task, description="What is learned.")
    training: Annotated[Training, _EMPTY] = Field(
        default_factory=Training, description="How the network is trained."
    )
    targets: Annotated[Targets, _EMPTY] = Field(
        default_factory=Targets, description="What the verdict is held against."
    )
    measure: Annotated[Measure, _EMPTY] = Field(
        default_factory=Measure, description="How much is measured."
    )

    @field_validator("quantization", mode="after")
    @classmethod
    def _share_weight_range(cls, value: Quantization | None, info: Any) -> Quantization | None:
        """With a device, the weights that can be stored are those of its conductance range."""
        device: Device | None = info.data.get("device")
        if value is None or device is None:
            return value
        governing = device.conductance.weight_range
        if "weight_range" in value.model_fields_set and value.weight_range != governing:
            raise spec_problem(
                f"{value.weight_range:g} differs from device.conductance.weight_range, "
                f"{governing:g}, which governs; remove this key or give both the same value",
                "weight_range",
            )
        return value.model_copy(update={"weight_range": governing})

    @model_validator(mode="after")
    def _check_together(self) -> Spec:
        if self.network.architecture == "cnn" and self.task.name == "teacher_student":
            problem = "cnn needs images, and task teacher_student has none; allowed: mlp"
            raise spec_problem(problem, "network.architecture")
        batch, samples = self.learning_rule.batch_size, self.task.train_samples
        if isinstance(batch, int) and samples is not None and batch > samples:
            problem = f"{batch} is more than task.train_samples, {samples}; allowed: at most that"
            raise spec_problem(problem, "learning_rule.batch_size")
        return self


def nearest(word: str, allowed: list[str]) -> str:
    """Suggests the allowed word nearest to a wrong one.

    Args:
        word: What the user wrote.
        allowed: The words to choose from.

    Returns:
        "; did you mean 'x'?", or ";" when none is near.
    """
    near = difflib.get_close_matches(word[:MAX_TEXT].lower(), allowed, 1)
    return f"; did you mean '{near[0]}'?" if near else ";"
