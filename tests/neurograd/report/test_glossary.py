"""The glossary: one source, complete and current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neurograd.report.glossary import GROUPS, TERMS, Term, glossary_page

PAGE = Path(__file__).parents[3] / "docs" / "glossary.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == glossary_page(), (
        "run: python -m neurograd.report.glossary > docs/glossary.md"
    )


def test_keys_names_and_anchors_are_unique():
    terms = [term for _, group in GROUPS for term in group]
    assert len(TERMS) == len(terms)
    assert len({term.name for term in terms}) == len({term.anchor for term in terms}) == len(terms)
    assert all(TERMS[term.key] is term for term in terms)


@pytest.mark.parametrize("term", TERMS.values(), ids=lambda term: term.key)
def test_every_term_is_explained_in_plain_sentences(term):
    assert re.fullmatch(r"[a-z_]+", term.key)
    assert term.name[0].isupper() or term.name.startswith("IR")
    assert term.meaning.endswith(".")
    assert 1 <= len(re.findall(r"[.:] |\.$", term.meaning)) <= 4
    assert term.source
    assert f"\n### {term.name}\n" in glossary_page()


def test_a_term_knows_its_label_and_anchor():
    term = Term("x", "ξ", "Cycle-to-cycle noise (c2c)", "What it is.", "", "here")
    assert term.label == "Cycle-to-cycle noise (c2c), ξ"
    assert term.anchor == "cycle-to-cycle-noise-c2c"


@pytest.mark.parametrize(
    "symbol",
    ["b", "β", "σ²f(N)", "Δt", "ΔL", "α", "r", "r safe", "r printed", "κ", "ψ", "Tr H", "s"],
)
def test_the_symbols_of_the_paper_are_there(symbol):
    assert symbol in {term.symbol for term in TERMS.values()}
