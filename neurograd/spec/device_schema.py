"""A spec's device and digital limits: the keys of all effects, for the chip or for one layer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from neurograd.effects.effect import Keys
from neurograd.effects.registry import section
from neurograd.effects.temperature import IDLE, uses_temperature
from neurograd.keys.field_words import SectionOrNull
from neurograd.keys.fields import Line, SpecModel, spec_problem
from neurograd.keys.units import show
from neurograd.spec.presets import (
    PresetName,
    goes_with_writing,
    merge_layer,
    merge_preset,
    preset_sections,
    sections_of_preset,
    writes_otherwise,
)


class PresetKeys(SpecModel):
    """device.preset."""

    preset: Annotated[str, PresetName()] | None = Field(
        None,
        description="A shipped device to start from ('neurograd presets'); null takes leakage "
        "or pulsed of it away. Default: none.",
    )


_Sections: Any = section("device", Keys("device", PresetKeys, 0))


class Device(_Sections):
    """The synaptic device. A preset's keys lie under the ones given here.

    How it is written is told by one of write, pulsed and measured.
    """

    @model_validator(mode="before")
    @classmethod
    def _merge_preset(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        # A section that every device has, such as 'write:', overrides nothing where it is empty.
        empty = {
            key
            for key in sections_of_preset(data)
            if data.get(key) is None
            and cls.model_fields[key].get_default(call_default_factory=True) is not None
        }
        return merge_preset({key: value for key, value in data.items() if key not in empty})


_Digital: Any = section("quantization")


class Quantization(_Digital):
    """Digital limits of weights and updates."""


def share_weight_range(value: Quantization, device: Device | None) -> Quantization:
    """With a device, the weights that can be stored are those of its conductance range."""
    if device is None:
        return value
    governing = device.conductance.weight_range
    if "weight_range" in value.model_fields_set and value.weight_range != governing:
        raise spec_problem(
            f"{value.weight_range:g} differs from device.conductance.weight_range, "
            f"{governing:g}, which governs; remove this key or give both the same value",
            "weight_range",
        )
    shared: Quantization = value.model_copy(update={"weight_range": governing})
    return shared


# -- Layers ----------------------------------------------------------------------------------------

_LAYER_NAME = re.compile(r"[A-Za-z0-9_]{1,200}")

LAYER_ERROR = "layer"
"""Type of an error in what a layer has; its context holds the error itself and its section."""


class Layer(SpecModel):
    """What one layer has in place of the whole chip's; only the keys that differ are given."""

    device: Annotated[dict[str, Any] | None, SectionOrNull(Device)] = Field(
        None,
        description="Keys of device over the whole chip's: a preset takes the place of all that "
        "presets bring; null is a digital layer, read and written exactly. Default: the whole "
        "chip's.",
    )
    quantization: Annotated[dict[str, Any] | None, SectionOrNull(Quantization)] = Field(
        None,
        description="Keys of quantization over the whole chip's; null for none. Default: the whole "
        "chip's.",
    )
    output_scale: Literal["learned"] | None = Field(
        None,
        description="learned: a digital factor, one a layer and 1 at first, multiplies what the "
        "layer's array gives and is trained with the weights, exactly; for linear and convolution "
        "layers. Default: null, none.",
    )

    @model_serializer(mode="wrap")
    def _given_only(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is not given is the whole chip's, and null is not."""
        return {key: value for key, value in handler(self).items() if key in self.model_fields_set}

    def given(self, name: str) -> dict[str, Any] | None:
        """The keys that it has in place of the whole chip's; None where the section is null."""
        keys: dict[str, Any] | None = getattr(self, name)
        return {} if name not in self.model_fields_set else keys


def layer_device(name: str, device: Device | None, layer: Layer) -> Device | None:
    """The device of one layer, given the whole chip's."""
    keys = layer.given("device")
    if keys is None or (device is None and "device" not in layer.model_fields_set):
        return None
    whole = {} if device is None else device.model_dump(mode="json")
    made: Device = _made(Device, merge_layer(whole, keys), name)
    return made


def layer_quantization(
    name: str, whole: Quantization | None, device: Device | None, layer: Layer
) -> Quantization | None:
    """The digital limits of one layer, given the whole chip's and the layer's own device."""
    keys = layer.given("quantization")
    if keys is None or (whole is None and "quantization" not in layer.model_fields_set):
        return None
    base = {} if whole is None else whole.model_dump(mode="json")
    if device is not None:
        base.pop("weight_range", None)
    try:
        return share_weight_range(_made(Quantization, {**base, **keys}, name), device)
    except PydanticCustomError as error:
        if error.type == LAYER_ERROR:
            raise
        problem = str(dict(error.context or {})["problem"])
        raise spec_problem(problem, f"{name}.quantization.weight_range") from None


def _has_own(layer: Layer, device: Device | None, key: str) -> bool:
    """Whether a layer has a key in place of the whole chip's, or a part or the section of it.

    Args:
        layer: The layer.
        device: The whole chip's device.
        key: A dotted key, such as ``device.write.cycle_to_cycle``.
    """
    section, *path = key.split(".")
    if section not in ("device", "quantization") or section not in layer.model_fields_set:
        return False
    keys: Any = layer.given(section)
    if keys is None:
        return False
    if section == "device" and path:
        brought = keys.get("preset") is not None and path[0] in preset_sections()
        whole = {} if device is None else device.model_dump(mode="json")
        rewritten = goes_with_writing(path) and writes_otherwise(whole, keys)
        if device is None or brought or rewritten:
            return True
    for name in path:
        if not isinstance(keys, Mapping):
            return True
        if name not in keys:
            return False
        keys = keys[name]
    return True


def canonical(layer: Layer, device: Device | None, quantization: Quantization | None) -> Layer:
    """The same keys with the values that they have been read as."""
    found: dict[str, Any] = {}
    for name, made in (("device", device), ("quantization", quantization)):
        if name in layer.model_fields_set:
            keys = layer.given(name)
            read = {} if made is None else made.model_dump(mode="json")
            found[name] = None if keys is None else _as_read(keys, read)
    if layer.output_scale is not None:
        found["output_scale"] = layer.output_scale
    return Layer(**found)


def _as_read(keys: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _as_read(value, read[key])
        if isinstance(value, Mapping) and isinstance(read.get(key), Mapping)
        else read.get(key)
        for key, value in keys.items()
    }


def _made(kind: type[Any], keys: Mapping[str, Any], layer: str) -> Any:
    """A section of a layer; an error in it tells its place in the spec."""
    try:
        return kind.model_validate(keys)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        raise PydanticCustomError(
            LAYER_ERROR,
            "{layer}",
            {"layer": layer, "section": kind.__name__.lower(), "details": details},
        ) from None


def _refuse_idle_temperature(devices: Sequence[Device], key: str) -> None:
    """Refuses a temperature that none of the devices has a use for."""
    if not any(map(uses_temperature, devices)):
        raise spec_problem(IDLE, key)


# -- The whole chip --------------------------------------------------------------------------------


class ChipSections(SpecModel):
    """What the synapses of a chip are, all of them and layer by layer."""

    name: Annotated[str, Line(200)] = Field(
        "unnamed chip", description="Name in reports, 1 to 200 characters. Default: unnamed chip."
    )
    device: Device | None = Field(
        None, description="The synaptic device. Default: null, ideal synapses."
    )
    quantization: Quantization | None = Field(
        None, description="Digital limits. Default: null, none."
    )
    layers: dict[str, Layer] = Field(
        {},
        description="What single layers have in place of device and quantization, by the layer's "
        "name: layer1, layer2 and so on, first, last, or as its module is called. "
        "Default: {}, the whole chip's.",
    )

    def views(self) -> dict[str, Self]:
        """The spec as each of its layers has it, by the layer's name; as others have it by ''."""
        found = {"": self.model_copy(update={"layers": {}})}
        for name, layer in self.layers.items():
            device = layer_device(name, self.device, layer)
            digital = layer_quantization(name, self.quantization, device, layer)
            keys: dict[str, Any] = {"device": device, "quantization": digital, "layers": {}}
            found[name] = self.model_copy(update=keys)
        return found

    @property
    def output_scales(self) -> tuple[str, ...]:
        """Names of the layers whose product has a learned factor."""
        scaled = (name for name, layer in self.layers.items() if layer.output_scale is not None)
        return tuple(sorted(scaled))

    def has_own(self, layer: str, key: str) -> bool:
        """Whether a layer has a key for itself, or a part or the section of it."""
        return _has_own(self.layers[layer], self.device, key)

    @model_validator(mode="after")
    def _check_temperatures(self) -> Self:
        """A layer's own temperature acts on it, the whole chip's on a device that it reaches."""
        views = {name: view.device for name, view in self.views().items()}
        reached = []
        for name, device in views.items():
            if name and self.has_own(name, "device.temperature"):
                if device is not None and device.temperature is not None:
                    _refuse_idle_temperature([device], f"layers.{name}.device.temperature")
            elif device is not None:
                reached.append(device)
        if self.device is not None and self.device.temperature is not None:
            _refuse_idle_temperature(reached, "device.temperature")
        return self

    @field_validator("quantization", mode="after")
    @classmethod
    def _share_weight_range(cls, value: Quantization | None, info: Any) -> Quantization | None:
        """With a device, the weights that can be stored are those of its conductance range."""
        return None if value is None else share_weight_range(value, info.data.get("device"))

    @field_validator("layers", mode="before")
    @classmethod
    def _name_layers(cls, value: Any) -> Any:
        """A layer may be called by a number, or with dots; none at all are an empty mapping."""
        if not isinstance(value, Mapping):
            return {} if value is None else value
        found: dict[str, Any] = {}
        for given, keys in value.items():
            name = str(given).replace(".", "_")
            if not _LAYER_NAME.fullmatch(name) or name in found:
                problem = f"{show(given)} is {'there twice' if name in found else 'no name'}; "
                raise spec_problem(
                    f"{problem}allowed: each layer once, by letters, digits, _ and ."
                )
            found[name] = {} if keys is None else keys
        return found

    @field_validator("layers", mode="after")
    @classmethod
    def _read_layers(cls, value: dict[str, Layer], info: Any) -> dict[str, Layer]:
        if not {"device", "quantization"} <= set(info.data):
            return value  # the error is there
        found = {}
        for name, layer in value.items():
            device = layer_device(name, info.data["device"], layer)
            digital = layer_quantization(name, info.data["quantization"], device, layer)
            found[name] = canonical(layer, device, digital)
        return found
