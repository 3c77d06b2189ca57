"""What is drawn: the blocks of a network and which of them read which, from its trace. No positions, no colours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.block import Block
from nasbench.genotype.genotype import Genotype
from nasbench.genotype.layer import Layer, Shape
from nasbench.genotype.trace import Trace

INPUT = "input"


@dataclass(frozen=True)
class Box:
    """One block of the picture, or a run of equal ones.

    Attributes:
        group: `input`, `stem`, `stage 1`, ... or `head`.
        places: dotted places of the blocks that it stands for, in sequence.
        block: the block, without repeat; None for the input.
        shape: output shape.
        params, macs: cost of each of its blocks.
        layers: layers of its first block.
        expanded: whether the layers are drawn.
    """

    group: str
    places: tuple[str, ...]
    block: Block | None
    shape: Shape
    params: int = 0
    macs: int = 0
    layers: tuple[Layer, ...] = ()
    expanded: bool = False

    @property
    def place(self) -> str:
        return self.places[0]


class BlockGraph(NamedTuple):
    """Boxes in the order they run, and edges between their positions in that list, sorted.

    Attributes:
        boxes: the first is the network's input.
        edges: (from, to); most go to the next box, a cell also reads one further back.
        owner: per layer of the trace, the place of its block.
    """

    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]
    owner: tuple[str, ...]


class _Place(NamedTuple):
    group: str
    place: str
    block: Block


def block_graph(g: Genotype, layers: Trace, expand: Iterable[str] = (), every: bool = False) -> BlockGraph:
    """The blocks of `g`, whose trace is `layers`.

    Equal blocks in sequence are one box, unless one of them is named in `expand` or is read by other than its neighbour.

    Args:
        expand: places of blocks whose layers are wanted, such as `stages.2.1`; `stages.2`, `stem` or `head` stands for all blocks there.
        every: expand all.

    Raises:
        GenotypeError: a place without a block; the message names the nearest.
    """
    blocks = list(_places(g))
    named, opened = _opened(g, [b.place for b in blocks], expand)
    owner = [INPUT, *(".".join(x.where.split(".")[: 3 if x.where.startswith("stages.") else 2]) for x in layers[1:])]
    inside: dict[str, list[Layer]] = {b.place: [] for b in blocks}
    for x, place in zip(layers[1:], owner[1:], strict=True):
        inside[place].append(x)
    reads = _reads(blocks, layers, inside)
    far = {end for i, j in reads if j - i > 1 for end in (i, j)}  # a run must not hide who reads whom
    boxes = [Box(INPUT, (INPUT,), None, g.input)]
    box_of, before, shape = [0], None, g.input
    for i, (group, place, block) in enumerate(blocks, start=1):
        own = inside[place]
        values = [x for x in own if x.kind != "auxiliary"]
        shape = values[-1].shape if values else shape
        alone = i in far or place in named
        signature = None if alone else (group, block, _signature(own))
        if signature is not None and signature == before:
            last = boxes[-1]
            boxes[-1] = Box(group, (*last.places, place), block, shape, last.params, last.macs, last.layers, last.expanded)
        else:
            params, macs = sum(x.params for x in own), sum(x.macs for x in own)
            shown = shape if values or not own else own[-1].shape  # a head on the side puts out its classes
            boxes.append(Box(group, (place,), block, shown, params, macs, tuple(own), every or place in opened))
        before = signature
        box_of.append(len(boxes) - 1)
    edges = sorted({(box_of[i], box_of[j]) for i, j in reads if box_of[i] != box_of[j]})
    return BlockGraph(tuple(boxes), tuple(edges), tuple(owner))


def _places(g: Genotype) -> Iterable[_Place]:
    """Every block with its group and place, as the tracer counts them."""
    stages = [(f"stage {i + 1}", f"stages.{i}", stage) for i, stage in enumerate(g.stages)]
    for group, scope, listed in [("stem", "stem", g.stem), *stages, ("head", "head", g.head)]:
        for i, single in enumerate(single for block in listed for single in block.unrolled):
            yield _Place(group, f"{scope}.{i}", single)


def _opened(g: Genotype, places: Sequence[str], expand: Iterable[str]) -> tuple[Collection[str], Collection[str]]:
    """The blocks that are named themselves, and all that are to be expanded."""
    named, opened = set(), set()
    for name in expand:
        within = [p for p in places if p.startswith(f"{name}.")]
        if name in places:
            named.add(name)
        elif not within:
            known = list(dict.fromkeys([p.rpartition(".")[0] for p in places] + list(places)))
            raise GenotypeError(
                f"a block is expanded by its place, such as {places[len(places) // 2] if places else 'stages.0.0'}, or all blocks of "
                f"stem, stages.0 or head; {g.name} has no {short(name)}{nearest(name, known)}"
            )
        opened.update([name, *within])
    return named, opened


def _reads(blocks: Sequence[_Place], layers: Trace, inside: dict[str, list[Layer]]) -> set[tuple[int, int]]:
    """Which block reads which; 0 is the input, 1 the first block."""
    number = {0: 0}  # of the block whose value a layer is
    value, edges = 0, set()
    for i, block in enumerate(blocks, start=1):
        own = inside[block.place]
        if not own:  # it passes its input on, and the next reads it by way of this one
            edges.add((number[value], i))
            number[value] = i
            continue
        edges |= {(number[j], i) for x in own for j in x.inputs if j < own[0].index}
        values = [x for x in own if x.kind != "auxiliary"]  # nothing reads those
        number |= {x.index: i for x in values}
        value = values[-1].index if values else value
    return edges


def _signature(own: Sequence[Layer]) -> tuple[Any, ...]:
    """What the layers are, counted from the block's first: equal for blocks that differ in nothing but their place."""
    start = own[0].index if own else 0
    return tuple((x.kind, tuple(max(i - start, -1) for i in x.inputs), x.shape, tuple(x.attrs.items())) for x in own)
