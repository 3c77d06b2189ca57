"""Blocks of the mobile families: separable convolution, inverted residual, fire, shuffle."""

from __future__ import annotations

from nasbench.genotype.blocks.attention import se as squeeze_excite
from nasbench.genotype.fields import Act, Kernel, Order, Stride, Width
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer
from nasbench.genotype.words import block


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
    for word in order.split("-"):
        if word == "conv":
            y = t.conv(y, x.channels, kernel, stride, groups="depthwise", bias=bias, name="depthwise.conv")
            y = t.conv(y, out, bias=bias, name="pointwise.conv")
        else:
            y = t.norm(y) if word == "norm" else t.act(y, act)
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
    return t.add(y, x) if skip and y.shape == x.shape else y


@block
def fire(t: Tracer, x: Value, *, squeeze: Width, expand: Width, act: Act | None = None) -> Value:
    """1x1 to `squeeze`, then 1x1 and 3x3 to `expand` each, side by side (Iandola et al. 2016, fig. 1)."""
    out = t.width(expand, x)
    s = t.unit(x, t.width(squeeze, x), act=act, name="squeeze")
    return t.concat(t.unit(s, out, act=act, name="expand1x1"), t.unit(s, out, 3, act=act, name="expand3x3"))


@block
def shuffle(t: Tracer, x: Value, *, width: Width, kernel: Kernel = 3, stride: Stride = 1, act: Act | None = None) -> Value:
    """Half of the channels pass, half go through 1x1, depthwise, 1x1; then both are shuffled (Ma et al. 2018, fig. 3c, d).

    Where the stride or the width changes, both halves are computed from the whole input.
    """
    out = t.width(width, x)
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
