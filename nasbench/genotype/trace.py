"""A genotype as a sequence of layers, and the digest that identifies it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nasbench.errors import GenotypeError
from nasbench.genotype.genotype import Genotype
from nasbench.genotype.layer import Layer, show_shape
from nasbench.genotype.resolve import Network, as_genotype
from nasbench.genotype.text import show_layer
from nasbench.genotype.tracer import Tracer
from nasbench.notebook import table

MAX_MACS = 10**13
MAX_PARAMS = 10**10

SHOWN = 12, 6  # the first and the last layers that `repr` shows; a notebook shows five times as many
_HEAD = ("place", "layer", "shape", "params", "MACs")


class Trace(tuple[Layer, ...]):
    """The layers of a network in the order they run, as a tuple that prints as a table. The first layer is the input."""

    __slots__ = ()

    def __repr__(self) -> str:
        rows = [_HEAD, *self._rows(*SHOWN)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
        lines = ["  ".join(f"{c:{'<' if i < 3 else '>'}{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))) for row in rows]
        return "\n".join([self._title(), *(f"  {line.rstrip()}" for line in lines)])

    def _repr_html_(self) -> str:
        return table(self._title(), _HEAD, self._rows(5 * SHOWN[0], 5 * SHOWN[1]), right=(3, 4))

    def _title(self) -> str:
        return f"Trace of {len(self)} layers"

    def _rows(self, first: int, last: int) -> list[tuple[str, ...]]:
        """The cells of the first and the last layers, with a row of dots for those between."""
        rows: list[tuple[str, ...]] = [
            (x.where or "input", show_layer(x), show_shape(x.shape), f"{x.params:,}", f"{x.macs:,}") for x in self
        ]
        return rows if len(rows) <= first + last + 1 else [*rows[:first], ("...",) * len(_HEAD), *rows[-last:]]


def trace(g: Network) -> Trace:
    """The layers of `g` in the order they run; `trace(g)[layer.inputs[0]]` is the first layer that a layer reads.

    A head that ends in one pixel, such as in `gap`, is flattened: a classifier ends in one number for each class.

    Args:
        g: a genotype, the name of a known network, a .yaml file, or a module that `nasbench.build` made.

    Raises:
        GenotypeError: shapes that do not meet (the message names the layer and the shapes), a network with more than `MAX_MACS` or
            `MAX_PARAMS`, or an auxiliary head that does not end in the classes of the network.

    >>> import nasbench as nb
    >>> trace("lenet5")[-1].shape
    (84, 1, 1)
    """
    g = as_genotype(g)
    g = _with_drop_path(g) if g.style.drop_path else g
    t = Tracer(g.style, g.input)
    x = t.path(g.stem, t.layers[0], "stem")
    for i, stage in enumerate(g.stages):
        x = t.path(stage, x, f"stages.{i}", t.before)
    end = t.path(g.head, x, "head", t.before)
    if g.head and end.shape[1:] == (1, 1) and end is t.layers[-1]:
        t.scope = f"head.{sum([block.repeat for block in g.head]) - 1}"
        end = t.flatten(end)
    layers = Trace(t.layers)
    if end.index != len(layers) - 1:
        after = end.where or "the input"
        raise GenotypeError(f"{g.name}: a network ends in its last layer; {layers[-1].where} comes after {after}; move it before")
    params, macs = sum([x.params for x in layers]), sum([x.macs for x in layers])
    for head in [x for x in layers if x.kind == "auxiliary"]:
        if (head.shape, head.flat) != (end.shape, end.flat):
            raise GenotypeError(
                f"{g.name}: an auxiliary head ends in the classes of its network; {head.where} ends in {_size(head)}, the network in "
                f"{_size(end)}; change its last block"
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
    """The same network with a drop_path for every block of the stages that has the field: the style's, growing linearly."""
    stages = [[single for block in stage for single in block.unrolled] for stage in g.stages]
    droppable = sum("drop_path" in block.fields for stage in stages for block in stage)
    number = 0
    for stage in stages:
        for i, block in enumerate(stage):
            if "drop_path" in block.fields:
                number += 1
                if block.fields["drop_path"] == 0:
                    stage[i] = block.but(drop_path=g.style.drop_path * number / droppable)
    return replace(g, stages=tuple(map(tuple, stages)))


def digest(g: Network) -> str:
    """Twelve hex digits that identify the network, not its spelling: two genotypes with one trace have one digest.

    Raises:
        GenotypeError: the network cannot be traced; see `trace`.

    >>> import nasbench as nb
    >>> g = nb.known("lenet5")
    >>> digest(g) == digest("lenet5")
    True
    >>> digest(g)
    '6623c10e5890'
    >>> digest(replace(g, name="another name")) == digest(g)
    True
    """
    g = as_genotype(g)
    return digest_of(trace(g), g.style.init)


def digest_of(layers: Sequence[Layer], init: str) -> str:
    """The digest of a network that is traced already."""
    return hashlib.sha256(repr((init, _steps(layers))).encode()).hexdigest()[:12]


def _steps(layers: Sequence[Layer]) -> list[tuple[Any, ...]]:
    """The layers without their places."""
    return [
        (x.kind, x.inputs, x.shape, sorted((x.attrs | {"rows": _steps(x.attrs["rows"])} if x.kind == "auxiliary" else x.attrs).items()))
        for x in layers
    ]


def inference(layers: Sequence[Layer]) -> Trace:
    """The layers that inference runs: without auxiliary heads, and numbered anew."""
    if all(x.kind != "auxiliary" for x in layers):
        return layers if isinstance(layers, Trace) else Trace(layers)
    place: dict[int, int] = {}
    left: list[Layer] = []
    for x in layers:
        if x.kind != "auxiliary":
            place[x.index] = len(left)
            left.append(x._replace(inputs=tuple([place[i] for i in x.inputs]), index=len(left)))
    return Trace(left)


def _size(x: Layer) -> str:
    return f"{x.shape[0]} numbers" if x.flat else f"a map of {'x'.join(map(str, x.shape))}"
