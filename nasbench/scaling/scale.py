"""Scaling a network in width, depth and resolution (Tan & Le 2019, section 3)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from nasbench.errors import GenotypeError
from nasbench.genotype import Block, Genotype
from nasbench.genotype.fields import round_to
from nasbench.genotype.genotype import classifier, find_word

FACTORS = (0, 1000)


def scale(
    g: Genotype,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    resolution: int | None = None,
    divisor: int | None = None,
    head: bool = True,
    name: str | None = None,
) -> Genotype:
    """`g` with all widths times `width`, all repeats of the stages times `depth`, at another input side.

    Widths that are relative follow by themselves. The classifier keeps its classes, the stem its depth.

    Args:
        resolution: pixels a side; as before without it.
        divisor: widths become multiples of it, losing at most a tenth; 8, as in EfficientNet's and MobileNet's code.
        head: whether the convolutions of the head grow too. MobileNetV2 lets its last one grow, but never shrink;
            MnasNet keeps it.

    Raises:
        GenotypeError: a factor that is not above 0 and at most 1000, or a resolution that is no input.
    """
    for label, factor in (("width", width), ("depth", depth)):
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not FACTORS[0] < factor <= FACTORS[1]:
            raise GenotypeError(f"scale: {label} is a factor above {FACTORS[0]}, at most {FACTORS[1]}; got {factor!r}")
    by, unit = Fraction(str(width)), 8 if divisor is None else divisor
    return replace(
        g,
        name=name or g.name,
        input=g.input if resolution is None else (g.input[0], resolution, resolution),
        stem=tuple(_wider(row, by, unit) for row in g.stem),
        stages=tuple(_deeper((_wider(row, by, unit) for row in stage), depth) for stage in g.stages),
        head=_wider_head(g.head, by, unit) if head else g.head,
    )


def _wider_head(rows: tuple[Block, ...], by: Fraction, divisor: int) -> tuple[Block, ...]:
    """The convolutions, but not the classifier."""
    last = classifier(rows)
    return tuple(_wider(row, by, divisor) if row.op == "conv" and i != last else row for i, row in enumerate(rows))


def _wider(row: Block, by: Fraction, divisor: int) -> Block:
    """Every width that is a number; paths row by row, and auxiliary heads as heads."""
    if row.op == "auxiliary":
        return row.but(rows=_wider_head(row.fields["rows"], by, divisor))
    changes: dict[str, Any] = {}
    for field in find_word(row.op).widths:
        value = row.fields[field]
        if type(value) is int and by != 1:
            changes[field] = round_to(value * by, divisor)
    row = row.but(**changes) if changes else row
    return row.change_inside(lambda inner: _wider(inner, by, divisor))


def _deeper(rows: Iterable[Block], depth: float) -> tuple[Block, ...]:
    """Each run of a stage repeated `depth` times as often, rounded up."""
    return tuple(row.but(repeat=math.ceil(round(depth * row.repeat, 9))) if row.repeat > 1 or depth > 1 else row for row in rows)
