"""What a network is: units, genotype, words, trace, cost, drawing. No torch."""

from nasbench.genotype import blocks
from nasbench.genotype.cost import Cost, cost, cost_of
from nasbench.genotype.draw import Drawing, draw
from nasbench.genotype.genotype import Block, Genotype, Style
from nasbench.genotype.layer import Layer, Value
from nasbench.genotype.plugins import load_plugin
from nasbench.genotype.trace import Trace, adapt, digest, digest_of, inference, trace
from nasbench.genotype.tracer import Tracer
from nasbench.genotype.words import VOCABULARY, Word, block

__all__ = [
    "VOCABULARY", "Block", "Cost", "Drawing", "Genotype", "Layer", "Style", "Trace", "Tracer", "Value", "Word", "adapt", "block", "blocks",
    "cost", "cost_of", "digest", "digest_of", "draw", "inference", "load_plugin",
    "trace",
]  # fmt: skip
