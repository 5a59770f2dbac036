"""The package's names: each public function stays one, whatever is imported, in whichever order."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

from neurograd import theory

PREFIX = "neurograd.theory."
MODULES = sorted(PREFIX + found.name for found in pkgutil.iter_modules(theory.__path__))
STATEMENTS = [name for name in MODULES if name != PREFIX + "arguments"]

CALLS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from neurograd import theory
for name in theory.__all__:
    found = getattr(theory, name)
    if name != "FORMS":
        assert callable(found) and found.__module__ in sys.argv[1:], name
assert theory.lemma_2_1(1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 2, 0.1).total < 0.5
assert theory.anisotropy(1.0, 1.0, 1.0, 3) == 3.0
assert theory.exact_margin(-1.0, 2.0, 3.0, 0.1) == -0.75
assert theory.scaling_exponent([1, 2, 4], [1.0, 2.0, 4.0]).alpha > 0.99
"""


@pytest.mark.parametrize("order", [MODULES, MODULES[::-1], MODULES[5:] + MODULES[:5]])
def test_public_names_are_functions_whatever_is_imported_first(order):
    done = subprocess.run(
        [sys.executable, "-c", CALLS, *order], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_file_is_named_like_a_public_name():
    assert not {name.rsplit(".", 1)[1] for name in MODULES} & set(theory.__all__)


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_has_its_source_proof_and_limits(name):
    doc = importlib.import_module(name).__doc__
    assert all(part in doc for part in ("Statement", "Source:", "Proof idea", "Where it fails"))
