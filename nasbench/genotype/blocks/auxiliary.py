"""Classifiers on the side, in training only."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from nasbench.errors import short
from nasbench.genotype.block import Block, block
from nasbench.genotype.blocks.branches import blocks_of
from nasbench.genotype.fields import Weight
from nasbench.genotype.layer import Value
from nasbench.genotype.tracer import Tracer


def _head(value: Any) -> Any:
    if not isinstance(value, tuple) or not value:
        raise ValueError(f"rows is a list of at least one block, the last of them the classifier; got {short(value)}")
    return blocks_of(value)


Blocks = Annotated[tuple[Block, ...], BeforeValidator(_head)]


@block
def auxiliary(
    t: Tracer,
    x: Value,
    *,
    rows: Blocks,
    weight: Weight = 0.3,
) -> Value:
    """A classifier on the side that only training sees; its input passes on unchanged (Szegedy et al. 2014, section 5).

    The blocks in `rows` end in the classes of the network, and the loss there counts `weight` times. Where a window of them does
    not fit into the map, because the input is smaller than the paper's, the network has no such classifier.
    """
    t.auxiliary(x, rows, weight)
    return x
