"""Reports for people: tables on a console, a page, a summary, test results; from typed reports."""

from neurograd.report.console.check_tables import render_report
from neurograd.report.html import render_html, render_limits_html
from neurograd.report.junit import render_junit
from neurograd.report.markdown import render_markdown

__all__ = ["render_html", "render_junit", "render_limits_html", "render_markdown", "render_report"]
