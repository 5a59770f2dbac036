"""Every effect of device_models is in the matrix: a new file cannot be forgotten."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types
from collections.abc import Iterable

import device_models
from tests.conformance.cases import all_effects

KEPT_BY = {
    "learning rule or update": ("gradient", "deterministic", "mean_over_samples"),
    "read": ("read", "moments", "deterministic"),
    "write": ("write", "moments", "program", "deterministic"),
    "pass": ("applied", "deterministic"),
}
"""What a class of each kind has, as the protocols ask."""


def submodules(package: types.ModuleType) -> list[types.ModuleType]:
    """All modules below a package."""
    names = (m.name for m in pkgutil.walk_packages(package.__path__, package.__name__ + "."))
    return [importlib.import_module(name) for name in names]


def effects_in(modules: Iterable[types.ModuleType]) -> dict[type, str]:
    """Classes that act as an effect, and their kind; not those that only others build on."""
    found: dict[type, str] = {}
    for module in modules:
        for name, value in vars(module).items():
            own = inspect.isclass(value) and value.__module__ == module.__name__
            if not own or name.startswith("_") or getattr(value, "_is_protocol", False):
                continue
            for kind, members in KEPT_BY.items():
                if all(hasattr(value, member) for member in members):
                    found[value] = kind
    bases = {base for value in found for base in value.__mro__[1:]}
    return {value: kind for value, kind in found.items() if value not in bases}


def without_case(modules: Iterable[types.ModuleType]) -> list[str]:
    """A line for every effect that no case makes."""
    made = {type(effect) for effect in all_effects()}
    return [
        f"{value.__module__}.{value.__name__} is a {kind} without a case in "
        "tests/conformance/cases.py"
        for value, kind in effects_in(modules).items()
        if value not in made
    ]


def test_every_effect_has_a_case():
    missing = without_case(submodules(device_models))
    assert not missing, "\n".join(missing)


def test_every_kind_is_found():
    kinds = set(effects_in(submodules(device_models)).values())
    assert kinds == set(KEPT_BY)


def test_a_new_effect_without_a_case_is_named():
    module = types.ModuleType("device_models.read.invented")
    source = (
        "class Invented:\n"
        "    deterministic = True\n"
        "    def read(self, w, generator): return w\n"
        "    def moments(self, w): return None\n"
    )
    exec(source, vars(module))
    assert without_case([module]) == [
        "device_models.read.invented.Invented is a read without a case in "
        "tests/conformance/cases.py"
    ]
