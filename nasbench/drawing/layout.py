"""Positions of everything: blocks one below the other, in as many columns as make the picture about as high as wide."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from nasbench.drawing.cards import RIM, block_card
from nasbench.drawing.graph import INPUT, BlockGraph
from nasbench.drawing.layers import PAD, SIZE, SMALL
from nasbench.drawing.picture import Band, Card, Picture, Rect, Text, Wire
from nasbench.drawing.routes import LANE, find_routes, plan_routes
from nasbench.drawing.text import cut, width_of
from nasbench.genotype.cost import cost_of
from nasbench.genotype.genotype import Genotype
from nasbench.genotype.text import show_shape
from nasbench.genotype.trace import Trace
from nasbench.genotype.units import show_count

GAP = 22.0  # between blocks
HEAD = 30.0  # of a band, above its blocks
MARGIN = 20.0
TOP = 76.0  # below the title
LOW = 1100.0  # a picture up to this height has one column
RATIO = 1.5  # width to height, of one with more


def place(g: Genotype, layers: Trace, graph: BlockGraph) -> Picture:
    """The picture of `g`, whose trace is `layers` and whose blocks are `graph`.

    Raises:
        NasbenchError: layers are wanted, and igraph is not installed.
    """
    total = cost_of(layers)
    cards = [block_card(box, graph, total.macs) for box in graph.boxes]
    about = f"input {show_shape(g.input, '×')}, {total.params:,} parameters, {total.macs:,} MACs, depth {total.depth}"
    title = (Text(MARGIN, 34, g.name, 20, bold=True), Text(MARGIN, 56, about, SIZE, faint=True))
    return _picture(g.name, graph, cards, title, total.macs)


def _columns(graph: BlockGraph, cards: Sequence[Card]) -> list[list[int]]:
    """The cards in columns of about one height."""
    area = sum((c.rect.h + GAP + RIM) * (c.rect.w + 6 * RIM) for c in cards)
    limit = max(LOW, (area / RATIO) ** 0.5)
    columns = _filled(graph, cards, limit)
    while 1 < len(columns) < len(cards):  # as low as so many columns allow, so that the last is not much shorter
        limit -= GAP
        lower = _filled(graph, cards, limit)
        if len(lower) > len(columns):
            break
        columns = lower
    return columns


def _filled(graph: BlockGraph, cards: Sequence[Card], limit: float) -> list[list[int]]:
    columns: list[list[int]] = [[]]
    y = 0.0
    for i, c in enumerate(cards):
        new = not columns[-1] or graph.boxes[i].group != graph.boxes[i - 1].group
        height = c.rect.h + GAP + (HEAD + RIM if new else 0)
        if columns[-1] and y + height > limit:
            columns.append([])
            y = 0.0
        columns[-1].append(i)
        y += height
    return columns


def _picture(name: str, graph: BlockGraph, cards: Sequence[Card], title: tuple[Text, ...], macs: int) -> Picture:
    columns = _columns(graph, cards)
    column = [c for c, members in enumerate(columns) for _ in members]
    routes = find_routes(graph.edges, column)
    top = TOP + LANE * sum(r.far for r in routes)
    tops: list[float] = []
    for members in columns:
        y = top
        for group, run in groupby(members, key=lambda i: graph.boxes[i].group):
            y += HEAD if group != INPUT else 0
            for i in run:
                tops.append(y)
                y += cards[i].rect.h + GAP
            y += RIM
    plan = plan_routes(routes, tops, [c.rect.h for c in cards], top)
    left, middles, gutters = MARGIN, [], []
    for c, members in enumerate(columns):
        gutters.append(left + RIM)
        left += plan.width(c) + (2 * RIM if c or plan.width(c) else 0)
        width = max(cards[i].rect.w for i in members) + 2 * RIM
        middles.append(left + width / 2)
        left += width
    placed = [c.moved(middles[column[i]] - c.rect.w / 2, tops[i]) for i, c in enumerate(cards)]
    by_route = {(r.source, r.target): plan.points(r, placed[r.source].rect, placed[r.target].rect, gutters) for r in routes}
    wires = []
    for i, j in graph.edges:
        a, b = placed[i], placed[j]
        straight = ((a.rect.middle, a.rect.bottom), (b.rect.middle, b.rect.y))
        wires.append(Wire(a.name, b.name, by_route.get((i, j), straight)))
    bands = _bands(graph, columns, placed, macs)
    ends = [c.rect.right for c in placed] + [b.rect.right for b in bands] + [t.x + width_of(t.text, t.size, t.bold) for t in title]
    high = max([c.rect.bottom for c in placed] + [b.rect.bottom for b in bands])
    return Picture(name, max(ends) + MARGIN, high + MARGIN, title, tuple(bands), tuple(placed), tuple(wires))


def _bands(graph: BlockGraph, columns: Sequence[Sequence[int]], placed: Sequence[Card], macs: int) -> list[Band]:
    """A ground below the blocks of each stage, with their total cost; again in each column that they reach."""
    bands, seen = [], set()
    for members in columns:
        for group, run in groupby(members, key=lambda i: graph.boxes[i].group):
            if group == INPUT:
                continue
            mine = list(run)
            x = min(placed[i].rect.x for i in mine) - RIM
            w = max(placed[i].rect.w for i in mine) + 2 * RIM
            y = placed[mine[0]].rect.y - HEAD + 4
            rect = Rect(x, y, w, placed[mine[-1]].rect.bottom + RIM - y)
            label = f"{group}, continued" if group in seen else group
            texts = [Text(x + RIM, y + 18, label, SIZE, bold=True)]
            if group not in seen:
                boxes = [b for b in graph.boxes if b.group == group]
                params, work = sum(len(b.places) * b.params for b in boxes), sum(len(b.places) * b.macs for b in boxes)
                about = f"{show_count(params)} params, {show_count(work)} MACs"
                percent = f"{work / macs:.1%}" if macs else ""
                texts += [  # the line from the block before comes down between the two
                    Text(x + RIM + width_of(label, SIZE, True) + PAD, y + 18, percent, SMALL, faint=True),
                    Text(x + w - RIM, y + 18, cut(about, w / 2 - RIM - PAD, SMALL), SMALL, faint=True, right=True),
                ]
            seen.add(group)
            bands.append(Band(group, rect, tuple(texts)))
    return bands
