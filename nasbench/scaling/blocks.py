"""Which blocks grow when a network is scaled, and by how much.

Width: all widths that are numbers of channels grow, in the stem, in stages, in paths and in the convolutions of the head. Relative
widths follow them. The classifier keeps its classes, and fully connected layers keep their width.

Depth: blocks of stages are repeated if that keeps the size of the feature map. In a run of blocks with a stride, only the first
block has the stride. These blocks are never repeated: blocks without a width of their own (pools, norms, dropout), auxiliary heads,
transitions (`in/2`), and blocks that shrink the map in another way (strides inside paths, windows without padding). A strided block
that is followed by blocks of the same type is not repeated either: the blocks after it are, as in MobileNet v1 and NASNet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

from nasbench.genotype import Block
from nasbench.genotype.block import find_block_type
from nasbench.genotype.classes import classifier
from nasbench.genotype.fields import relative

Rounding = Literal["up", "nearest", "total"]
SINGLE = ("linear", "auxiliary")
ALIGN = 4  # widths that groups divide are multiples of 4 too, if the divisor is


def repeats(block: Block) -> bool:
    """Whether scaling may repeat a block more often."""
    if block.repeat > 1:
        return True
    return block.op not in SINGLE and _computes(block) and _keeps_size(block, outer=True) and not _changes_width(block)


def _computes(block: Block) -> bool:
    return bool(find_block_type(block.op).widths) or any(_computes(inner) for inner in block.inside)


def _keeps_size(block: Block, outer: bool = False) -> bool:
    """Whether height and width stay the same. The stride of an outer block does not count, because a run has it once."""
    fields = block.fields
    strided = not outer and fields.get("stride", 1) != 1
    cropped = fields.get("padding", "same") == "valid" and fields.get("kernel", 1) != 1
    return not strided and not cropped and all(_keeps_size(inner) for inner in block.inside)


def _changes_width(block: Block) -> bool:
    """Whether the output is a share of the input, so that a second block would take a share of that share."""
    width = block.fields.get("width")
    return isinstance(width, str) and relative(width)[1] != 1


def deeper(stages: Sequence[Sequence[Block]], by: float, rounding: Rounding) -> tuple[tuple[Block, ...], ...]:
    """Stages with `by` times as many layers, at least one for each block.

    The number of layers is rounded for each stage: up, as in EfficientNet's code, or to the nearest number, as in pycls. With
    `total` it is rounded for all stages together, so that the network grows in small steps. The layers are distributed among the
    blocks in proportion, by largest remainder; between equal remainders the later block gets the layer.
    """
    if by == 1:
        return tuple(map(tuple, stages))
    roles = [_roles(stage) for stage in stages]
    groups = [range(len(stages))] if rounding == "total" else [[i] for i in range(len(stages))]
    repeat = {(i, k): block.repeat for i, stage in enumerate(stages) for k, block in enumerate(stage)}
    for group in groups:
        growing = [(i, k) for i in group for k, role in enumerate(roles[i]) if role == "grows"]
        begun = sum(role == "begins" for i in group for role in roles[i])
        if growing:
            wanted = round(by * (begun + sum(repeat[at] for at in growing)), 9)
            total = math.ceil(wanted) if rounding == "up" else round(wanted)
            repeat |= dict(zip(growing, _distributed([repeat[at] for at in growing], total - begun), strict=True))
    return tuple(tuple(block.but(repeat=repeat[i, k]) for k, block in enumerate(stage)) for i, stage in enumerate(stages))


def _roles(stage: Sequence[Block]) -> list[Literal["grows", "begins", "single"]]:
    """For each block: it gets more layers, or begins a run that the next block continues, or stays single."""
    roles: list[Literal["grows", "begins", "single"]] = []
    for block, after in zip(stage, [*stage[1:], None], strict=True):
        continued = _strided(block) and after is not None and after.op == block.op
        roles.append("single" if not repeats(block) else "begins" if continued else "grows")
    return roles


def _strided(block: Block) -> bool:
    return block.repeat == 1 and block.fields.get("stride", 1) != 1


def _distributed(weights: Sequence[int], total: int) -> list[int]:
    """`total` in proportion to the weights, at least 1 for each."""
    exact = [total * w / sum(weights) for w in weights]
    shares = [max(1, math.floor(x)) for x in exact]
    order = sorted(range(len(weights)), key=lambda i: (exact[i] - math.floor(exact[i]), i), reverse=True)
    for i in order[: max(0, total - sum(shares))]:
        shares[i] += 1
    return shares


def wider(block: Block, change: Callable[[int, int], int], need: int = 1) -> Block:
    """The block with every width that is a number changed; paths block by block, and auxiliary heads like heads.

    Args:
        change: `change(width, multiple)` is the new width, a number that `multiple` divides.
        need: a number that has to divide the output width of the block.
    """
    if block.op == "auxiliary":
        return block.but(rows=wider_head(block.fields["rows"], change))
    changes: dict[str, Any] = {}
    for field in find_block_type(block.op).widths:
        value = block.fields[field]
        if type(value) is int:
            changes[field] = change(value, math.lcm(need, grouped(block)) if field == "width" else 1)
    block = block.but(**changes) if changes else block
    return block.change_inside(lambda inner: wider(inner, change))


def wider_head(blocks: tuple[Block, ...], change: Callable[[int, int], int]) -> tuple[Block, ...]:
    """The blocks of a head with wider convolutions; the classifier stays."""
    last = classifier(blocks)
    return tuple(wider(block, change) if block.op == "conv" and i != last else block for i, block in enumerate(blocks))


def grouped(block: Block) -> int:
    """A number that has to divide the width of a block, so that all its groups have whole numbers of channels."""
    groups = block.fields.get("groups")
    if not isinstance(groups, int) or groups == 1:
        return 1
    if block.op == "shuffle":
        return 4 * groups  # the groups work on a quarter of the width
    need = groups
    for inner in (block.fields.get("mid"), block.fields.get("wide")):
        if isinstance(inner, str) and relative(inner)[0] == "out":
            factor = relative(inner)[1]
            channels = groups * factor.denominator
            need = math.lcm(need if factor.denominator == 1 else 1, channels // math.gcd(channels, factor.numerator))
    return need


def multiple(divisor: int, need: int) -> int:
    """The smallest number from `divisor` on that `need` divides; it is a multiple of 4 too if `divisor` is."""
    base = math.lcm(need, math.gcd(ALIGN, divisor))
    return base * math.ceil(divisor / base)
