"""Reports for people: tables on a console and a self-contained page, from the JSON report."""

from neurograd.report.html import render_html
from neurograd.report.table import render_report

__all__ = ["render_html", "render_report"]
