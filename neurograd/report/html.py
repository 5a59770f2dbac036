"""The report as one self-contained page."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from neurograd.report import format as show
from neurograd.report.content import (
    MITIGATION,
    SMOOTHING,
    TABLES,
    contributions,
    heading,
    mitigation_keys,
    mitigation_rows,
    mitigation_title,
    smoothing,
    smoothing_rows,
    training_rows,
)
from neurograd.report.glossary import GROUPS, term_of

_CAPTIONS = {
    "loss-change": "Predicted against measured loss change of one step, with 99 % intervals.",
    "moments": "Bias, noise and gradient along the clean training.",
    "spectrum": "Eigenvalues of the Hessian with the thresholds of Theorem 3.1.",
    "training": "Training loss and test accuracy of the clean network and of the chips.",
}
_MITIGATION_CAPTION = (
    "Predicted cost of the whole training without each effect, and with it only, with intervals."
)


def render_html(report: dict[str, Any]) -> str:
    """The report as HTML that loads nothing: styles and plots are inside.

    Args:
        report: The report as JSON types.
    """
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  (only pages need it)

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        (files("neurograd.report") / "report.html").read_text(encoding="utf-8")
    )
    page: str = template.render(
        report=report,
        heading=heading(report),
        tables=[
            (title, columns, [[column.cell(p) for column in columns] for p in report["points"]])
            for title, columns in TABLES
            if report["points"]
        ],
        training=training_rows(report),
        smoothing=smoothing(report),
        smoothing_titles=[title for title, _ in SMOOTHING],
        smoothing_rows=smoothing_rows(report),
        contributions=contributions(report),
        mitigation=None if report["mitigation"] is None else mitigation_title(report),
        mitigation_titles=MITIGATION,
        mitigation_rows=mitigation_rows(report),
        mitigation_keys=mitigation_keys(report),
        mitigation_figure=_mitigation_figure(report),
        mitigation_caption=_MITIGATION_CAPTION,
        figures=_figures(report),
        show=show,
        term_of=term_of,
        glossary=GROUPS,
        spec=json.dumps(report["spec"], indent=2, ensure_ascii=False),
        verdict_class=report["verdict"].replace(" ", "-"),
    )
    return page


def _figures(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Name, caption and SVG of every plot that has something to show."""
    from neurograd.report import plots  # noqa: PLC0415  (matplotlib is slow to import)

    figures = []
    for (name, caption), plot in zip(_CAPTIONS.items(), plots.PLOTS, strict=True):
        smooth = any(p["smoothing"] is not None for p in report["points"])
        if name == "training" or (report["points"] and not (smooth and name == "spectrum")):
            figures.append((name, caption, plots.to_svg(plot(report), name)))
    return figures


def _mitigation_figure(report: dict[str, Any]) -> str | None:
    """SVG of what each effect of a chip that fails costs, None where there are none."""
    if not mitigation_rows(report):
        return None
    from neurograd.report import plots  # noqa: PLC0415  (matplotlib is slow to import)

    return plots.to_svg(plots.plot_mitigation(report), "mitigation")
