"""Inception modules."""

from __future__ import annotations

from nasbench.genotype.block import block
from nasbench.genotype.fields import Act, Kernel, Width
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer


@block
def inception(
    t: Tracer,
    x: Value,
    *,
    conv1x1: Width,
    reduce3x3: Width,
    conv3x3: Width,
    reduce5x5: Width,
    conv5x5: Width,
    pool_proj: Width,
    large: Kernel = 5,
    act: Act | None = None,
) -> Value:
    """1x1; 1x1 to 3x3; 1x1 to 5x5; 3x3 max pool to 1x1; side by side (Szegedy et al. 2014, fig. 2b and table 1).

    The fields are that table's columns. `large` is the kernel of the third path: torchvision's GoogLeNet has 3 there, not 5.
    """

    def unit(value: Value, width: int | str, name: str, kernel: int | tuple[int, int] = 1) -> Value:
        return t.unit(value, t.width(width, x), kernel, act=act, name=name)

    first = unit(x, conv1x1, "conv1x1")
    second = unit(unit(x, reduce3x3, "reduce3x3"), conv3x3, "conv3x3", 3)
    third = unit(unit(x, reduce5x5, "reduce5x5"), conv5x5, "conv5x5", large)
    pooled = t.pool(x, "max", 3, 1, ceil_mode=True, name="pool")
    return t.concat(first, second, third, unit(pooled, pool_proj, "pool_proj"))
