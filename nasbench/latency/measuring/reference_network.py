"""The anchor: one fixed small network, run around all others to feel how fast the machine is at that moment."""

from __future__ import annotations

from nasbench.genotype import Block, Genotype


def _row(**fields: object) -> Block:
    return Block("mbconv", {"width": 48, **fields})


# An inverted-residual network like those that are searched, so that what slows them slows it by about the same factor.
# All that it holds at one time is below 128 KiB: so the C library never returns its memory to the kernel, and its time
# does not depend on which network shares its process. Files hold its digest: another anchor makes old profiles useless.
ANCHOR = Genotype(
    name="anchor",
    input=(3, 32, 32),
    stem=(Block("conv", {"width": 24, "kernel": 3, "stride": 2}),),
    stages=((_row(stride=2, expand=None), *((_row(kernel=3, expand="in*3"), _row(kernel=5, expand="in*3", se="in/4")) * 4)),),
    head=(Block("conv", {"width": 192}), Block("gap"), Block("linear", {"width": 100})),
)
