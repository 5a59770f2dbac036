"""What the glossary says of one term, and how units and sources are written."""

from __future__ import annotations

import re
from dataclasses import dataclass

GRADIENT = "loss per weight unit"
GRADIENT_SQUARED = "(loss per weight unit)²"
CURVATURE_UNIT = "loss per weight unit²"
RANGE = "part of the conductance range"
GHOSH = "Ghosh et al. 2023"
HERE = "neurograd"


@dataclass(frozen=True)
class Term:
    """One term of a report.

    Attributes:
        key: How code names it, such as a column of a report's table.
        symbol: How tables and formulas write it, empty where it has no symbol.
        name: Its name in words, unique; the anchor of its heading.
        meaning: What it is, in one or two plain sentences.
        unit: What it is measured in, empty where it is no number.
        source: Its equation, theorem or origin.
    """

    key: str
    symbol: str
    name: str
    meaning: str
    unit: str
    source: str

    @property
    def anchor(self) -> str:
        """Anchor of its heading in docs/glossary.md."""
        return re.sub(r"[^\w\- ]", "", self.name.lower()).replace(" ", "-")

    @property
    def label(self) -> str:
        """Name and symbol together."""
        return f"{self.name}, {self.symbol}" if self.symbol else self.name
