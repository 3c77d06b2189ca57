"""The types of fields of block types, each with its rule as an error message.

A relative width is read as an exact fraction (`in*6`, `out/4`, `mid*2.5`, `in*11/3`), so that scaling and mutation
keep it true and rounding happens once, where it becomes a number of channels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, get_args

from pydantic import BeforeValidator, Field

from nasbench.errors import short

MAX_WIDTH = 65_536
MAX_KERNEL = 64
MAX_REPEAT = 2_048

_RELATIVE = re.compile(r"(in|out|mid)((?:[*/]\d{1,9}(?:\.\d{1,9})?){0,8})")
_PAIR = re.compile(r"(\d{1,4})x(\d{1,4})")
_FACTOR = re.compile(r"([*/])([\d.]+)")


@lru_cache(maxsize=4096)
def relative(width: str) -> tuple[str, Fraction]:
    """`relative("in*11/3") == ("in", Fraction(11, 3))`.

    Raises:
        ValueError: not `in`, `out` or `mid` times or over plain numbers.
    """
    match = _RELATIVE.fullmatch(width)
    if not match:
        raise ValueError(
            f"a width is a number of channels or in, out, mid times or over numbers, such as in*6 or out/4; got {short(width)}"
        )
    factor = Fraction(1)
    for op, number in _FACTOR.findall(match[2]):
        value = Fraction(number)
        if value == 0:
            raise ValueError(f"a width may not be multiplied or divided by 0; got {short(width)}")
        factor = factor * value if op == "*" else factor / value
    return match[1], factor


def round_to(value: Fraction | float, divisor: int) -> int:
    """The nearest multiple of `divisor` that loses at most a tenth (MobileNet's `make_divisible`); with 1, the floor."""
    if divisor == 1:
        return max(1, int(value))
    rounded = max(divisor, int(value + Fraction(divisor, 2)) // divisor * divisor)
    return rounded + divisor if 10 * rounded < 9 * value else rounded


@lru_cache(maxsize=65_536)
def resolve(width: int | str, divisor: int, cin: int, out: int | None = None, mid: int | None = None) -> int:
    """Channels of `width` for a block with `cin` input, `out` output and `mid` inner channels.

    Raises:
        ValueError: a name that has no meaning for this field, or more than `MAX_WIDTH` channels.
    """
    if isinstance(width, int):
        return width
    name, factor = relative(width)
    base = {"in": cin, "out": out, "mid": mid}[name]
    if base is None:
        raise ValueError(f"width {short(width)} names {name!r}, which this field cannot know; write it with another of in, out, mid")
    channels = base if factor == 1 else round_to(base * factor, divisor)
    if channels > MAX_WIDTH:
        raise ValueError(f"a width is at most {MAX_WIDTH} channels; {short(width)} of {base} is {channels}")
    return channels


def _width(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"a width is a whole number or relative, such as in*6 or out/4; got {short(value)}")
    if isinstance(value, str):
        relative(value)
    elif not 1 <= value <= MAX_WIDTH:
        raise ValueError(f"a width is 1 to {MAX_WIDTH} channels; got {value}")
    return value


def as_pair(value: Any) -> Any:
    """`as_pair("1x7") == (1, 7)`, `as_pair("3x3") == 3`, else the value itself: where a list is a choice, a pair is a text."""
    match = _PAIR.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return value
    pair = int(match[1]), int(match[2])
    return pair[0] if pair[0] == pair[1] else pair


def _size(value: Any) -> Any:
    value = as_pair(value)
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2 or any(isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MAX_KERNEL for n in pair):
        raise ValueError(f"a kernel is a whole number from 1 to {MAX_KERNEL}, or [height, width] of such; got {short(value)}")
    return pair[0] if pair[0] == pair[1] else pair


def _padding(value: Any) -> Any:
    value = as_pair(value)
    pair = value if isinstance(value, tuple) else (value, value)
    numbers = len(pair) == 2 and all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < MAX_KERNEL for n in pair)
    if value not in ("same", "valid") and not numbers:
        raise ValueError(f"padding is same, valid, a whole number from 0, or [height, width] of such; got {short(value)}")
    return value


def _groups(value: Any) -> Any:
    if value != "depthwise" and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_WIDTH):
        raise ValueError(f"groups is a whole number from 1 or depthwise; got {short(value)}")
    return value


Width = Annotated[int | str, BeforeValidator(_width)]
Kernel = Annotated[int | tuple[int, int], BeforeValidator(_size)]
Padding = Annotated[int | str | tuple[int, int], BeforeValidator(_padding)]
Groups = Annotated[int | str, BeforeValidator(_groups)]
Stride = Annotated[int, Field(ge=1, le=64)]
Size = Annotated[int, Field(ge=1, le=64)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Act = Literal["none", "relu", "relu6", "silu", "hardswish", "hardsigmoid", "sigmoid", "tanh", "gelu", "elu", "leaky_relu"]
Order = Literal["conv-norm-act", "norm-act-conv", "act-conv-norm"]
Join = Literal["concat", "add", "interleave"]
Factor = Annotated[float, Field(gt=0, le=1e3)]
Weight = Annotated[float, Field(gt=0, le=10)]


class FieldType(NamedTuple):
    """A type of fields in words: the values that it allows, and examples as one writes them in YAML."""

    values: str
    examples: str


# The types by the name that `nasbench show BLOCK` prints. Some belong to one block type, whose file defines and checks them.
TYPES: Mapping[str, FieldType] = {
    "Width": FieldType(
        f"a number of channels, 1 to {MAX_WIDTH}; or relative to the channels of the block's input (in), of its output (out) or between "
        "its layers (mid), times or over plain numbers; what is relative is rounded to multiples of the style's divisor",
        "64, in*6, out/4, in*11/3",
    ),
    "Kernel": FieldType(
        f"the side of a window, 1 to {MAX_KERNEL}, or [height, width]; in a space, where a list is a choice, a pair is a word",
        "3, [1, 7], 1x7",
    ),
    "Padding": FieldType(
        "same: (kernel - 1) // 2 pixels on each side; valid: none; or the pixels on each side, or [height, width] of such",
        "same, valid, 1, [0, 3]",
    ),
    "Groups": FieldType(
        f"a whole number from 1 to {MAX_WIDTH} that divides the channels; depthwise: one group for each channel", "1, 32, depthwise"
    ),
    "Stride": FieldType("a whole number from 1 to 64; in a repeated block it belongs to the first one, and the others have 1", "1, 2"),
    "Size": FieldType("a whole number from 1 to 64", "1, 6"),
    "Probability": FieldType("a number from 0, below 1", "0, 0.2"),
    "Factor": FieldType("a number above 0, at most 1000", "0.1, 2"),
    "Weight": FieldType("a number above 0, at most 10", "0.3"),
    "Act": FieldType("an activation; `nasbench show activations` has their formulas", "relu, none"),
    "Order": FieldType("the order of convolution, norm and activation", ", ".join(get_args(Order))),
    "Join": FieldType(
        "how paths are joined: their channels one after another, summed, or one after another and then mixed", ", ".join(get_args(Join))
    ),
    "Channels": FieldType("a list of the numbers of channels, from 0", "[0, 2, 4]"),
    "Blocks": FieldType("a list of blocks, each a mapping with op and fields", "[{op: gap}, {op: linear, width: 10}]"),
    "Paths": FieldType("a list of at least two lists of blocks; an empty one passes its input on", "[[{op: conv, width: 8}], []]"),
    "Nodes": FieldType(
        "a list of nodes [op, from, op, from]: value 0 is the cell's input, 1 the one before, 2 the first node", "[[sep3, 0, identity, 1]]"
    ),
    "Outputs": FieldType("a list of the numbers of nodes that make the output; empty: all that no node reads", "[2, 3], []"),
    "Edges": FieldType(
        "a list of nodes, where node n lists n operations, one on the cell's input and one on each node before it",
        "[[conv3], [none, identity]]",
    ),
    "tuple[...]": FieldType("a list of the type in the brackets", "[6, 3, 2, 1]"),
    "Literal[...]": FieldType("one of the words in the brackets", "max"),
    "bool": FieldType("yes or no", "true, false"),
    "None": FieldType("the field may be null: the block then leaves that part out, or takes it from the style", "null"),
}
