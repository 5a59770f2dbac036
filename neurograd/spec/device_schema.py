"""A spec's device: the keys of all effects, over those of a preset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from neurograd.effects.effect import Keys
from neurograd.effects.registry import section
from neurograd.keys.fields import SpecModel
from neurograd.spec.presets import PresetName, merge_preset


class PresetKeys(SpecModel):
    """device.preset."""

    preset: Annotated[str, PresetName()] | None = Field(
        None, description="A shipped device to start from ('neurograd presets'). Default: none."
    )


_Sections: Any = section("device", Keys("device", PresetKeys, 0))


class Device(_Sections):
    """The synaptic device. A preset's keys lie under the ones given here.

    How it is written is told by one of write, pulsed and measured.
    """

    @model_validator(mode="before")
    @classmethod
    def _merge_preset(cls, data: Any) -> Any:
        return merge_preset(data) if isinstance(data, Mapping) else data
