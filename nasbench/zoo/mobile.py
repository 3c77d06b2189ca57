"""Mobile networks: MobileNet v1 to v3, ShuffleNet v2, MnasNet, EfficientNet."""

from __future__ import annotations

from nasbench.genotype import Block, Genotype, Style
from nasbench.genotype.blocks import conv, dropout, gap, linear, mbconv, pool, separable, shuffle

HARD = Style(eps=1e-3, momentum=0.01, se_gate="hardsigmoid", divisor=8)


def mobilenet_v1() -> Genotype:
    """Howard et al. 2017, table 1."""
    return Genotype(
        "mobilenet_v1",
        stem=(conv(32, 3, 2),),
        stages=(
            (separable(64),),
            (separable(128, stride=2), separable(128)),
            (separable(256, stride=2), separable(256)),
            (separable(512, stride=2), separable(512, repeat=5)),
            (separable(1024, stride=2), separable(1024)),
        ),
        head=(gap(), linear(1000)),
    )


def mobilenet_v2() -> Genotype:
    """Sandler et al. 2018, table 2."""
    return Genotype(
        "mobilenet_v2",
        stem=(conv(32, 3, 2),),
        stages=(
            (mbconv(16, expand=None),),
            (mbconv(24, stride=2, repeat=2),),
            (mbconv(32, stride=2, repeat=3),),
            (mbconv(64, stride=2, repeat=4),),
            (mbconv(96, repeat=3),),
            (mbconv(160, stride=2, repeat=3),),
            (mbconv(320),),
        ),
        head=(conv(1280), gap(), dropout(0.2), linear(1000)),
        style=Style(act="relu6"),
    )


def mobilenet_v3_large() -> Genotype:
    """Howard et al. 2019, table 1."""
    hard = "hardswish"
    return Genotype(
        "mobilenet_v3_large",
        stem=(conv(16, 3, 2, act=hard),),
        stages=(
            (mbconv(16, expand=None),),
            (mbconv(24, stride=2, expand="in*4"), mbconv(24, expand="in*3")),
            (mbconv(40, 5, 2, "in*3", se="mid/4", repeat=3),),
            (
                mbconv(80, stride=2, expand="in*6", act=hard),
                mbconv(80, expand="in*2.5", act=hard),
                mbconv(80, expand="in*2.3", act=hard, repeat=2),
            ),
            (mbconv(112, expand="in*6", se="mid/4", act=hard, repeat=2),),
            (mbconv(160, 5, 2, "in*6", se="mid/4", act=hard, repeat=3),),
        ),
        head=(conv(960, act=hard), gap(), linear(1280, hard), dropout(0.2), linear(1000)),
        style=HARD,
    )


def mobilenet_v3_small() -> Genotype:
    """Howard et al. 2019, table 2."""
    hard = "hardswish"
    return Genotype(
        "mobilenet_v3_small",
        stem=(conv(16, 3, 2, act=hard),),
        stages=(
            (mbconv(16, stride=2, expand=None, se="mid/4"),),
            (mbconv(24, stride=2, expand="in*4.5"), mbconv(24, expand="in*11/3")),
            (mbconv(40, 5, 2, "in*4", se="mid/4", act=hard), mbconv(40, 5, 1, "in*6", se="mid/4", act=hard, repeat=2)),
            (mbconv(48, 5, 1, "in*3", se="mid/4", act=hard, repeat=2),),
            (mbconv(96, 5, 2, "in*6", se="mid/4", act=hard, repeat=3),),
        ),
        head=(conv(576, act=hard), gap(), linear(1024, hard), dropout(0.2), linear(1000)),
        style=HARD,
    )


def shufflenet_v2_x1_0() -> Genotype:
    """Ma et al. 2018, table 5."""
    return Genotype(
        "shufflenet_v2_x1_0",
        stem=(conv(24, 3, 2), pool("max", 3, 2)),
        stages=tuple((shuffle(width, stride=2, repeat=depth),) for width, depth in ((116, 4), (232, 8), (464, 4))),
        head=(conv(1024), gap(), linear(1000)),
    )


def mnasnet1_0() -> Genotype:
    """MnasNet-B1: without SE (Tan et al. 2018, table 3); the norm's momentum is TensorFlow's decay 0.9997, as in torchvision."""
    return Genotype(
        "mnasnet1_0",
        stem=(conv(32, 3, 2),),
        stages=(
            (mbconv(16, expand=None),),
            (mbconv(24, 3, 2, "in*3", repeat=3),),
            (mbconv(40, 5, 2, "in*3", repeat=3),),
            (mbconv(80, 5, 2, "in*6", repeat=3),),
            (mbconv(96, 3, 1, "in*6", repeat=2),),
            (mbconv(192, 5, 2, "in*6", repeat=4),),
            (mbconv(320, 3, 1, "in*6"),),
        ),
        head=(conv(1280), gap(), dropout(0.2), linear(1000)),
        style=Style(momentum=0.0003),
    )


def mnasnet_a1() -> Genotype:
    """MnasNet-A1 (Tan et al. 2018, fig. 7)."""
    return Genotype(
        "mnasnet_a1",
        stem=(conv(32, 3, 2),),
        stages=(
            (mbconv(16, expand=None),),
            (mbconv(24, 3, 2, "in*6", repeat=2),),
            (mbconv(40, 5, 2, "in*3", "in/4", repeat=3),),
            (mbconv(80, 3, 2, "in*6", repeat=4),),
            (mbconv(112, 3, 1, "in*6", "in/4", repeat=2),),
            (mbconv(160, 5, 2, "in*6", "in/4", repeat=3),),
            (mbconv(320, 3, 1, "in*6"),),
        ),
        head=(conv(1280), gap(), dropout(0.2), linear(1000)),
    )


def efficientnet_b0() -> Genotype:
    """Tan & Le 2019, table 1."""

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


MOBILES = {
    f.__name__: f
    for f in (
        mobilenet_v1, mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small, shufflenet_v2_x1_0, mnasnet1_0, mnasnet_a1, efficientnet_b0,
    )
}  # fmt: skip
