"""The report as one self-contained page."""

from __future__ import annotations

import json
from importlib.resources import files

from neurograd.records.report import CheckReport
from neurograd.report.content import (
    BESIDE,
    contributions_sheet,
    deployment_sheet,
    heading,
    mitigation_sheet,
    point_sheets,
    smoothing_sheet,
    training_sheet,
)
from neurograd.report.glossary import GROUPS, TERMS, term_of
from neurograd.words import number

_CAPTIONS = {
    "loss-change": "Predicted against measured loss change of one step, with 99 % intervals.",
    "moments": "Bias, noise and gradient along the clean training.",
    "spectrum": "Eigenvalues of the Hessian with the thresholds of Theorem 3.1.",
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
        beside=BESIDE,
        training=training_sheet(report),
        deployment=deployment_sheet(report),
        points=point_sheets(report),
        smoothing=smoothing_sheet(report),
        contributions=contributions_sheet(report),
        mitigation=mitigation_sheet(report),
        mitigation_figure=_mitigation_figure(report),
        mitigation_caption=_MITIGATION_CAPTION,
        figures=_figures(report),
        number=number,
        terms=TERMS,
        term_of=term_of,
        glossary=GROUPS,
        spec=json.dumps(report.spec, indent=2, ensure_ascii=False),
        verdict_class=report.verdict.value.replace(" ", "-"),
    )
    return page


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
