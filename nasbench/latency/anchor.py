"""The anchor: one fixed small network, run between all others to feel how fast the machine is at that moment."""

from __future__ import annotations

from nasbench.genotype import Block, Genotype

# An inverted residual network like those that are searched, so that what slows them slows it by the same factor.
# Files hold its digest: with another anchor, old profiles have to be made again.
ANCHOR = Genotype(
    name="anchor",
    input=(3, 96, 96),
    stem=(Block("conv", {"width": 24, "kernel": 3, "stride": 2}),),
    stages=(
        (Block("mbconv", {"width": 32, "expand": "in*4", "kernel": 3, "stride": 2}, repeat=2),),
        (Block("mbconv", {"width": 64, "expand": "in*4", "kernel": 5, "stride": 2, "se": "in/4"}, repeat=2),),
    ),
    head=(Block("conv", {"width": 256}), Block("gap"), Block("linear", {"width": 100})),
)
