"""A behavioural pulsed device in weight units, as IBM's aihwkit has them: its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.keys.fields import Fraction, Number, SpecModel, Whole, fill, refuse, spec_problem


class Gamma(SpecModel):
    """One number for each direction."""

    potentiation: Annotated[float, Number(-100, 100)] = Field(description="On the way up.")
    depression: Annotated[float, Number(-100, 100)] = Field(description="On the way down.")


_OF_MODEL: Mapping[str, tuple[str, ...]] = {
    "constant": (),
    "linear": ("gamma", "gamma_dtod", "noise"),
    "soft_bounds": ("noise", "reference_std", "subtract_symmetry_point"),
    "exponential": ("gamma", "amplitude", "a", "b", "noise_offset", "noise_slope"),
    "power": ("exponent",),
    "one_sided_pair": ("gamma", "amplitude", "a", "b", "noise_offset", "noise_slope"),
}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
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


_SHAPE = ("amplitude", "gamma")
"""The keys of an exponential step that have a number for each direction."""


def _without_depression(data: Mapping[str, Any]) -> dict[str, Any]:
    """Keys of a one-sided pair, whose pulses go up: what they would do down need not be given."""
    own = {key: {"depression": _of_pair(key)} for key in _SHAPE}
    filled = {key: fill(data[key], own[key]) for key in _SHAPE if isinstance(data[key], Mapping)}
    return {**data, **filled}


def _of_pair(key: str) -> float:
    """What stands for pulses down of a one-sided pair, and changes nothing."""
    depression: float = _DEFAULTS["one_sided_pair"][key]["depression"]
    return depression


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
        0.001,
        description="Mean step of one pulse over devices, 1e-6 to 1 (more with a dw_min_dtod so "
        "wide that the size of steps below 0 is taken); their median with dw_min_dtod_log_normal, "
        "where the mean is exp(dw_min_dtod^2/2) times it. Default: 0.001.",
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
        description="Slope of a linear step, -1 or more: above 0 it shrinks towards the bound, "
        "below 0 it grows; or gamma of an exponential one. Default: by model.",
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
    known_step: Literal["each", "mean"] = Field(
        "each",
        description="The nominal step at weight 0 that the controller counts pulses by. each: that "
        "of the direction, which makes up for up_down; mean: that of both (aihwkit), as with "
        "device.pulse_train always. Default: each.",
    )
    max_pulses: Annotated[int, Whole(1, 10_000, also=", or null for any number")] | None = Field(
        None, description="Most pulses of one update. Default: null, any number."
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_model(cls, data: Any) -> Any:
        model = data.get("model") if isinstance(data, Mapping) else None
        if not isinstance(model, str) or model not in _DEFAULTS:
            return data
        filled = fill(data, _DEFAULTS[model])
        return _without_depression(filled) if model == "one_sided_pair" else filled

    @model_validator(mode="after")
    def _check_keys(self) -> Pulsed:
        every = {key for keys in _OF_MODEL.values() for key in keys}
        for key in sorted(every - set(_OF_MODEL[self.model])):
            models = [model for model, keys in _OF_MODEL.items() if key in keys]
            refuse(self, (key,), f"is for model {' or '.join(models)} only, not {self.model}")
        if self.model != "one_sided_pair" and self.w_min == 0:
            raise spec_problem("0 is out of range; allowed: below 0", "w_min")
        return self

    @model_validator(mode="after")
    def _check_pair(self) -> Pulsed:
        """Devices of a one-sided pair begin at 0, and are pulsed in one direction only."""
        if self.model != "one_sided_pair":
            return self
        if self.w_min != 0:
            problem = f"{self.w_min:g} is not allowed; a one-sided pair's devices begin at 0"
            raise spec_problem(problem, "w_min")
        if self.w_min_dtod != 0:
            problem = f"{self.w_min_dtod:g} is not allowed; a one-sided pair's devices begin at 0"
            raise spec_problem(problem, "w_min_dtod")
        if self.known_step != "each":
            problem = "mean is not allowed; a one-sided pair's devices have steps up only"
            raise spec_problem(problem, "known_step")
        for key in _SHAPE:
            pair: Gamma | None = getattr(self, key)
            if pair is not None and pair.depression != _of_pair(key):
                problem = f"{pair.depression:g} is not allowed; a one-sided pair has no pulses down"
                raise spec_problem(f"{problem}; remove the key", f"{key}.depression")
        return self

    @model_validator(mode="after")
    def _check_slopes(self) -> Pulsed:
        """A linear step that grows begins at 0 or above."""
        for name, slope in self.gamma or () if self.model == "linear" else ():
            if slope < -1:
                problem = f"{slope:g} is out of range; allowed of model linear: -1 to 100"
                raise spec_problem(problem, f"gamma.{name}")
        return self
