"""Block types of a single layer, or of a convolution with its norm and activation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nasbench.genotype.block import block
from nasbench.genotype.fields import MAX_WIDTH, Act, Factor, Groups, Kernel, Order, Padding, Probability, Size, Stride, Weight, Width
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer

Channels = tuple[Annotated[int, Field(ge=0, le=MAX_WIDTH)], ...]


@block
def conv(
    t: Tracer,
    x: Value,
    *,
    width: Width,
    kernel: Kernel = 1,
    stride: Stride = 1,
    padding: Padding = "same",
    groups: Groups = 1,
    act: Act | None = None,
    norm: bool = True,
    bias: bool | None = None,
    order: Order | None = None,
    dilation: Size = 1,
) -> Value:
    """Convolution, norm, activation. `padding: same` is (kernel - 1) // 2 on each side; without a norm it has a bias by default.

    With `dilation` n the kernel's weights are n pixels apart (Yu & Koltun 2015, eq. 2).
    """
    return t.unit(x, t.width(width, x), kernel, stride, padding, groups, act, order, norm, bias, dilation=dilation)


@block
def pool(
    t: Tracer,
    x: Value,
    *,
    mode: Literal["max", "avg"] = "max",
    kernel: Kernel = 3,
    stride: Stride = 2,
    padding: Padding = "same",
    ceil: bool = False,
    count_pad: bool = True,
) -> Value:
    """Maximum or average pooling; `ceil` rounds the size up; `count_pad` lets padded zeros count in an average."""
    return t.pool(x, mode, kernel, stride, padding, ceil, count_pad)


@block
def linear(t: Tracer, x: Value, *, width: Width, act: Act = "none", bias: bool = True) -> Value:
    """Fully connected layer, then an activation; a map is flattened first."""
    return t.act(t.linear(x, t.width(width, x), bias), act)


@block
def norm(t: Tracer, x: Value, *, act: Act | None = None) -> Value:
    """Norm, then activation: what closes a network of norm-act-conv blocks."""
    return t.act(t.norm(x), act)


@block
def activation(t: Tracer, x: Value, *, act: Act | None = None) -> Value:
    """An activation alone, where no convolution stands before it."""
    return t.act(x, act)


@block
def gap(t: Tracer, x: Value, *, size: Size = 1) -> Value:
    """Global average pooling; with `size` n, adaptive to n x n cells (AlexNet 6, VGG 7)."""
    return t.gap(x, size)


@block
def identity(t: Tracer, x: Value) -> Value:
    """Pass the input on: the skip of search spaces."""
    return x


@block
def flatten(t: Tracer, x: Value) -> Value:
    """(channels, height, width) to one vector."""
    return t.flatten(x)


@block
def dropout(t: Tracer, x: Value, *, p: Probability = 0.5) -> Value:
    """Dropout with probability `p`, in training only (Srivastava et al. 2014)."""
    return t.dropout(x, p)


@block
def lrn(
    t: Tracer,
    x: Value,
    *,
    size: Size = 5,
    alpha: Factor = 1e-4,
    beta: Weight = 0.75,
    k: Factor = 2.0,
) -> Value:
    """Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).

    `alpha` is divided by `size`, as in torch and Caffe.
    """
    return t.lrn(x, size, alpha, beta, k)


@block
def spp(t: Tracer, x: Value, *, levels: tuple[Size, ...] = (6, 3, 2, 1)) -> Value:
    """Spatial pyramid: the maximum in n x n cells for each level n, all in one vector (He et al. 2014, fig. 3)."""
    return t.concat(*[t.flatten(t.bins(x, level, f"bins{level}"), f"flatten{level}") for level in levels])


@block
def take(t: Tracer, x: Value, *, channels: Channels) -> Value:
    """Some of the channels, counted from 0: for tables of connections (LeCun et al. 1998, table 1)."""
    return t.take(x, channels)


@block
def multiply(t: Tracer, x: Value, *, by: Factor) -> Value:
    """Every number times `by`: the scaling of residuals (Szegedy et al. 2016, section 3.3)."""
    return t.multiply(x, by)
