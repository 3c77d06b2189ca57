"""Densely connected layers."""

from __future__ import annotations

from nasbench.genotype.block import block
from nasbench.genotype.fields import Act, Kernel, Probability, Width
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer


@block
def dense(
    t: Tracer,
    x: Value,
    *,
    growth: Width,
    bottleneck: Width | None = None,
    kernel: Kernel = 3,
    dropout: Probability = 0.0,
    act: Act | None = None,
) -> Value:
    """norm, act, [1x1 to `bottleneck`, norm, act,] kernel to `growth`, appended to the input (Huang et al. 2016, table 1)."""
    y = x
    if bottleneck is not None:
        y = t.unit(y, t.width(bottleneck, x), act=act, order="norm-act-conv", name="bottleneck")
    y = t.unit(y, t.width(growth, x), kernel, act=act, order="norm-act-conv", name="grow")
    return t.concat(x, t.dropout(y, dropout))
