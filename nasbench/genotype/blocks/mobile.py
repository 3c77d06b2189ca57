"""Blocks of the mobile families: separable convolution, inverted residual, fire, shuffle."""

from __future__ import annotations

from typing import Literal

from nasbench.genotype.block import block
from nasbench.genotype.blocks.attention import se as squeeze_excite
from nasbench.genotype.fields import Act, Kernel, Order, Probability, Size, Stride, Width
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer


@block
def separable(
    t: Tracer,
    x: Value,
    *,
    width: Width,
    kernel: Kernel = 3,
    stride: Stride = 1,
    between: bool = True,
    act: Act | None = None,
    order: Order | None = None,
) -> Value:
    """Depthwise kernel, pointwise 1x1 (Howard et al. 2017, fig. 3).

    `between: false` has no norm and activation in the middle (Chollet 2016, Xception).
    """
    out = t.width(width, x)
    if between:
        y = t.unit(x, x.channels, kernel, stride, groups="depthwise", act=act, order=order, name="depthwise")
        return t.unit(y, out, act=act, order=order, name="pointwise")
    order = order or t.style.order
    bias = t.style.norm == "none"
    y = x
    for step in order.split("-"):
        if step == "conv":
            y = t.conv(y, x.channels, kernel, stride, groups="depthwise", bias=bias, name="depthwise.conv")
            y = t.conv(y, out, bias=bias, name="pointwise.conv")
        else:
            y = t.norm(y) if step == "norm" else t.act(y, act)
    return y


@block
def mbconv(
    t: Tracer,
    x: Value,
    *,
    width: Width,
    kernel: Kernel = 3,
    stride: Stride = 1,
    expand: Width | None = "in*6",
    se: Width | None = None,
    skip: bool = True,
    drop_path: Probability = 0.0,
    act: Act | None = None,
) -> Value:
    """1x1 to `expand`, depthwise kernel, [+SE], linear 1x1 to `width`; added to the input where shapes agree.

    Sandler et al. 2018, fig. 3b; with SE: Tan et al. 2018 (MnasNet), fig. 7. `expand: null` has no first 1x1.
    """
    out = t.width(width, x)
    inner = x.channels if expand is None else t.width(expand, x, out=out)
    y = x if expand is None else t.unit(x, inner, act=act, name="expand")
    y = t.unit(y, inner, kernel, stride, groups="depthwise", act=act, name="depthwise")
    if se is not None:
        y = squeeze_excite(t, y, width=t.width(se, x, out=out, mid=inner))
    y = t.unit(y, out, act="none", name="project")
    return t.add(t.drop_path(y, drop_path), x) if skip and y.shape == x.shape else y


@block
def fused_mbconv(
    t: Tracer,
    x: Value,
    *,
    width: Width,
    kernel: Kernel = 3,
    stride: Stride = 1,
    expand: Width | None = "in*4",
    se: Width | None = None,
    skip: bool = True,
    drop_path: Probability = 0.0,
    act: Act | None = None,
) -> Value:
    """kernel to `expand`, [+SE], linear 1x1 to `width`; added to the input where shapes agree (Tan & Le 2021, fig. 2).

    `expand: null` is one convolution with its activation.
    """
    out = t.width(width, x)
    inner = out if expand is None else t.width(expand, x, out=out)
    y = t.unit(x, inner, kernel, stride, act=act, name="expand")
    if se is not None:
        y = squeeze_excite(t, y, width=t.width(se, x, out=out, mid=inner))
    if expand is not None:
        y = t.unit(y, out, act="none", name="project")
    return t.add(t.drop_path(y, drop_path), x) if skip and y.shape == x.shape else y


@block
def fire(
    t: Tracer,
    x: Value,
    *,
    squeeze: Width,
    expand: Width,
    act: Act | None = None,
    bypass: Literal["none", "simple", "complex"] = "none",
) -> Value:
    """1x1 to `squeeze`, then 1x1 and 3x3 to `expand` each, side by side (Iandola et al. 2016, fig. 1).

    A simple bypass adds the input where the channels agree; a complex one also where they differ, through a 1x1 (fig. 2).
    """
    out = t.width(expand, x)
    s = t.unit(x, t.width(squeeze, x), act=act, name="squeeze")
    y = t.concat(t.unit(s, out, act=act, name="expand1x1"), t.unit(s, out, 3, act=act, name="expand3x3"))
    if bypass == "none" or (bypass == "simple" and x.channels != y.channels):
        return y
    return t.add(y, x if x.channels == y.channels else t.unit(x, y.channels, act="none", name="bypass"))


@block
def shuffle(
    t: Tracer,
    x: Value,
    *,
    width: Width,
    kernel: Kernel = 3,
    stride: Stride = 1,
    groups: Size | None = None,
    first: bool = False,
    act: Act | None = None,
) -> Value:
    """Half of the channels pass, half go through 1x1, depthwise, 1x1; then both are shuffled (Ma et al. 2018, fig. 3c, d).

    Where the stride or the width changes, both halves are computed from the whole input. With `groups` it is the first
    ShuffleNet's (Zhang et al. 2017, fig. 2b, c): grouped 1x1 to a quarter of `width`, shuffle, depthwise, grouped 1x1, added
    to the input, or at a stride beside its average; `first` has no groups in the first 1x1.
    """
    out = t.width(width, x)
    if groups is not None:
        return _grouped_shuffle(t, x, out, kernel, stride, groups, first, act)
    if out % 2:
        raise t.error(f"shuffle needs an even width, for two halves; got {out}")
    half = out // 2
    if stride == 1 and out == x.channels:
        left, right = t.split(x, 2)
    else:
        left = t.unit(x, x.channels, kernel, stride, groups="depthwise", act="none", name="left.depthwise")
        left, right = t.unit(left, half, act=act, name="left.pointwise"), x
    y = t.unit(right, half, act=act, name="right.reduce")
    y = t.unit(y, half, kernel, stride, groups="depthwise", act="none", name="right.depthwise")
    y = t.unit(y, half, act=act, name="right.expand")
    return t.interleave(t.concat(left, y), 2)


def _grouped_shuffle(t: Tracer, x: Value, out: int, kernel: Kernel, stride: int, groups: int, first: bool, act: Act | None) -> Value:
    inner, new = out // 4, out if stride == 1 else out - x.channels
    if inner < 1:
        raise t.error(f"shuffle with groups needs at least 4 channels, for a quarter in the middle; got {out}")
    if new < 1:
        raise t.error(f"shuffle with a stride appends to its input, so it needs more channels than that; got {out} after {x.channels}")
    y = t.unit(x, inner, groups=1 if first else groups, act=act, name="reduce")
    y = t.unit(t.interleave(y, groups), inner, kernel, stride, groups="depthwise", act="none", name="depthwise")
    y = t.unit(y, new, groups=groups, act="none", name="expand")
    return t.act(t.add(y, x) if stride == 1 else t.concat(y, t.pool(x, "avg", 3, stride)), act)
