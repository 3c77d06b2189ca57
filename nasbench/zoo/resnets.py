"""Residual networks: ResNet and its plain twins, pre-activation ResNet, ResNeXt, Wide ResNet, SE-ResNet, stochastic depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from nasbench.genotype import Block, Genotype
from nasbench.genotype.blocks import conv, dropout, gap, linear, norm, pool, residual
from nasbench.scaling.published import WIDE_RESNET

BASIC, BOTTLENECK = (64, 128, 256, 512), (256, 512, 1024, 2048)
DEPTHS = {
    18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 154: (3, 8, 36, 3), 200: (3, 24, 36, 3),
}  # fmt: skip
PRE = "norm-act-conv"


def resnet(name: str, depth: int, **fields: Any) -> Genotype:
    """ResNet (He et al. 2015, table 1): a stem that divides the side of the image by four, then four stages.

    Networks of 50 layers and more have bottlenecks. `fields` are fields of the block type `residual`.
    """
    widths = BASIC if depth < 50 else BOTTLENECK
    fields = fields if depth < 50 else {"mid": "out/4", **fields}
    stages: list[tuple[Block, ...]] = []
    for i, (width, repeat) in enumerate(zip(widths, DEPTHS[depth], strict=True)):
        stages.append((residual(width, stride=1 if i == 0 else 2, repeat=repeat, **fields),))
    return Genotype(name, stem=(conv(64, 7, 2), pool("max", 3, 2)), stages=tuple(stages), head=(gap(), linear(1000)))


def small_resnet(name: str, depth: int, widths: tuple[int, ...] = (16, 32, 64), stem: int = 16, **fields: Any) -> Genotype:
    """ResNet for 32x32 images (He et al. 2015, section 4.2): three stages; `depth` counts convolutions and the classifier."""
    each = (depth - 2) // (9 if "mid" in fields else 6)
    stages = tuple((residual(width, stride=1 if i == 0 else 2, repeat=each, **fields),) for i, width in enumerate(widths))
    return Genotype(name, input=(3, 32, 32), stem=(conv(stem, 3),), stages=stages, head=(gap(), linear(10)))


def pre_activated(g: Genotype) -> Genotype:
    """The same network with norm and activation before each convolution, and a norm at its end (He et al. 2016, fig. 4e).

    In networks for small images the first convolution has neither norm nor activation, as in the original code.
    """
    stages = tuple(tuple(block.but(order=PRE) for block in stage) for stage in g.stages)
    stem = g.stem if g.input[1] > 32 else (g.stem[0].but(norm=False, act="none", bias=False),)
    return replace(g, stem=stem, stages=stages, head=(norm(), *g.head))


def preresnet(depth: int) -> Genotype:
    """Pre-activation ResNet (He et al. 2016, table 5) with the layers of ResNet; bottlenecks have their stride in the first 1x1."""
    return pre_activated(resnet(f"preresnet{depth}", depth, **({"stride_at": "first"} if depth >= 50 else {})))


def small_preresnet(depth: int) -> Genotype:
    """Pre-activation ResNet for 32x32 images (He et al. 2016, table 4): 110 layers of basic blocks, 164 and 1001 of bottlenecks."""
    if depth == 110:
        return pre_activated(small_resnet("preresnet110_cifar10", 110))
    return pre_activated(small_resnet(f"preresnet{depth}_cifar10", depth, (64, 128, 256), mid="out/4"))


def wide_resnet(depth: int, factor: int) -> Genotype:
    """Wide ResNet (Zagoruyko & Komodakis 2016, table 1); `depth` counts the projections of the shortcuts too."""
    widths = (16 * factor, 32 * factor, 64 * factor)
    return pre_activated(small_resnet(f"wrn{depth}_{factor}_cifar10", depth - 2, widths))


def resnext29() -> Genotype:
    """ResNeXt-29 with 16 groups of 64 channels (Xie et al. 2016, section 5.3)."""
    return small_resnet("resnext29_16x64d_cifar10", 29, (256, 512, 1024), 64, mid="out*4", groups=16)


def squeezed(name: str, depth: int, **fields: Any) -> Genotype:
    """A ResNet with squeeze-and-excitation at reduction 16 (Hu et al. 2017, table 1) and Caffe's pooling, unpadded and rounded up."""
    g = resnet(name, depth, se="out/16", **fields)
    return replace(g, stem=(g.stem[0], pool("max", 3, 2, "valid", ceil=True)))


def senet154() -> Genotype:
    """SENet-154 (Hu et al. 2017, appendix): 64 groups, half the channels in the first 1x1, 3x3 shortcuts, a stem of three 3x3."""
    g = squeezed("senet154", 154, mid="out/2", wide="out", groups=64, shortcut_kernel=3)
    first = tuple(block.but(shortcut_kernel=1) for block in g.stages[0])
    stem = (conv(64, 3, 2), conv(64, 3), conv(128, 3), g.stem[1])
    return replace(g, stem=stem, stages=(first, *g.stages[1:]), head=(gap(), dropout(0.2), linear(1000)))


def stochastic_depth() -> Genotype:
    """ResNet-110 whose block l of 54 is dropped with probability 0.5 l/54 (Huang et al. 2016, "Stochastic Depth", eq. 4)."""
    g = small_resnet("resnet110_cifar10_stochastic_depth", 110, shortcut="A")
    return replace(g, style=replace(g.style, drop_path=0.5))


RESNETS: dict[str, Callable[[], Genotype]] = {}
for _depth in (18, 34):
    RESNETS[f"resnet{_depth}"] = partial(resnet, f"resnet{_depth}", _depth)
    RESNETS[f"resnet{_depth}_a"] = partial(resnet, f"resnet{_depth}_a", _depth, shortcut="A")
    RESNETS[f"resnet{_depth}_c"] = partial(resnet, f"resnet{_depth}_c", _depth, shortcut="C")
    RESNETS[f"plain{_depth}"] = partial(resnet, f"plain{_depth}", _depth, shortcut="none")
for _depth in (50, 101, 152):
    # v1 has the stride in the first 1x1, as in the paper; v1.5 in the 3x3, as in fb.resnet.torch and torchvision.
    RESNETS[f"resnet{_depth}"] = partial(resnet, f"resnet{_depth}", _depth)
    RESNETS[f"resnet{_depth}_v1"] = partial(resnet, f"resnet{_depth}_v1", _depth, stride_at="first")
for _depth in (20, 32, 44, 56, 110, 1202):
    RESNETS[f"resnet{_depth}_cifar10"] = partial(small_resnet, f"resnet{_depth}_cifar10", _depth, shortcut="A")
for _depth in (20, 32, 44, 56, 110):
    RESNETS[f"plain{_depth}_cifar10"] = partial(small_resnet, f"plain{_depth}_cifar10", _depth, shortcut="none")
RESNETS["resnet110_cifar10_stochastic_depth"] = stochastic_depth
RESNETS |= {f"preresnet{depth}": partial(preresnet, depth) for depth in (18, 34, 50, 101, 152, 200)}
RESNETS |= {f"preresnet{depth}_cifar10": partial(small_preresnet, depth) for depth in (110, 164, 1001)}
# ResNeXt (table 1): the name gives groups x channels of a group in the first stage. 32x8d and 64x4d have as many channels as the output.
RESNETS["resnext50_32x4d"] = partial(resnet, "resnext50_32x4d", 50, mid="out/2", groups=32)
RESNETS["resnext101_32x4d"] = partial(resnet, "resnext101_32x4d", 101, mid="out/2", groups=32)
RESNETS["resnext101_32x8d"] = partial(resnet, "resnext101_32x8d", 101, mid="out", groups=32)
RESNETS["resnext101_64x4d"] = partial(resnet, "resnext101_64x4d", 101, mid="out", groups=64)
RESNETS["resnext29_16x64d_cifar10"] = resnext29
for _depth, _factor in WIDE_RESNET:
    RESNETS[f"wrn{_depth}_{_factor}_cifar10"] = partial(wide_resnet, _depth, _factor)
RESNETS["wide_resnet50_2"] = partial(resnet, "wide_resnet50_2", 50, mid="out/2")
RESNETS["wide_resnet101_2"] = partial(resnet, "wide_resnet101_2", 101, mid="out/2")
RESNETS |= {f"seresnet{depth}": partial(squeezed, f"seresnet{depth}", depth, stride_at="first") for depth in (50, 101, 152)}
for _depth in (50, 101):
    RESNETS[f"seresnext{_depth}_32x4d"] = partial(squeezed, f"seresnext{_depth}_32x4d", _depth, mid="out/2", groups=32)
RESNETS["senet154"] = senet154
