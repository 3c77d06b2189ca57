"""Inception v3 and v4, Inception-ResNet v1 and v2, Xception."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nasbench.genotype import Block, Genotype
from nasbench.genotype.blocks import auxiliary, branches, conv, dropout, gap, linear, multiply, pool, separable
from nasbench.zoo.googlenets import STYLE, Path, fork

MAX = (pool("max", 3, 2, "valid"),)


def across(width: int, length: int = 7) -> Block:
    """A convolution with a kernel of 1 x `length`."""
    return conv(width, (1, length))


def down(width: int, length: int = 7) -> Block:
    """A convolution with a kernel of `length` x 1."""
    return conv(width, (length, 1))


def halve(width: int) -> Block:
    """A 3x3 convolution with stride 2 and no padding."""
    return conv(width, 3, 2, "valid")


# Inception v3 (Szegedy et al. 2015, "Rethinking the Inception Architecture", table 1; as released)


def _averaged(width: int, count_pad: bool = True) -> Path:
    return pool("avg", 3, 1, count_pad=count_pad), conv(width)


STEM_V3 = (halve(32), conv(32, 3, padding="valid"), conv(64, 3), *MAX, conv(80), conv(192, 3, padding="valid"), *MAX)


def _v3_a(project: int) -> Block:
    """The module of fig. 5, with a 5x5 convolution in the second path, as released."""
    return fork((conv(64),), (conv(48), conv(64, 5)), (conv(64), conv(96, 3), conv(96, 3)), _averaged(project))


def _v3_c(inner: int) -> Block:
    """The module of fig. 6: a 7x7 convolution is split into 1x7 and 7x1."""
    return fork(
        (conv(192),),
        (conv(inner), across(inner), down(192)),
        (conv(inner), down(inner), across(inner), down(inner), across(192)),
        _averaged(192),
    )


def _v3_e() -> Block:
    """The module of fig. 7: 1x3 and 3x1 in parallel."""
    split = fork((across(384, 3),), (down(384, 3),))
    return fork((conv(320),), (conv(384), split), (conv(448), conv(384, 3), split), _averaged(192))


def inception_v3() -> Genotype:
    """Inception v3 with the auxiliary classifier of the release; TF-slim multiplies its loss by 0.4."""
    auxiliary_head = auxiliary((pool("avg", 5, 3, "valid"), conv(128), conv(768, 5, padding="valid"), gap(), linear(1000)), weight=0.4)
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
                auxiliary_head,
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
    """Figs. 3 to 9. Average pools do not count padded zeros, as in the release."""
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
    """A block of figs. 10 to 19: paths, then a linear 1x1 with a bias and no norm, scaled (section 3.3) and added to the input."""
    inner = (fork(*paths), conv("out", norm=False, act="none"), *((multiply(scale),) if scale != 1 else ()))
    return branches((inner, ()), join="add", act=act, repeat=repeat)


def inception_resnet_v1() -> Genotype:
    """Inception-ResNet v1 as in the figures: the stem of fig. 14, then 5, 10 and 5 blocks of figs. 10, 12 and 13."""
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
    """Inception-ResNet v2 as released in TF-slim: the stem of v3, then 10, 20 and 10 blocks, of which the last has no activation."""
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
    """Separable convolutions without an inner activation, added to a strided 1x1 or to the input itself (Chollet 2016, fig. 5)."""
    blocks = [separable(width, between=False, order="act-conv-norm") for width in widths]
    if first:  # the stem ends with an activation
        blocks[0] = separable(widths[0], between=False, act="none")
    skip: Path = (conv(widths[-1], 1, 2, act="none"),) if halves else ()
    blocks[-1] = blocks[-1].but(width="out")  # the width of the sum
    return branches((skip, (*blocks, *((pool("max", 3, 2),) if halves else ()))), join="add")


def xception() -> Genotype:
    """Xception (Chollet 2016, fig. 5)."""
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
    f.__name__: f for f in (inception_v3, inception_v4, inception_resnet_v1, inception_resnet_v2, xception)
}
