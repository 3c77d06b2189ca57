"""Drawings: what is drawn is the trace, nothing lies on anything else, and what cannot be drawn is said."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations, pairwise
from pathlib import Path

import matplotlib
import pytest
from genotype_strategies import networks
from hypothesis import given, settings
from PIL import ImageFont

import nasbench as nb
from nasbench.drawing.graph import Box, block_graph
from nasbench.drawing.picture import Card, Picture, Rect, Text, Wire
from nasbench.drawing.text import cut, width_of, wrap
from nasbench.errors import GenotypeError, NasbenchError
from nasbench.genotype import Block, Genotype, Style, Trace

SVG = "{http://www.w3.org/2000/svg}"
# One of each family of blocks; NASNet's first cell is so high that a line passes over its column.
EXPANDED = [
    ("alexnet", ("stem", "head")),
    ("densenet121", ("stages.1.3", "stages.1")),
    ("efficientnet_b0", ("stages.4.1",)),
    ("googlenet", ("stages",)),
    ("inception_v4", ("stem", "stages.2.0")),
    ("mobilenet_v1", ("stages.0",)),
    ("nasnet_a_large", ("stages.0.0", "stages.1.1")),
    ("resnet1202_cifar10", ("stages.1.100",)),
    ("shufflenet_v2_x1_0", ("stages.1",)),
    ("squeezenet1_0", ("stages.1.1",)),
    ("vgg16", ("head",)),
]


def conv(width: int, repeat: int = 1) -> Block:
    return Block("conv", {"width": width}, repeat)


def cards_of(picture: Picture) -> Iterator[Card]:
    for card in picture.cards:
        yield card
        yield from card.cards


def overlaps(rects: Sequence[Rect]) -> list[tuple[Rect, Rect]]:
    return [
        (a, b) for a, b in combinations(sorted(rects), 2) if a.x < b.right and b.x < a.right and a.y < b.bottom and b.y < a.bottom
    ]  # fmt: skip


def within(inner: Rect, outer: Rect) -> bool:
    return outer.x <= inner.x and outer.y <= inner.y and inner.right <= outer.right and inner.bottom <= outer.bottom


def hit(wires: Sequence[Wire], cards: Sequence[Card]) -> list[tuple[str, str, str]]:
    """Lines that pass over a card: (from, to, over); a bend stays between the heights and sides of its ends.

    Cards count as half a pixel smaller, since a line touches the two that it joins.
    """
    found = []
    for w in wires:
        for (x0, y0), (x1, y1) in pairwise(w.points):
            box = Rect(min(x0, x1) - 0.1, min(y0, y1) - 0.1, abs(x1 - x0) + 0.2, abs(y1 - y0) + 0.2)
            smaller = ((c.name, Rect(c.rect.x + 0.5, c.rect.y + 0.5, c.rect.w - 1, c.rect.h - 1)) for c in cards)
            found += [(w.source, w.target, name) for name, rect in smaller if overlaps([box, rect])]
    return found


@lru_cache(maxsize=100_000)
def measured(text: str, bold: bool) -> float:
    """Width in em of DejaVu Sans, the widest font that a drawing names."""
    return _font(bold).getlength(text) / 1000


@lru_cache
def _font(bold: bool) -> ImageFont.FreeTypeFont:
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"), 1000)


def area(t: Text) -> Rect:
    w = measured(t.text, t.bold) * t.size
    return Rect(t.x - w if t.right else t.x, t.y - 0.75 * t.size, w, t.size)


def check(picture: Picture) -> None:
    """Nothing clipped, nothing on anything else."""
    whole = Rect(0, 0, picture.width, picture.height)
    blocks = [c.rect for c in picture.cards]
    assert overlaps(blocks) == []
    assert overlaps([b.rect for b in picture.bands]) == []
    assert all(within(b.rect, whole) for b in picture.bands)
    assert all(within(area(t), whole) for t in picture.texts)
    for band in picture.bands:
        assert all(within(area(t), band.rect) for t in band.texts)
        assert overlaps([*(area(t) for t in band.texts), *(r for r in blocks if within(r, band.rect))]) == []
    assert all(c.name == "input" or any(within(c.rect, b.rect) for b in picture.bands) for c in picture.cards)
    assert hit(picture.wires, picture.cards) == []
    assert all(within(Rect(x, y, 0, 0), whole) for w in picture.wires for x, y in w.points)
    for card in picture.cards:
        assert within(card.rect, whole)
        inner = [c.rect for c in card.cards]
        assert overlaps([*inner, *(area(t) for t in card.texts)]) == []
        assert all(within(r, card.rect) for r in inner)
        assert hit(card.wires, card.cards) == []
        assert all(within(Rect(x, y, 0, 0), card.rect) for w in card.wires for x, y in w.points)
    for card in cards_of(picture):
        assert overlaps([area(t) for t in card.texts]) == []
        assert all(within(area(t), card.rect) for t in card.texts), card.name


def places_of(g: Genotype) -> list[str]:
    """Every block, counted from the rows."""
    groups = [("stem", g.stem), *((f"stages.{i}", rows) for i, rows in enumerate(g.stages)), ("head", g.head)]
    return [f"{scope}.{i}" for scope, rows in groups for i in range(sum(row.repeat for row in rows))]


def block_of(where: str) -> str:
    return ".".join(where.split(".")[: 3 if where.startswith("stages") else 2]) or "input"


def drawn_layers(card: Card) -> list[str]:
    return [c.name for c in card.cards if " < " not in c.name]


@pytest.mark.parametrize("name", nb.known())
def test_every_known_network_draws_by_blocks(name: str) -> None:
    g = nb.known(name)
    layers = nb.trace(g)
    graph = block_graph(g, layers)
    assert [p for box in graph.boxes for p in box.places] == ["input", *places_of(g)]
    assert sum(len(b.places) * b.params for b in graph.boxes) == nb.cost(g).params
    assert sum(len(b.places) * b.macs for b in graph.boxes) == nb.cost(g).macs
    box = {p: b.place for b in graph.boxes for p in b.places}
    read = {(box[block_of(layers[i].where)], box[block_of(x.where)]) for x in layers for i in x.inputs}
    assert {(graph.boxes[i].place, graph.boxes[j].place) for i, j in graph.edges} == {(a, b) for a, b in read if a != b}

    drawing = nb.draw(g)
    check(drawing.picture)
    root = ET.fromstring(drawing.svg)
    shown = [made.get("data-place") for made in root.iter(f"{SVG}g") if made.get("data-place")]
    assert shown == [b.place for b in graph.boxes]
    wires = [(made.get("data-from"), made.get("data-to")) for made in root.iter(f"{SVG}path") if made.get("data-from")]
    assert wires == [(graph.boxes[i].place, graph.boxes[j].place) for i, j in graph.edges]


@pytest.mark.parametrize(("name", "expand"), EXPANDED)
def test_expanded_blocks_show_their_layers_and_no_others(name: str, expand: tuple[str, ...]) -> None:
    g = nb.known(name)
    layers = nb.trace(g)
    picture = nb.draw(g, expand=expand).picture
    check(picture)
    wanted = {p for p in places_of(g) if any(p == e or p.startswith(f"{e}.") for e in expand)}
    for card in picture.cards:
        mine = [x for x in layers if block_of(x.where) == card.name != "input"]
        assert drawn_layers(card) == ([x.where for x in mine] if card.name in wanted else [])
        if card.name in wanted:
            assert {(w.source, w.target) for w in card.wires} == {(_seen(layers, i, card.name), x.where) for x in mine for i in x.inputs}
    shown = {c.name for c in picture.cards}
    assert {e for e in expand if e in places_of(g)} <= shown  # a block named by itself is no part of a run


def _seen(layers: Trace, i: int, place: str) -> str:
    """The card that stands for layer i inside the block at `place`."""
    source = block_of(layers[i].where)
    return layers[i].where if source == place else f"{place} < {source}"


@pytest.mark.parametrize("name", ["nasnet_a_mobile", "inception_v3", "mobilenet_v3_small", "preresnet1001_cifar10", "resnext50_32x4d"])
def test_all_layers(name: str) -> None:
    """Of equal blocks in a row, the first stands for the others."""
    g = nb.known(name)
    layers = nb.trace(g)
    graph = block_graph(g, layers, every=True)
    picture = nb.draw(g, layers=True).picture
    check(picture)
    first = {b.place for b in graph.boxes}
    assert [n for c in picture.cards for n in drawn_layers(c)] == [x.where for x in layers[1:] if block_of(x.where) in first]
    for box in graph.boxes[1:]:
        each = [[(x.kind, x.shape, x.attrs) for x in layers if block_of(x.where) == p] for p in box.places]
        assert all(one == each[0] for one in each)


@settings(max_examples=60, deadline=None)
@given(networks())
def test_any_network_draws(g: Genotype) -> None:
    layers = nb.trace(g)
    picture = nb.draw(g, layers=True).picture
    check(picture)
    first = {b.place for b in block_graph(g, layers, every=True).boxes}
    assert [n for c in picture.cards for n in drawn_layers(c)] == [x.where for x in layers[1:] if block_of(x.where) in first]
    graph = block_graph(g, layers, expand=places_of(g))
    assert [b.places for b in graph.boxes] == [("input",), *((p,) for p in places_of(g))]
    reached = {0}
    for i, j in graph.edges:
        assert i in reached
        reached.add(j)


def test_the_check_can_fail() -> None:
    picture = nb.draw(nb.known("resnet18")).picture
    a, b, *rest = picture.cards
    wide = Text(a.rect.x, a.rect.y + 20, "W" * 40, 12)
    through = Wire("input", rest[-1].name, ((a.rect.middle, a.rect.y), (a.rect.middle, picture.height - 30)))
    for wrong in (
        picture._replace(cards=(a, b.moved(0, a.rect.y - b.rect.y + 5), *rest)),
        picture._replace(cards=(a.moved(-100, 0), b, *rest)),
        picture._replace(cards=(a._replace(texts=(wide,)), b, *rest)),
        picture._replace(wires=(*picture.wires, through)),
        picture._replace(height=picture.height - 60),
    ):
        with pytest.raises(AssertionError):
            check(wrong)


def test_equal_blocks_are_one_box() -> None:
    g = Genotype("tiny", (3, 8, 8), stem=(conv(4),), stages=((conv(4, 3),), (conv(4), conv(8))))
    layers = nb.trace(g)

    def box(group: str, places: tuple[str, ...], width: int, params: int, macs: int, expanded: bool = False) -> Box:
        own = tuple(x for x in layers if block_of(x.where) == places[0])
        return Box(group, places, conv(width), (width, 8, 8), params, macs, own, expanded)

    source = Box("input", ("input",), None, (3, 8, 8))
    graph = block_graph(g, layers)
    assert graph.boxes == (
        source,
        box("stem", ("stem.0",), 4, 3 * 4 + 8, 3 * 4 * 64),
        box("stage 1", ("stages.0.0", "stages.0.1", "stages.0.2"), 4, 4 * 4 + 8, 4 * 4 * 64),
        box("stage 2", ("stages.1.0",), 4, 4 * 4 + 8, 4 * 4 * 64),
        box("stage 2", ("stages.1.1",), 8, 4 * 8 + 16, 4 * 8 * 64),
    )
    assert graph.edges == ((0, 1), (1, 2), (2, 3), (3, 4))
    apart = block_graph(g, layers, ["stages.0.1"])
    assert [b.places for b in apart.boxes[2:5]] == [("stages.0.0",), ("stages.0.1",), ("stages.0.2",)]
    assert [b.expanded for b in apart.boxes] == [False, False, False, True, False, False, False]
    assert [b.expanded for b in block_graph(g, layers, ["stages.0"]).boxes] == [False, False, True, False, False]


def test_cells_stand_alone_and_show_what_they_read() -> None:
    cell = Block("cell", {"width": 8, "nodes": (("sep3", 0, "identity", 1),)}, 3)
    g = Genotype("cells", (3, 16, 16), stem=(conv(8),), stages=((cell,),))
    graph = block_graph(g, nb.trace(g))
    assert [b.place for b in graph.boxes] == ["input", "stem.0", "stages.0.0", "stages.0.1", "stages.0.2"]
    assert graph.edges == ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4))
    check(nb.draw(g, layers=True).picture)


def test_one_block_higher_than_a_column() -> None:
    """It stands beside the input, and the columns cannot be made lower."""
    g = Genotype("high", (3, 8, 8), stem=(Block("branches", {"paths": ((conv(4, 30),), ())}),))
    picture = nb.draw(g, layers=True).picture
    check(picture)
    assert picture.cards[1].rect.h > 2000
    assert picture.cards[1].rect.x > picture.cards[0].rect.right


def test_a_block_without_layers_stays_on_the_way() -> None:
    norm = Block("norm", {"act": "none"})
    g = Genotype("nothing", (3, 8, 8), stem=(norm, conv(4), norm, conv(4)), style=Style(norm="none"))
    graph = block_graph(g, nb.trace(g), every=True)
    assert [len(b.layers) for b in graph.boxes[1:]] == [0, 2, 0, 2]
    assert graph.edges == ((0, 1), (1, 2), (2, 3), (3, 4))
    check(nb.draw(g, layers=True).picture)
    check(nb.draw(Genotype("empty")).picture)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stages.2.1x", "did you mean stages.2.1"),
        ("stages.2.99", "did you mean stages.2"),
        ("stage.1", "did you mean stages.1"),
        ("stages.2.1.reduce.conv", "such as stages."),
        ("input", "such as stages."),
        ("", "resnet50 has no ''"),
    ],
)
def test_a_place_where_no_block_stands(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(GenotypeError) as error:
        nb.draw(nb.known("resnet50"), tmp_path / "net.svg", expand=[name])
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["net.doc", "net", "net.svg.zip", ".svg"])
def test_another_ending(name: str, tmp_path: Path) -> None:
    with pytest.raises(NasbenchError, match=r"ends in \.svg; got"):
        nb.draw(nb.known("alexnet"), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")  # the tests may run as root, who may write anywhere
    with pytest.raises(NasbenchError, match=r"cannot write .*net\.svg"):
        nb.draw(nb.known("alexnet"), tmp_path / "file" / "net.svg")


def test_the_file_is_what_a_notebook_shows(tmp_path: Path) -> None:
    drawing = nb.draw(nb.known("alexnet"), str(tmp_path / "NET.SVG"), expand="stem.0")  # one place needs no list
    assert (tmp_path / "NET.SVG").read_text(encoding="utf-8") == drawing.svg == drawing._repr_svg_()
    assert drawn_layers(next(c for c in drawing.picture.cards if c.name == "stem.0")) == ["stem.0.conv", "stem.0.act"]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><image href=x>&amp;', "]]>", "網路網路" * 20, "e\u0301" * 30])
def test_a_hostile_name_is_text(name: str) -> None:
    svg = nb.draw(Genotype(name, stem=(conv(8),))).svg
    root = ET.fromstring(svg)
    assert {made.tag.removeprefix(SVG) for made in root.iter()} == {"svg", "title", "defs", "marker", "path", "rect", "g", "text"}
    assert any(made.text == name for made in root.iter(f"{SVG}text"))
    assert "<script" not in svg


def test_the_same_network_gives_the_same_bytes() -> None:
    code = (
        "import nasbench as nb, hashlib; print(hashlib.sha256(nb.draw(nb.known('nasnet_a_mobile'), layers=True).svg.encode()).hexdigest())"
    )
    mine = hashlib.sha256(nb.draw(nb.known("nasnet_a_mobile"), layers=True).svg.encode()).hexdigest()
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "7"}
    )
    assert run.stdout.strip() == mine


def test_igraph_is_loaded_for_layers_only() -> None:
    """The last is the control, that the check sees it."""
    for statement, expected in (("import nasbench.cli.main", False), ("nb.draw(g)", False), ("nb.draw(g, layers=True)", True)):
        code = f"import sys, nasbench as nb; g = nb.known('lenet5_modern'); {statement}; print('igraph' in sys.modules)"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == str(expected)


def test_without_igraph_blocks_still_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "igraph", None)
    assert nb.draw(nb.known("resnet18")).svg
    with pytest.raises(NasbenchError, match=r"pip install 'nasbench\[draw\]'"):
        nb.draw(nb.known("resnet18"), layers=True)


@pytest.mark.parametrize(
    ("text", "room", "lines", "expected"),
    [
        ("width 64, kernel 3", 200, 3, ["width 64, kernel 3"]),
        ("width 64, kernel 3", 80, 3, ["width 64,", "kernel 3"]),  # after a comma, not inside a field
        ("one two three four", 60, 2, ["one two", "three f…"]),  # the last line is cut
        ("a" * 40, 60, 3, ["aaaaaa…"]),
        ("", 60, 3, []),
    ],
)
def test_wrapped_text_keeps_to_its_room(text: str, room: float, lines: int, expected: list[str]) -> None:
    assert wrap(text, room, 12, lines) == expected
    assert all(width_of(line, 12) <= room for line in expected)


def test_widths_are_an_upper_bound() -> None:
    for c in map(chr, [*range(32, 127), *range(0xA1, 0x180), ord("…"), ord("×")]):
        assert width_of(c, 1) >= measured(c, False), c
    assert width_of("fused_mbconv × 4", 10, True) >= measured("fused_mbconv × 4", True) * 10
    assert cut("Illinois", 30, 12) == "Illi…"


def test_a_head_on_the_side_is_read_by_nobody_and_says_what_training_has_more() -> None:
    g = nb.known("inception_v3")
    found = block_graph(g, nb.trace(g))
    (side,) = [i for i, box in enumerate(found.boxes) if box.block and box.block.op == "auxiliary"]
    assert [edge for edge in found.edges if side in edge] == [(side - 1, side)]
    assert (side - 1, side + 1) in found.edges
    assert found.boxes[side].shape == (1000, 1, 1)
    assert "3.327M params, in training only" in nb.draw(g).svg  # 27,161,264 with it, 23,834,568 without
