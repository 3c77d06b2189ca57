"""NASNet-A (Zoph et al. 2017, figs. 2 and 4), mobile and large."""

from __future__ import annotations

from functools import partial

from nasbench.genotype import Block, Genotype, Style
from nasbench.genotype.blocks import activation, cell, conv, dropout, gap, linear

NORMAL = (
    ("sep5", 0, "sep3", 1),
    ("sep5", 1, "sep3", 1),
    ("avg3", 0, "identity", 1),
    ("avg3", 1, "avg3", 1),
    ("sep3", 0, "identity", 0),
)
REDUCTION = (
    ("sep5", 0, "sep7", 1),
    ("max3", 0, "sep7", 1),
    ("avg3", 0, "sep5", 1),
    ("identity", 3, "avg3", 2),
    ("sep3", 2, "max3", 0),
)


def reduce(width: int, **fields: bool) -> Block:
    """The reduction cell, which halves the map."""
    return cell(width, REDUCTION, output=(3, 4, 5, 6), stride=2, **fields)


def nasnet(name: str, resolution: int, stem: int, width: int, repeat: int, skip: bool, crop: bool) -> Genotype:
    """NASNet-A with two more reduction cells at its start.

    Args:
        resolution: side of the input in pixels.
        stem: channels of the first convolution.
        width: channels of each node in the first stage.
        repeat: normal cells in each stage.
        skip: whether the cell after a reduction cell reads the input of that cell (skip_reduction_layer_input of the release).
        crop: whether the shortcut of a reduction cell is cropped instead of padded.
    """

    def normal(channels: int) -> Block:
        return cell(channels, NORMAL, output=(1, 2, 3, 4, 5, 6), repeat=repeat)

    return Genotype(
        name,
        input=(3, resolution, resolution),
        stem=(conv(stem, 3, 2, "valid", act="none"),),
        stages=(
            (reduce(width // 4, first=True, count_pad=not crop), reduce(width // 2, crop=crop, count_pad=not crop), normal(width)),
            (reduce(2 * width, skip=skip, crop=crop, count_pad=not crop), normal(2 * width)),
            (reduce(4 * width, skip=skip, crop=crop, count_pad=not crop), normal(4 * width)),
        ),
        head=(activation(), gap(), dropout(0.5), linear(1000)),
        style=Style(eps=1e-3),
    )


NASNETS = {
    "nasnet_a_mobile": partial(nasnet, "nasnet_a_mobile", 224, 32, 44, 4, False, True),
    "nasnet_a_large": partial(nasnet, "nasnet_a_large", 331, 96, 168, 6, True, False),
}
