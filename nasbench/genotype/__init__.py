"""What a network is: units, genotype, blocks, trace, cost. No torch."""

from nasbench.genotype import blocks
from nasbench.genotype.block import BLOCK_TYPES, Block, BlockType, block
from nasbench.genotype.classes import adapt, class_count
from nasbench.genotype.cost import Cost, cost, cost_of
from nasbench.genotype.genotype import Genotype
from nasbench.genotype.kind import KINDS, Kind, kind
from nasbench.genotype.layer import Layer, Value, attributes
from nasbench.genotype.resolve import Network, as_genotype
from nasbench.genotype.style import Style
from nasbench.genotype.trace import Trace, digest, digest_of, inference, trace
from nasbench.genotype.tracer import Tracer

__all__ = [
    "BLOCK_TYPES",
    "KINDS",
    "Block",
    "BlockType",
    "Cost",
    "Genotype",
    "Kind",
    "Layer",
    "Network",
    "Style",
    "Trace",
    "Tracer",
    "Value",
    "adapt",
    "as_genotype",
    "attributes",
    "block",
    "blocks",
    "class_count",
    "cost",
    "cost_of",
    "digest",
    "digest_of",
    "inference",
    "kind",
        "trace",
]  # fmt: skip
