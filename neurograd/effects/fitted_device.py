"""device.measured_as: in place of a file's average curve, the device that a fit finds in it.

A spec is then read as if it had the ``device`` and the ``ranges`` that ``neurograd fit FILE
--ranges`` writes, with one device a weight against a reference as of every measured file; keys of
the spec's own lie over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from neurograd.effects.pulsed_device import fill_mapping
from neurograd.errors import SpecError

MeasuredAs = Literal["table", "fit", "constant", "nonlinear", "soft_bounds"]
"""The file's own curve or jumps; the curve that a fit chooses; one that it is held to."""

TABLE: MeasuredAs = "table"
_CHOSEN = "fit"


def with_fitted_device(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keys of a spec with the device that a fit finds in the place of a file.

    Args:
        data: The keys as they are written, presets and ranges among them; those that are not
            allowed are left for their own checks.

    Raises:
        SpecError: If the file can not be read or fitted, or leaves no ranges; its source is for the
            caller to name.
    """
    device, own = data.get("device"), data.get("ranges")
    if not isinstance(device, Mapping) or not isinstance(own, Mapping | None):
        return data
    form, path = device.get("measured_as"), device.get("measured")
    if form not in get_args(MeasuredAs) or form == TABLE or not isinstance(path, str):
        return data
    given = {key: each for key, each in device.items() if key not in ("measured", "measured_as")}
    block, section = _fitted(path, None if form == _CHOSEN else form)
    numbers = {key: each for key, each in section["numbers"].items() if not _is_given(given, key)}
    pairs = [pair for pair in section["correlations"] if {*pair[:2]} <= {*numbers}]
    found = {**data, "device": fill_mapping(_under(block, given), "reference")}
    if own is None and not numbers:
        return found
    return {**found, "ranges": _with_own(own or {}, path, numbers, pairs)}


def _fitted(path: str, model: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The sections ``device`` and ``ranges`` that a fit of a file gives."""
    from neurograd.fit.device_fit import fit_device  # noqa: PLC0415  (scipy is slow to import)
    from neurograd.fit.joint import joint_ranges  # noqa: PLC0415
    from neurograd.fit.reading import read_measurements  # noqa: PLC0415

    try:
        found = fit_device(read_measurements(path), model)
        section = joint_ranges(found)
    except ValueError as error:
        problem = f"the fit of {path}: {error}, or measured_as: {TABLE}"
        raise SpecError("", "device.measured_as", problem) from None
    return found.device_block(), section


def _is_given(given: Mapping[str, Any], key: str) -> bool:
    """Whether a spec has a value of its own for a key of ``device``."""
    here: Any = given
    for name in key.removeprefix("device.").split("."):
        if not isinstance(here, Mapping) or "typ" in here:
            return True
        if name not in here:
            return False
        here = here[name]
    return True


def _under(block: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A fit's keys under those of the spec."""
    found = dict(block)
    for key, value in given.items():
        below = found.get(key)
        inner = isinstance(value, Mapping) and isinstance(below, Mapping) and "typ" not in value
        found[key] = _under(below, value) if inner else value  # type: ignore[arg-type]
    return found


def _with_own(
    own: Mapping[str, Any], path: str, numbers: dict[str, Any], pairs: list[Any]
) -> dict[str, Any]:
    """A fit's ranges with what the spec's section has beside them."""
    more, others = own.get("numbers") or {}, own.get("correlations") or ()
    if isinstance(more, Mapping):
        pairs = [pair for pair in pairs if not {*pair[:2]} & {*more}]
        more = {**numbers, **more}
    if isinstance(others, list | tuple):
        others = [*pairs, *others]
    return {**own, "data": path, "numbers": more, "correlations": others}
