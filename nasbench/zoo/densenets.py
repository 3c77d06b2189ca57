"""DenseNet (Huang et al. 2016, tables 1 and 2)."""

from __future__ import annotations

from functools import partial

from nasbench.genotype import Block, Genotype
from nasbench.genotype.blocks import conv, dense, gap, linear, norm, pool

IMAGENET = {121: (32, (6, 12, 24, 16)), 161: (48, (6, 12, 36, 24)), 169: (32, (6, 12, 32, 32)), 201: (32, (6, 12, 48, 32))}


def stages(depths: tuple[int, ...], growth: int, bottleneck: bool, transition: str) -> tuple[tuple[Block, ...], ...]:
    """Runs of dense layers; between them a transition of a 1x1 convolution and an average pool."""
    between = (conv(transition, order="norm-act-conv"), pool("avg", 2, 2))
    runs = [dense(growth, bottleneck=4 * growth if bottleneck else None, repeat=depth) for depth in depths]
    return (*((run, *between) for run in runs[:-1]), (runs[-1],))


def densenet(depth: int) -> Genotype:
    """DenseNet-BC for ImageNet: it has bottlenecks, and its transitions halve the channels."""
    growth, depths = IMAGENET[depth]
    return Genotype(
        f"densenet{depth}",
        stem=(conv(2 * growth, 7, 2), pool("max", 3, 2)),
        stages=stages(depths, growth, True, "in/2"),
        head=(norm(), gap(), linear(1000)),
    )


def densenet_cifar10(name: str, depth: int, growth: int, bc: bool) -> Genotype:
    """DenseNet for 32x32 images, of three runs; with `bc` it has bottlenecks, and its transitions halve the channels."""
    each = (depth - 4) // 3 // (2 if bc else 1)
    return Genotype(
        name,
        input=(3, 32, 32),
        stem=(conv(2 * growth if bc else 16, 3, norm=False, act="none", bias=False),),
        stages=stages((each,) * 3, growth, bc, "in/2" if bc else "in*1"),
        head=(norm(), gap(), linear(10)),
    )


DENSENETS = {f"densenet{depth}": partial(densenet, depth) for depth in IMAGENET}
for _depth, _growth, _bc in ((40, 12, False), (100, 12, False), (100, 24, False), (100, 12, True), (250, 24, True), (190, 40, True)):
    _name = f"densenet{_depth}_k{_growth}{'_bc' if _bc else ''}_cifar10"
    DENSENETS[_name] = partial(densenet_cifar10, _name, _depth, _growth, _bc)
