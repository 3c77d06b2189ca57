"""The names that NAS-Bench-201 (Dong & Yang, ICLR 2020) uses for the networks of `search_spaces/nasbench201.yaml`.

The benchmark names a network by its cell: `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...|` lists for each node the operations on the
input and on the nodes before it. Tables write the same as six digits, the numbers of the operations in the order of `OPERATIONS`.
"""

from __future__ import annotations

import re

from nasbench.errors import SpaceError, nearest, short
from nasbench.spaces.options import ParameterValues

# Each operation as the benchmark and as the block `edge_cell` call it.
OPERATIONS = {
    "none": "none", "skip_connect": "identity", "nor_conv_1x1": "conv1", "nor_conv_3x3": "conv3", "avg_pool_3x3": "avg3",
}  # fmt: skip
EDGES = ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2))  # node, counted from 0 after the input, and the value that it reads

_RULE = "NAS-Bench-201 names a network by six digits from 0 to 4, such as 421211, or as |nor_conv_3x3~0|+|none~0|skip_connect~1|+|...|"


def nasbench201_values(arch: str) -> ParameterValues:
    """The parameter values of the network that the benchmark calls `arch`.

    Raises:
        SpaceError: `arch` is neither six digits from 0 to 4 nor a cell of four nodes.

    Example:
        >>> values = nasbench201_values("|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|")
        >>> values == nasbench201_values("421211")
        True
    """
    digits = arch if isinstance(arch, str) and re.fullmatch(r"[0-4]{6}", arch) else _digits(arch)
    names = tuple(OPERATIONS.values())
    return {f"cell.{node}.{source}": names[int(digit)] for (node, source), digit in zip(EDGES, digits, strict=True)}


def _digits(arch: object) -> str:
    """The six digits of a written cell."""
    if not isinstance(arch, str) or not re.fullmatch(r"\|\w+~0\|\+\|\w+~0\|\w+~1\|\+\|\w+~0\|\w+~1\|\w+~2\|", arch):
        raise SpaceError(f"{_RULE}; got {short(arch)}")
    names = list(OPERATIONS)
    digits = ""
    for name in re.findall(r"(\w+)~", arch):
        if name not in names:
            raise SpaceError(f"an operation of NAS-Bench-201 is one of {', '.join(names)}; got {short(name)}{nearest(name, names)}")
        digits += str(names.index(name))
    return digits
