"""The Inception networks: GoogLeNet, v2 to v4, Inception-ResNet v1 and v2, Xception."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nasbench.genotype import Block, Genotype, Style
from nasbench.genotype.blocks import auxiliary, branches, conv, dropout, gap, inception, linear, lrn, multiply, pool, separable

Path = tuple[Block, ...]

STYLE = Style(eps=1e-3)
MAX = (pool("max", 3, 2, "valid"),)


def fork(*paths: Path, repeat: int = 1) -> Block:
    """Paths side by side, joined along the channels."""
    return branches(paths, repeat=repeat)


def across(width: int, length: int = 7) -> Block:
    """1 x n."""
    return conv(width, (1, length))


def down(width: int, length: int = 7) -> Block:
    """n x 1."""
    return conv(width, (length, 1))


def halve(width: int) -> Block:
    """3x3, stride 2, unpadded."""
    return conv(width, 3, 2, "valid")


# GoogLeNet


def _side(shrink: Block) -> Block:
    """The classifier after the modules 4a and 4d, on maps that `shrink` brings to 4x4 (section 5)."""
    return auxiliary((shrink, conv(128), linear(1024, act="relu"), dropout(0.7), linear(1000)), weight=0.3)


def googlenet(name: str, large: int, style: Style, norms: bool = False, last_pool: int = 3) -> Genotype:
    """Szegedy et al. 2014, table 1; `large` is the kernel of its third path, `norms` its local response normalisation."""

    def half(kernel: int = 3) -> Block:
        return pool("max", kernel, 2, "valid", ceil=True)

    def module(*widths: int) -> Block:
        return inception(*widths, large=large)

    side = _side(pool("avg", 5, 3, "valid") if norms else gap(4))
    one, two = ((half(), lrn()), (lrn(), half())) if norms else ((half(),), (half(),))
    return Genotype(
        name,
        stem=(conv(64, 7, 2), *one, conv(64), conv(192, 3), *two),
        stages=(
            (module(64, 96, 128, 16, 32, 32), module(128, 128, 192, 32, 96, 64), half()),
            (
                module(192, 96, 208, 16, 48, 64),
                side,
                module(160, 112, 224, 24, 64, 64),
                module(128, 128, 256, 24, 64, 64),
                module(112, 144, 288, 32, 64, 64),
                side,
                module(256, 160, 320, 32, 128, 128),
                half(last_pool),
            ),
            (module(256, 160, 320, 32, 128, 128), module(384, 192, 384, 48, 128, 128)),
        ),
        head=(gap(), dropout(0.4 if norms else 0.2), linear(1000)),
        style=style,
    )


# Inception v2: the 5x5 is two 3x3 (Ioffe & Szegedy 2015, fig. 5). Convolutions keep their bias in the released model.


def _v2(one: int, three: tuple[int, int], double: tuple[int, int], mode: str, project: int) -> Block:
    def unit(width: int, kernel: int = 1) -> Block:
        return conv(width, kernel, bias=True)

    return fork(
        (unit(one),),
        (unit(three[0]), unit(three[1], 3)),
        (unit(double[0]), unit(double[1], 3), unit(double[1], 3)),
        (pool(mode, 3, 1, ceil=True), unit(project)),
    )


def _v2_reduction(three: tuple[int, int], double: tuple[int, int]) -> Block:
    def unit(width: int, kernel: int = 1, stride: int = 1) -> Block:
        return conv(width, kernel, stride, bias=True)

    return fork(
        (unit(three[0]), unit(three[1], 3, 2)),
        (unit(double[0]), unit(double[1], 3), unit(double[1], 3, 2)),
        (pool("max", 3, 2, "valid", ceil=True),),
    )


def inception_v2() -> Genotype:
    """BN-Inception (Ioffe & Szegedy 2015, fig. 5): its widths, so that 4c and 4d put out 608 channels where the figure says 576."""
    half = pool("max", 3, 2, "valid", ceil=True)
    return Genotype(
        "inception_v2",
        stem=(conv(64, 7, 2, bias=True), half, conv(64, bias=True), conv(192, 3, bias=True), half),
        stages=(
            (
                _v2(64, (64, 64), (64, 96), "avg", 32),
                _v2(64, (64, 96), (64, 96), "avg", 64),
                _v2_reduction((128, 160), (64, 96)),
            ),
            (
                _v2(224, (64, 96), (96, 128), "avg", 128),
                _v2(192, (96, 128), (96, 128), "avg", 128),
                _v2(160, (128, 160), (128, 160), "avg", 128),
                _v2(96, (128, 192), (160, 192), "avg", 128),
                _v2_reduction((128, 192), (192, 256)),
            ),
            (
                _v2(352, (192, 320), (160, 224), "avg", 128),
                _v2(352, (192, 320), (192, 224), "max", 128),
            ),
        ),
        head=(gap(), linear(1000)),
    )


# Inception v3 (Szegedy et al. 2015, "Rethinking the Inception Architecture", table 1; as released)


def _averaged(width: int, count_pad: bool = True) -> Path:
    return pool("avg", 3, 1, count_pad=count_pad), conv(width)


STEM_V3 = (halve(32), conv(32, 3, padding="valid"), conv(64, 3), *MAX, conv(80), conv(192, 3, padding="valid"), *MAX)


def _v3_a(project: int) -> Block:
    """Fig. 5, with the 5x5 of the release in the second path."""
    return fork((conv(64),), (conv(48), conv(64, 5)), (conv(64), conv(96, 3), conv(96, 3)), _averaged(project))


def _v3_c(inner: int) -> Block:
    """Fig. 6: 7x7 as 1x7 and 7x1."""
    return fork(
        (conv(192),),
        (conv(inner), across(inner), down(192)),
        (conv(inner), down(inner), across(inner), down(inner), across(192)),
        _averaged(192),
    )


def _v3_e() -> Block:
    """Fig. 7: 1x3 and 3x1 side by side."""
    split = fork((across(384, 3),), (down(384, 3),))
    return fork((conv(320),), (conv(384), split), (conv(448), conv(384, 3), split), _averaged(192))


def inception_v3() -> Genotype:
    """With the auxiliary classifier of the release, whose loss TF-slim weighs 0.4."""
    side = auxiliary((pool("avg", 5, 3, "valid"), conv(128), conv(768, 5, padding="valid"), gap(), linear(1000)), weight=0.4)
    return Genotype(
        "inception_v3",
        input=(3, 299, 299),
        stem=STEM_V3,
        stages=(
            (_v3_a(32), _v3_a(64), _v3_a(64)),
            (
                fork((halve(384),), (conv(64), conv(96, 3), halve(96)), MAX),
                _v3_c(128),
                _v3_c(160),
                _v3_c(160),
                _v3_c(192),
                side,
            ),
            (
                fork((conv(192), halve(320)), (conv(192), across(192), down(192), halve(192)), MAX),
                _v3_e(),
                _v3_e(),
            ),
        ),
        head=(gap(), dropout(0.5), linear(1000)),
        style=STYLE,
    )


# Inception v4 and Inception-ResNet (Szegedy et al. 2016)

STEM_V4 = (
    halve(32),
    conv(32, 3, padding="valid"),
    conv(64, 3),
    fork(MAX, (halve(96),)),
    fork((conv(64), conv(96, 3, padding="valid")), (conv(64), across(64), down(64), conv(96, 3, padding="valid"))),
    fork((halve(192),), MAX),
)


def inception_v4() -> Genotype:
    """Figs. 3 to 9; averages leave padded zeros out, as in the release."""
    averaged = partial(_averaged, count_pad=False)
    a = fork((conv(96),), (conv(64), conv(96, 3)), (conv(64), conv(96, 3), conv(96, 3)), averaged(96), repeat=4)
    b = fork(
        (conv(384),),
        (conv(192), across(224), down(256)),
        (conv(192), down(192), across(224), down(224), across(256)),
        averaged(128),
        repeat=7,
    )
    split = fork((across(256, 3),), (down(256, 3),))
    c = fork((conv(256),), (conv(384), split), (conv(384), down(448, 3), across(512, 3), split), averaged(256), repeat=3)
    return Genotype(
        "inception_v4",
        input=(3, 299, 299),
        stem=STEM_V4,
        stages=(
            (a,),
            (fork((halve(384),), (conv(192), conv(224, 3), halve(256)), MAX), b),
            (fork((conv(192), halve(192)), (conv(256), across(256), down(320), halve(320)), MAX), c),
        ),
        head=(gap(), dropout(0.2), linear(1000)),
        style=STYLE,
    )


def _residual(scale: float, *paths: Path, act: str = "relu", repeat: int = 1) -> Block:
    """Figs. 10 to 19: paths, a linear 1x1 with a bias and no norm, scaled (section 3.3), added to the input."""
    inner = (fork(*paths), conv("out", norm=False, act="none"), *((multiply(scale),) if scale != 1 else ()))
    return branches((inner, ()), join="add", act=act, repeat=repeat)


def inception_resnet_v1() -> Genotype:
    """As drawn: the stem of fig. 14, 5, 10 and 5 blocks of figs. 10, 12 and 13."""
    return Genotype(
        "inception_resnet_v1",
        input=(3, 299, 299),
        stem=(halve(32), conv(32, 3, padding="valid"), conv(64, 3), *MAX, conv(80), conv(192, 3, padding="valid"), halve(256)),
        stages=(
            (_residual(0.17, (conv(32),), (conv(32), conv(32, 3)), (conv(32), conv(32, 3), conv(32, 3)), repeat=5),),
            (
                fork((halve(384),), (conv(192), conv(192, 3), halve(256)), MAX),
                _residual(0.1, (conv(128),), (conv(128), across(128), down(128)), repeat=10),
            ),
            (
                fork((conv(256), halve(384)), (conv(256), halve(256)), (conv(256), conv(256, 3), halve(256)), MAX),
                _residual(0.2, (conv(192),), (conv(192), across(192, 3), down(192, 3)), repeat=5),
            ),
        ),
        head=(gap(), dropout(0.2), linear(1000)),
        style=STYLE,
    )


def inception_resnet_v2() -> Genotype:
    """As released (TF-slim), which the libraries follow: the stem of v3, 10, 20 and 10 blocks, the last one linear."""
    c = ((conv(192),), (conv(192), across(224, 3), down(256, 3)))
    return Genotype(
        "inception_resnet_v2",
        input=(3, 299, 299),
        stem=STEM_V3,
        stages=(
            (
                fork((conv(96),), (conv(48), conv(64, 5)), (conv(64), conv(96, 3), conv(96, 3)), _averaged(64, count_pad=False)),
                _residual(0.17, (conv(32),), (conv(32), conv(32, 3)), (conv(32), conv(48, 3), conv(64, 3)), repeat=10),
            ),
            (
                fork((halve(384),), (conv(256), conv(256, 3), halve(384)), MAX),
                _residual(0.1, (conv(192),), (conv(128), across(160), down(192)), repeat=20),
            ),
            (
                fork((conv(256), halve(384)), (conv(256), halve(288)), (conv(256), conv(288, 3), halve(320)), MAX),
                _residual(0.2, *c, repeat=9),
                _residual(1.0, *c, act="none"),
            ),
        ),
        head=(conv(1536), gap(), dropout(0.2), linear(1000)),
        style=STYLE,
    )


# Xception


def _extreme(*widths: int, halves: bool = True, first: bool = False) -> Block:
    """Separable convolutions without a middle activation, beside a strided 1x1 or the input itself (Chollet 2016, fig. 5)."""
    rows = [separable(width, between=False, order="act-conv-norm") for width in widths]
    if first:  # the activation before it stands at the end of the stem
        rows[0] = separable(widths[0], between=False, act="none")
    skip: Path = (conv(widths[-1], 1, 2, act="none"),) if halves else ()
    rows[-1] = rows[-1].but(width="out")  # of the sum
    return branches((skip, (*rows, *((pool("max", 3, 2),) if halves else ()))), join="add")


def xception() -> Genotype:
    """Chollet 2016, fig. 5."""
    middle = _extreme(728, 728, 728, halves=False)
    return Genotype(
        "xception",
        input=(3, 299, 299),
        stem=(halve(32), conv(64, 3, padding="valid")),
        stages=(
            (_extreme(128, 128, first=True), _extreme(256, 256), _extreme(728, 728)),
            (middle.but(repeat=8),),
            (_extreme(728, 1024), separable(1536, between=False), separable(2048, between=False)),
        ),
        head=(gap(), linear(1000)),
    )


INCEPTIONS: dict[str, Callable[[], Genotype]] = {
    # torchvision's: batch norm, no local response norm, 3x3 in place of 5x5, its last pooling 2x2.
    "googlenet": partial(googlenet, "googlenet", 3, STYLE, last_pool=2),
    "googlenet_original": partial(googlenet, "googlenet_original", 5, Style(norm="none", init="he_fan_in"), norms=True),
}
INCEPTIONS |= {
    f.__name__: f for f in (inception_v2, inception_v3, inception_v4, inception_resnet_v1, inception_resnet_v2, xception)
}  # fmt: skip
