"""The keys that a spec was written with, and the spec that these are with other values.

A validated spec says every key. Read again with another preset, optimizer or length of the training
it would keep what the old ones filled in; as it was written it takes what the new ones do.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from neurograd.errors import FitWarning, NeurogradError, SpecError
from neurograd.spec import Spec, spec_to_dict, validate_spec


def written_keys(spec: Spec) -> Mapping[str, Any]:
    """The keys from which a spec was read; every key of one that was changed since."""
    full = spec_to_dict(spec)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)  # they were told when it was read
            again = validate_spec(spec.written)
    except SpecError:
        return full
    return spec.written if spec_to_dict(again) == full else full


def with_keys(
    spec: Spec, written: Mapping[str, Any], settings: Mapping[str, Any], option: str
) -> Spec:
    """The spec as if some keys had other values where it was written.

    Args:
        spec: The validated spec.
        written: Its ``written_keys``.
        settings: The values by dotted key.
        option: What errors call the settings.

    Raises:
        NeurogradError: If they do not go together.
    """
    try:
        changed = validate_spec(written, spec.name, overrides_of(settings))
    except SpecError as error:
        given = error.source.removeprefix("--set ")
        if given != error.source and given in settings:
            key = "" if error.key in ("", given) else error.key
            raise SpecError(f"{option}: {given}", key, error.problem) from None
        raise NeurogradError(f"{error} (at {point_name(settings)})") from None
    return changed.beside(spec.handed_over, allow_code=spec.allows_code)


def point_name(settings: Mapping[str, Any]) -> str:
    """Keys with their values in one line."""
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def overrides_of(settings: Mapping[str, Any]) -> list[str]:
    """The values of keys as 'dotted.key=value' strings."""
    return [f"{key}={_yaml(plain(value))}" for key, value in settings.items()]


def plain(value: Any) -> Any:
    """A value of a program as Python's own numbers and lists have it, of whatever it is made."""
    if isinstance(value, np.ndarray | np.generic | Tensor):
        return value.tolist()
    if isinstance(value, tuple):
        return tuple(plain(each) for each in value)
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_yaml(each) for each in value)}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)}: {_yaml(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    return value if isinstance(value, str) else repr(value)
