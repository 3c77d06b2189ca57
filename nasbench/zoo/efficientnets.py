"""EfficientNet B0 to B7 (Tan & Le 2019) and EfficientNetV2 (Tan & Le 2021)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from nasbench.genotype import Block, Genotype, Style
from nasbench.genotype.blocks import conv, dropout, fused_mbconv, gap, linear, mbconv
from nasbench.scaling import scale
from nasbench.scaling.published import EFFICIENTNET


def efficientnet_b0() -> Genotype:
    """EfficientNet-B0 (Tan & Le 2019, table 1)."""

    def stage(width: int, kernel: int, stride: int, repeat: int, expand: str | None = "in*6") -> tuple[Block, ...]:
        return (mbconv(width, kernel, stride, expand, "in/4", repeat=repeat),)

    return Genotype(
        "efficientnet_b0",
        stem=(conv(32, 3, 2),),
        stages=(
            stage(16, 3, 1, 1, expand=None),
            stage(24, 3, 2, 2),
            stage(40, 5, 2, 2),
            stage(80, 3, 2, 3),
            stage(112, 5, 1, 3),
            stage(192, 5, 2, 4),
            stage(320, 3, 1, 1),
        ),
        head=(conv(1280), gap(), dropout(0.2), linear(1000)),
        style=Style(act="silu", se_act="silu"),
    )


def efficientnet(number: int) -> Genotype:
    """B0 scaled; B5 to B7 have the batch norm settings of the TensorFlow code, as in torchvision."""
    width, depth, resolution, p = EFFICIENTNET[number]
    g = scale(efficientnet_b0(), width=width, depth=depth, resolution=resolution, name=f"efficientnet_b{number}")
    style = replace(g.style, eps=1e-3, momentum=0.01) if number >= 5 else g.style
    return replace(g, head=tuple(block.but(p=p) if block.op == "dropout" else block for block in g.head), style=style)


# EfficientNetV2 (table 4 for S; M and L as released): width, repeat, stride and expansion of the fused and the other stages.
Stages = tuple[tuple[int, int, int, int], ...]
V2: dict[str, tuple[int, int, float, Stages, Stages]] = {
    "s": (384, 24, 0.2, ((24, 2, 1, 1), (48, 4, 2, 4), (64, 4, 2, 4)), ((128, 6, 2, 4), (160, 9, 1, 6), (256, 15, 2, 6))),
    "m": (
        480, 24, 0.3,
        ((24, 3, 1, 1), (48, 5, 2, 4), (80, 5, 2, 4)),
        ((160, 7, 2, 4), (176, 14, 1, 6), (304, 18, 2, 6), (512, 5, 1, 6)),
    ),
    "l": (
        480, 32, 0.4,
        ((32, 4, 1, 1), (64, 7, 2, 4), (96, 7, 2, 4)),
        ((192, 10, 2, 4), (224, 19, 1, 6), (384, 25, 2, 6), (640, 7, 1, 6)),
    ),
}  # fmt: skip


def efficientnet_v2(size: str) -> Genotype:
    """EfficientNetV2 at the input side of its evaluation."""
    resolution, stem, p, fused, others = V2[size]
    early = [(fused_mbconv(w, 3, s, None if e == 1 else f"in*{e}", repeat=n),) for w, n, s, e in fused]
    late = [(mbconv(w, 3, s, f"in*{e}", "in/4", repeat=n),) for w, n, s, e in others]
    return Genotype(
        f"efficientnet_v2_{size}",
        input=(3, resolution, resolution),
        stem=(conv(stem, 3, 2),),
        stages=(*early, *late),
        head=(conv(1280), gap(), dropout(p), linear(1000)),
        style=Style(eps=1e-3, act="silu", se_act="silu"),
    )


EFFICIENTNETS: dict[str, Callable[[], Genotype]] = {"efficientnet_b0": efficientnet_b0}
EFFICIENTNETS |= {f"efficientnet_b{number}": partial(efficientnet, number) for number in range(1, 8)}
EFFICIENTNETS |= {f"efficientnet_v2_{size}": partial(efficientnet_v2, size) for size in V2}
