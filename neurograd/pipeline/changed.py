"""A spec with other values of some of its keys."""

from __future__ import annotations

import json
from typing import Any

from neurograd.spec import Spec, spec_to_dict, validate_spec


def with_settings(spec: Spec, settings: dict[str, Any]) -> Spec:
    """A spec with other values of some keys.

    Args:
        spec: The validated spec.
        settings: The values by dotted key.

    Raises:
        SpecError: If they do not go together.
    """
    overrides = [f"{key}={_yaml(value)}" for key, value in settings.items()]
    return validate_spec(spec_to_dict(spec), "limits", overrides).like(spec)


def _yaml(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_yaml(each) for each in value)}]"
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)}: {_yaml(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    return value if isinstance(value, str) else repr(value)
