"""The glossary: one source, complete and current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from neurograd.effects.registry import all_effects
from neurograd.pipeline.check import check
from neurograd.report import render_html
from neurograd.report.content import LOSS_CHANGE, MOMENTS, SMOOTHING, THRESHOLDS
from neurograd.report.glossary import GROUPS, TERMS, Term, glossary_page, term_of
from neurograd.spec import validate_spec

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


def test_every_column_of_a_report_has_its_term():
    columns = [*MOMENTS, *LOSS_CHANGE, *THRESHOLDS, *SMOOTHING]
    heads = [column.title for column in columns]
    assert [head for head in heads if term_of(head) is None] == []
    assert all(term_of(column.title) is TERMS[column.term] for column in columns)
    assert term_of("b, 99 %") is TERMS["b"]
    assert term_of("accuracy drop, allowed 2 %") is TERMS["cost"]
    assert term_of("Cycle-to-cycle noise") is TERMS["cycle_to_cycle"]
    assert term_of("the nonlinear pulse response") is TERMS["nonlinearity"]
    assert term_of("the whole chip") is None


def test_effects_of_the_device_have_their_term():
    known = [effect.label for effect in all_effects() if term_of(effect.label) is not None]
    device = {"levels", "cycle_to_cycle", "device_to_device", "faults", "read_noise", "drift"}
    assert device <= {effect.name for effect in all_effects() if effect.label in known}


def test_heads_of_columns_open_the_glossary_on_the_page():
    spec = {
        "device": {"preset": "epiram"},
        "network": {"hidden": [4]},
        "task": {"name": "digits", "train_samples": 40, "test_samples": 20},
        "training": {"step_size": 0.2, "steps": 4, "seeds": 2, "max_seeds": 2},
        "measure": {"draws": 12, "loss_draws": 8, "points": 1},
    }
    page = render_html(check(validate_spec(spec)).record)
    entries = re.findall(r'<div popover id="term-(\w+)">', page)
    assert entries == list(TERMS)
    opened = re.findall(r'popovertarget="term-(\w+)"', page)
    assert set(opened) == set(entries)
    heads = re.findall(r"<th[^>]*><button[^>]*popovertarget=\"term-(\w+)\"", page)
    for columns in (MOMENTS, LOSS_CHANGE, THRESHOLDS):
        assert {term_of(column.title).key for column in columns} <= set(heads)
    assert "cost" in heads
    assert "<script" not in page
