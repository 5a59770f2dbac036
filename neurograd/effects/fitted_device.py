"""device.measured_as: in place of a file's average curve, the device that a fit finds in it.

A spec is then read as if it had the ``device`` and the ``ranges`` that ``neurograd fit FILE
--ranges`` writes, with one device a weight against a reference as of every measured file; keys of
the spec's own lie over them. What the fit says of the data comes with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from neurograd.effects.pulsed_device import fill_mapping
from neurograd.errors import DataError, SpecError
from neurograd.keys.range_forms import taken

if TYPE_CHECKING:
    from neurograd.fit.device_fit import DeviceFit
    from neurograd.fit.measurements import Measurements

MeasuredAs = Literal["table", "fit", "constant", "nonlinear", "soft_bounds"]
"""The file's own curve or jumps; the curve that a fit chooses; one that it is held to."""

TABLE: MeasuredAs = "table"
_CHOSEN = "fit"
_HELD: tuple[MeasuredAs, ...] = ("constant", "nonlinear", "soft_bounds")

Remarks = tuple[str, ...]
"""What was done to the data or left out, and what they do not tell, a line each."""


def with_fitted_device(data: Mapping[str, Any]) -> tuple[Mapping[str, Any], Remarks]:
    """The keys of a spec with the device that a fit finds in the place of a file.

    Args:
        data: The keys as they are written, presets and ranges among them; those that are not
            allowed are left for their own checks.

    Returns:
        The keys, and remarks on the fit; none where nothing is fitted.

    Raises:
        SpecError: If the file can not be read or fitted, is of another device than ranges are for,
            or sets a number no bound; its source is for the caller to name.
    """
    device, own = data.get("device"), data.get("ranges")
    if not isinstance(device, Mapping) or not isinstance(own, Mapping | None):
        return data, ()
    form, path = device.get("measured_as"), device.get("measured")
    if form not in get_args(MeasuredAs) or form == TABLE or not isinstance(path, str):
        return data, ()
    given = {key: each for key, each in device.items() if key not in ("measured", "measured_as")}
    measured, fit, section = _fitted(path, None if form == _CHOSEN else form)
    numbers = {key: each for key, each in section["numbers"].items() if not _is_given(given, key)}
    pairs = [pair for pair in section["correlations"] if {*pair[:2]} <= {*numbers}]
    found = {**data, "device": fill_mapping(_under(fit.device_block(), given), "reference")}
    remarks = _remarks(path, measured, fit, given)
    if own is not None and {*own} <= {"draws"} and not section["numbers"] and not taken(found)[1]:
        del found["ranges"]
        idle = f"the fit of {path} leaves nothing open: ranges.draws acts on none"
        return found, (*remarks, *([idle] if own else []))
    if numbers or own is not None:
        found["ranges"] = _with_own(own or {}, path, numbers, pairs)
        if "other_curves" in section:
            found["ranges"].setdefault("other_curves", section["other_curves"])
    return found, remarks


def without_options(problem: str) -> str:
    """A refusal that advises an option of ``neurograd fit``, for a spec, which has none."""
    if "--columns" not in problem:
        return problem
    return f"{problem} (an option of neurograd fit, which writes a device: block for the spec)"


def _fitted(path: str, model: str | None) -> tuple[Measurements, DeviceFit, dict[str, Any]]:
    """What a file holds, the fit of it, and the section ``ranges`` that it gives."""
    from neurograd.fit.device_fit import fit_device  # noqa: PLC0415  (scipy is slow to import)
    from neurograd.fit.joint import joint_ranges  # noqa: PLC0415
    from neurograd.fit.reading import read_measurements  # noqa: PLC0415

    try:
        measured = read_measurements(path)
    except ValueError as error:
        raise SpecError("", "device.measured", without_options(str(error))) from None
    try:
        found = fit_device(measured, model)
    except DataError as error:
        problem = f"{error}, or measured_as: {TABLE}" if measured.runs else _with_forms(error, ())
        raise _refused(path, problem) from None
    try:
        return measured, found, joint_ranges(found)
    except DataError as error:
        others = _HELD if len(found.fits) == 1 else ()
        raise _refused(path, _with_forms(error, [e for e in others if e != model])) from None


def _refused(path: str, problem: str) -> SpecError:
    return SpecError("", "device.measured_as", f"the fit of {path}: {problem}")


def _with_forms(error: ValueError, others: Sequence[str]) -> str:
    """A refusal that advises the forms of the key beside a table, not options of a command."""
    problem = str(error).partition("; allowed:")[0]
    return f"{problem}; allowed: measured_as {' or '.join((TABLE, *others))}"


def _remarks(
    path: str, measured: Measurements, fit: DeviceFit, given: Mapping[str, Any]
) -> Remarks:
    """Notes of file and fit, and which numbers neither the data nor the spec tells."""
    unknown = [
        f"unknown: {each.key}: {each.why}"
        for each in fit.unknown
        if not all(_is_given(given, f"device.{key}") for key in each.key.split(" and "))
    ]
    return tuple(f"the fit of {path}: {line}" for line in (*measured.notes, *fit.notes, *unknown))


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


def _named(pair: Sequence[object]) -> bool:
    return all(isinstance(key, str) for key in pair[:2])


def _with_own(
    own: Mapping[str, Any], path: str, numbers: dict[str, Any], pairs: list[Any]
) -> dict[str, Any]:
    """A fit's ranges with what the spec's section has beside them."""
    more, others = own.get("numbers") or {}, own.get("correlations") or ()
    if isinstance(more, Mapping):
        pairs = [pair for pair in pairs if not {*pair[:2]} & {*more}]
        more = {**numbers, **more}
    if isinstance(others, list | tuple):
        # A pair of the spec's own takes the place of the fit's; what is no pair is refused later.
        given = [{*each[:2]} for each in others if isinstance(each, list | tuple) and _named(each)]
        others = [*(pair for pair in pairs if {*pair[:2]} not in given), *others]
    return {**own, "data": path, "numbers": more, "correlations": others}
