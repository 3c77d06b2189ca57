"""Published scalings as data: the arguments with which `scale` makes each network.

The factors of EfficientNet-B1 to B7 do not follow from alpha, beta, gamma and phi. The paper prints the rule and the numbers of B0
only; the numbers here are those of the authors' code (efficientnet_builder.py in the TPU repository). The numbers of MobileNet and
Wide ResNet are those of the papers.
"""

from __future__ import annotations

from typing import NamedTuple


class Compound(NamedTuple):
    """Factors of width and depth, the input side in pixels, and the dropout of one network of a family."""

    width: float
    depth: float
    resolution: int
    dropout: float


EFFICIENTNET: dict[int, Compound] = {
    0: Compound(1.0, 1.0, 224, 0.2),
    1: Compound(1.0, 1.1, 240, 0.2),
    2: Compound(1.1, 1.2, 260, 0.3),
    3: Compound(1.2, 1.4, 300, 0.3),
    4: Compound(1.4, 1.8, 380, 0.4),
    5: Compound(1.6, 2.2, 456, 0.4),
    6: Compound(1.8, 2.6, 528, 0.5),
    7: Compound(2.0, 3.1, 600, 0.5),
}

# Width multipliers: Howard et al. 2017, table 6; Sandler et al. 2018, section 5 (the last convolution never has fewer than 1280
# channels); Tan et al. 2018, fig. 5, and the sizes that torchvision builds (the last convolution stays).
MOBILENET_V1 = (1.0, 0.75, 0.5, 0.25)
MOBILENET_V2 = (1.4, 1.0, 0.75, 0.5)
MNASNET = (1.4, 1.3, 1.0, 0.75, 0.5)

# Resolution multipliers as input sides: 1, 6/7, 5/7 and 4/7 of 224 pixels (Howard et al. 2017, table 7).
MOBILENET_SIDES = (224, 192, 160, 128)

# Wide ResNet (Zagoruyko & Komodakis 2016, tables 4 and 5): depth, and the factor k of the widths of all stages; the stem stays.
WIDE_RESNET = ((28, 10), (40, 4), (16, 8), (40, 8), (16, 10), (40, 1), (40, 2))
