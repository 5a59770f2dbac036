"""What stands among the parts of a chip and is none, said where the chip is made."""

from __future__ import annotations

_DOES = {"reads": "read", "writes": "write", "passes": "applied"}
"""What each effect of a kind is called for."""


def check_parts(**parts: object) -> None:
    """Raise ValueError if an effect of a chip is no object that does what effects of its kind do.

    Args:
        parts: Tuples of effects, by the kinds ``reads``, ``writes`` and ``passes``.
    """
    for name, effects in parts.items():
        if not isinstance(effects, tuple):
            raise ValueError(f"{name} is a {type(effects).__name__}; allowed: a tuple of {name}")
        for effect in effects:
            _check(name, effect)


def _check(name: str, effect: object) -> None:
    method = _DOES[name]
    if isinstance(effect, type):
        found = f"the class {effect.__name__} itself"
    elif callable(getattr(effect, method, None)):
        return
    else:
        found = f"a {type(effect).__name__}"
    raise ValueError(f"{name} has {found}; allowed: objects with a method {method}")
