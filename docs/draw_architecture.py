"""Draws docs/architecture.svg from the imports of today's code: python docs/draw_architecture.py

A box is a package, in the order of tests/test_layering.py; an arrow leads from a package to one that it imports. An arrow
is left out where a chain of other arrows leads to the same package. `draw()` returns the text of the picture, and a test
compares it with the file.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from test_layering import ORDER, folder_of, imported, modules  # noqa: E402 - found by the path above

PICTURE = ROOT / "docs" / "architecture.svg"

TOOLS = "small tools"  # one box for the modules before `genotype`, which every package may import
MODULES = ORDER[: ORDER.index("genotype")]
CAPTIONS = {
    TOOLS: ", ".join(name for name in MODULES if not name.startswith("_")),
    "genotype": "what a network is",
    "drawing": "a genotype as SVG",
    "scaling": "bigger and smaller",
    "zoo": "the known networks",
    "spaces": "where to look",
    "network": "trace to torch and ONNX",
    "latency": "how fast, on which device",
    "training": "images and training",
    "supernet": "shared weights",
    "export": "a folder to deploy",
    "evaluate": "how good a network is",
    "strategies": "what to try next",
    "study": "what lies on disk",
    "engines": "where trials run",
    "search": "the loop",
    "bench": "strategies on tables",
    "scaling_fit": "the scaling law from trials",
    "analysis": "tables, plots, status",
    "progress": "progress bars",
    "api": "commands as functions",
    "cli": "the command line",
}
GROUNDS = (
    ("#e5f3e8", "#4c9160", (TOOLS, "genotype", "drawing", "scaling", "zoo", "spaces")),
    ("#e6effa", "#4a7ab5", ("network", "latency", "training", "supernet", "export", "evaluate")),
    ("#fcecdc", "#c27a33", ("strategies", "study", "engines", "search", "bench", "scaling_fit")),
    ("#f0f1f3", "#8a909c", ("analysis", "progress", "api", "cli")),
)
LEGEND = ("networks, without torch", "torch, latency, accuracy", "the search", "what users see")

WIDTH, WIDE, HEIGHT = 190, 390, 46  # of a box; the small tools have a wide one
ROW, GAP, LANE = 82, 34, 22  # distance of rows; space between boxes; space around an arrow that passes a row
MARGIN, TOP = 24, 66
INK, FAINT, WIRE = "#1f2430", "#5b6270", "#8a909c"

Imports = dict[str, set[str]]
Node = str | tuple[str, str, int]  # a package, or the place where an arrow (from, to) passes a row


def package_imports() -> Imports:
    """The packages that each package imports, anywhere in its files."""
    imports: Imports = {box(name): set() for name in ORDER}
    for path, name, is_package in modules():
        for target in imported(path.read_text(), name, is_package):
            if target.split(".")[0] == "nasbench" and folder_of(target) in ORDER:
                imports[box(folder_of(name))].add(box(folder_of(target)))
    return {name: targets - {name} for name, targets in imports.items()}


def box(name: str) -> str:
    """The box that a package or a module at the top lies in."""
    return TOOLS if name in MODULES else name


def reachable(imports: Imports, name: str) -> set[str]:
    """Everything that a package imports, directly or through others."""
    return set().union(*({target} | reachable(imports, target) for target in imports[name]))


def shortened(imports: Imports) -> Imports:
    """The imports without those that a chain of others implies (the transitive reduction)."""
    return {name: targets - set().union(*(reachable(imports, target) for target in targets)) for name, targets in imports.items()}


def rows_of(imports: Imports) -> dict[str, int]:
    """The row of each box: below everything that it imports, and not above the package before it in the order."""
    rows: dict[str, int] = {}
    for name, targets in imports.items():
        rows[name] = max([0, *rows.values(), *(rows[target] + 1 for target in targets)])
    return rows


def grid(imports: Imports, rows: dict[str, int]) -> tuple[list[list[Node]], dict[tuple[str, str], list[Node]]]:
    """The nodes of each row, and the nodes that each arrow passes, from below to above."""
    cells: list[list[Node]] = [[] for _ in range(max(rows.values()) + 1)]
    for name, row in rows.items():
        cells[row].append(name)
    arrows: dict[tuple[str, str], list[Node]] = {}
    for name, targets in imports.items():
        for target in sorted(targets):
            between: list[Node] = [(name, target, row) for row in range(rows[name] - 1, rows[target], -1)]
            for node in between:
                cells[node[2]].append(node)
            arrows[name, target] = [name, *between, target]
    return cells, arrows


def neighbours(arrows: dict[tuple[str, str], list[Node]]) -> dict[Node, tuple[list[Node], list[Node]]]:
    """For each node those that it is joined to in the row above, and in the row below."""
    joined: dict[Node, tuple[list[Node], list[Node]]] = {}
    for path in arrows.values():
        for low, high in pairwise(path):
            joined.setdefault(low, ([], []))[0].append(high)
            joined.setdefault(high, ([], []))[1].append(low)
    return joined


def crossings(cells: list[list[Node]], joined: dict[Node, tuple[list[Node], list[Node]]]) -> int:
    """How often arrows cross between neighbouring rows."""
    count = 0
    for above, below in pairwise(cells):
        ends = [above.index(high) for low in below for high in sorted(joined[low][0], key=above.index)]
        count += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return count


def untangled(cells: list[list[Node]], joined: dict[Node, tuple[list[Node], list[Node]]], sweeps: int = 24) -> list[list[Node]]:
    """The rows with their nodes ordered by the mean place of their neighbours (Sugiyama et al. 1981); the best of all sweeps."""
    best = cells
    for sweep in range(sweeps):
        side = sweep % 2
        cells = [list(row) for row in cells]
        order = range(1, len(cells)) if side == 0 else range(len(cells) - 2, -1, -1)
        for i in order:
            near = cells[i - 1] if side == 0 else cells[i + 1]
            place = {node: n for n, node in enumerate(cells[i])}
            mean = {n: _mean([near.index(m) for m in joined[n][side]], place[n]) for n in cells[i]}
            cells[i].sort(key=lambda node: mean[node])
        if crossings(cells, joined) < crossings(best, joined):
            best = cells
    return best


def _mean(values: list[int] | list[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def centres(cells: list[list[Node]], arrows: dict[tuple[str, str], list[Node]], sweeps: int = 200) -> dict[Node, float]:
    """The middle of each node, without overlaps: a box is near its neighbours, the places of one arrow are above each other."""
    joined = neighbours(arrows)
    lanes = {node: path[1:-1] for path in arrows.values() for node in path[1:-1]}
    x: dict[Node, float] = {}
    for row in cells:
        for i, node in enumerate(row):
            x[node] = x[row[i - 1]] + _distance(row[i - 1], node) if i else 0.0
    for _ in range(sweeps):
        for row in cells:
            wish = [_mean([x[n] for n in lanes.get(node, [*joined[node][0], *joined[node][1]])], x[node]) for node in row]
            left, right = list(wish), list(wish)
            for i in range(1, len(row)):
                left[i] = max(left[i], left[i - 1] + _distance(row[i - 1], row[i]))
            for i in range(len(row) - 2, -1, -1):
                right[i] = min(right[i], right[i + 1] - _distance(row[i], row[i + 1]))
            for node, a, b in zip(row, left, right, strict=True):
                x[node] = (a + b) / 2
    least = min(x[node] - _half(node) for node in x)
    return {node: round(value - least + MARGIN) for node, value in x.items()}


def _half(node: Node) -> float:
    """Half of a node's width."""
    return (WIDE if node == TOOLS else WIDTH) / 2 if isinstance(node, str) else 0.0


def _distance(left: Node, right: Node) -> float:
    return _half(left) + _half(right) + (GAP if isinstance(left, str) and isinstance(right, str) else LANE)


def draw() -> str:
    """The picture as SVG.

    Raises:
        SystemExit: a new package has no caption or colour here.
    """
    imports = package_imports()
    coloured = {name for _, _, names in GROUNDS for name in names}
    if missing := [name for name in imports if name not in CAPTIONS or name not in coloured]:
        raise SystemExit(f"each package has a line in CAPTIONS and GROUNDS of docs/draw_architecture.py; {', '.join(missing)} has none")
    shown = shortened(imports)
    rows = rows_of(shown)
    cells, arrows = grid(shown, rows)
    x = centres(untangled(cells, neighbours(arrows)), arrows)
    width, height = max(x[n] + _half(n) for n in x) + MARGIN, TOP + ROW * len(cells) - (ROW - HEIGHT) + MARGIN
    root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width:g} {height:g}", role="img")
    root.set("width", f"{width:g}")
    root.set("height", f"{height:g}")
    root.set("font-family", "Helvetica, Arial, DejaVu Sans, sans-serif")
    ET.SubElement(root, "title").text = "The packages of nasbench, and what each imports"
    marker = ET.SubElement(ET.SubElement(root, "defs"), "marker", id="arrow", orient="auto", viewBox="0 0 8 8")
    for key, value in (("refX", "7.5"), ("refY", "4"), ("markerWidth", "8"), ("markerHeight", "8")):
        marker.set(key, value)
    ET.SubElement(marker, "path", d="M0 0.8 L8 4 L0 7.2 Z", fill=WIRE)
    ET.SubElement(root, "rect", width=f"{width:g}", height=f"{height:g}", fill="#ffffff")
    _legend(root)
    for path in arrows.values():
        ET.SubElement(root, "path", {"d": _wire(path, x, rows), "fill": "none", "stroke": WIRE, "marker-end": "url(#arrow)"})
    for name, row in rows.items():
        _box(root, name, x[name], TOP + row * ROW, imports[name])
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode") + "\n"


def _legend(root: ET.Element) -> None:
    _text(root, MARGIN, 22, "An arrow leads to what a package imports; what a chain of arrows implies has none of its own.", FAINT, 12)
    for i, ((ground, edge, _), words) in enumerate(zip(GROUNDS, LEGEND, strict=True)):
        left = MARGIN + 178 * i
        ET.SubElement(root, "rect", x=f"{left}", y="33", width="14", height="14", rx="3", fill=ground, stroke=edge)
        _text(root, left + 20, 44, words, FAINT, 12)


def _wire(path: list[Node], x: dict[Node, float], rows: dict[str, int]) -> str:
    """A curve from the top of the first box to the bottom of the last."""
    points = []
    for node in path:
        y = TOP + ROW * (rows[node] if isinstance(node, str) else node[2])
        points += [(x[node], y + HEIGHT), (x[node], y)]
    points = points[1:-1]
    text = f"M{points[0][0]:g} {points[0][1]:g}"
    for (_, (x1, y1)), (x2, y2) in zip(pairwise([points[0], *points]), points[1:], strict=False):
        middle = (y1 + y2) / 2
        text += f" L{x2:g} {y2:g}" if x1 == x2 else f" C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}"
    return text


def _box(root: ET.Element, name: str, middle: float, top: float, targets: set[str]) -> None:
    ground, edge, _ = next(entry for entry in GROUNDS if name in entry[2])
    half = _half(name)
    group = ET.SubElement(root, "g")
    ET.SubElement(group, "title").text = f"{name} imports {', '.join(n for n in CAPTIONS if n in targets) or 'no other package'}"
    size = {"x": f"{middle - half:g}", "y": f"{top:g}", "width": f"{2 * half:g}", "height": f"{HEIGHT}", "rx": "6"}
    ET.SubElement(group, "rect", size, fill=ground, stroke=edge)
    _text(group, middle, top + 20, name, INK, 14, "bold")
    _text(group, middle, top + 37, CAPTIONS[name], FAINT, 11)


def _text(parent: ET.Element, x: float, y: float, words: str, colour: str, size: int, weight: str = "normal") -> None:
    made = ET.SubElement(parent, "text", {"x": f"{x:g}", "y": f"{y:g}", "fill": colour, "font-size": f"{size}"})
    if parent.tag == "g":
        made.set("text-anchor", "middle")
        made.set("font-weight", weight)
    made.text = words


if __name__ == "__main__":
    PICTURE.write_text(draw())
