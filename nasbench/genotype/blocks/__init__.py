"""The block types of nasbench: one function each. Importing this folder registers them."""

from nasbench.genotype.blocks.attention import se
from nasbench.genotype.blocks.auxiliary import auxiliary
from nasbench.genotype.blocks.branches import branches
from nasbench.genotype.blocks.cell import cell
from nasbench.genotype.blocks.dense import dense
from nasbench.genotype.blocks.edge_cell import edge_cell
from nasbench.genotype.blocks.inception import inception
from nasbench.genotype.blocks.layers import activation, conv, dropout, flatten, gap, identity, linear, lrn, multiply, norm, pool, spp, take
from nasbench.genotype.blocks.mobile import fire, fused_mbconv, mbconv, separable, shuffle
from nasbench.genotype.blocks.residual import residual

__all__ = [
    "activation", "auxiliary", "branches", "cell", "conv", "dense", "dropout", "edge_cell", "fire", "flatten",
    "fused_mbconv", "gap", "identity", "inception", "linear", "lrn", "mbconv",
    "multiply", "norm", "pool", "residual", "se", "separable", "shuffle", "spp", "take",
]  # fmt: skip
