"""What the site needs beyond docs/: pages of the repository's root, and files that pages link to.

Links in the Markdown files are right in the repository. For the site a link to a page of the root
(README.md and the like) becomes one to its place there, and every other file outside docs/ that a
page links to is copied below ``repository/``.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "THIRD_PARTY.md": "third-party.md",
}
"""Pages of the repository's root, and their places in the site."""

COPIED = "repository"
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_CODE = re.compile(r"(`+)(?:(?!\1).)+?\1")
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def sources() -> list[str]:
    """Every Markdown page of the site, as a path in the repository."""
    pages = (path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
    return sorted([*ROOT_PAGES, *pages])


def links(text: str) -> list[str]:
    """Targets of the links and images of a Markdown text, without those inside code."""
    return [target for line in _prose(text) for target in _LINK.findall(_CODE.sub("", line))]


def target_in_repository(link: str, source: str) -> str | None:
    """The file that a link names, as a path in the repository.

    Args:
        link: The link without its anchor.
        source: The page that has it, as a path in the repository.

    Returns:
        The path, or None for a link to another site or within the page.
    """
    if not link or _OUTSIDE.match(link):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def place_in_site(path: str) -> str:
    """Where a file of the repository lies in the site, as a path below its docs folder."""
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else f"{COPIED}/{path}"


def for_site(text: str, source: str) -> str:
    """A page's text with its links as they are in the site.

    Args:
        text: Markdown.
        source: The page, as a path in the repository.
    """
    here = posixpath.dirname(place_in_site(source)) or "."

    def moved(match: re.Match[str]) -> str:
        link, mark, anchor = match[0].partition("#")
        path = target_in_repository(link, source)
        if path is None:
            return match[0]
        return posixpath.relpath(place_in_site(path), here) + mark + anchor

    lines, prose = text.splitlines(keepends=True), set(_prose_numbers(text))
    return "".join(_LINK.sub(moved, line) if k in prose else line for k, line in enumerate(lines))


def _prose(text: str) -> list[str]:
    lines = text.splitlines()
    return [lines[k] for k in _prose_numbers(text)]


def _prose_numbers(text: str) -> list[int]:
    """Numbers of the lines that are not in a fenced block of code."""
    numbers, fence = [], None
    for k, line in enumerate(text.splitlines()):
        match = _FENCE.match(line)
        if match and fence in (None, match[1]):
            fence = match[1] if fence is None else None
        elif fence is None:
            numbers.append(k)
    return numbers


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root's pages, and the files outside docs/ that pages link to."""
    from mkdocs.structure.files import File  # noqa: PLC0415  (the tests need no mkdocs)

    for source, place in ROOT_PAGES.items():
        content = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=content))
    for source in sources():
        for link in links((ROOT / source).read_text(encoding="utf-8")):
            path = target_in_repository(link.partition("#")[0], source)
            if path is None or path.startswith("docs/") or path in ROOT_PAGES:
                continue
            place = place_in_site(path)
            if (ROOT / path).is_file() and files.get_file_from_path(place) is None:
                files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they are in the site."""
    places = {place: source for source, place in ROOT_PAGES.items()}
    uri = page.file.src_uri
    return for_site(markdown, places.get(uri, f"docs/{uri}"))
