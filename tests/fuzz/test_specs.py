"""Any value in any key is a result or one line; ``python -m tests.fuzz`` looks for longer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from neurograd.spec import validate_spec
from tests.fuzz.outcomes import as_file, checked, validated
from tests.fuzz.specs import ACTING, all_places, specs
from tests.neurograd.pipeline.test_every_key import own_files

settings.register_profile(
    "specs", deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("checked")
    own_files(place)
    return place


@pytest.fixture(autouse=True)
def _beside_the_files(folder, monkeypatch):
    monkeypatch.chdir(folder)


@settings(settings.get_profile("specs"), max_examples=250)
@given(specs())
def test_any_value_of_any_key_is_a_spec_or_one_line(data):
    assert validated(data)[1] == ""


def test_every_key_is_drawn_from_and_every_start_is_right():
    keys = {".".join(path) for path in all_places()}
    named = ("layers.", "ranges.numbers.")
    assert {key for key in ACTING if not key.startswith(named)} <= keys
    assert {"layers", "ranges.numbers"} <= keys
    for key in ACTING:
        validate_spec(ACTING[key])


def test_a_check_of_any_spec_is_a_verdict_or_one_line(folder, capsys):
    """The first right specs of what is drawn, a check each."""
    left = [5]

    @settings(settings.get_profile("specs"), max_examples=60)
    @given(specs())
    def check(data):
        spec, _ = validated(data)
        text = None if spec is None or not left[0] else as_file(data, spec)
        if text is not None:
            left[0] -= 1
            assert checked(text, folder, lambda: tuple(capsys.readouterr()))[1] == ""

    check()
    assert left == [0]
