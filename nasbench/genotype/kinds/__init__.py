"""The table of layer kinds, one class per kind. Importing this folder fills `KINDS`."""

from nasbench.genotype.kind import KINDS
from nasbench.genotype.kinds import activation, arithmetic, channels, convolution, normalisation, pooling, training

__all__ = ["KINDS", "activation", "arithmetic", "channels", "convolution", "normalisation", "pooling", "training"]
