"""Residual blocks: ResNet, ResNeXt, Wide ResNet, SE-ResNet and plain networks are rows of one word."""

from __future__ import annotations

from typing import Literal

from nasbench.genotype.blocks.attention import se as squeeze_excite
from nasbench.genotype.fields import Act, Groups, Kernel, Order, Stride, Width
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer
from nasbench.genotype.words import block


@block
def residual(
    t: Tracer,
    x: Value,
    *,
    width: Width,
    stride: Stride = 1,
    mid: Width | None = None,
    kernel: Kernel = 3,
    groups: Groups = 1,
    se: Width | None = None,
    shortcut: Literal["B", "C", "none"] = "B",
    stride_at: Literal["kernel", "first"] = "kernel",
    act: Act | None = None,
    order: Order | None = None,
) -> Value:
    """Two kernels, or with `mid` a bottleneck (1x1 to mid, kernel, 1x1 to width), [+SE], added to a shortcut.

    He et al. 2015: section 3.3, fig. 5. Shortcut B projects by a 1x1 where the shape changes, C always; `none` is the
    plain network. `stride_at: first` strides in the first 1x1 (the paper's v1), `kernel` in the kernel (v1.5).
    With `groups` it is ResNeXt's (Xie et al. 2016, fig. 3c).
    """
    out = t.width(width, x)
    if mid is None:
        y = t.unit(x, out, kernel, stride, groups=groups, act=act, order=order, name="conv1")
        y = t.unit(y, out, kernel, groups=groups, act="none", order=order, name="conv2")
    else:
        inner = t.width(mid, x, out=out)
        first, middle = (stride, 1) if stride_at == "first" else (1, stride)
        y = t.unit(x, inner, 1, first, act=act, order=order, name="reduce")
        y = t.unit(y, inner, kernel, middle, groups=groups, act=act, order=order, name="conv")
        y = t.unit(y, out, act="none", order=order, name="expand")
    if se is not None:
        y = squeeze_excite(t, y, width=t.width(se, x, out=out))
    if shortcut != "none":
        change = stride != 1 or x.channels != out
        y = t.add(y, t.unit(x, out, 1, stride, act="none", order=order, name="shortcut") if change or shortcut == "C" else x)
    return t.act(y, act)
