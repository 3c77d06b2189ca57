"""Which rows take part in scaling.

Width: every width that is a number of channels, in stem, stages, paths and the head's convolutions; relative widths follow by
themselves. The classifier keeps its classes, and fully connected layers keep their width.

Depth: rows of stages whose repetition keeps the map's size. Of a row with a stride only the first of the run keeps it; rows without
a width of their own (pools, norms, dropout), auxiliary heads, transitions (`in/2`), and rows that shrink the map in another way
(strides inside paths, windows without padding) stay single. So does a row with a stride after which the stage goes on with the same
word: the run is continued there, as in MobileNet v1 and NASNet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from nasbench.genotype import Block
from nasbench.genotype.block import find_block_type
from nasbench.genotype.fields import relative
from nasbench.genotype.genotype import classifier

Rounding = Literal["up", "nearest", "total"]
SINGLE = ("linear", "auxiliary")
ALIGN = 4  # widths that groups divide are multiples of this too, where the divisor is


def repeats(row: Block) -> bool:
    """Whether a row may stand more often than it does."""
    if row.repeat > 1:
        return True
    return row.op not in SINGLE and _computes(row) and _keeps_size(row, outer=True) and not _changes_width(row)


def _computes(row: Block) -> bool:
    return bool(find_block_type(row.op).widths) or any(_computes(inner) for inner in row.inside)


def _keeps_size(row: Block, outer: bool = False) -> bool:
    """Whether it leaves height and width alone; the stride of an outer row does not count, since a run has it once."""
    fields = row.fields
    strided = not outer and fields.get("stride", 1) != 1
    cropped = fields.get("padding", "same") == "valid" and fields.get("kernel", 1) != 1
    return not strided and not cropped and all(_keeps_size(inner) for inner in row.inside)


def _changes_width(row: Block) -> bool:
    """Whether its output is a share of its input, so that a second one would take a share of that."""
    width = row.fields.get("width")
    return isinstance(width, str) and relative(width)[1] != 1


def deeper(stages: Sequence[Sequence[Block]], by: float, rounding: Rounding) -> tuple[tuple[Block, ...], ...]:
    """Stages with `by` times as many blocks, at least one of each row.

    The number is rounded for each stage, up as in EfficientNet's code or to the nearest as in pycls'; with `total` for all stages
    together, so that the step from one depth to the next is small. It is shared out among the rows in proportion, by largest
    remainder, where equal to the later row.
    """
    if by == 1:
        return tuple(map(tuple, stages))
    roles = [_roles(stage) for stage in stages]
    whole = [range(len(stages))] if rounding == "total" else [[i] for i in range(len(stages))]
    repeat = {(i, k): row.repeat for i, stage in enumerate(stages) for k, row in enumerate(stage)}
    for several in whole:
        takes = [(i, k) for i in several for k, role in enumerate(roles[i]) if role == "takes"]
        begun = sum(role == "begins" for i in several for role in roles[i])
        if takes:
            wanted = round(by * (begun + sum(repeat[at] for at in takes)), 9)
            total = math.ceil(wanted) if rounding == "up" else round(wanted)
            repeat |= dict(zip(takes, _shared([repeat[at] for at in takes], total - begun), strict=True))
    return tuple(tuple(row.but(repeat=repeat[i, k]) for k, row in enumerate(stage)) for i, stage in enumerate(stages))


def _roles(stage: Sequence[Block]) -> list[Literal["takes", "begins", "single"]]:
    """Of each row: it takes more blocks, or begins a run that the next row continues, or stays single."""
    found: list[Literal["takes", "begins", "single"]] = []
    for row, after in zip(stage, [*stage[1:], None], strict=True):
        continued = _strided(row) and after is not None and after.op == row.op
        found.append("single" if not repeats(row) else "begins" if continued else "takes")
    return found


def _strided(row: Block) -> bool:
    return row.repeat == 1 and row.fields.get("stride", 1) != 1


def _shared(weights: Sequence[int], total: int) -> list[int]:
    """`total` in proportion to the weights, at least 1 each."""
    exact = [total * w / sum(weights) for w in weights]
    found = [max(1, math.floor(x)) for x in exact]
    order = sorted(range(len(weights)), key=lambda i: (exact[i] - math.floor(exact[i]), i), reverse=True)
    for i in order[: max(0, total - sum(found))]:
        found[i] += 1
    return found


def wider(row: Block, change: Callable[[int, int], int], need: int = 1) -> Block:
    """Every width that is a number; paths row by row, and auxiliary heads as heads.

    `change(width, multiple)` is the new width, a number that `multiple` divides; `need` is one that divides the row's output.
    """
    if row.op == "auxiliary":
        return row.but(rows=wider_head(row.fields["rows"], change))
    changes: dict[str, Any] = {}
    for field in find_block_type(row.op).widths:
        value = row.fields[field]
        if type(value) is int:
            changes[field] = change(value, math.lcm(need, grouped(row)) if field == "width" else 1)
    row = row.but(**changes) if changes else row
    return row.change_inside(lambda inner: wider(inner, change))


def wider_head(rows: tuple[Block, ...], change: Callable[[int, int], int]) -> tuple[Block, ...]:
    """The convolutions, but not the classifier."""
    last = classifier(rows)
    return tuple(wider(row, change) if row.op == "conv" and i != last else row for i, row in enumerate(rows))


def grouped(row: Block) -> int:
    """What must divide a row's width so that its groups come out even."""
    groups = row.fields.get("groups")
    if not isinstance(groups, int) or groups == 1:
        return 1
    if row.op == "shuffle":
        return 4 * groups  # they work on a quarter of the width
    need = groups
    for inner in (row.fields.get("mid"), row.fields.get("wide")):
        if isinstance(inner, str) and relative(inner)[0] == "out":
            factor = relative(inner)[1]
            several = groups * factor.denominator
            need = math.lcm(need if factor.denominator == 1 else 1, several // math.gcd(several, factor.numerator))
    return need


def multiple(divisor: int, need: int) -> int:
    """The smallest number from `divisor` on that `need` divides, and what is usual for widths where the divisor is usual."""
    base = math.lcm(need, math.gcd(ALIGN, divisor))
    return base * math.ceil(divisor / base)
