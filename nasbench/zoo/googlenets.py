"""Inception v1 and v2: GoogLeNet and BN-Inception."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nasbench.genotype import Block, Genotype, Style
from nasbench.genotype.blocks import auxiliary, branches, conv, dropout, gap, inception, linear, lrn, pool

Path = tuple[Block, ...]

STYLE = Style(eps=1e-3)


def fork(*paths: Path, repeat: int = 1) -> Block:
    """Parallel paths, concatenated along the channels."""
    return branches(paths, repeat=repeat)


def _auxiliary(shrink: Block) -> Block:
    """The auxiliary classifier after the modules 4a and 4d; `shrink` reduces its maps to 4x4 (section 5)."""
    return auxiliary((shrink, conv(128), linear(1024, act="relu"), dropout(0.7), linear(1000)), weight=0.3)


def googlenet(name: str, large: int, style: Style, norms: bool = False, last_pool: int = 3) -> Genotype:
    """Szegedy et al. 2014, table 1.

    Args:
        large: kernel of the third path.
        norms: whether the stem has local response normalisation.
        last_pool: kernel of the last max pooling.
    """

    def half(kernel: int = 3) -> Block:
        return pool("max", kernel, 2, "valid", ceil=True)

    def module(*widths: int) -> Block:
        return inception(*widths, large=large)

    auxiliary_head = _auxiliary(pool("avg", 5, 3, "valid") if norms else gap(4))
    one, two = ((half(), lrn()), (lrn(), half())) if norms else ((half(),), (half(),))
    return Genotype(
        name,
        stem=(conv(64, 7, 2), *one, conv(64), conv(192, 3), *two),
        stages=(
            (module(64, 96, 128, 16, 32, 32), module(128, 128, 192, 32, 96, 64), half()),
            (
                module(192, 96, 208, 16, 48, 64),
                auxiliary_head,
                module(160, 112, 224, 24, 64, 64),
                module(128, 128, 256, 24, 64, 64),
                module(112, 144, 288, 32, 64, 64),
                auxiliary_head,
                module(256, 160, 320, 32, 128, 128),
                half(last_pool),
            ),
            (module(256, 160, 320, 32, 128, 128), module(384, 192, 384, 48, 128, 128)),
        ),
        head=(gap(), dropout(0.4 if norms else 0.2), linear(1000)),
        style=style,
    )


# Inception v2 (Ioffe & Szegedy 2015, fig. 5) replaces the 5x5 by two 3x3. The convolutions of the released model have a bias.


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
    """BN-Inception (Ioffe & Szegedy 2015, fig. 5). By the widths of the figure, 4c and 4d have 608 channels; the figure says 576."""
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


GOOGLENETS: dict[str, Callable[[], Genotype]] = {
    # As in torchvision: batch norm, no local response norm, 3x3 in place of 5x5, and a last pooling of 2x2.
    "googlenet": partial(googlenet, "googlenet", 3, STYLE, last_pool=2),
    "googlenet_original": partial(googlenet, "googlenet_original", 5, Style(norm="none", init="he_fan_in"), norms=True),
    "inception_v2": inception_v2,
}
