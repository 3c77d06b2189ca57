"""NAS-Bench-Macro's own names and counts for the networks of `search_spaces/macro.yaml` (Su et al., CVPR 2021).

The benchmark names a network by eight digits, one a layer: 0 the identity (where the shape changes, a 1x1 convolution
and a norm), 1 an inverted residual with kernel 3 and expansion 3, 2 one with kernel 5 and expansion 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from nasbench.errors import SpaceError
from nasbench.genotype import Layer
from nasbench.spaces.options import ParameterValues

_PLACES = ("0.0", "0.1", "1.0", "1.1", "1.2", "2.0", "2.1", "2.2")  # stage and layer within it
_WORDS = ("identity", "mbconv", "mbconv2")  # in the order of the space's any_of


def macro_answers(arch: str) -> ParameterValues:
    """The answers that lead to the network that the benchmark calls `arch`, such as `02012100`.

    Raises:
        SpaceError: not eight digits from 0 to 2.
    """
    if not isinstance(arch, str) or not re.fullmatch(r"[012]{8}", arch):
        raise SpaceError(f"NAS-Bench-Macro names a network by eight digits from 0 to 2, such as 02012100; got {arch!r}")
    first = ("conv", *_WORDS[1:])  # of a stage: its shape changes there
    return {
        f"stages.{place}.any_of": (first if place.endswith(".0") else _WORDS)[int(digit)]
        for place, digit in zip(_PLACES, arch, strict=True)
    }


def macro_flops(layers: Iterable[Layer]) -> int:
    """The benchmark's `flops` of a trace: multiply-adds of convolutions and of the linear layer, and nothing else.

    One a weight and output position: no bias, batch norm, ReLU, sum or pooling, and not doubled. It equals our `macs`
    and the benchmark's figure for all 6,561 networks.
    """
    return sum([x.macs for x in layers if x.kind in ("conv", "linear")])
