"""What a network is: units, genotype, blocks, trace, cost. No torch."""

from nasbench.genotype import blocks
from nasbench.genotype.block_type import BLOCK_TYPES, BlockType, block
from nasbench.genotype.cost import Cost, cost, cost_of
from nasbench.genotype.genotype import Block, Genotype, Style
from nasbench.genotype.layer import Layer, Value
from nasbench.genotype.trace import Trace, adapt, digest, digest_of, inference, trace
from nasbench.genotype.tracer import Tracer

__all__ = [
    "BLOCK_TYPES",
    "Block",
    "BlockType",
    "Cost",
    "Genotype",
    "Layer",
    "Style",
    "Trace",
    "Tracer",
    "Value",
    "adapt",
    "block",
    "blocks",
    "cost",
    "cost_of",
    "digest",
    "digest_of",
    "inference",
        "trace",
]  # fmt: skip
