"""Scaling a network in width, depth and resolution (Tan & Le 2019, section 3)."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import get_args

from nasbench.errors import GenotypeError, short
from nasbench.genotype import Genotype, Network, as_genotype
from nasbench.genotype.fields import round_to
from nasbench.scaling.blocks import Rounding, deeper, grouped, multiple, wider, wider_head
from nasbench.scaling.law import PUBLISHED, Law

FACTORS = (0, 1000)
DIVISOR = 8
SIDE_STEP, SMALL_SIDE = 4, 64  # input sides above 64 pixels are rounded to multiples of 4, as in EfficientNet-B1 to B7


def scale(
    g: Network,
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
    """The network with all widths times `width`, the layers of all stages times `depth`, and another input side.

    Give either `phi` or the three factors. With `phi` the factors are alpha^phi for depth, beta^phi for width and gamma^phi for
    resolution (Tan & Le 2019, "EfficientNet", eq. 3); the default coefficients are those of the paper. Relative widths follow the
    others. The classifier keeps its classes, and the stem keeps its depth. `nasbench.scaling.blocks` says which blocks grow.

    >>> import nasbench as nb
    >>> b0 = nb.known("efficientnet_b0")
    >>> larger = nb.scale(b0, phi=1)
    >>> b0.input, larger.input
    ((3, 224, 224), (3, 256, 256))
    >>> round(nb.cost(larger).macs / nb.cost(b0).macs, 2)
    2.23
    >>> thin = nb.scale(nb.known("mobilenet_v1"), width=0.75, resolution=160)
    >>> thin.stem[0].fields["width"], thin.input
    (24, (3, 160, 160))

    Args:
        g: the network to scale: a genotype, the name of a known network, or a .yaml file.
        phi: number of steps along the law, from -20 to 20.
        alpha, beta, gamma: factors of depth, width and resolution in one step.
        width, depth: factors above 0, at most 1000.
        resolution: the new side of the input in pixels; by default the input stays.
        divisor: widths become multiples of it that lose at most a tenth. The default is 8, as in the code of EfficientNet and
            MobileNet. If a block has groups, they divide its width too.
        stem: whether the stem grows in width; in Wide ResNet it does not.
        head: whether the convolutions of the head grow. In MobileNetV2 the last one grows but never shrinks; in MnasNet it stays.
        rounding: `up` rounds depth up and widths as above, as EfficientNet does. `nearest` rounds both to the nearest, as pycls does.
            `total` is like `nearest`, but rounds the number of layers of all stages together. It gives smaller steps for networks
            with few layers in a stage.
        name: of the new genotype; by default that of `g`.

    Raises:
        GenotypeError: a factor, a resolution, a divisor or a rounding out of range, or `phi` beside factors.
    """
    g = as_genotype(g)
    if rounding not in get_args(Rounding):
        raise GenotypeError(f"rounding is {', '.join(get_args(Rounding)[:-1])} or {get_args(Rounding)[-1]}; got {short(rounding)}")
    shape = g.input if resolution is None else (g.input[0], resolution, resolution)
    if phi is not None:
        if (width, depth, resolution) != (1.0, 1.0, None):
            raise GenotypeError("scale: phi gives depth, width and resolution; they cannot be given beside it; leave out one or the other")
        factors = Law(alpha, beta, gamma).factors(phi)
        depth, width = factors.depth, factors.width
        shape = (g.input[0], scaled_side(g.input[1], factors.resolution), scaled_side(g.input[2], factors.resolution))
    for axis, factor in (("width", width), ("depth", depth)):
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not FACTORS[0] < factor <= FACTORS[1]:
            raise GenotypeError(f"scale: {axis} is a factor above {FACTORS[0]}, at most {FACTORS[1]}; got {factor!r}")
    by, unit = Fraction(str(width)), DIVISOR if divisor is None else divisor
    if isinstance(unit, bool) or not isinstance(unit, int) or not 1 <= unit <= 256:
        raise GenotypeError(f"scale: divisor is a whole number from 1 to 256; got {short(unit)}")

    def change(value: int, need: int) -> int:
        """The new width; one below the divisor, as in LeNet, shrinks by single channels, since it must not grow while others shrink."""
        return value if by == 1 else rounded(value * by, multiple(unit if value >= unit or by > 1 else 1, need), rounding)

    # A strided shuffle joins its input to its output, so its groups have to divide the width of the stem too.
    shuffles = [block for stage in g.stages[:1] for block in stage if block.op == "shuffle" and grouped(block) > 1]
    need = max((grouped(block) // 4 for block in shuffles), default=1)
    return replace(
        g,
        name=name or g.name,
        input=shape,
        stem=tuple(wider(block, change, need) for block in g.stem) if stem else g.stem,
        stages=deeper([[wider(block, change) for block in stage] for stage in g.stages], depth, rounding),
        head=wider_head(g.head, change) if head else g.head,
    )


def rounded(width: Fraction | float, divisor: int, rounding: Rounding = "up") -> int:
    """A number of channels: the nearest multiple of `divisor`, at least `divisor`; with `up` one that loses at most a tenth."""
    return round_to(width, divisor) if rounding == "up" else max(1, round(width / divisor)) * divisor


def scaled_side(side: int, factor: float) -> int:
    """The input side in pixels times `factor`: the nearest multiple of 4 pixels; for sides up to 64 pixels the nearest pixel.

    Raises:
        GenotypeError: the product is not finite.
    """
    if factor == 1:
        return side
    step = SIDE_STEP if side > SMALL_SIDE else 1
    wanted = side * factor
    if not math.isfinite(wanted):
        raise GenotypeError(f"an input side is finite; {side} times {factor:g} is not; scale by less")
    return max(1, round(wanted / step)) * step
