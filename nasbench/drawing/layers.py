"""The layers of one block, placed in ranks: each below all that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from nasbench.drawing.picture import Card, Rect, Text, Wire
from nasbench.drawing.text import cut, width_of
from nasbench.errors import NasbenchError
from nasbench.genotype.kind import find_kind
from nasbench.genotype.layer import Layer
from nasbench.genotype.text import show_layer, show_shape
from nasbench.genotype.units import show_count

SIZE, SMALL = 12.0, 11.0
PAD, LINE = 8.0, 14.0
ROOM = 230.0  # pixels for the text of a layer
GAP = 18.0  # between cards of a rank, and the least between ranks


class Inside(NamedTuple):
    """Cards and wires of a block's layers, from (0, 0) to (width, height)."""

    width: float
    height: float
    cards: tuple[Card, ...]
    wires: tuple[Wire, ...]


def place_layers(place: str, layers: Sequence[Layer], owner: Sequence[str]) -> Inside:
    """Place the layers of the block at `place`; what it reads from other blocks stands above them as one card per block.

    Args:
        owner: per layer of the trace, the place of the block that it belongs to.

    Raises:
        NasbenchError: igraph, which sorts the ranks so that few lines cross, is not installed.
    """
    number: dict[int, int] = {}  # node of a layer of the trace
    cards: list[Card] = []
    for i in sorted({i for x in layers for i in x.inputs if i < layers[0].index}):
        number[i] = len(cards)
        cards.append(_outside(place, owner[i]))
    edges: list[tuple[int, int]] = []
    rank = [0] * len(cards)
    start = layers[0].shape if not cards else None
    shapes = {x.index: x.shape for x in layers}
    for x in layers:
        read = [number[i] for i in x.inputs]
        edges += [(i, len(cards)) for i in dict.fromkeys(read)]
        rank.append(1 + max((rank[i] for i in read), default=-1))
        number[x.index] = len(cards)
        changed = not x.inputs or shapes.get(x.inputs[0], start) != x.shape
        cards.append(_card(place, x, changed))
    return _arrange(cards, edges, rank)


def _outside(place: str, source: str) -> Card:
    text = cut(f"from {source}", ROOM, SMALL)
    width = width_of(text, SMALL) + 2 * PAD
    return Card(f"{place} < {source}", Rect(0, 0, width, 22), "port", (Text(PAD, 15, text, SMALL, faint=True),), f"what {source} leaves")


def _card(place: str, x: Layer, changed: bool) -> Card:
    """A convolution or linear layer with its name, shape and cost; any other with its shape where that is new."""
    name = x.where.removeprefix(f"{place}.")
    lines = [(cut(show_layer(x), ROOM, SIZE, True), SIZE, True)]
    heavy = find_kind(x.kind).counted
    if heavy and name != x.kind:
        lines.append((cut(name.removesuffix(f".{x.kind}"), ROOM, SMALL), SMALL, False))
    if heavy or changed:
        lines.append((show_shape(x.shape, "×"), SMALL, False))
    if heavy:
        lines.append((cut(f"{show_count(x.params)} params, {show_count(x.macs)} MACs", ROOM, SMALL), SMALL, False))
    width = max(width_of(text, size, bold) for text, size, bold in lines) + 2 * PAD
    texts = tuple(Text(PAD, 16 + LINE * i, text, size, bold, not bold) for i, (text, size, bold) in enumerate(lines))
    tip = f"{x.where}: {show_layer(x)}\n{show_shape(x.shape, '×')}, {x.params:,} params, {x.macs:,} MACs"
    return Card(x.where, Rect(0, 0, width, 10 + LINE * len(lines)), x.kind, texts, tip)


def _arrange(cards: Sequence[Card], edges: Sequence[tuple[int, int]], rank: Sequence[int]) -> Inside:
    """Cards centred in their columns; lines go straight past a rank and bend between two."""
    ranks, steps = list(rank), []
    chains: list[list[int]] = []  # per edge its nodes: both ends, and one in each rank that it passes
    for i, j in edges:
        passed = range(len(ranks), len(ranks) + rank[j] - rank[i] - 1)
        ranks += range(rank[i] + 1, rank[j])
        chains.append([i, *passed, j])
        steps += list(pairwise(chains[-1]))
    columns = _columns(ranks, steps)
    cell = max(c.rect.w for c in cards) + GAP
    height = [0.0] * (max(rank) + 1)
    for c, r in zip(cards, rank, strict=True):
        height[r] = max(height[r], c.rect.h)
    left = [columns[n] * cell - c.rect.w / 2 for n, c in enumerate(cards)]
    first = min([*left, *(x * cell for x in columns)])
    middle = [x * cell - first for x in columns]
    crossing = [0.0] * len(height)  # more room below a rank where lines go far sideways
    for a, b in steps:
        crossing[ranks[a]] = max(crossing[ranks[a]], min(abs(middle[a] - middle[b]) / 12, 3 * GAP))
    top = [0.0]
    for r in range(len(height) - 1):
        top.append(top[-1] + height[r] + GAP + crossing[r])
    placed = [c.moved(middle[n] - c.rect.w / 2, top[rank[n]]) for n, c in enumerate(cards)]
    wires = []
    for (i, j), chain in zip(edges, chains, strict=True):
        points = [(middle[i], placed[i].rect.bottom), (middle[i], top[rank[i]] + height[rank[i]])]
        for n in chain[1:-1]:
            points += [(middle[n], top[ranks[n]]), (middle[n], top[ranks[n]] + height[ranks[n]])]
        points.append((middle[j], placed[j].rect.y))
        wires.append(Wire(cards[i].name, cards[j].name, tuple(points)))
    width = max([c.rect.right for c in placed] + [x for w in wires for x, _ in w.points])
    return Inside(width, top[-1] + height[-1], tuple(placed), tuple(wires))


def _columns(ranks: Sequence[int], steps: Sequence[tuple[int, int]]) -> list[float]:
    """The column of each node: neighbours in a rank are at least 1 apart, and few steps cross (Sugiyama et al. 1981)."""
    try:
        from igraph import Graph
    except ImportError:
        raise NasbenchError(
            "layers of a block are placed by igraph, which is not installed; pip install 'nasbench[draw]', or draw blocks alone, "
            "without --expand and --layers"
        ) from None
    graph = Graph(n=len(ranks), edges=list(steps), directed=True)
    return [float(x) for x, _ in graph.layout_sugiyama(layers=list(ranks)).coords[: len(ranks)]]
