"""Residual blocks: ResNet, ResNeXt, Wide ResNet, SE-ResNet and plain networks are blocks of one type."""

from __future__ import annotations

from typing import Literal

from nasbench.genotype.block import block
from nasbench.genotype.blocks.attention import se as squeeze_excite
from nasbench.genotype.fields import Act, Groups, Kernel, Order, Probability, Stride, Width
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer


@block
def residual(
    t: Tracer,
    x: Value,
    *,
    width: Width,
    stride: Stride = 1,
    mid: Width | None = None,
    wide: Width | None = None,
    kernel: Kernel = 3,
    groups: Groups = 1,
    se: Width | None = None,
    shortcut: Literal["A", "B", "C", "none"] = "B",
    shortcut_kernel: Kernel = 1,
    stride_at: Literal["kernel", "first"] = "kernel",
    dropout: Probability = 0.0,
    drop_path: Probability = 0.0,
    act: Act | None = None,
    order: Order | None = None,
) -> Value:
    """Two kernels, or with `mid` a bottleneck (1x1 to mid, kernel to `wide` or mid, 1x1 to width), [+SE], added to a shortcut.

    He et al. 2015: section 3.3, fig. 5. Where the shape changes, shortcut A takes every `stride`-th pixel and fills up
    with zeros, B projects by a 1x1; C always projects; `none` is the plain network. `stride_at: first` strides in the first
    1x1 (the paper's v1), `kernel` in the kernel (v1.5). With `groups` it is ResNeXt's (Xie et al. 2016, fig. 3c). In the
    order norm-act-conv both ways read the first activation where the shape changes (He et al. 2016, fig. 4e); `dropout`
    before the last convolution is Wide ResNet's (Zagoruyko & Komodakis 2016, fig. 1d), `drop_path` stochastic depth
    (Huang et al. 2016, section 3).
    """
    out = t.width(width, x)
    order = order or t.style.order
    change = stride != 1 or x.channels != out
    before = order == "norm-act-conv"
    start = t.act(t.norm(x, "before.norm"), act, "before.act") if before else x

    def unit(y: Value, channels: int, k: Kernel, s: int, name: str, last: bool = False, first: bool = False, g: Groups = 1) -> Value:
        if before and first:
            return t.conv(y, channels, k, s, groups=g, bias=t.style.norm == "none", name=f"{name}.conv")
        return t.unit(y, channels, k, s, groups=g, act="none" if last and not before else act, order=order, name=name)

    if mid is None:
        y = unit(start, out, kernel, stride, "conv1", first=True, g=groups)
        y = unit(t.dropout(y, dropout), out, kernel, 1, "conv2", last=True, g=groups)
    else:
        inner = t.width(mid, x, out=out)
        outer, middle = (stride, 1) if stride_at == "first" else (1, stride)
        y = unit(start, inner, 1, outer, "reduce", first=True)
        y = unit(y, inner if wide is None else t.width(wide, x, out=out, mid=inner), kernel, middle, "conv", g=groups)
        y = unit(t.dropout(y, dropout), out, 1, 1, "expand", last=True)
    if se is not None:
        y = squeeze_excite(t, y, width=t.width(se, x, out=out))
    if shortcut == "none":
        return y if before else t.act(y, act)
    y = t.drop_path(y, drop_path)
    if shortcut == "A" and change:
        skip = start if stride == 1 else t.pool(start, "avg", 1, stride, name="shortcut.pool")
        skip = t.pad(skip, out - x.channels, name="shortcut.pad") if out > x.channels else skip
    elif (shortcut == "B" and change) or shortcut == "C":
        skip = (
            t.conv(start, out, shortcut_kernel, stride, bias=t.style.norm == "none", name="shortcut.conv")
            if before
            else t.unit(x, out, shortcut_kernel, stride, act="none", order=order, name="shortcut")
        )
    else:
        skip = x
    y = t.add(y, skip)
    return y if before else t.act(y, act)
