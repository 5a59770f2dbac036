"""The keys of a spec's training: its length, order and step sizes, and the number of chips."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.effects.recipe_keys import RecipeKeys
from neurograd.keys.fields import (
    FieldType,
    Fraction,
    Json,
    Number,
    SpecModel,
    Whole,
    fill,
    given,
    refuse,
    spec_problem,
)
from neurograd.keys.units import show

MOST_SEEDS = 40
"""Default of training.max_seeds."""

SEEDS_ALLOWED = 1000
"""Most chips of a training."""

MOST_UPDATES = 10_000_000
"""Most updates of a training."""

DEFAULT_STEPS = 1000
"""Default of training.steps where there are no epochs."""

_PERIOD = re.compile(r"\s*([0-9]{1,8})\s*(updates?|steps?|epochs?)?\s*")


@dataclass(frozen=True)
class Period(FieldType):
    """A number of updates, or of epochs: 500, '500 steps', '10 epochs'."""

    def read(self, value: Any) -> int | str:
        """Reads updates as their number, and epochs as text."""
        found = None if isinstance(value, bool) else _PERIOD.fullmatch(str(value))
        number = 0 if found is None else int(found[1])
        if found is None or not 1 <= number <= MOST_UPDATES:
            raise spec_problem(f"{show(value)} is not allowed; allowed: {self.allowed}")
        if (found[2] or "").startswith("epoch"):
            return f"{number} epoch{'s' if number > 1 else ''}"
        return number

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f"1 to {MOST_UPDATES} steps or epochs, such as 500 or '10 epochs'"

    def json(self) -> Json:
        """An integer, or text with a unit."""
        number: Json = {"type": "integer", "minimum": 1, "maximum": MOST_UPDATES}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{_PERIOD.pattern}$"}]}


def period_in_updates(period: int | str, epoch_length: int) -> int:
    """Updates of a period.

    Args:
        period: As ``Period`` reads it.
        epoch_length: Updates of an epoch.
    """
    if isinstance(period, int):
        return period
    return int(period.split()[0]) * epoch_length


def scaled_period(period: int | str, factor: float) -> int | str:
    """A period that is longer by a factor, to the next whole step or epoch, one or more."""
    if isinstance(period, int):
        return max(1, round(factor * period))
    return f"{max(1, round(factor * int(period.split()[0])))} epochs"


def held_length(training: Training, epoch_length: int) -> dict[str, Any]:
    """The keys of a training that is as many updates whatever its batches are, with their values.

    Args:
        training: The training; what of it is counted in epochs is counted in updates instead.
        epoch_length: Updates of an epoch with its present batches.
    """
    found: dict[str, Any] = {}
    if training.epochs is not None:
        found |= {"training.epochs": None, "training.steps": training.epochs * epoch_length}
    every = None if training.schedule is None else training.schedule.every
    if isinstance(every, str):
        updates = min(period_in_updates(every, epoch_length), MOST_UPDATES)
        found["training.schedule.every"] = updates
    return found


class Schedule(SpecModel):
    """How the step size falls along the training."""

    kind: Literal["step", "cosine"] = Field(
        "step",
        description="step: multiplied by factor after every period; cosine: along half a cosine "
        "from step_size to minimum, which it would reach with the update after the last. "
        "Default: step.",
    )
    every: Annotated[int | str, Period()] | None = Field(
        None,
        description="The period, in steps (500 or '500 steps') or epochs ('10 epochs'); kind step "
        "only, and required there. Default: null.",
    )
    factor: Annotated[float, Number(0, 1, above=True)] | None = Field(
        None,
        description="What the step size is multiplied by, above 0 and up to 1; kind step only. "
        "Default: 0.1.",
    )
    minimum: Annotated[float, Fraction(below=1)] | None = Field(
        None,
        description="Where the cosine ends, as a part of step_size; kind cosine only. "
        "Default: 0 %.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_kind(cls, data: Any) -> Any:
        kind = data.get("kind") if isinstance(data, Mapping) else None
        return fill(data, {"minimum": 0.0} if kind == "cosine" else {"factor": 0.1})

    @model_validator(mode="after")
    def _check_kind(self) -> Schedule:
        if self.kind == "cosine":
            refuse(self, ("every", "factor"), "is for kind step only, not cosine")
            return self
        refuse(self, ("minimum",), "is for kind cosine only, not step")
        if self.every is None:
            raise spec_problem(f"is missing; allowed: {Period().allowed}", "every")
        return self


class Training(RecipeKeys):
    """How the network is trained."""

    steps: Annotated[int, Whole(0, MOST_UPDATES)] | None = Field(
        None,
        description="Updates, 1 to 10000000, in place of epochs; 0 for a deployment of "
        "network.weights as they are. Default: 1000 without epochs.",
    )
    epochs: Annotated[int, Whole(1, MOST_UPDATES)] | None = Field(
        None,
        description="Passes over the training samples, 1 to 10000000, in place of steps; each is "
        "as many updates as batches cover the samples, the last of which may be smaller. "
        "Default: null.",
    )
    order: Literal["fresh", "shuffled", "with_replacement"] | None = Field(
        None,
        description="The samples of the batches. fresh: without replacement within a batch, anew "
        "for every update; shuffled: every sample once an epoch, in a new order each time; "
        "with_replacement: each drawn from all. Default: fresh for steps, shuffled for epochs.",
    )
    schedule: Schedule | None = Field(
        None, description="How the step size falls. Default: null, it stays."
    )
    seeds: Annotated[int, Whole(1, SEEDS_ALLOWED)] = Field(
        5,
        description="Number of chips trained at first, 1 to 1000; 1 with a larger max_seeds is 2, "
        "as one chip tells nothing of another. Default: 5.",
    )
    max_seeds: Annotated[int, Whole(1, SEEDS_ALLOWED)] = Field(
        MOST_SEEDS,
        description="Number of chips trained at most where the first ones do not decide, seeds to "
        "1000. Default: 40, or seeds where that is more.",
    )
    looks: Annotated[int, Whole(1, 20)] = Field(
        4,
        description="At how many numbers of chips, from seeds to max_seeds, the verdict is looked "
        "at; 1 to 20. Default: 4.",
    )

    @property
    def trains(self) -> bool:
        """Whether there are updates at all."""
        return self.steps != 0

    @model_validator(mode="before")
    @classmethod
    def _fill_length(cls, data: Any) -> Any:
        """Steps without epochs, and the order that goes with either."""
        if given(data, "epochs"):
            return fill(data, {"order": "shuffled"})
        return fill(data, {"steps": DEFAULT_STEPS, "order": "fresh"})

    @model_validator(mode="before")
    @classmethod
    def _fill_most(cls, data: Any) -> Any:
        """More chips than the default of max_seeds are the most that there are."""
        if not isinstance(data, Mapping) or given(data, "max_seeds"):
            return data
        seeds = data.get("seeds")
        number = str(seeds).isdecimal() and int(str(seeds))
        return {**data, "max_seeds": seeds} if number > MOST_SEEDS else data

    @model_validator(mode="after")
    def _check_length(self) -> Training:
        if self.steps is not None and self.epochs is not None:
            problem = "is given beside steps; allowed: one of them (the other null or left out)"
            raise spec_problem(problem, "epochs")
        return self

    @model_validator(mode="after")
    def _check_most(self) -> Training:
        if self.max_seeds < self.seeds:
            problem = f"{self.max_seeds} is less than training.seeds, {self.seeds}; "
            raise spec_problem(f"{problem}allowed: at least that", "max_seeds")
        return self
