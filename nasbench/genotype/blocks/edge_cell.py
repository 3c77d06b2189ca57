"""Cells whose edges hold the operations."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from nasbench.errors import nearest, short
from nasbench.genotype.block import block
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer

EDGE_OPS = ("none", "identity", "conv1", "conv3", "avg3")
MAX_NODES = 8  # after the input


def _edges(value: Any) -> Any:
    rule = f"edges is a list of 1 to {MAX_NODES} nodes; node n lists n operations, one on the cell's input and one on each node before it"
    if not isinstance(value, tuple) or not 1 <= len(value) <= MAX_NODES:
        raise ValueError(f"{rule}; got {short(value)}")
    for i, node in enumerate(value):
        if not isinstance(node, tuple) or len(node) != i + 1:
            raise ValueError(f"{rule}; node {i + 1} is {short(node)}")
        for op in node:
            if op not in EDGE_OPS:
                raise ValueError(f"node {i + 1}: an operation is one of {', '.join(EDGE_OPS)}; got {short(op)}{nearest(str(op), EDGE_OPS)}")
    return value


Edges = Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_edges)]


@block
def edge_cell(t: Tracer, x: Value, *, edges: Edges) -> Value:
    """Nodes that each sum one operation on the input and on every node before; the last is the output (Dong & Yang 2020, fig. 1).

    `conv1` and `conv3` are activation, convolution, norm (the paper's nor_conv_1x1 and nor_conv_3x3), `avg3` is an average of 3x3
    pixels without padded zeros (avg_pool_3x3), `identity` is skip_connect, and `none` no edge. Channels and size stay.

    A node without edges is zero, and so are its averages; a convolution reads the input times 0, as in the authors' code. A
    convolution that the output does not depend on, because it leads to a node that nobody reads, is still part of the network, as
    there: it has parameters and costs time.
    """
    read = _read(edges)
    values: list[Value | None] = [x]  # None is zero
    zero: Value | None = None
    for i, node in enumerate(edges):
        ends = []
        with t.at(f"node{i + 1}"):
            for j, op in enumerate(node):
                source, is_conv = values[j], op.startswith("conv")
                if op == "none" or (not is_conv and (source is None or i + 1 not in read)):
                    continue
                if source is None:
                    source = zero = zero or t.multiply(x, 0.0, name="zero")
                ends.append(_op(t, op, source, f"edge{j}"))
            values.append(t.add(*ends) if ends and i + 1 in read else None)
    end = values[-1]
    return (zero or t.multiply(x, 0.0, name="zero")) if end is None else end


def _read(edges: tuple[tuple[str, ...], ...]) -> set[int]:
    """The values that are read: the output, what a convolution reads, and what leads to one of them without a convolution."""
    read = {len(edges)}
    for i in range(len(edges), 0, -1):
        read |= {j for j, op in enumerate(edges[i - 1]) if op.startswith("conv") or (op != "none" and i in read)}
    return read


def _op(t: Tracer, op: str, x: Value, name: str) -> Value:
    if op == "identity":
        return x
    if op == "avg3":
        return t.pool(x, "avg", 3, 1, count_pad=False, name=name)
    return t.unit(x, x.channels, int(op[-1]), order="act-conv-norm", name=name)
