"""Links, anchors and images of the documentation, and pages that are made from something else."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _hooks():
    spec = importlib.util.spec_from_file_location("mkdocs_hooks", ROOT / "docs" / "mkdocs_hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOKS = _hooks()
PAGES = HOOKS.sources()


def _anchors(text):
    """Anchors of a page's headings: those of the site and of repository hosts alike."""
    headings = re.findall(r"^#{1,6} +(.+?)\s*$", re.sub(r"```.*?```", "", text, flags=re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def _broken(source, text):
    """Links of a page that lead nowhere."""
    broken = []
    for link in HOOKS.links(text):
        name, _, anchor = link.partition("#")
        path = HOOKS.target_in_repository(name, source) if name else source
        if path is None:
            continue
        target = ROOT / path
        found = target.is_file() and not (
            anchor and anchor not in _anchors(target.read_text(encoding="utf-8"))
        )
        if not found:
            broken.append(link)
    return broken


def test_there_are_pages():
    assert {"README.md", "CONTRIBUTING.md", "THIRD_PARTY.md", "docs/tutorial.md"} <= set(PAGES)


@pytest.mark.parametrize("source", PAGES)
def test_every_link_and_image_leads_somewhere(source):
    assert _broken(source, (ROOT / source).read_text(encoding="utf-8")) == []


def test_a_broken_link_is_found():
    text = "[a](no.md) ![b](no.png) [c](glossary.md#no-such-term) `[d](code.md)` [e](https://f.g)"
    assert _broken("docs/theory.md", text) == ["no.md", "no.png", "glossary.md#no-such-term"]
    assert _broken("docs/theory.md", "[a](glossary.md#total-variance) [b](#curvature)") == []


def _headless(text):
    """First lines of runs of rows that are no table: the line below them rules off no head."""
    lines = re.sub(r"```.*?```", "", text, flags=re.S).splitlines()
    rows = zip(["", *lines[:-1]], lines, [*lines[1:], ""], strict=True)
    starts = [(here, below) for above, here, below in rows if here.startswith("|") and not above]
    return [here for here, below in starts if not re.fullmatch(r"[|:\- ]+", below)]


@pytest.mark.parametrize("source", PAGES)
def test_no_table_is_cut_in_two_by_an_empty_line(source):
    assert _headless((ROOT / source).read_text(encoding="utf-8")) == []


def test_a_table_that_is_cut_in_two_is_found():
    whole = "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    assert _headless(whole) == []
    assert _headless(f"{whole}\n| 3 | 4 |\n") == ["| 3 | 4 |"]


@pytest.mark.parametrize("source", sorted({*PAGES} - {"CHANGELOG.md", "THIRD_PARTY.md"}))
def test_every_module_that_is_named_is_there(source):
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / source).read_text(encoding="utf-8"))
    folders = ("neurograd", "device_models", "experiments", "examples", "docs", "tests")
    files = [
        f"/{path.relative_to(ROOT)}" for name in folders for path in (ROOT / name).rglob("*.py")
    ]
    assert [name for name in named if not any(f.endswith(f"/{name}") for f in files)] == []


def _shown_commands(text):
    """Command lines of neurograd in the blocks of code of a page, with continued lines joined."""
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("  #")[0] for line in lines if line.startswith("neurograd ")]


def _options_of_commands(text, known):
    """Every (command, option) that a page says a command has.

    They are those of the tables of sections whose head names commands; a row that begins with "of
    `check`" is of that command alone.
    """
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        head = section.partition("\n")[0]
        named = [word for word in re.findall(r"\w+", head) if word in known]
        for options, meaning in re.findall(r"^\| (`--.*?) \| (.*) \|$", section, re.M):
            only = re.match(r"of `(\w+)`", meaning)
            for option in re.findall(r"`(--[\w-]+)", options):
                yield from ((each, option) for each in ([only[1]] if only else named))


def test_options_of_tables_are_those_of_the_commands_of_their_heads():
    import typer.main

    from neurograd.cli import app

    commands = typer.main.get_command(app).commands
    has = {
        name: {
            option
            for parameter in command.params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for name, command in commands.items()
    }
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    said = set(_options_of_commands(text, has))
    assert {("check", "--html"), ("train", "--json"), ("fit", "--ranges")} <= said
    assert ("train", "--html") not in said
    assert [each for each in sorted(said) if each[1] not in has[each[0]]] == []


@pytest.mark.parametrize("source", PAGES)
def test_commands_that_are_shown_have_these_options(source):
    import typer.main

    from neurograd.cli import app

    commands = typer.main.get_command(app).commands
    for line in _shown_commands((ROOT / source).read_text(encoding="utf-8")):
        name = line.split()[1]
        if name == "COMMAND":
            continue
        assert name in commands, line
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)(--[a-z-]+)", line)) <= known | {"--help"}, line


def test_links_of_the_site():
    for_site = HOOKS.for_site
    assert for_site("[a](docs/keys.md#x)", "README.md") == "[a](keys.md#x)"
    assert for_site("[a](../README.md)", "docs/keys.md") == "[a](index.md)"
    assert for_site("[a](../theory.md)", "docs/api/theory.md") == "[a](../theory.md)"
    copied = for_site("![a](../examples/x.yaml)", "docs/keys.md")
    assert copied == "![a](repository/examples/x.yaml)"
    code = "```\n[a](docs/keys.md)\n```\n"
    assert for_site(code, "README.md") == code
    assert for_site("[a](https://b.c/d)", "README.md") == "[a](https://b.c/d)"


def test_the_nav_has_every_page_once():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r"- .+: ([\w/.-]+\.md)$", text.partition("\nnav:\n")[2], re.M)
    assert sorted(named) == sorted(HOOKS.place_in_site(page) for page in PAGES)


@pytest.mark.parametrize(
    ("page", "module"),
    [("docs/api/neurograd.md", "neurograd"), ("docs/api/device_models.md", "device_models")],
)
def test_the_reference_has_every_public_name(page, module):
    shown = re.findall(rf"^::: {module}\.(\w+)$", (ROOT / page).read_text(encoding="utf-8"), re.M)
    assert sorted([*shown, *(["theory"] if module == "neurograd" else [])]) == sorted(
        importlib.import_module(module).__all__
    )


def test_the_reference_has_every_equation():
    shown = re.findall(
        r"^::: neurograd\.theory\.(\w+)$",
        (ROOT / "docs" / "api" / "theory.md").read_text(encoding="utf-8"),
        re.M,
    )
    files = {path.stem for path in (ROOT / "neurograd" / "theory").glob("*.py")}
    assert sorted(shown) == sorted(files - {"__init__", "arguments"})


def test_every_preset_has_its_source_and_licence():
    from neurograd.spec import list_presets

    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    section = text.partition("## Presets\n")[2].partition("\n### ")[0]
    rows = dict(re.findall(r"^\| `([\w-]+)` \|(.+)\|$", section, re.M))
    assert sorted(rows) == sorted(list_presets())
    for row in rows.values():
        cells = [cell.strip() for cell in row.split("|")]
        assert len(cells) == 3
        assert all(cells)
    listed = (ROOT / "docs" / "devices.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in listed for name in list_presets())


def test_the_spec_of_the_readme_is_valid(tmp_path):
    from neurograd.spec import load_spec

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (spec,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)
    (tmp_path / "chip.yaml").write_text(spec, encoding="utf-8")
    loaded = load_spec(tmp_path / "chip.yaml")
    assert loaded.device.conductance.levels.potentiation == 64
    assert list(loaded.network.hidden) == [32]


def test_the_changelog_names_modules_that_are_there():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    table = text.partition("| old | new |\n")[2].partition("\n\n")[0]
    new = [
        name
        for row in table.splitlines()[1:]
        for name in re.findall(r"`([\w.]+)`", row.split("|")[2])
    ]
    assert len(new) > 20
    for name in new:
        importlib.import_module(name)


def test_the_citation_is_valid():
    import yaml

    import neurograd

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == neurograd.__version__
    assert {"message", "title", "authors"} <= set(citation)
    paper = citation["preferred-citation"]
    assert paper["type"] == "conference-paper"
    assert len(paper["authors"]) == 5


def test_every_dependency_has_its_licence():
    import tomllib

    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    table = text.partition("## Libraries\n")[2]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    needed = [*project["dependencies"], *(name for extra in extras for name in extra)]
    names = {re.match(r"[\w.-]+", requirement)[0] for requirement in needed}
    names -= {project["name"]}
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", table)] == []


def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    home = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "Two commands" in home
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"', text)
        loaded += re.findall(r'<link[^>]+rel="stylesheet"[^>]+href="(https?:[^"]+)"', text)
        assert loaded == [], page
