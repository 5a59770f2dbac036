"""The keys of a spec's update: the algorithm by which gradients become pulses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, model_validator

from neurograd.keys.fields import FieldType, Json, SpecModel, nearest, spec_problem
from neurograd.keys.units import show

ALGORITHMS = ("sgd",)
"""What there is."""

LATER = (
    "mixed_precision",
    "tiki_taka",
    "tiki_taka_v2",
    "chopped_tiki_taka",
    "agad",
    "residual",
    "periodic_carry",
)
"""Algorithms whose names are kept for them, and that are not built yet."""

LATER_KEYS = ("fast_device", "zero_shift", "reference_offset")
"""Keys of those algorithms."""

NOT_THERE = "is not there yet; allowed: "


@dataclass(frozen=True)
class _Algorithm(FieldType):
    """The name of an algorithm that there is."""

    def read(self, value: Any) -> str:
        """Reads a name."""
        if value in ALGORITHMS:
            return str(value)
        if value in LATER:
            raise spec_problem(f"{value} {NOT_THERE}{self.allowed}")
        hint = nearest(value, [*ALGORITHMS]) if isinstance(value, str) else ";"
        raise spec_problem(f"{show(value)} is not allowed{hint} allowed: {self.allowed}")

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return ", ".join(ALGORITHMS)

    def json(self) -> Json:
        """One of the names."""
        return {"enum": [*ALGORITHMS]}


class Update(SpecModel):
    """How gradients become pulses."""

    algorithm: Annotated[str, _Algorithm()] = Field(
        "sgd",
        description="sgd: each update, by training.optimizer where there is one, is written to the "
        "devices itself. Default: sgd.",
    )

    @property
    def is_plain(self) -> bool:
        """Whether updates are written themselves, as they are without the section."""
        return self.algorithm == "sgd"

    @model_validator(mode="before")
    @classmethod
    def _refuse_later_keys(cls, data: Any) -> Any:
        """Refuses keys of what is not there, once the algorithm is one that is."""
        if isinstance(data, Mapping) and data.get("algorithm", "sgd") in ALGORITHMS:
            for key in LATER_KEYS:
                if key in data:
                    raise spec_problem(f"{NOT_THERE}{', '.join(ALGORITHMS)} alone", key)
        return data
