"""The digital recipe of a training: step sizes, optimizer, decay and clipping; how it is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from neurograd.errors import NeurogradError
from neurograd.keys.fields import (
    EMPTY,
    FieldType,
    Json,
    Number,
    SpecModel,
    fill,
    given,
    refuse,
    spec_problem,
)

if TYPE_CHECKING:
    from torch import Tensor

    from device_models.updates.recipe import Recipe
    from neurograd.effects.sections import SpecSections
    from neurograd.problem import Problem

DEFAULT = "default"
"""Name of the step size of the layers that have none of their own."""

StepSizes = float | dict[str, float]
"""One step size, or one a layer by name."""

_BELOW_ONE = 1.0 - 1e-6
"""Largest decay of a running average: one of a million updates."""

_OWN: dict[str, dict[str, float]] = {
    "sgd": {"momentum": 0.0},
    "adam": {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}
"""Keys that only one optimizer has, with torch's defaults."""

_POSITIVE = Number(0, above=True)


@dataclass(frozen=True)
class _StepSize(FieldType):
    """A number above 0, or such a number for every layer by its name."""

    def read(self, value: Any) -> StepSizes:
        """Reads a number or its text, or a mapping of names to such."""
        if not isinstance(value, Mapping):
            return _POSITIVE.read(value)
        if not value:
            raise spec_problem(f"is empty; allowed: {self.allowed}")
        return {str(name): _POSITIVE.read(each) for name, each in value.items()}

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return f"{_POSITIVE.allowed}, or one a layer, such as {{layer1: 0.1, {DEFAULT}: 0.2}}"

    def json(self) -> Json:
        """A number, its text, or a mapping to such."""
        one = _POSITIVE.json()
        mapping = {"type": "object", "minProperties": 1, "additionalProperties": one}
        return {"anyOf": [*one["anyOf"], mapping]}


_Decay = Annotated[float, Number(0, _BELOW_ONE)]


class OptimizerKeys(SpecModel):
    """What a digital part makes of the chip's gradient estimates before it asks for a write."""

    name: Literal["sgd", "adam"] = Field(
        "sgd", description="As torch.optim.SGD or torch.optim.Adam. Default: sgd."
    )
    momentum: _Decay | None = Field(
        None, description="μ of m ← μ·m + gradient, 0 to 0.999999; sgd only. Default: 0, none."
    )
    weight_decay: Annotated[float, Number(0)] = Field(
        0.0,
        description="λ of the term λ·w that is added to the estimate before the optimizer, for "
        "adam as well (L2, not decoupled), 0 or more; the loss of the report is that of the data "
        "alone. Default: 0.",
    )
    beta1: _Decay | None = Field(
        None,
        description="Decay of the running average of gradients, 0 to 0.999999; adam only. "
        "Default: 0.9.",
    )
    beta2: _Decay | None = Field(
        None,
        description="Decay of the running average of squares, 0 to 0.999999; adam only. "
        "Default: 0.999.",
    )
    epsilon: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Added to the root of that average, above 0; adam only. Default: 1e-8.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_own(cls, data: Any) -> Any:
        name = data["name"] if given(data, "name") else "sgd"
        return fill(data, _OWN.get(name, {}) if isinstance(name, str) else {})

    @model_validator(mode="after")
    def _refuse_others(self) -> OptimizerKeys:
        for name, keys in _OWN.items():
            if name != self.name:
                refuse(self, tuple(keys), f"is for optimizer {name} only")
        return self


class RecipeKeys(SpecModel):
    """The keys of ``training`` that make a step of an estimate."""

    step_size: Annotated[StepSizes, _StepSize()] = Field(
        0.1,
        description="Learning rate Δt, above 0; or one for each layer by its name, with default "
        "for those that are not named: {layer1: 0.1, default: 0.2}. Δt of reports is then the "
        "largest. Default: 0.1.",
    )
    optimizer: Annotated[OptimizerKeys, EMPTY] | None = Field(
        None,
        description="The digital optimizer. Default: null, increments of −step_size times the "
        "estimate.",
    )
    clip: Annotated[float, Number(0, above=True)] | None = Field(
        None,
        description="Largest norm of the gradient estimate, above 0: a longer one is shortened to "
        "it before anything else. Default: null, no bound.",
    )

    @property
    def largest_step_size(self) -> float:
        """Δt: the step size, or the largest of the layers'."""
        sizes = self.step_size
        return max(sizes.values()) if isinstance(sizes, dict) else sizes

    def scaled_step_size(self, factor: float) -> StepSizes:
        """Every step size times a factor."""
        sizes = self.step_size
        if isinstance(sizes, dict):
            return {name: factor * each for name, each in sizes.items()}
        return factor * sizes


def remembers(training: Any) -> bool:
    """Whether an optimizer is set that differs from plain gradient descent.

    Args:
        training: The section of a spec.
    """
    chosen = training.optimizer
    if chosen is None:
        return False
    return bool(chosen.name == "adam" or chosen.momentum or chosen.weight_decay)


def recipe_keys(training: Any) -> list[str]:
    """The keys of a recipe that are set.

    Args:
        training: The section of a spec.
    """
    keys = [key for key in ("optimizer", "clip") if getattr(training, key) is not None]
    return [*keys, "step_size"] if isinstance(training.step_size, dict) else keys


def check_recipe(spec: SpecSections) -> None:
    """Refuses recipes for writes that are no write of a sum.

    Raises:
        PydanticCustomError: With the key in front of what is wrong.
    """
    keys, device = recipe_keys(spec.training), spec.device
    if not keys:
        return
    what = "one a layer " if keys[0] == "step_size" else ""
    if device is not None and device.pulse_train is not None:
        problem = f"{what}is not for device.pulse_train, whose coincidences are the update itself; "
        raise spec_problem(f"{problem}allowed: one of the two", f"training.{keys[0]}")
    if spec.learning_rule.write_each == "sample":
        problem = f"{what}needs the sum over a batch; allowed: learning_rule.write_each batch"
        raise spec_problem(problem, f"training.{keys[0]}")


def recipe_hints(training: Any, *, batched: bool) -> Iterator[str]:
    """Sentences about a recipe, whatever the numbers of its report turn out to be.

    Args:
        training: The section of a spec.
        batched: Whether an update sees a part of the samples only.
    """
    chosen, sizes = training.optimizer, training.step_size
    own = isinstance(sizes, dict) and len({*sizes.values()}) > 1
    if chosen is not None and not remembers(training):
        yield "training.optimizer changes no number of this spec: it is plain gradient descent."
    if not (remembers(training) or own or training.clip is not None):
        return
    yield (
        "b, gain, cosine and the inverse noise ratio of each point are against the update that "
        "the digital recipe makes of the exact gradient, with what its optimizer remembers there "
        "in the clean training; thresholds for a step along −g do not hold."
    )
    if chosen is not None and chosen.weight_decay:
        yield "All losses are those of the data alone: weight decay is a part of the updates."
    if batched and training.order == "shuffled":
        yield (
            "The forecast of this recipe takes every update of shuffled epochs by itself, at the "
            "cost of a training."
        )
    elif training.clip is not None:
        yield (
            "Where estimates are random, the mean of clipped ones is not known: the forecast then "
            "takes every update by itself, at the cost of a training."
        )


def recipe_of(training: Any, problem: Problem) -> Recipe | None:
    """What a digital part makes of estimates; None where increments are those of the estimates.

    Args:
        training: The section of a spec.
        problem: The spec's problem.

    Raises:
        NeurogradError: If the network has no such layer, or one is left without a step size.
    """
    from device_models.updates.adam import Adam  # noqa: PLC0415  (needs torch)
    from device_models.updates.momentum import Momentum  # noqa: PLC0415
    from device_models.updates.optimizer import Optimizer  # noqa: PLC0415
    from device_models.updates.recipe import Recipe  # noqa: PLC0415

    rates, chosen = _rates(training, problem), training.optimizer
    if not remembers(training):
        plain = training.clip is None and rates is None
        return None if plain else Recipe(clip=training.clip, rates=rates)
    made: Optimizer = Momentum(chosen.momentum or 0.0)
    if chosen.name == "adam":
        made = Adam(chosen.beta1, chosen.beta2, chosen.epsilon)
    return Recipe(made, chosen.weight_decay, training.clip, rates)


def effective_step_size(training: Any) -> float | None:
    """Δt/(1 − μ) with momentum; None without.

    Args:
        training: The section of a spec.
    """
    chosen = training.optimizer
    if chosen is None or not chosen.momentum:
        return None
    found: float = training.largest_step_size / (1.0 - chosen.momentum)
    return found


def _rates(training: Any, problem: Problem) -> Tensor | None:
    """Step size of every weight over the largest one, shape ``(N,)``; None where there is one."""
    sizes = training.step_size
    if not isinstance(sizes, dict):
        return None
    import torch  # noqa: PLC0415

    from neurograd.problem.layer_names import layers_called, layers_of  # noqa: PLC0415

    layers, key = layers_of(problem), "training.step_size"
    named = layers_called(layers, [name for name in sizes if name != DEFAULT], key)
    own = {layer.name: sizes[name] for name, layer in named.items()}
    missing = [layer.name for layer in layers if layer.name not in own]
    if missing and DEFAULT not in sizes:
        raise NeurogradError(
            f"{key}: has none for {', '.join(missing)}; allowed: one for every layer, or {DEFAULT}"
        )
    if not missing and DEFAULT in sizes:
        raise NeurogradError(
            f"{key}: {DEFAULT} is left for no layer; allowed: without it, since all are named"
        )
    rates = torch.ones_like(problem.initial_weights)
    for layer in layers:
        rates[layer.place] = own.get(layer.name, sizes.get(DEFAULT)) / training.largest_step_size
    return None if bool((rates == 1).all()) else rates
