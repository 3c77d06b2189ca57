"""Mobile networks: MobileNet v1 to v3, ShuffleNet v1 and v2, MnasNet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nasbench.genotype import Block, Genotype, Style
from nasbench.genotype.blocks import conv, dropout, gap, linear, mbconv, pool, separable, shuffle
from nasbench.scaling import scale
from nasbench.scaling.published import MNASNET, MOBILENET_V1, MOBILENET_V2

HARD = Style(eps=1e-3, momentum=0.01, se_gate="hardsigmoid", divisor=8)


def mobilenet_v1() -> Genotype:
    """MobileNet v1 (Howard et al. 2017, table 1)."""
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
    """MobileNetV2 (Sandler et al. 2018, table 2)."""
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
    """MobileNetV3-Large (Howard et al. 2019, table 1)."""
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
    """MobileNetV3-Small (Howard et al. 2019, table 2)."""
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


def shufflenet_v1(name: str, groups: int, width: float = 1.0) -> Genotype:
    """ShuffleNet v1 (Zhang et al. 2017, table 1). The first 1x1 convolution of stage 2 has no groups (section 3.2)."""
    first = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}[groups]
    stages: list[tuple[Block, ...]] = []
    for i, depth in enumerate((4, 8, 4)):
        block = shuffle(int(first * 2**i * width), stride=2, groups=groups, repeat=depth)
        stages.append((block.but(repeat=1, first=True), block.but(stride=1, repeat=depth - 1)) if i == 0 else (block,))
    return Genotype(
        name,
        stem=(conv(int(24 * width), 3, 2), pool("max", 3, 2)),
        stages=tuple(stages),
        head=(gap(), linear(1000)),
    )


def shufflenet_v2(name: str, widths: tuple[int, int, int], last: int) -> Genotype:
    """ShuffleNet v2 (Ma et al. 2018, table 5)."""
    return Genotype(
        name,
        stem=(conv(24, 3, 2), pool("max", 3, 2)),
        stages=tuple((shuffle(width, stride=2, repeat=depth),) for width, depth in zip(widths, (4, 8, 4), strict=True)),
        head=(conv(last), gap(), linear(1000)),
    )


def mnasnet1_0() -> Genotype:
    """MnasNet-B1, without SE (Tan et al. 2018, table 3). The momentum of its norms is TensorFlow's decay of 0.9997, as in torchvision."""
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


def mnasnet_small() -> Genotype:
    """MnasNet-small (Tan et al. 2018, table 3)."""
    return Genotype(
        "mnasnet_small",
        stem=(conv(8, 3, 2),),
        stages=(
            (mbconv(8, expand=None),),
            (mbconv(16, 3, 2, "in*3"),),
            (mbconv(16, 3, 2, "in*6", repeat=2),),
            (mbconv(32, 5, 2, "in*6", "in/4", repeat=4),),
            (mbconv(32, 3, 1, "in*6", "in/4", repeat=3),),
            (mbconv(88, 5, 2, "in*6", "in/4", repeat=3),),
            (mbconv(144, 3, 1, "in*6"),),
        ),
        head=(conv(1280), gap(), dropout(0.2), linear(1000)),
    )


def thinner(make: Callable[[], Genotype], name: str, width: float, head: bool = False) -> Callable[[], Genotype]:
    """The function that makes a network with all widths times `width`; the convolution of the head keeps its width without `head`."""
    return lambda: scale(make(), width=width, head=head, name=name)


MOBILES = {
    f.__name__: f
    for f in (mobilenet_v1, mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small, mnasnet1_0, mnasnet_a1, mnasnet_small)
}  # fmt: skip
for _width in MOBILENET_V1[1:]:
    MOBILES[f"mobilenet_v1_{_width * 100:03.0f}"] = thinner(mobilenet_v1, f"mobilenet_v1_{_width * 100:03.0f}", _width)
for _width in (w for w in MOBILENET_V2 if w != 1):
    # The last convolution never has fewer than 1280 channels (section 5, "input resolution and multiplier").
    MOBILES[f"mobilenet_v2_{_width * 100:03.0f}"] = thinner(mobilenet_v2, f"mobilenet_v2_{_width * 100:03.0f}", _width, head=_width > 1)
    MOBILES[f"mnasnet_a1_{_width * 100:03.0f}"] = thinner(mnasnet_a1, f"mnasnet_a1_{_width * 100:03.0f}", _width)
for _width in sorted(w for w in MNASNET if w != 1):
    MOBILES[f"mnasnet{str(_width).replace('.', '_')}"] = thinner(mnasnet1_0, f"mnasnet{str(_width).replace('.', '_')}", _width)
for _groups in (1, 2, 3, 4, 8):
    MOBILES[f"shufflenet_v1_g{_groups}"] = partial(shufflenet_v1, f"shufflenet_v1_g{_groups}", _groups)
MOBILES["shufflenet_v1_g3_x0_5"] = partial(shufflenet_v1, "shufflenet_v1_g3_x0_5", 3, 0.5)
MOBILES["shufflenet_v1_g3_x0_25"] = partial(shufflenet_v1, "shufflenet_v1_g3_x0_25", 3, 0.25)
for _text, _widths, _last in (
    ("0_5", (48, 96, 192), 1024), ("1_0", (116, 232, 464), 1024), ("1_5", (176, 352, 704), 1024), ("2_0", (244, 488, 976), 2048),
):  # fmt: skip
    MOBILES[f"shufflenet_v2_x{_text}"] = partial(shufflenet_v2, f"shufflenet_v2_x{_text}", _widths, _last)
