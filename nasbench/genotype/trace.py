"""A genotype as a flat sequence of layers, and its identity."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from nasbench.errors import GenotypeError
from nasbench.genotype.genotype import Block, Genotype
from nasbench.genotype.layer import Layer
from nasbench.genotype.tracer import Tracer

Trace = tuple[Layer, ...]

MAX_MACS = 10**13
MAX_PARAMS = 10**10


def trace(g: Genotype) -> Trace:
    """The layers of `g` in the order they run; `trace(g)[layer.inputs[0]]` is what a layer reads.

    Raises:
        GenotypeError: shapes that do not meet (which layer, which shapes), or a network above the ceilings.
    """
    g = _with_drop_path(g) if g.style.drop_path else g
    t = Tracer(g.style, g.input)
    x = t.path(g.stem, t.layers[0], "stem")
    for i, stage in enumerate(g.stages):
        x = t.path(stage, x, f"stages.{i}", t.before)
    t.path(g.head, x, "head", t.before)
    layers = tuple(t.layers)
    params, macs = sum([x.params for x in layers]), sum([x.macs for x in layers])
    if macs > MAX_MACS or params > MAX_PARAMS:
        raise GenotypeError(
            f"{g.name}: a network has at most {MAX_MACS:.0e} MACs and {MAX_PARAMS:.0e} parameters; this one has "
            f"{macs:.1e} and {params:.1e}; use smaller widths, fewer repeats or a smaller input"
        )
    return layers


def _with_drop_path(g: Genotype) -> Genotype:
    """The style's rate, grown linearly over the blocks of the stages that have one, written into them."""
    stages = [[block for row in stage for block in row.unrolled] for stage in g.stages]
    droppable = sum("drop_path" in block.fields for stage in stages for block in stage)
    number = 0
    for stage in stages:
        for i, block in enumerate(stage):
            if "drop_path" in block.fields:
                number += 1
                if block.fields["drop_path"] == 0:
                    stage[i] = block.but(drop_path=g.style.drop_path * number / droppable)
    return replace(g, stages=tuple(map(tuple, stages)))


def digest(g: Genotype) -> str:
    """Twelve hex digits that name the network, not its spelling: two genotypes of one trace have one digest."""
    return digest_of(trace(g), g.style.init)


def digest_of(layers: Trace, init: str) -> str:
    """The digest of a network that is traced already."""
    steps = [(x.kind, x.inputs, x.shape, sorted(x.attrs.items())) for x in layers]
    return hashlib.sha256(repr((init, steps)).encode()).hexdigest()[:12]


def adapt(g: Genotype, input: tuple[int, int, int] | None = None, classes: int | None = None) -> Genotype:
    """The same network for another input shape or another number of classes.

    The classifier is the last row that makes channels: a `linear` or, in fully convolutional networks, a `conv`.

    Raises:
        GenotypeError: `classes` is asked for and the head has no such row.
    """
    g = g if input is None else replace(g, input=input)
    if classes is None:
        return g
    for i in reversed(range(len(g.head))):
        row: Block = g.head[i]
        if row.op in ("linear", "conv"):
            return replace(g, head=(*g.head[:i], row.but(width=classes), *g.head[i + 1 :]))
    raise GenotypeError(f"{g.name}: to set the number of classes the head needs a linear or conv row; it has {[b.op for b in g.head]}")
