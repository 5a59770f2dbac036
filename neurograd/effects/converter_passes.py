"""Converters around a crossbar, digital to analog and back: their keys and how they are built.

They do harm in three ways with remedies of their own: ``converters`` is their resolution,
``converter_clipping`` their range, ``output_noise`` the noise of the sums that they read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.effects import converter_clipping, converters, output_noise
from neurograd.effects.effect import Contribution, Keys, Stage, on_device
from neurograd.errors import NeurogradError
from neurograd.keys.fields import LARGEST, Number, SpecModel, Whole, spec_problem

if TYPE_CHECKING:
    from device_models import Converters as ConverterPasses
    from neurograd.effects.assembly import Assembly


class Converters(SpecModel):
    """Digital-to-analog and analog-to-digital converters of a crossbar's products."""

    dac_bits: Annotated[int, Whole(2, 16, also=", or null for ideal")] | None = Field(
        None, description="Bits of inputs and errors, 2 to 16. Default: null, ideal."
    )
    adc_bits: Annotated[int, Whole(2, 16, also=", or null for ideal")] | None = Field(
        None, description="Bits of the products, 2 to 16. Default: null, ideal."
    )
    input_range: Annotated[float, Number(0, LARGEST, above=True)] | None = Field(
        None,
        description="Largest |input|, above which it is clipped. Default: null, the largest of "
        "each vector.",
    )
    output_range: Annotated[float, Number(0, LARGEST, above=True)] | None = Field(
        None,
        description="Largest |product|, above which it is clipped. Default: null, the largest of "
        "each vector.",
    )
    output_noise: Annotated[float, Number(0)] = Field(
        0.0,
        description="Standard deviation of the noise of a sum in front of its ADC, in weights "
        "times inputs (with noise_management of inputs of 1 at most); of sums of errors in weights "
        "times the largest error of each vector. Default: 0.",
    )
    noise_management: Literal["none", "abs_max"] = Field(
        "none",
        description="abs_max: each input is divided by its largest magnitude, and its products are "
        "multiplied by it in digital; output_range and output_noise are then of inputs of 1 at "
        "most. Errors always are. Default: none.",
    )
    bound_management: Literal["none", "iterative"] = Field(
        "none",
        description="iterative: each input is halved, up to 10 times, until no product is beyond "
        "output_range. Default: none.",
    )
    per: Literal["layer", "tile"] = Field(
        "layer",
        description="tile: each array of array_rows by array_columns has converters of its own, "
        "whose partial sums are added in digital. Default: layer, one array a layer.",
    )
    array_rows: Annotated[int, Whole(1, 65536)] | None = Field(
        None,
        description="Outputs of an array in weights, with per tile. Default: null, those of "
        "device.ir_drop.",
    )
    array_columns: Annotated[int, Whole(1, 65536)] | None = Field(
        None,
        description="Inputs of an array, with per tile; a kernel is cut between its channels. "
        "Default: null, those of device.ir_drop.",
    )

    @model_validator(mode="after")
    def _check_management(self) -> Converters:
        ranged = self.output_range is not None
        if self.bound_management != "none" and not ranged:
            raise spec_problem("bounds are managed only of a range; give one", "output_range")
        noisy = self.output_noise > 0
        if self.noise_management != "none" and not (ranged or noisy or self.input_range):
            problem = (
                "changes no number without output_noise, output_range or input_range; give one of "
                "them, or leave it none"
            )
            raise spec_problem(problem, "noise_management")
        if self.per == "tile" and not (ranged or noisy or self.dac_bits or self.adc_bits):
            problem = (
                "tile changes no number without adc_bits, dac_bits, output_range or output_noise; "
                "give one of them, or leave it layer"
            )
            raise spec_problem(problem, "per")
        for key in ("array_rows", "array_columns"):
            if self.per == "layer" and getattr(self, key) is not None:
                raise spec_problem("is for per tile only; remove the key, or set per to tile", key)
        return self


class ConverterKeys(SpecModel):
    """device.converters."""

    converters: Converters | None = Field(
        None, description="Converters around the array. Default: null, ideal."
    )

    @model_validator(mode="after")
    def _check_tiles(self) -> ConverterKeys:
        given = self.converters
        if given is None or given.per == "layer":
            return self
        for key in ("array_rows", "array_columns"):
            own, wires = getattr(given, key), _of_wires(self, key)
            if own is None and wires is None:
                raise spec_problem("is missing; required with per tile", f"converters.{key}")
            if None not in (own, wires) and own != wires:
                problem = f"is {own}, and ir_drop.{key} is {wires}; allowed: one size of arrays"
                raise spec_problem(problem, f"converters.{key}")
        return self


def _of_wires(device: Any, key: str) -> int | None:
    """A size of the arrays that the wires of a device are of."""
    size: int | None = None if device.ir_drop is None else getattr(device.ir_drop, key)
    return size


def _array_size(parts: Assembly) -> tuple[int, int] | None:
    """Outputs and inputs of an array that has converters of its own."""
    device = parts.spec.device
    given: Converters = device.converters
    if given.per == "layer":
        return None
    rows = given.array_rows or _of_wires(device, "array_rows")
    columns = given.array_columns or _of_wires(device, "array_columns")
    assert rows is not None
    assert columns is not None
    return rows, columns


def _check_chip(parts: Assembly, passes: ConverterPasses) -> None:
    """Refuses rules and kernels that the arrays are not there for."""
    from device_models.passes.tiles import channels_of  # noqa: PLC0415  (needs torch)

    try:
        passes.check_rule(parts.rule)
    except ValueError:
        raise NeurogradError(_refusal(parts)) from None
    if passes.array_size is None:
        return
    problem = parts.problem
    try:
        for layer in problem.parameters_of(problem.initial_weights).values():
            channels_of(tuple(layer.shape), passes.array_size[1])
    except ValueError as error:
        raise NeurogradError(f"device.converters.array_columns: {error}") from None


def _refusal(parts: Assembly) -> str:
    """Why the rule of a spec does not go with its converters, by the keys of both."""
    device = parts.spec.device
    given: Converters = device.converters
    rule = f"learning_rule.name {parts.spec.learning_rule.name}"
    if given.per == "tile":
        rule = rule if device.pulse_train is None else "device.pulse_train"
        key, allowed = "per", "layer"
        why = f"is tile, and {rule} takes what whole layers get and give"
    else:
        key = "noise_management" if given.noise_management != "none" else "bound_management"
        why, allowed = (
            f"is {getattr(given, key)}, and {rule} takes the values that layers get",
            "none",
        )
    return f"device.converters.{key}: {why}; allowed: {allowed}"


def _build(parts: Assembly) -> None:
    from device_models.passes.converters import Converters as Passes  # noqa: PLC0415  (torch)

    given: Converters = parts.spec.device.converters
    keys = given.model_dump(exclude={"per", "array_rows", "array_columns"})
    if not parts.keeps(converters.EFFECT):
        keys.update(dac_bits=None, adc_bits=None)
    if not parts.keeps(output_noise.EFFECT):
        keys.update(output_noise=0.0)
    clips = parts.keeps(converter_clipping.EFFECT)
    if not clips:
        keys.update(bound_management="none")
    passes = Passes(**keys, clips=clips, array_size=_array_size(parts))
    _check_chip(parts, passes)
    parts.passes.append(passes)


SHARED = Contribution(
    name="converter_passes",
    stage=Stage.PASS,
    keys=(Keys("device", ConverterKeys, 70),),
    when=on_device(lambda device: device.converters is not None),
    build=_build,
)
