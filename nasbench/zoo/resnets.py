"""ResNet (He et al. 2015, table 1), ResNeXt (Xie et al. 2016, table 1), SE-ResNet (Hu et al. 2017, table 1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nasbench.genotype import Block, Genotype
from nasbench.genotype.blocks import conv, gap, linear, pool, residual

BASIC, BOTTLENECK = (64, 128, 256, 512), (256, 512, 1024, 2048)


def resnet(name: str, depths: tuple[int, ...], widths: tuple[int, ...] = BOTTLENECK, **fields: Any) -> Genotype:
    """A stem that divides the image by four, then stages that halve it and double the width."""
    stages: list[tuple[Block, ...]] = []
    for i, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        stages.append((residual(width, stride=1 if i == 0 else 2, repeat=depth, **fields),))
    return Genotype(name, stem=(conv(64, 7, 2), pool("max", 3, 2)), stages=tuple(stages), head=(gap(), linear(1000)))


def resnet18() -> Genotype:
    return resnet("resnet18", (2, 2, 2, 2), BASIC)


def resnet50() -> Genotype:
    """v1.5: the stride is in the 3x3, as in fb.resnet.torch and torchvision."""
    return resnet("resnet50", (3, 4, 6, 3), mid="out/4")


def resnext50_32x4d() -> Genotype:
    return resnet("resnext50_32x4d", (3, 4, 6, 3), mid="out/2", groups=32)


def seresnet50() -> Genotype:
    """The paper's: stride in the first 1x1, reduction 16, and Caffe's pooling, unpadded and rounded up."""
    g = resnet("seresnet50", (3, 4, 6, 3), mid="out/4", se="out/16", stride_at="first")
    return replace(g, stem=(g.stem[0], pool("max", 3, 2, "valid", ceil=True)))


RESNETS = {f.__name__: f for f in (resnet18, resnet50, resnext50_32x4d, seresnet50)}
