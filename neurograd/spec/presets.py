"""The shipped devices: one YAML file each in `device_models/presets`, with its source."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from neurograd.errors import NeurogradError, SpecError
from neurograd.keys.fields import FieldType, Json, spec_problem
from neurograd.keys.units import MAX_TEXT, show
from neurograd.spec.yaml_loading import parse_yaml


class Preset(BaseModel):
    """A published device, as its YAML file gives it; of an inference preset how it is used, too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", description="Kebab-case name, as device.preset has it."
    )
    title: str = Field(min_length=1, description="What the device is, one line.")
    source: str = Field(min_length=1, description="Citation of the published values.")
    url: str | None = Field(None, description="Where the source is found.")
    doi: str | None = Field(None, description="Digital object identifier of the source.")
    verified: bool = Field(
        description="True when the values were checked against the table or the code of the "
        "simulator that they are from, which is not the paper."
    )
    notes: str = Field(min_length=1, description="What the preset simplifies or assumes.")
    device: dict[str, Any] = Field(
        description="The device keys as published, with units. "
        "`Device(preset=name)` gives them validated."
    )
    deployment: dict[str, Any] = Field(
        default_factory=dict,
        description="The deployment keys, of an inference preset.",
    )


def list_presets() -> tuple[str, ...]:
    """Names the shipped presets.

    Returns:
        The kebab-case names, sorted.
    """
    return tuple(sorted(_files()))


def list_inference_presets() -> tuple[str, ...]:
    """Names the shipped presets of devices that are programmed once, as deployment.preset has them.

    Returns:
        The kebab-case names, sorted.
    """
    return tuple(sorted(_inference_files()))


def load_preset(name: str) -> Preset:
    """Reads a shipped preset.

    Args:
        name: Kebab-case name, one of `list_presets()` or `list_inference_presets()`.

    Returns:
        The preset; changing its `device` dict changes no other reader's copy.

    Raises:
        SpecError: When there is no preset of that name.
    """
    known = (*list_presets(), *list_inference_presets())
    if name not in known:
        raise SpecError("presets", "", unknown_preset(name, known))
    return _read(name).model_copy(deep=True)


def unknown_preset(name: object, known: Sequence[str]) -> str:
    """Says that there is no such preset, which one is nearest, and which there are.

    Args:
        name: What the user wrote.
        known: Names that there are.

    Returns:
        The problem, one line.
    """
    word = name[:MAX_TEXT].lower() if isinstance(name, str) else ""
    near = difflib.get_close_matches(word, known, 1)
    hint = f"; did you mean '{near[0]}'?" if near else ";"
    return f"{show(name)} is not a preset{hint} allowed: {', '.join(known)}"


@dataclass(frozen=True)
class PresetName(FieldType):
    """The name of a shipped preset.

    Attributes:
        names: Names all that there are.
    """

    names: Callable[[], tuple[str, ...]] = list_presets

    def read(self, value: Any) -> str:
        """Reads a name and checks that there is such a preset."""
        if not isinstance(value, str) or value not in self.names():
            raise spec_problem(unknown_preset(value, self.names()))
        return value

    @property
    def allowed(self) -> str:
        """What is allowed, in words."""
        return "a name that `neurograd presets` lists"

    def json(self) -> Json:
        """One of the shipped presets."""
        return {"enum": list(self.names())}


def merge_preset(device: Mapping[str, Any]) -> dict[str, Any]:
    """Puts the preset that a device names under the user's own keys, which win.

    A user whose `write` section asks for another model than the preset's (by `model`, or by giving
    `nonlinearity` or `slope`) inherits neither `nonlinearity` nor `slope`, nor a behavioural model;
    one who gives `pulsed` or `measured` inherits neither a curve nor its levels, and with another
    `pulsed.model` none of the keys that belong to the preset's model alone. A `measured` file in
    siemens has its own conductance range. Null takes a section of the preset away
    (`Device` keeps it from those that every device has).

    Args:
        device: The `device` section as the user wrote it.

    Returns:
        The merged section; a copy of the user's when it names no shipped preset.
    """
    name = device.get("preset")
    if not isinstance(name, str) or name not in _files():
        return dict(device)
    return _merge_over(copy.deepcopy(_read(name).device), device)


def sections_of_preset(device: Mapping[str, Any]) -> frozenset[str]:
    """The sections that the preset of a device brings; none where it names no shipped one."""
    name = device.get("preset")
    shipped = isinstance(name, str) and name in _files()
    return frozenset(_read(str(name)).device) if shipped else frozenset()


def merge_layer(device: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    """Puts the device of a whole chip under what one layer has in its place, which wins.

    A layer with a preset has nothing of what any preset brings (`preset_sections`), such as a
    conductance range, but the rest of the whole chip's, such as converters. One with another way of
    writing (`write` with a model, `pulsed`, `measured`) inherits none of the whole chip's, nor what
    goes with it (`goes_with_writing`). Null takes a section away.

    Args:
        device: The whole chip's `device`, with every default; empty for ideal synapses.
        layer: The keys of the layer, as the user wrote them.

    Returns:
        The merged section, with the layer's preset and not the whole chip's.
    """
    dropped = {"preset", *(key for key, value in layer.items() if value is None)}
    if layer.get("preset") is not None:
        dropped |= {*preset_sections(), "measured"}
    base = {k: v for k, v in device.items() if k not in dropped and v is not None}
    if writes_otherwise(base, layer):
        window = dict(base.pop("conductance", None) or {})
        base = {k: v for k, v in base.items() if not goes_with_writing((k,))}
        base["conductance"] = {
            k: v for k, v in window.items() if not goes_with_writing(("conductance", k))
        }
    return _merge_over(copy.deepcopy(base), layer)


WAYS_OF_WRITING = ("write", "pulsed", "measured")
"""The sections of a device that say how it is written, one of which a device has."""


_WITH_WRITING = {
    **dict.fromkeys((*WAYS_OF_WRITING, "leakage"), frozenset[str]()),
    "conductance": frozenset({"mapping", "levels", "min", "max"}),
}
"""What goes with the way that a device is written, by section; all of one that names no keys."""


def goes_with_writing(path: Sequence[str]) -> bool:
    """Whether a key of a device goes with the way it is written.

    That is how it holds a weight, in how many steps and between which conductances, and how it
    forgets it.

    Args:
        path: Names from the section on, such as ``("conductance", "min")``.
    """
    keys = _WITH_WRITING.get(path[0])
    return keys is not None and (not keys or keys.issuperset(path[1:2]))


def writes_otherwise(device: Mapping[str, Any], layer: Mapping[str, Any]) -> bool:
    """Whether a layer is written in another way than the device of the whole chip."""
    wanted = _way_of_writing(layer)
    return wanted is not None and wanted != (_way_of_writing(device) or "write")


def _way_of_writing(device: Mapping[str, Any]) -> str | None:
    """The section that says how a device is written; None where the keys leave it open."""
    for key in ("pulsed", "measured"):
        if device.get(key) is not None:
            return key
    return None if _write_model(device.get("write")) is None else "write"


@cache
def preset_sections() -> frozenset[str]:
    """The sections of a device that shipped presets bring."""
    return frozenset(key for name in list_presets() for key in _read(name).device)


def _merge_over(base: dict[str, Any], device: Mapping[str, Any]) -> dict[str, Any]:
    """Puts the keys of one device under those of another; changes the first."""
    _drop_other_window(base, device)
    if device.get("measured") is not None or (
        device.get("pulsed") is None and _write_model(device.get("write")) is not None
    ):
        # Another way of writing takes the place of the preset's behavioural model.
        base.pop("pulsed", None)
    if device.get("measured") is not None or device.get("pulsed") is not None:
        base.pop("write", None)
        base.get("conductance", {}).pop("levels", None)
        _drop_other_pulsed_model(base, device.get("pulsed"))
    wanted = _write_model(device.get("write"))
    if wanted is not None and wanted != _write_model(base.get("write")):
        shared = {k: v for k, v in base.get("write", {}).items() if k not in _MODEL_KEYS}
        base["write"] = {**shared, "model": wanted}
    return _deep_merge(base, device)


def _drop_other_window(base: dict[str, Any], device: Mapping[str, Any]) -> None:
    """Drops the conductance range under a measured file that tells its own."""
    measured = device.get("measured")
    window = base.get("conductance")
    if window and isinstance(measured, str) and _tells_window(measured):
        for end in ("min", "max"):
            window.pop(end, None)


def _tells_window(measured: str) -> bool:
    """Whether a measured file is in siemens; one that can not be read has its own check."""
    from neurograd.effects.measured_table import window_in_file  # noqa: PLC0415  (needs torch)

    try:
        return window_in_file(measured) is not None
    except NeurogradError:
        return False


def merge_inference_preset(data: Mapping[str, Any]) -> dict[str, Any]:
    """Puts the inference preset that a deployment names under the spec's own keys, which win.

    Its device lies under that of the spec and under the preset which that one names. A key that is
    there wins also where it is null.

    Args:
        data: The keys of a spec, whose sections may be models.

    Returns:
        The merged keys; a copy of the spec's where it names no shipped inference preset.
    """
    deployment = _as_mapping(data.get("deployment"))
    name = None if deployment is None else deployment.get("preset")
    if deployment is None or not isinstance(name, str) or name not in _inference_files():
        return dict(data)
    preset = _read(name)
    device = merge_preset(_as_mapping(data.get("device")) or {})
    base = copy.deepcopy(preset.device)
    _drop_other_window(base, device)
    return {
        **data,
        "device": _deep_merge(base, device),
        "deployment": {**copy.deepcopy(preset.deployment), **deployment},
    }


def _as_mapping(section: Any) -> dict[str, Any] | None:
    """A section's keys as they were given; None where it is none."""
    if isinstance(section, BaseModel):
        return section.model_dump(exclude_unset=True)
    return dict(section) if isinstance(section, Mapping) else None


_MODEL_KEYS = ("model", "nonlinearity", "slope")


_PULSED_MODEL_KEYS = (
    "gamma",
    "gamma_dtod",
    "noise",
    "amplitude",
    "a",
    "b",
    "noise_offset",
    "noise_slope",
    "exponent",
    "reference_std",
    "subtract_symmetry_point",
)


def _drop_other_pulsed_model(base: dict[str, Any], pulsed: Any) -> None:
    """Drops what belongs to the preset's behavioural model where the user asks for another one."""
    model = pulsed.get("model") if isinstance(pulsed, Mapping) else None
    if "pulsed" not in base or model in (None, base["pulsed"].get("model")):
        return
    keys: tuple[str, ...] = _PULSED_MODEL_KEYS
    if "one_sided_pair" in (model, base["pulsed"].get("model")):
        # A pair has no lower bound and one direction, and two devices a weight.
        keys += ("w_min", "w_min_dtod", "known_step")
        base.get("conductance", {}).pop("mapping", None)
    for key in keys:
        base["pulsed"].pop(key, None)


def _write_model(write: Any) -> Any:
    """The write model that a `write` section asks for, or None when it leaves that open."""
    if not isinstance(write, Mapping):
        return None
    if write.get("model") is not None:
        return write["model"]
    if write.get("nonlinearity") is not None:
        return "nonlinear"
    return "linear" if write.get("slope") is not None else None


def _deep_merge(base: dict[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in user.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping):
            merged[key] = _deep_merge(old, value)
        else:
            merged[key] = value
    return merged


@cache
def _files() -> dict[str, Path]:
    return _yaml_files("presets")


@cache
def _inference_files() -> dict[str, Path]:
    return _yaml_files("presets/inference")


def _yaml_files(folder: str) -> dict[str, Path]:
    # Found, not imported: device_models needs torch.
    package = find_spec("device_models")
    assert package is not None
    assert package.submodule_search_locations is not None
    folders = [Path(place) / folder for place in package.submodule_search_locations]
    return {entry.stem: entry for folder in folders for entry in folder.glob("*.yaml")}


@cache
def _read(name: str) -> Preset:
    source = f"preset {name}"
    files = {**_files(), **_inference_files()}
    data = parse_yaml(files[name].read_text(encoding="utf-8"), source)
    try:
        preset = Preset.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SpecError(source, ".".join(map(str, first["loc"])), first["msg"]) from None
    if preset.name != name:
        raise SpecError(source, "name", f"{show(preset.name)} is not the file's name")
    return preset
