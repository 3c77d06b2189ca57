"""The reference network: one small network that runs in turns with every measured one, and so shows how fast the machine is. No torch."""

from __future__ import annotations

from nasbench.genotype import Block, Genotype


def _block(**fields: object) -> Block:
    return Block("mbconv", {"width": 48, **fields})


# It consists of inverted residuals, as most networks of a search do, so that what slows them slows it by about the same factor.
# The memory that it holds at one time is below 128 KiB. The C library never returns so little to the kernel, so that its time does not
# depend on the other network in its process. Files hold its digest: a change of this network makes old profiles useless.
REFERENCE = Genotype(
    name="reference",
    input=(3, 32, 32),
    stem=(Block("conv", {"width": 24, "kernel": 3, "stride": 2}),),
    stages=((_block(stride=2, expand=None), *((_block(kernel=3, expand="in*3"), _block(kernel=5, expand="in*3", se="in/4")) * 4)),),
    head=(Block("conv", {"width": 192}), Block("gap"), Block("linear", {"width": 100})),
)
