"""What all records share: frozen, checked when made, and the kinds of numbers that JSON lacks.

JSON has no infinity and no NaN: both are null there. What null means depends on the field, so every
field of a record says it by its type: ``Number`` is None in memory, ``Loss`` is infinite.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from neurograd.measure.intervals import Interval


class Record(BaseModel):
    """A typed result; fields that another version has added are left out when it is read."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


def _number_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number_or_infinity(value: Any) -> Any:
    lost = value is None or (isinstance(value, float) and not math.isfinite(value))
    return math.inf if lost else value


Number = Annotated[float | None, BeforeValidator(_number_or_none)]
"""A number; None (null in JSON) where it is not defined, lost in noise or not measured."""

Loss = Annotated[
    float, BeforeValidator(_number_or_infinity), WithJsonSchema({"type": ["number", "null"]})
]
"""A loss or a cost; infinite (null in JSON) where the training diverged."""

Ends = tuple[Number, Number]
"""An interval (low, high); None (null in JSON) for an end that is unbounded or not known."""

Quantity = Annotated[int | float | None, BeforeValidator(_number_or_none)]
"""A number of the spec, whole where the spec has it so; None (null in JSON) where it is ideal."""

CostEnds = Annotated[
    tuple[float, float],
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": ["number", "null"]},
            "minItems": 2,
            "maxItems": 2,
        }
    ),
]
"""The interval of a cost, ±infinite (null in JSON) at an end without bound (``cost_interval``)."""


def cost_interval(cost: Any, ends: Any) -> Any:
    """The interval of a cost with infinite ends in place of null.

    Args:
        cost: The cost; where it is infinite so is all of its interval.
        ends: Its interval, as JSON or in memory.
    """
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return ends
    low, high = (_number_or_none(end) for end in ends)
    if _number_or_none(cost) is None:
        return math.inf, math.inf
    return -math.inf if low is None else low, math.inf if high is None else high


def unbounded(ends: Interval) -> bool:
    """Whether an interval of a cost has an end without bound."""
    return not (math.isfinite(ends[0]) and math.isfinite(ends[1]))
