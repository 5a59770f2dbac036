"""The page in dark mode and on a narrow screen, as far as its text tells."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from neurograd.records.json_form import report_from_json
from neurograd.report import render_html
from neurograd.report.content.facts import assumptions
from neurograd.report.plots import GREY, PAGE_COLOURS, to_svg
from tests.neurograd.small_report import small_report


@pytest.fixture(scope="module")
def page():
    return render_html(report_from_json(small_report()))


def _scheme(page, dark):
    """Values of the style sheet's variables, by name."""
    light = re.search(r":root \{(.*?)\n\}", page, re.S)[1]
    changed = re.search(r"prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}", page, re.S)[1]
    found = dict(re.findall(r"(--[\w-]+): ([^;]+);", light))
    return {**found, **(dict(re.findall(r"(--[\w-]+): ([^;]+);", changed)) if dark else {})}


def _luminance(colour):
    """Relative luminance of WCAG 2.1."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(f * c for f, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one, other):
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_a_figure_is_the_pages(page):
    for svg in re.findall(r"<svg.*?</svg>", page, re.S):
        used = set(re.findall(r"var\((--plot-\w+), #[0-9a-f]{6}\)", svg))
        assert {"--plot-ink", "--plot-grid", "--plot-page"} <= used
        assert used <= set(_scheme(page, dark=False))
        assert not re.findall(r"#[0-9a-fA-F]{6}", re.sub(r"var\([^)]*\)", "", svg))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_what_is_behind_them(page, dark):
    colours = _scheme(page, dark)
    assert {f"--plot-{name}" for name in PAGE_COLOURS.values()} <= set(colours)
    for name in ("ink", "muted", "good", "bad", "open"):
        for behind in ("page", "card"):
            assert _contrast(colours[f"--{name}"], colours[f"--{behind}"]) >= 4.5, name
    for name in ("ink", "grey"):
        assert _contrast(colours[f"--plot-{name}"], colours["--plot-page"]) >= 4.5, name
    for name in ("edge", "blue", "green", "red"):
        assert _contrast(colours[f"--plot-{name}"], colours["--plot-page"]) >= 3, name
    assert _contrast(colours["--plot-orange"], colours["--plot-page"]) >= 2.5
    assert _contrast(colours["--plot-page"], colours["--ink"]) >= 4.5


def test_dark_figures_are_dark(page):
    light, dark = (_scheme(page, each) for each in (False, True))
    for name in ("ink", "page", "grid"):
        assert light[f"--plot-{name}"] != dark[f"--plot-{name}"]
    assert _luminance(dark["--plot-page"]) < 0.05
    assert _luminance(light["--plot-page"]) > 0.9


def test_a_figure_alone_keeps_its_colours():
    figure = Figure(figsize=(1, 1))
    figure.subplots().plot([0, 1], color=GREY)
    assert f"stroke: var(--plot-grey, {GREY})" in to_svg(figure, "x")


class _Boxes(HTMLParser):
    """Which classes surround every table, figure's drawing and listing."""

    def __init__(self):
        super().__init__()
        self.around, self.found = [], []

    def handle_starttag(self, tag, attrs):
        if tag in ("table", "svg", "pre"):
            self.found.append((tag, [name for _, name in self.around]))
        if tag in ("div", "figure", "section", "details"):
            self.around.append((tag, dict(attrs).get("class", "")))

    def handle_endtag(self, tag):
        if tag in ("div", "figure", "section", "details"):
            assert self.around.pop()[0] == tag


def test_what_may_be_wider_than_the_screen_scrolls_in_its_own_box(page):
    boxes = _Boxes()
    boxes.feed(page)
    assert {tag for tag, _ in boxes.found} == {"table", "svg", "pre"}
    for tag, around in boxes.found:
        assert tag == "pre" or {"table": "scroll", "svg": "plot"}[tag] in around
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    for rule in (r"\.scroll", r"figure \.plot", "pre"):
        assert re.search(rf"(?m)^{rule} \{{[^}}]*overflow-x: auto", style), rule
    # Nothing else keeps a width of its own, and long words break.
    assert not re.findall(r"[^-]width: (?!100%|device)[\d.]+(?:px|rem|em)", style)
    assert re.search(r"\.verdict li \{[^}]*overflow-wrap: anywhere", style)
    assert re.search(r"h1 \{[^}]*overflow-wrap: anywhere", style)


def _cover(page):
    return re.search(r'<div class="cover">(.*?</section>)\n</div>\n', page, re.S)[1]


def test_the_first_printed_page_has_the_verdict_and_what_it_rests_on(page):
    report = small_report()
    cover = html.unescape(_cover(page))
    assert "Verdict: not tolerated" in cover
    for reason in report["reasons"]:
        assert reason in cover
    for fact in ("torch 2", report["code"], report["data"]["digest"][:16]):
        assert fact in cover
    assert re.search(r"<dt>seed</dt><dd>0</dd>", cover)
    assert "drawn as these 3 were" in cover
    assert "and for this one start of the network (--seed draws another)." in cover
    printed = re.search(r"@media print \{(.*?)\n\}\n", page, re.S)[1]
    assert "@page { size: A4;" in page
    assert re.search(r"\.cover \{[^}]*break-after: page", printed)
    assert re.search(r"details::details-content \{[^}]*content-visibility: visible", printed)


@pytest.mark.parametrize(
    ("section", "keys", "words"),
    [
        ("network", {"weights": "start.npz"}, "the one start of the network that network.weights"),
        ("network", {"kind": "nir"}, "the weights that the network came with"),
        ("task", {"name": "python"}, "the weights that the network came with"),
    ],
)
def test_what_is_assumed_says_whose_the_start_is(section, keys, words):
    report = small_report()
    report["spec"][section] |= keys
    first, *_ = assumptions(report_from_json(report))
    assert f"and for {words}" in first
    assert "--seed" not in first


def test_paper_is_light_whatever_the_screen_is(page):
    light = _scheme(page, dark=False)
    printed = re.search(r"@media print \{\s*:root \{(.*?)\}", page, re.S)[1]
    found = dict(re.findall(r"(--[\w-]+): ([^;]+);", printed))
    assert set(found) == set(light)
    kept = {name: colour for name, colour in light.items() if name not in ("--page", "--shade")}
    assert {name: found[name] for name in kept} == kept


def test_powers_of_ten_are_plain_text():
    figure = Figure()
    axes = figure.subplots()
    axes.plot([-3.0, 0.0, 3.0], [2e-3, 2e-2, 7e-3])
    axes.set_yscale("log")
    axes.set_xscale("symlog", linthresh=0.1)
    to_svg(figure, "x")
    labels = {
        each.get_text()
        for axis in (axes.xaxis, axes.yaxis)
        for each in (*axis.get_ticklabels(), *axis.get_ticklabels(minor=True))
    }
    assert {"10⁻²", "2×10⁻³", "−10⁰", "0"} <= labels
    assert not any("$" in each for each in labels)
