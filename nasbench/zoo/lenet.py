"""LeNet-1 and LeNet-5 as published, with tables of connections and trained subsampling, and LeNet-5 as it is built today."""

from __future__ import annotations

from nasbench.genotype import Block, Genotype, Style
from nasbench.genotype.blocks import branches, conv, flatten, linear, pool, take

TANH = Style(norm="none", act="tanh", init="torch")

# For each map of C3, the maps of S2 that it reads (LeCun et al. 1998, table 1).
LENET5_C3 = (
    *(tuple((i + j) % 6 for j in range(3)) for i in range(6)),
    *(tuple((i + j) % 6 for j in range(4)) for i in range(6)),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    tuple(range(6)),
)  # fmt: skip
# For each map of H3, the maps that it reads (LeCun et al. 1989): of every three, one reads one map and two read two maps.
LENET1_H3 = ((0,), (0, 1), (0, 1), (1,), (0, 1), (0, 1), (2,), (2, 3), (2, 3), (3,), (2, 3), (2, 3))


def subsample() -> tuple[Block, Block]:
    """The average of 2x2 pixels, times a trained coefficient plus a bias for each map."""
    return pool("avg", 2, 2), conv("in", groups="depthwise", bias=True)


def table(connections: tuple[tuple[int, ...], ...]) -> Block:
    """A 5x5 convolution to one map for each entry; it reads the maps that the entry names."""
    return branches(tuple((take(tuple(sorted(maps))), conv(1, 5, padding="valid")) for maps in connections))


def lenet1() -> Genotype:
    """LeCun et al. 1989, "Handwritten Digit Recognition with a Back-Propagation Network": 2,578 parameters."""
    return Genotype(
        "lenet1",
        input=(1, 28, 28),
        stem=(conv(4, 5, padding="valid"), *subsample()),
        stages=((table(LENET1_H3), *subsample()),),
        head=(linear(10),),
        style=TANH,
    )


def lenet5() -> Genotype:
    """LeCun et al. 1998, fig. 2 and table 1: 60,000 parameters. The paper compares the 84 outputs with a fixed bitmap for each class."""
    return Genotype(
        "lenet5",
        input=(1, 32, 32),
        stem=(conv(6, 5, padding="valid"), *subsample()),
        stages=((table(LENET5_C3), *subsample()),),
        head=(conv(120, 5, padding="valid"), flatten(), linear(84, "tanh")),
        style=TANH,
    )


def lenet5_modern() -> Genotype:
    """LeNet-5 (LeCun et al. 1998, fig. 2) as it is built today: max pooling, ReLU, no padding, 28x28; 44,426 parameters."""
    return Genotype(
        "lenet5_modern",
        input=(1, 28, 28),
        stem=(conv(6, 5, padding="valid"), pool("max", 2, 2)),
        stages=((conv(16, 5, padding="valid"), pool("max", 2, 2)),),
        head=(flatten(), linear(120, "relu"), linear(84, "relu"), linear(10)),
        style=Style(norm="none", init="he_fan_in"),
    )


LENETS = {f.__name__: f for f in (lenet1, lenet5, lenet5_modern)}
