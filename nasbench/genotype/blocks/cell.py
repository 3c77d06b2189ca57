"""Cells: small graphs over the outputs of the two blocks before."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from nasbench.errors import nearest, short
from nasbench.genotype.block import block
from nasbench.genotype.fields import Stride, Width
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer

OPS = ("identity", "sep3", "sep5", "sep7", "dil3", "dil5", "avg3", "max3", "conv1")
Node = tuple[str, int, str, int]


def _nodes(value: Any) -> Any:
    rule = "nodes is a list of [op, from, op, from]; values 0 and 1 are the cell's two inputs, 2 its first node"
    if not isinstance(value, tuple) or not 1 <= len(value) <= 32:
        raise ValueError(f"{rule}; got {short(value)}")
    for i, node in enumerate(value):
        if not isinstance(node, tuple) or len(node) != 4:
            raise ValueError(f"{rule}; node {i + 2} is {short(node)}")
        for op, source in (node[:2], node[2:]):
            if op not in OPS:
                raise ValueError(f"node {i + 2}: an op is one of {', '.join(OPS)}; got {short(op)}{nearest(str(op), OPS)}")
            if type(source) is not int or not 0 <= source < i + 2:
                raise ValueError(f"node {i + 2} reads values from 0 to {i + 1}; got {short(source)}")
    return value


Nodes = Annotated[tuple[Node, ...], BeforeValidator(_nodes)]
Outputs = tuple[Annotated[int, Field(ge=0, le=33)], ...]


@block
def cell(
    t: Tracer,
    x: Value,
    before: Value,
    *,
    width: Width,
    nodes: Nodes,
    output: Outputs = (),
    stride: Stride = 1,
    first: bool = False,
    skip: bool = False,
    crop: bool = False,
    count_pad: bool = False,
) -> Value:
    """Nodes that each add two operations on earlier values; `output` are joined, or all that nobody reads (Zoph et al. 2017, fig. 4).

    Value 0 is the block's input and 1 what the block before it read, each brought to `width`; with `first`, 1 is the input as it is,
    and an operation that keeps its channels is followed by a 1x1. Operations on these two take the stride; with it, the identity
    halves by two shifted 1x1. `sep` is a separable convolution twice, `dil` one of dilation 2 (Liu et al. 2018, DARTS, section
    3.1.1). With `skip` the next cell too reads what the block before this one did.

    Sizes are TensorFlow's SAME. Two habits of ports to torch: with `crop`, separable convolutions compute one row and column
    more and cut them off again, the same numbers for some MACs more; with `count_pad`, padded zeros count in strided averages.
    """
    if skip:
        t.keep_before()
    out = t.width(width, x)
    shrunk = before.shape[1:] != x.shape[1:]
    if first:
        values = [_fit(t, x, out, "input"), x]
    elif shrunk:
        values = [_fit(t, x, out, "input"), _halve(t, before, out, "before")]
        if values[1].shape[1:] != x.shape[1:]:
            raise t.error(f"a cell's two inputs differ in size by nothing or by one half; got {before.shape[1:]} before {x.shape[1:]}")
    else:
        earlier = _fit(t, before, out, "before")
        values = [_fit(t, x, out, "input"), earlier]
    for i, (left, a, right, b) in enumerate(nodes):
        with t.at(f"node{i + 2}"):
            ends = [
                _op(t, op, values[j], out, stride if j < 2 else 1, crop, count_pad, side)
                for op, j, side in ((left, a, "left"), (right, b, "right"))
            ]
            values.append(t.add(*ends))
    read = {j for _, a, _, b in nodes for j in (a, b)}
    joined = output or tuple(j for j in range(2, len(values)) if j not in read)
    for j in joined:
        if j >= len(values):
            raise t.error(f"output names values from 0 to {len(values) - 1}; got {j}")
    return t.concat(*[values[j] for j in joined])


def _fit(t: Tracer, x: Value, width: int, name: str) -> Value:
    return t.unit(x, width, order="act-conv-norm", name=name)


def _halve(t: Tracer, x: Value, width: int, name: str) -> Value:
    """Half the pixels by two strided 1x1, the second shifted by one pixel (the releases' factorised reduction)."""
    if width < 2:
        raise t.error(f"a cell that halves its map needs two channels or more, one for each of two paths; got a width of {width}")
    with t.at(name):
        y = t.act(x, name="act")
        ends = []
        for i, (shifted, channels) in enumerate(((False, width // 2), (True, width - width // 2))):
            z = t.pad(y, edges=(-1, 1, -1, 1), name=f"path{i}.shift") if shifted else y
            z = t.pool(z, "avg", 1, 2, "valid", count_pad=False, name=f"path{i}.pool")
            ends.append(t.conv(z, channels, name=f"path{i}.conv"))
        return t.norm(t.concat(*ends))


def _op(t: Tracer, op: str, x: Value, width: int, stride: int, crop: bool, count_pad: bool, name: str) -> Value:
    if op == "identity":
        if stride == 2:
            return _halve(t, x, width, name)
        if stride > 2:
            raise t.error(f"identity has a stride of 1 or 2; {stride} is wanted; use conv1")
        return x if x.channels == width else _fit(t, x, width, name)
    if op == "conv1":
        return t.unit(x, width, 1, stride, order="act-conv-norm", name=name)
    kernel = int(re.sub(r"\D", "", op))
    if op.startswith("dil"):
        y = t.act(x, name=f"{name}.act")
        y = t.conv(y, y.channels, kernel, stride, groups="depthwise", name=f"{name}.depthwise", dilation=2)
        return t.norm(t.conv(y, width, name=f"{name}.pointwise"), f"{name}.norm")
    if not op.startswith("sep"):
        if op == "avg3" and stride > 1 and count_pad:
            y, both = _padded(t, x, kernel, stride, f"{name}.pad")
            y = t.pool(y, "avg", kernel, stride, both, name=name)
        else:
            both, ceil = _pool_padding(x, kernel, stride)
            y = t.pool(x, op[:3], kernel, stride, both, ceil, count_pad=False, name=name)
        return y if y.channels == width else t.norm(t.conv(y, width, name=f"{name}.conv"), f"{name}.norm")
    y = x
    for i, step in enumerate((stride, 1)):
        y = t.act(y, name=f"{name}.act{i}")
        cropped = crop and i == 0 and (step == 1 or not (y.shape[1] % 2 or y.shape[2] % 2))  # an odd side has nothing to cut off
        if cropped:
            y, padding = t.pad(y, edges=(1, 0, 1, 0), name=f"{name}.pad{i}"), ((kernel - 1) // 2,) * 2
        else:
            y, padding = _padded(t, y, kernel, step, f"{name}.pad{i}")
        y = t.conv(y, y.channels, kernel, step, padding, "depthwise", name=f"{name}.depthwise{i}")
        y = t.conv(y, width, name=f"{name}.pointwise{i}")
        y = t.norm(t.pad(y, edges=(-1, 0, -1, 0), name=f"{name}.crop{i}") if cropped else y, f"{name}.norm{i}")
    return y


def _edges(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME: just enough, what is odd comes last."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _padded(t: Tracer, x: Value, kernel: int, stride: int, name: str) -> tuple[Value, tuple[int, int]]:
    """The value, and the padding that a convolution still has to add: all of it where both sides get the same."""
    (top, bottom), (left, right) = (_edges(size, kernel, stride) for size in x.shape[1:])
    if (top, left) == (bottom, right):
        return x, (top, left)
    return t.pad(x, edges=(top, bottom, left, right), name=name), (0, 0)


def _pool_padding(x: Value, kernel: int, stride: int) -> tuple[tuple[int, int], bool]:
    """Padding at both sides, or none and windows that reach over the end, which is the same for a 3x3 at stride 2."""
    (top, bottom), (left, right) = (_edges(size, kernel, stride) for size in x.shape[1:])
    return ((top, left), False) if (top, left) == (bottom, right) else ((0, 0), True)
