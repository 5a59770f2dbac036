"""IR drop: voltage that is lost along the wires of an array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from neurograd.effects.effect import Effect, Keys, Remedy, Stage, change, on_device
from neurograd.effects.knob import Knob, one_key
from neurograd.effects.sections import SpecSections
from neurograd.effects.slips import long_wire
from neurograd.effects.weight_cells import weight_cells
from neurograd.errors import NumbersError
from neurograd.keys.fields import Number, SpecModel, Whole, spec_problem

if TYPE_CHECKING:
    from neurograd.effects.assembly import Assembly


class IrDrop(SpecModel):
    """Voltage that is lost along the wires of an array, by its whole network of resistors.

    Wires carry the currents of the devices' conductances in their window, from conductance.min (0
    where no window is known) upwards.
    """

    wire_ratio: Annotated[float, Number(0, 0.1)] = Field(
        description="Resistance of one wire segment between neighbouring devices over a device's "
        "smallest resistance (1/conductance.max), 0 to 0.1."
    )
    array_rows: Annotated[int, Whole(1, 65536)] | None = Field(
        None,
        description="Outputs of an array in weights, of two lines each; larger layers are tiled. "
        "Default: null, one array.",
    )
    array_columns: Annotated[int, Whole(1, 65536)] | None = Field(
        None, description="Inputs of an array. Default: null, one array."
    )

    @model_validator(mode="after")
    def _check_array(self) -> IrDrop:
        if (self.array_rows is None) != (self.array_columns is None):
            missing = "array_rows" if self.array_rows is None else "array_columns"
            raise spec_problem("is missing; give both array_rows and array_columns", missing)
        return self


class IrDropKeys(SpecModel):
    """device.ir_drop."""

    ir_drop: IrDrop | None = Field(None, description="Losses in the wires. Default: null, none.")


def _build(parts: Assembly) -> None:
    from device_models import IrDrop as IrDropRead  # noqa: PLC0415  (needs torch)

    drop: IrDrop = parts.spec.device.ir_drop
    size = None
    if drop.array_rows is not None and drop.array_columns is not None:
        size = (drop.array_rows, drop.array_columns)
    problem = parts.problem
    layers = problem.parameters_of(problem.initial_weights).values()
    shapes = tuple(tuple(layer.shape) for layer in layers)
    try:
        parts.reads.append(IrDropRead(shapes, drop.wire_ratio, weight_cells(parts), size))
    except ValueError as error:
        raise NumbersError(
            f"device.ir_drop: {error}; give array_rows and array_columns, or a lower wire_ratio"
        ) from None


def _remedy(spec: SpecSections) -> Remedy:
    return change("lower", ["device.ir_drop.wire_ratio"])


def _knobs(spec: SpecSections, samples: int) -> Iterator[Knob]:
    drop: IrDrop | None = None if spec.device is None else spec.device.ir_drop
    if drop is not None:
        key = "device.ir_drop.wire_ratio"
        yield Knob(key, "wire resistance", drop.wire_ratio, 1, 0.0, 0.1, one_key(key), first=1e-5)


def _hints(spec: SpecSections, samples: int) -> Iterator[str]:
    drop: IrDrop | None = None if spec.device is None else spec.device.ir_drop
    if drop is not None:
        yield from long_wire(drop.wire_ratio)


EFFECT = Effect(
    name="ir_drop",
    label="the IR drop",
    key="device.ir_drop",
    stage=Stage.READ,
    order=20,
    keys=(Keys("device", IrDropKeys, 80),),
    when=on_device(lambda device: device.ir_drop is not None and device.ir_drop.wire_ratio > 0),
    build=_build,
    remedy=_remedy,
    knobs=_knobs,
    knob_rank=23,
    hints=_hints,
)
