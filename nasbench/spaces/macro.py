"""The names and counts that NAS-Bench-Macro (Su et al., CVPR 2021) uses for the networks of `search_spaces/macro.yaml`.

The benchmark names a network by eight digits, one for each layer. 0 is the identity, or a 1x1 convolution and a norm where
the shape changes; 1 is an inverted residual with kernel 3 and expansion 3; 2 is one with kernel 5 and expansion 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from nasbench.errors import SpaceError
from nasbench.genotype import Layer
from nasbench.spaces.options import ParameterValues

_LAYERS = ("0.0", "0.1", "1.0", "1.1", "1.2", "2.0", "2.1", "2.2")  # stage, and layer of the stage
_OPTIONS = ("identity", "mbconv", "mbconv2")  # in the order of the space's any_of


def macro_values(arch: str) -> ParameterValues:
    """The parameter values of the network that the benchmark calls `arch`, such as `02012100`.

    Raises:
        SpaceError: `arch` is not eight digits from 0 to 2.
    """
    if not isinstance(arch, str) or not re.fullmatch(r"[012]{8}", arch):
        raise SpaceError(f"NAS-Bench-Macro names a network by eight digits from 0 to 2, such as 02012100; got {arch!r}")
    at_first_layer = ("conv", *_OPTIONS[1:])  # the shape changes in the first layer of each stage
    return {
        f"stages.{layer}.any_of": (at_first_layer if layer.endswith(".0") else _OPTIONS)[int(digit)]
        for layer, digit in zip(_LAYERS, arch, strict=True)
    }


def macro_flops(layers: Iterable[Layer]) -> int:
    """The benchmark's `flops` of a trace: multiply-adds of convolutions and of the linear layer, and nothing else.

    Each weight counts once per output position. Biases, batch norms, ReLUs, sums and pools do not count, and the number is not
    doubled. It equals our `macs`, and the benchmark's `flops` of all 6,561 networks.
    """
    return sum([x.macs for x in layers if x.kind in ("conv", "linear")])
