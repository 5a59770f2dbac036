"""Reports as self-contained pages, which print on A4; one of limits on a single sheet."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from neurograd.records.report import CheckReport, LimitsReport, Report
from neurograd.report.content import (
    BESIDE,
    contributions_sheet,
    deployment_sheet,
    heading,
    mitigation_sheet,
    point_sheets,
    ranges_sheet,
    smoothing_sheet,
    training_sheet,
)
from neurograd.report.content.facts import assumptions, facts
from neurograd.report.content.limits import (
    limit_sentences,
    limits_heading,
    limits_scope,
    limits_warnings,
    numbers_sheet,
    remedies_sheet,
    verdict_label,
)
from neurograd.report.glossary import GROUPS, TERMS, term_of
from neurograd.report.limit_curves import limit_curves, without_curve
from neurograd.words import confidence, number, typed_percent

_CAPTIONS = {
    "loss-change": "Predicted against measured loss change of one step, with 99 % intervals.",
    "moments": "Bias, noise and gradient along the clean training.",
    "spectrum": "Eigenvalues of the Hessian with the noise threshold of Theorem 3.1 and the "
    "curvature beyond which clean descent diverges, where there is one.",
    "training": "Training loss and test accuracy of the clean network and of the chips.",
}
_MITIGATION_CAPTION = (
    "Predicted cost of the whole training without each effect, and with it only, with intervals."
)


def render_html(report: CheckReport) -> str:
    """The report as HTML that loads nothing: styles and plots are inside.

    Args:
        report: What was found.
    """
    return _page(
        "report.html",
        report,
        heading=heading(report),
        verdict_label="Verdict",
        reasons=report.decided_by,
        beside=BESIDE,
        training=training_sheet(report),
        deployment=deployment_sheet(report),
        ranges=ranges_sheet(report),
        points=point_sheets(report),
        smoothing=smoothing_sheet(report),
        contributions=contributions_sheet(report),
        mitigation=mitigation_sheet(report),
        mitigation_figure=_mitigation_figure(report),
        mitigation_caption=_MITIGATION_CAPTION,
        figures=_figures(report),
    )


def render_limits_html(report: LimitsReport) -> str:
    """The report of limits as HTML that loads nothing.

    Args:
        report: What was found.
    """
    from neurograd.report.figures.limit_curve import (  # noqa: PLC0415  (matplotlib)
        CostAxis,
        plot_limit_curve,
    )
    from neurograd.report.figures.tornado import plot_tornado  # noqa: PLC0415
    from neurograd.report.plots import to_svg  # noqa: PLC0415

    curves, kind = limit_curves(report), report.now.kind
    axis = CostAxis.of(curves, report.now.allowed)
    paper, columns, height = _sheet(len(curves))
    drawn = [
        to_svg(plot_limit_curve(curve, axis, kind, height), f"curve{place}")
        for place, curve in enumerate(curves, 1)
    ]
    return _page(
        "limits.html",
        report,
        heading=limits_heading(report),
        verdict_label=verdict_label(report),
        reasons=report.reasons,
        warnings=limits_warnings(report),
        curves=list(zip(curves, drawn, strict=True)),
        without=without_curve(report),
        scope=limits_scope(report),
        allowed=typed_percent(report.now.allowed),
        confidence=confidence(report.confidence),
        trained=any(curve.trained for curve in curves),
        infinite=any(curve.infinite for curve in curves),
        opposite=any(curve.row.opposite is not None for curve in curves),
        paper=paper,
        columns=columns,
        numbers=numbers_sheet(report),
        sentences=limit_sentences(report),
        remedies=remedies_sheet(report),
        figure=to_svg(plot_tornado(report), "tornado"),
        caption="Predicted cost at half and twice each number, or just beyond its limit.",
    )


def _sheet(curves: int) -> tuple[str, int, float]:
    """How a number of curves has room on one sheet.

    Returns:
        The paper, how many curves stand beside each other, and their height in inches.
    """
    if curves > 12:
        return "A3", 4, 1.9
    return "A4", 2 if curves <= 4 else 3, 1.9 if curves <= 9 else 1.7


def _page(template: str, report: Report, **parts: Any) -> str:
    """A page from its template and its parts, with what all pages have."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415  (pages only)

    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(terms=TERMS, term_of=term_of, number=number)
    return environment.get_template(template).render(
        **parts,
        report=report,
        assumptions=assumptions(report),
        facts=facts(report),
        glossary=GROUPS,
        spec=json.dumps(report.spec, indent=2, ensure_ascii=False),
        verdict_class=report.verdict.value.replace(" ", "-"),
    )


def _template(name: str) -> str:
    return (files("neurograd.report") / name).read_text(encoding="utf-8")


def _figures(report: CheckReport) -> list[tuple[str, str, str]]:
    """Name, caption and SVG of every plot that has something to show."""
    from neurograd.report.figures import points, training  # noqa: PLC0415  (matplotlib is slow)
    from neurograd.report.plots import to_svg  # noqa: PLC0415

    plots = {"training": training.plot_training}
    if report.points:
        plots |= {"loss-change": points.plot_loss_change, "moments": points.plot_moments}
        if all(point.curvature.spectrum is not None for point in report.points):
            plots["spectrum"] = points.plot_spectrum
    return [
        (name, caption, to_svg(plots[name](report), name))
        for name, caption in _CAPTIONS.items()
        if name in plots
    ]


def _mitigation_figure(report: CheckReport) -> str | None:
    """SVG of what each effect of a chip that fails costs, None where there are none."""
    if report.mitigation is None or mitigation_sheet(report) is None:
        return None
    from neurograd.report.figures.mitigation import plot_mitigation  # noqa: PLC0415
    from neurograd.report.plots import to_svg  # noqa: PLC0415  (matplotlib is slow to import)

    return to_svg(plot_mitigation(report.mitigation), "mitigation")
