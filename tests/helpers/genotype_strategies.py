"""Random rows and networks out of every word of the vocabulary, for hypothesis.

A field's strategy is chosen by the type that the word's signature writes, so a new word is drawn without a change here.
"""

from __future__ import annotations

import ast
import contextlib
from dataclasses import replace
from typing import Any, get_args

from hypothesis import strategies as st

from nasbench.errors import GenotypeError
from nasbench.genotype import BLOCK_TYPES, Block, Genotype, Style, cost
from nasbench.genotype.blocks import auxiliary, linear
from nasbench.genotype.blocks.cell import OPS
from nasbench.genotype.blocks.edge_cell import EDGE_OPS
from nasbench.genotype.fields import Act, Join, Order

NUMBERS = st.sampled_from(["2", "3", "4", "6", "2.5", "2.3", "11", "1"])
RELATIVE = st.builds(
    lambda name, factors: name + "".join(factors),
    st.sampled_from(["in", "out", "mid"]),
    st.lists(st.builds(str.__add__, st.sampled_from("*/"), NUMBERS), max_size=2),
)
WIDTH = st.integers(1, 12) | st.sampled_from([16, 24]) | RELATIVE
ACT = st.sampled_from(get_args(Act))

NODE = st.tuples(st.sampled_from(OPS), st.integers(0, 1), st.sampled_from(OPS), st.integers(0, 2))

EDGES = st.integers(1, 3).flatmap(lambda n: st.tuples(*(st.tuples(*[st.sampled_from(EDGE_OPS)] * (i + 1)) for i in range(n))))

BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "Width": WIDTH,
    "Kernel": st.sampled_from([1, 2, 3, 5, (1, 3), (3, 1)]),
    "Stride": st.integers(1, 2),
    "Padding": st.sampled_from(["same", "valid", 0, 1, (0, 1)]),
    "Groups": st.sampled_from([1, 2, "depthwise"]),
    "Act": ACT,
    "Order": st.sampled_from(get_args(Order)),
    "Join": st.sampled_from(get_args(Join)),
    "Size": st.integers(1, 5),
    "Probability": st.sampled_from([0.0, 0.2, 0.5]),
    "Factor": st.floats(0.5, 2),
    "Weight": st.floats(0.5, 2),
    "bool": st.booleans(),
    "Channels": st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple),
    "tuple[Size, ...]": st.sampled_from([(1,), (2, 1), (3, 2, 1)]),
    "Edges": EDGES,
    "Outputs": st.sampled_from([(), (2,), (0, 1, 2)]),
    "Nodes": st.lists(NODE, min_size=1, max_size=3).map(lambda nodes: ((*nodes[0][:3], 1), *nodes[1:])),  # the first has two to read
}


def field(word: str, name: str) -> st.SearchStrategy[Any]:
    """Values that the field accepts."""
    written = BLOCK_TYPES[word].annotations[name].replace('"', "'")
    if name == "rows":
        return st.lists(blocks(depth=0), min_size=1, max_size=2).map(tuple)
    if name == "paths":
        return st.deferred(lambda: st.lists(st.lists(blocks(depth=0), max_size=2).map(tuple), min_size=2, max_size=3).map(tuple))
    if written.startswith("Literal["):
        return st.sampled_from(ast.literal_eval(written.removeprefix("Literal")))
    if written.endswith(" | None"):
        return st.none() | BY_TYPE[written.removesuffix(" | None")]
    return BY_TYPE[written]


@st.composite
def blocks(draw: st.DrawFn, depth: int = 1) -> Block:
    """A row of any word with any subset of its optional fields; words that hold rows only down to `depth` levels."""
    word = BLOCK_TYPES[draw(st.sampled_from([w for w in WORDS if depth or w not in ("branches", "auxiliary")]))]
    chosen = {name: draw(field(word.name, name)) for name in word.names if name in word.required or draw(st.booleans())}
    return Block(word.name, chosen, draw(st.sampled_from([1, 1, 1, 2, 3])))


WORDS = tuple(BLOCK_TYPES)

STYLES = st.builds(
    Style,
    norm=st.sampled_from(["batch", "none"]),
    eps=st.sampled_from([1e-5, 1e-3, 1]),
    momentum=st.sampled_from([0.1, 0.01, 3e-4]),
    order=BY_TYPE["Order"],
    act=ACT,
    se_act=ACT,
    se_gate=ACT,
    divisor=st.sampled_from([1, 4, 8]),
    drop_path=st.sampled_from([0.0, 0.5]),
    init=st.sampled_from(["he_fan_out", "he_fan_in", "torch"]),
)
NAMES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"]), min_size=1, max_size=20) | st.sampled_from(
    [
        "1e5",
        "010",
        "null",
        "no",
        "~",
        "2020-01-01",
        "=",
        "<<",
        ".5",
        "0x1f",
        "1_000",
        "a: b",
        "# c",
        "- d",
        "{e}",
        "[f]",
        "&g",
        "*h",
        "!i",
        "'",
        '"',
    ]
)


@st.composite
def genotypes(draw: st.DrawFn) -> Genotype:
    """Any genotype that can be written, whether or not its shapes meet."""
    rows = st.lists(blocks(), max_size=3).map(tuple)
    size = st.integers(1, 64)
    return Genotype(
        draw(NAMES), draw(st.tuples(size, size, size)), draw(rows), draw(st.lists(rows, max_size=3).map(tuple)), draw(rows), draw(STYLES)
    )


@st.composite
def networks(draw: st.DrawFn, max_rows: int = 6) -> Genotype:
    """A small genotype whose shapes meet: rows that do not fit behind the ones before are left out."""
    style = draw(STYLES)
    shape = (draw(st.integers(1, 8)), draw(st.integers(6, 16)), draw(st.integers(6, 16)))
    g = Genotype("drawn", shape, style=style)
    for row in draw(st.lists(blocks(), min_size=1, max_size=max_rows)):
        longer = Genotype("drawn", shape, (*g.stem, row), style=style)
        with contextlib.suppress(GenotypeError):
            found = cost(longer)
            if found.params < 300_000 and found.macs < 10_000_000:
                g = longer
    return g


@st.composite
def networks_with_heads(draw: st.DrawFn) -> Genotype:
    """A network of five classes with an auxiliary head or two, of rows that may not fit, on any of its rows."""
    g = draw(networks(max_rows=4))
    end = (linear(5),)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(g.stem)))
        head = auxiliary((*draw(st.lists(blocks(depth=0), max_size=2)), linear(5)), draw(st.floats(0.1, 1)))
        longer = replace(g, stem=(*g.stem[:at], head, *g.stem[at:]))
        with contextlib.suppress(GenotypeError):
            found = cost(replace(longer, head=end))
            if found.auxiliary_params < 300_000:
                g = longer
    return replace(g, head=end)
