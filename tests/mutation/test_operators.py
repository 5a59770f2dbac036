"""Mutants by rule: what is changed, what is left alone, and names that stay."""

from __future__ import annotations

import ast

import pytest

from tests.mutation.operators import mutants, mutated


def _afters(source):
    return {(each.before, each.after) for each in mutants("module.py", source)}


@pytest.mark.parametrize(
    ("source", "before", "after"),
    [
        ("y = a + b", "a + b", "a - b"),
        ("y = a + b", "a + b", "a"),
        ("y = a + b", "a + b", "b"),
        ("y = a * b", "a * b", "a / b"),
        ("y = -a", "-a", "a"),
        ("y = a < b", "a < b", "a <= b"),
        ("y = a < b", "a < b", "a >= b"),
        ("y = 0.5", "0.5", "1.0"),
        ("y = 3", "3", "4"),
        ("y = a and b", "a and b", "a or b"),
        ("y = math.sqrt(a)", "math.sqrt(a)", "a"),
        ("y = a.sqrt()", "a.sqrt()", "a"),
        ("y = a.sum()", "a.sum()", "a.mean()"),
        ("y = min(a, b)", "min(a, b)", "max(a, b)"),
        ("def f(a):\n    return a * a", "return a * a", "return -(a * a)"),
    ],
)
def test_rules_change_what_they_say(source, before, after):
    assert (before, after) in _afters(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""A text of 2 lines."""',
        "import a",
        'raise ValueError(f"{a + 1} is off")',
        "if TYPE_CHECKING:\n    a = 1 + 2",
        "@decorated(1)\ndef f(a: Annotated[int, 1]) -> Literal[2]:\n    pass",
    ],
)
def test_what_no_number_depends_on_is_left_alone(source):
    assert _afters(source) == set()


def test_mutants_differ_from_their_source_and_can_be_compiled():
    source = "def f(a, b=2.0):\n    c = a * b + 3\n    return c - 1 if a > 0 else -c\n"
    made = mutants("module.py", source)
    trees = {ast.unparse(mutated(source, each)) for each in made}
    assert len(trees) == len(made) > 10
    assert ast.unparse(ast.parse(source)) not in trees


def test_a_name_stays_when_other_lines_change():
    before, after = (
        {each.key for each in mutants("module.py", source)}
        for source in ("def f(a):\n    return a * a\n", "x = 1\n\n\ndef f(a):\n    return a * a\n")
    )
    assert before < after


def test_a_mutant_of_another_source_is_refused():
    made = mutants("module.py", "y = a + b")
    with pytest.raises(ValueError, match="no longer stands there"):
        mutated("z = 0\ny = a + b", made[0])
