"""Scaling a network in width, depth and resolution (Tan & Le 2019, section 3)."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import get_args

from nasbench.errors import GenotypeError, short
from nasbench.genotype import Genotype
from nasbench.genotype.fields import round_to
from nasbench.scaling.law import PUBLISHED, Law
from nasbench.scaling.rows import Rounding, deeper, grouped, multiple, wider, wider_head

FACTORS = (0, 1000)
DIVISOR = 8
SIDE_STEP, SMALL_SIDE = 4, 64  # sides above 64 pixels that a factor makes are multiples of 4, as those of B1 to B7 are


def scale(
    g: Genotype,
    *,
    phi: float | None = None,
    alpha: float = PUBLISHED.alpha,
    beta: float = PUBLISHED.beta,
    gamma: float = PUBLISHED.gamma,
    width: float = 1.0,
    depth: float = 1.0,
    resolution: int | None = None,
    divisor: int | None = None,
    stem: bool = True,
    head: bool = True,
    rounding: Rounding = "up",
    name: str | None = None,
) -> Genotype:
    """`g` with all widths times `width`, all repeats of the stages times `depth`, at another input side.

    With `phi` the factors are alpha^phi for depth, beta^phi for width and gamma^phi for resolution. Widths that are relative follow
    by themselves. The classifier keeps its classes, the stem its depth; `nasbench.scaling.rows` says which rows take part.

    Args:
        resolution: pixels a side; as before without it.
        divisor: widths become multiples of it, losing at most a tenth; 8, as in EfficientNet's and MobileNet's code. Where a row has
            groups, they divide its width too.
        stem: whether the stem grows in width; Wide ResNet keeps it.
        head: whether the convolutions of the head grow too. MobileNetV2 lets its last one grow, but never shrink;
            MnasNet keeps it.
        rounding: `up` is EfficientNet's: depth up, widths as above. `nearest` is pycls': both to the nearest. `total` too, but of the
            number of blocks in all stages together, in place of each stage's: finer steps, for networks of few blocks a stage.

    Raises:
        GenotypeError: a factor that is not above 0 and at most 1000, a resolution that is no input, or `phi` beside factors.
    """
    if rounding not in get_args(Rounding):
        raise GenotypeError(f"rounding is {', '.join(get_args(Rounding)[:-1])} or {get_args(Rounding)[-1]}; got {short(rounding)}")
    shape = g.input if resolution is None else (g.input[0], resolution, resolution)
    if phi is not None:
        if (width, depth, resolution) != (1.0, 1.0, None):
            raise GenotypeError("scale: phi gives depth, width and resolution; they cannot be given beside it; leave out one or the other")
        factors = Law(alpha, beta, gamma).factors(phi)
        depth, width = factors.depth, factors.width
        shape = (g.input[0], scaled_side(g.input[1], factors.resolution), scaled_side(g.input[2], factors.resolution))
    for label, factor in (("width", width), ("depth", depth)):
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not FACTORS[0] < factor <= FACTORS[1]:
            raise GenotypeError(f"scale: {label} is a factor above {FACTORS[0]}, at most {FACTORS[1]}; got {factor!r}")
    by, unit = Fraction(str(width)), DIVISOR if divisor is None else divisor
    if isinstance(unit, bool) or not isinstance(unit, int) or not 1 <= unit <= 256:
        raise GenotypeError(f"scale: divisor is a whole number from 1 to 256; got {short(unit)}")

    def change(value: int, need: int) -> int:
        """A width below the divisor, as in LeNet, shrinks by whole channels: it must not grow where all others shrink."""
        return value if by == 1 else rounded(value * by, multiple(unit if value >= unit or by > 1 else 1, need), rounding)

    # Groups of the first stage divide its input too, where a shuffle only adds to that.
    need = max((grouped(row) // 4 for stage in g.stages[:1] for row in stage if row.op == "shuffle" and grouped(row) > 1), default=1)
    return replace(
        g,
        name=name or g.name,
        input=shape,
        stem=tuple(wider(row, change, need) for row in g.stem) if stem else g.stem,
        stages=deeper([[wider(row, change) for row in stage] for stage in g.stages], depth, rounding),
        head=wider_head(g.head, change) if head else g.head,
    )


def rounded(width: Fraction | float, divisor: int, rounding: Rounding = "up") -> int:
    """A number of channels: the nearest multiple of `divisor`, at least one of it; with `up`, one that loses at most a tenth."""
    return round_to(width, divisor) if rounding == "up" else max(1, round(width / divisor)) * divisor


def scaled_side(side: int, factor: float) -> int:
    """The input side `factor` times as large: the nearest multiple of 4 pixels, for small images the nearest pixel."""
    if factor == 1:
        return side
    step = SIDE_STEP if side > SMALL_SIDE else 1
    wanted = side * factor
    if not math.isfinite(wanted):
        raise GenotypeError(f"an input side is finite; {side} times {factor:g} is not; scale by less")
    return max(1, round(wanted / step)) * step
