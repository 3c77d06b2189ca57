"""Paths side by side: the way to write a new topology as data."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from nasbench.errors import short
from nasbench.genotype.block import Block, block, read_block
from nasbench.genotype.fields import Act, Join
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer


def _paths(value: Any) -> Any:
    rule = "paths is a list of at least two paths, each a list of blocks (an empty one passes its input on)"
    if not isinstance(value, tuple) or len(value) < 2 or not all(isinstance(path, tuple) for path in value):
        raise ValueError(f"{rule}; got {short(value)}")
    return tuple(blocks_of(path, f"path {i + 1}, ") for i, path in enumerate(value))


def blocks_of(path: tuple[Any, ...], where: str = "") -> tuple[Block, ...]:
    """The blocks inside a field, given as blocks or as the mappings that YAML gives.

    Raises:
        ValueError: an entry is neither; a GenotypeError if it is not a possible block.
    """
    for i, entry in enumerate(path):
        if not isinstance(entry, Block) and (not isinstance(entry, dict) or "op" not in entry):
            raise ValueError(f"{where}block {i + 1}: a block is a mapping with an op; got {short(entry)}")
    return tuple([entry if isinstance(entry, Block) else read_block(entry) for entry in path])


Paths = Annotated[tuple[tuple[Block, ...], ...], BeforeValidator(_paths)]


@block
def branches(
    t: Tracer,
    x: Value,
    *,
    paths: Paths,
    join: Join = "concat",
    split: bool = False,
    act: Act = "none",
) -> Value:
    """Each path from the same input, or with `split` from its own part of the channels; joined by concat, add or interleave.

    Where paths are added, a width `out` in one is the channels at the end of the path before, in the first those of its input.
    """
    scope, outer = t.scope, t.out
    starts = t.split(x, len(paths)) if split else (x,) * len(paths)
    ends: list[Value] = []
    for i, (path, start) in enumerate(zip(paths, starts, strict=True)):
        t.out = (ends or starts)[-1].channels if join == "add" else None
        ends.append(t.path(path, start, f"{scope}.paths.{i}"))
    t.scope, t.out = scope, outer
    if join == "add":
        y = t.add(*ends)
    else:
        y = t.concat(*ends)
        if join == "interleave":
            y = t.interleave(y, len(paths))
    return t.act(y, act)
