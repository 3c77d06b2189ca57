"""A genotype as a flat sequence of layers, and its identity."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from nasbench.errors import GenotypeError
from nasbench.genotype.genotype import Genotype
from nasbench.genotype.layer import Layer
from nasbench.genotype.tracer import Tracer

Trace = tuple[Layer, ...]

MAX_MACS = 10**13
MAX_PARAMS = 10**10


def trace(g: Genotype) -> Trace:
    """The layers of `g` in the order they run; `trace(g)[layer.inputs[0]]` is what a layer reads.

    Raises:
        GenotypeError: shapes that do not meet (which layer, which shapes), a network above the ceilings, or an auxiliary
            head that does not end in the network's classes.
    """
    g = _with_drop_path(g) if g.style.drop_path else g
    t = Tracer(g.style, g.input)
    x = t.path(g.stem, t.layers[0], "stem")
    for i, stage in enumerate(g.stages):
        x = t.path(stage, x, f"stages.{i}", t.before)
    end = t.path(g.head, x, "head", t.before)
    layers = tuple(t.layers)
    if end.index != len(layers) - 1:
        after = end.where or "the input"
        raise GenotypeError(f"{g.name}: a network ends in its last layer; {layers[-1].where} comes after {after}; move it before")
    params, macs = sum([x.params for x in layers]), sum([x.macs for x in layers])
    for head in [x for x in layers if x.kind == "auxiliary"]:
        if (head.shape, head.flat) != (end.shape, end.flat):
            raise GenotypeError(
                f"{g.name}: an auxiliary head ends in the classes of its network; {head.where} ends in {_size(head)}, the network in "
                f"{_size(end)}; change its last row"
            )
        params += sum([x.params for x in head.attrs["rows"]])
        macs += sum([x.macs for x in head.attrs["rows"]])
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
    return hashlib.sha256(repr((init, _steps(layers))).encode()).hexdigest()[:12]


def _steps(layers: Trace) -> list[tuple[Any, ...]]:
    """The layers without their places."""
    return [
        (x.kind, x.inputs, x.shape, sorted((x.attrs | {"rows": _steps(x.attrs["rows"])} if x.kind == "auxiliary" else x.attrs).items()))
        for x in layers
    ]


def inference(layers: Trace) -> Trace:
    """What inference runs: the layers without auxiliary heads, numbered anew."""
    if all(x.kind != "auxiliary" for x in layers):
        return layers
    place: dict[int, int] = {}
    found: list[Layer] = []
    for x in layers:
        if x.kind != "auxiliary":
            place[x.index] = len(found)
            found.append(x._replace(inputs=tuple([place[i] for i in x.inputs]), index=len(found)))
    return tuple(found)


def _size(x: Layer) -> str:
    return f"{x.shape[0]} numbers" if x.flat else f"a map of {'x'.join(map(str, x.shape))}"
