"""Reports for people: tables on a console and a self-contained page, from typed reports."""

from neurograd.report.console.check_tables import render_report
from neurograd.report.html import render_html

__all__ = ["render_html", "render_report"]
