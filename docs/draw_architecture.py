"""Draws which folder imports which, from the imports: docs/architecture.json and .svg.

Run it from anywhere after folders or imports have changed: ``make architecture``.
"""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("experiments", "neurograd", "device_models")
DATA = ROOT / "docs" / "architecture.json"
DRAWING = ROOT / "docs" / "architecture.svg"

Edges = dict[str, list[str]]


def collect(root: Path = ROOT) -> dict[str, Edges]:
    """Which part imports which parts directly, from every import statement of the sources.

    Returns:
        For the whole (``experiments``, every part of neurograd, ``device_models``) and for the
        inside of ``device_models``: each part's name to the sorted names of those that it imports.
    """
    imports = [edge for package in PACKAGES for edge in _imports(root, package)]
    return {
        "neurograd": _edges(imports, _part_of_the_whole),
        "device_models": _edges(imports, _part_of_device_models),
    }


def _imports(root: Path, package: str) -> Iterator[tuple[str, str]]:
    """Importing and imported module of every import within our packages."""
    for path in sorted((root / package).rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in _names(node):
                if name.split(".")[0] in PACKAGES:
                    yield module, name


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module is not None:
        # `from neurograd import theory` names a folder, `from neurograd.theory import x` a module.
        deeper = "." not in node.module
        return [f"{node.module}.{each.name}" if deeper else node.module for each in node.names]
    return []


def _part_of_the_whole(module: str) -> str | None:
    package, _, rest = module.partition(".")
    return (rest.split(".")[0] or None) if package == "neurograd" else package


def _part_of_device_models(module: str) -> str | None:
    package, _, rest = module.partition(".")
    return (rest.split(".")[0] or None) if package == "device_models" else None


def _edges(imports: Iterable[tuple[str, str]], part: Any) -> Edges:
    found: dict[str, set[str]] = {}
    for importing, imported in imports:
        above, below = part(importing), part(imported)
        if above is None or below is None:
            continue
        found.setdefault(above, set())
        if above != below:
            found[above].add(below)
            found.setdefault(below, set())
    return {name: sorted(found[name]) for name in sorted(found)}


def layers(root: Path = ROOT) -> dict[str, list[str]]:
    """The order of the parts, top first, as the contract of imports in pyproject.toml has it."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    found = {}
    for contract in settings["tool"]["importlinter"]["contracts"]:
        for container in contract.get("containers", ()):
            names = " ".join(contract["layers"]).replace("|", " ").replace(":", " ").split()
            found[container] = [name.strip("()") for name in names]
    return found


def shortened(edges: Edges, order: list[str]) -> list[tuple[str, str]]:
    """The arrows without those that follow from a way down over other parts.

    An arrow that points up is against the order, and stays.
    """
    down = {
        above: [below for below in edges[above] if order.index(below) > order.index(above)]
        for above in order
    }
    kept = []
    for above in order:
        for below in edges[above]:
            others = (each for each in down[above] if each != below)
            if below not in down[above] or not any(below in _reached(down, o) for o in others):
                kept.append((above, below))
    return kept


def _reached(edges: Edges, start: str) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for name in edges[waiting.pop()]:
            if name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached


def summary(root: Path, *parts: str) -> str:
    """The first sentence of a part's docstring."""
    place = root.joinpath(*parts)
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.split("\n\n")[0].replace("\n", " ").replace("`", "").rstrip(".")


def draw(path: Path = DRAWING, root: Path = ROOT) -> None:
    """Write the drawing: neurograd with what stands around it, and the inside of device_models."""
    import matplotlib as mpl  # noqa: PLC0415  (the data needs no matplotlib)
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams.update({"svg.hashsalt": "architecture", "font.family": "DejaVu Sans"})
    data, order = collect(root), layers(root)
    whole = ["experiments", *order["neurograd"], "device_models"]
    plain = [each for each in whole if (root / "neurograd" / f"{each}.py").is_file()]
    folders = [each for each in whole if each in data["neurograd"] and each not in plain]
    inside = [each for each in order["device_models"] if each in data["device_models"]]
    figure = Figure(figsize=(9.5, 0.62 * (len(folders) + 1) + 0.55 * len(inside) + 1.6))
    share = (len(folders) + 2.2) / (len(folders) + 2.2 + len(inside) + 1.2)
    top = figure.add_axes((0.01, 1 - share, 0.98, share))
    bottom = figure.add_axes((0.01, 0.0, 0.98, 1 - share))
    texts = {
        each: summary(root, *(() if each in PACKAGES else ("neurograd",)), each) for each in folders
    }
    edges = {each: [to for to in data["neurograd"][each] if to in folders] for each in folders}
    _column(top, "From the command line down to the physics of a chip", folders, texts, edges)
    used = ", ".join(sorted(set(plain) - {"__main__"}))
    top.text(0.2, -len(folders) + 0.15, f"Used by all: {used}", fontsize=9, color="#555555")
    texts = {each: summary(root, "device_models", each) for each in inside}
    edges = {each: data["device_models"][each] for each in inside}
    _column(bottom, "Inside device_models", inside, texts, edges)
    figure.savefig(path, metadata={"Date": None, "Creator": None} if path.suffix == ".svg" else {})


def _column(axes: Any, title: str, names: list[str], texts: dict[str, str], edges: Edges) -> None:
    """Boxes from top to bottom, and arrows beside them, which all point down."""
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch  # noqa: PLC0415

    width, height, left = 7.0, 0.7, 0.2
    axes.set(xlim=(0, 10.2), ylim=(-len(names) - 0.25, 1.1))
    axes.axis("off")
    axes.text(left, 0.62, title, fontsize=12, weight="bold")
    at = {name: -place for place, name in enumerate(names)}
    for name, y in at.items():
        box = FancyBboxPatch(
            (left, y - height / 2), width, height, boxstyle="round,pad=0,rounding_size=0.12",
            facecolor="#eef3f9", edgecolor="#4a6a8a", linewidth=1,
        )  # fmt: skip
        axes.add_patch(box)
        axes.text(left + 0.15, y + 0.12, name, weight="bold", fontsize=11, va="center")
        axes.text(left + 0.15, y - 0.16, texts[name], fontsize=8.5, va="center", color="#333333")
    for above, below in shortened(edges, names):
        near = abs(at[above] - at[below]) == 1
        start, end = (left + width, at[above] - 0.1), (left + width, at[below] + 0.1)
        if near:
            x = left + width - 0.5
            start, end = (x, at[above] - height / 2), (x, at[below] + height / 2)
        bend = 0.0 if near else -min(0.75, 0.28 + 0.05 * abs(at[above] - at[below]))
        down = at[above] > at[below]
        arrow = FancyArrowPatch(
            start, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>", mutation_scale=10,
            color="#4a6a8a" if down else "#c0392b", linewidth=1, shrinkA=0, shrinkB=1,
        )  # fmt: skip
        axes.add_patch(arrow)


def main() -> None:
    """Write the data and the drawing."""
    DATA.write_text(json.dumps(collect(), indent=2) + "\n", encoding="utf-8")
    draw()


if __name__ == "__main__":
    main()
