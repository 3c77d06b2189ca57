"""Which known networks the quick tests take, where all of them would take minutes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from nasbench.genotype import Genotype, adapt
from nasbench.genotype.blocks import dropout, gap, linear
from nasbench.zoo import facts, known

# One or two of each family, the small ones where sizes differ.
CORE = (
    "lenet5_modern", "alexnet", "vgg16", "googlenet", "resnet18", "resnet50", "resnext50_32x4d", "densenet121", "squeezenet1_1",
    "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "shufflenet_v2_x1_0", "mnasnet1_0", "mnasnet_a1",
    "efficientnet_b0", "seresnet50",
)  # fmt: skip

SMALL = {"lenet5_modern": 28, "alexnet": 64, "squeezenet1_1": 48}  # pixels a side that these need


def classics(quick: Iterable[str] = CORE, names: Iterable[str] | None = None) -> list[object]:
    """Parameters of a test: all `names` (or all known), those outside `quick` only in the slow run."""
    chosen = set(quick)
    return [pytest.param(name, marks=() if name in chosen else pytest.mark.slow) for name in (known() if names is None else names)]


def smallest_side(name: str) -> int:
    """Pixels a side at which the network still holds together."""
    side = known(name).input[1]
    if side <= 32:
        return side
    if facts()[name].family == "inception":
        return 128
    return 112 if facts()[name].family in ("alexnet", "nin", "sppnet", "xception", "squeezenet") else 64


def light() -> list[str]:
    """Those with fewer than 30 million parameters, where gradients of all would take minutes; the others have the same words."""
    return [name for name in known() if facts()[name].params < 30e6 or name in CORE]


def small(name: str) -> Genotype:
    """The same network for a small image, with ten classes; VGG and AlexNet without their hundred million weights of the head."""
    g = known(name)
    size = SMALL.get(name, 32) if name in CORE else smallest_side(name)
    g = replace(g, head=(gap(2), dropout(0.5), linear(64, "relu"), linear(10))) if name in ("vgg16", "alexnet") else g
    return adapt(g, (g.input[0], size, size), 10)
