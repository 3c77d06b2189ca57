"""A picture as SVG text. The XML library escapes; the same picture gives the same bytes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from itertools import pairwise

from nasbench.drawing.picture import Card, Picture, Rect, Text, Wire
from nasbench.drawing.text import FONT
from nasbench.genotype.kind import KINDS, Colour

INK, FAINT, LINE = "#1f2430", "#5b6270", "#7a8190"
BAND, BAND_EDGE = "#f4f5f7", "#e1e4e9"

# Ground and edge of a card.
_COLOURS: Mapping[Colour, tuple[str, str]] = {
    "blue": ("#e6effa", "#4a7ab5"),
    "indigo": ("#e9e8f8", "#6a63b8"),
    "green": ("#e5f3e8", "#4c9160"),
    "teal": ("#dff2f1", "#3b8f8c"),
    "orange": ("#fcecdc", "#c27a33"),
    "rose": ("#fae6ea", "#b85a70"),
    "yellow": ("#fbf4d5", "#b3932f"),
    "sand": ("#f1ebe3", "#93806a"),
    "grey": ("#f0f1f3", "#8a909c"),
    "white": ("#ffffff", "#8a909c"),
}

# Block types by family. Those that are missing have the colour of the layer kind of that name, or are grey.
_BLOCKS: Mapping[str, Colour] = {
    **dict.fromkeys(("residual", "dense", "identity"), "indigo"),
    **dict.fromkeys(("mbconv", "fused_mbconv", "separable"), "green"),
    **dict.fromkeys(("fire", "shuffle"), "teal"),
    **dict.fromkeys(("inception", "branches"), "orange"),
    "cell": "rose",
    "se": "yellow",
    "spp": "sand",
    "port": "white",
}


def _colours(paint: str) -> tuple[str, str]:
    """Ground and edge for the name of a block type or layer kind."""
    return _COLOURS[_BLOCKS.get(paint) or (KINDS[paint].colour if paint in KINDS else "grey")]


def write_svg(picture: Picture) -> str:
    """The drawing as a document of its own, which may also stand inside a page."""
    w, h = _number(picture.width), _number(picture.height)
    root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", width=w, height=h, viewBox=f"0 0 {w} {h}", role="img")
    root.set("font-family", FONT)
    ET.SubElement(root, "title").text = _clean(picture.name)
    marker = ET.SubElement(ET.SubElement(root, "defs"), "marker", id="nasbench-arrow", orient="auto")
    for name, value in (("viewBox", "0 0 8 8"), ("refX", "7.5"), ("refY", "4"), ("markerWidth", "7"), ("markerHeight", "7")):
        marker.set(name, value)
    ET.SubElement(marker, "path", d="M0 0.8 L8 4 L0 7.2 Z", fill=LINE)
    ET.SubElement(root, "rect", width=w, height=h, fill="#ffffff")
    _texts(root, picture.texts)
    for band in picture.bands:
        element = ET.SubElement(root, "g")
        _rect(element, band.rect, BAND, BAND_EDGE, 8)
        _texts(element, band.texts)
    _wires(root, picture.wires)
    for card in picture.cards:
        _card(root, card)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _card(parent: ET.Element, card: Card) -> None:
    """A box with its texts; around layers it stays white, so that their colours show."""
    ground, edge = _colours(card.paint)
    element = ET.SubElement(parent, "g")
    element.set("data-place", _clean(card.name))
    if card.tip:
        ET.SubElement(element, "title").text = _clean(card.tip)
    _rect(element, card.rect, _COLOURS["white"][0] if card.cards else ground, edge, 5)
    _texts(element, card.texts)
    if card.share is not None:
        under = max(t.y for t in card.texts) + 6
        x, room = min(t.x for t in card.texts), max(t.x for t in card.texts) - min(t.x for t in card.texts)
        _rect(element, Rect(x, under, max(room * card.share, 1), 3), edge, "none", 1.5)
    _wires(element, card.wires)
    for inner in card.cards:
        _card(element, inner)


def _rect(parent: ET.Element, r: Rect, fill: str, stroke: str, radius: float) -> None:
    element = ET.SubElement(parent, "rect", x=_number(r.x), y=_number(r.y), width=_number(r.w), height=_number(r.h), rx=_number(radius))
    element.set("fill", fill)
    element.set("stroke", stroke)


def _texts(parent: ET.Element, texts: Sequence[Text]) -> None:
    for t in texts:
        element = ET.SubElement(parent, "text", x=_number(t.x), y=_number(t.y), fill=FAINT if t.faint else INK)
        element.set("font-size", _number(t.size))
        if t.bold:
            element.set("font-weight", "bold")
        if t.right:
            element.set("text-anchor", "end")
        element.text = _clean(t.text)


def _wires(parent: ET.Element, wires: Sequence[Wire]) -> None:
    if not wires:
        return
    group = ET.SubElement(parent, "g", fill="none", stroke=LINE)
    group.set("stroke-width", "1.3")
    group.set("stroke-linejoin", "round")
    for wire in wires:
        element = ET.SubElement(group, "path", d=_path(wire.points))
        element.set("marker-end", "url(#nasbench-arrow)")
        element.set("data-from", _clean(wire.source))
        element.set("data-to", _clean(wire.target))


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Straight along the axes, and in between a curve that leaves and arrives upright."""
    steps = [f"M{_number(points[0][0])} {_number(points[0][1])}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        if abs(x1 - x0) < 0.5 or abs(y1 - y0) < 0.5:
            steps.append(f"L{_number(x1)} {_number(y1)}")
        else:
            half = _number((y0 + y1) / 2)
            steps.append(f"C{_number(x0)} {half} {_number(x1)} {half} {_number(x1)} {_number(y1)}")
    return " ".join(steps)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _clean(text: str) -> str:
    """Without characters that XML cannot hold."""
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
