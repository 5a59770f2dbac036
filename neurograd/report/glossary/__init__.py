"""The terms of a report, from one source: docs/glossary.md and the HTML page are made from it.

``python -m neurograd.report.glossary > docs/glossary.md`` writes the page; a test holds it current.
"""

from __future__ import annotations

from neurograd.report.glossary.curvature import CURVATURE
from neurograd.report.glossary.device import DEVICE, DIGITAL, SPIKING
from neurograd.report.glossary.term import Term
from neurograd.report.glossary.training import TRAINING
from neurograd.report.glossary.update import ONE_STEP, UPDATE

GROUPS: tuple[tuple[str, tuple[Term, ...]], ...] = (
    ("The update and its error", UPDATE),
    ("The cost of one step", ONE_STEP),
    ("Curvature and descent", CURVATURE),
    ("Training and the verdict", TRAINING),
    ("The device", DEVICE),
    ("Rounding, batches and rules", DIGITAL),
    ("Spiking networks", SPIKING),
)
"""Headings and their terms, in the order of a report."""

TERMS: dict[str, Term] = {term.key: term for _, terms in GROUPS for term in terms}
"""Every term by its key."""

_ALSO = {
    "descent": "exact_margin",
    "measured": "measured",
    "its one-sided bounds": "bound",
    "conductance drift": "drift",
    "finite number of levels": "levels",
    "nonlinear pulse response": "nonlinearity",
    "updates by pulse trains": "pulse_train",
}
"""Headings that are neither a term's symbol nor its name."""

_BY_HEADING: dict[str, Term] = {
    **{term.name.lower(): term for term in TERMS.values()},
    **{term.symbol.lower(): term for term in TERMS.values() if term.symbol},
    **{heading: TERMS[key] for heading, key in _ALSO.items()},
}

__all__ = ["GROUPS", "TERMS", "Term", "glossary_page", "term_of"]


def term_of(heading: str) -> Term | None:
    """The term that the head of a column or row names, None where it names none.

    Args:
        heading: A symbol or a name, with what is said of it after a comma, such as 'b, 99 %'.
    """
    name = heading.partition(",")[0].strip().lower()
    return _BY_HEADING.get(name.removeprefix("the "))


def glossary_page() -> str:
    """The text of docs/glossary.md."""
    lines = [
        "# Glossary",
        "",
        "The terms of reports and specs. Gradient units are those of the loss per unit of weight. "
        "Equations",
        "and theorems are those of Ghosh et al. 2023 ([the theory in one page](theory.md)).",
    ]
    for heading, terms in GROUPS:
        lines += ["", f"## {heading}"]
        for term in terms:
            symbol = f"**{term.symbol}**: " if term.symbol else ""
            facts = [f"Unit: {term.unit}."] if term.unit else []
            facts.append(f"Source: {term.source}.")
            lines += ["", f"### {term.name}", "", symbol + term.meaning, "", " ".join(facts)]
    return "\n".join(lines) + "\n"
