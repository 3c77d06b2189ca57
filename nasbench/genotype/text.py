"""Blocks and layers in words, for tables and drawings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nasbench.genotype.kind import find_kind
from nasbench.genotype.layer import Layer
from nasbench.genotype.layer import show_shape as show_shape

_PAIRS = ("kernel", "padding")


def show_block(written: Mapping[str, Any]) -> str:
    """The fields of a written block; paths as `conv 64, conv 96 kernel 3 | ...`, nodes as `sep5 0 + sep3 1; ...`."""
    words = []
    for name, value in written.items():
        if name in ("op", "repeat"):
            continue
        if name == "paths":
            words.append(" | ".join(", ".join(map(_inner_block, path)) or "as it is" for path in value))
        elif name == "rows":
            words.append(", ".join(map(_inner_block, value)))
        elif name == "nodes":
            words.append("; ".join(f"{a} {i} + {b} {j}" for a, i, b, j in value))
        elif isinstance(value, list):
            words.append(f"{name} {('x' if name in _PAIRS else ' ').join(map(str, value))}")
        else:
            words.append(f"{name} {'null' if value is None else value}")
    return ", ".join(words)


def _inner_block(written: Mapping[str, Any]) -> str:
    """A block inside a path: `conv 64 kernel 3`, `3 x (conv 64)`."""
    inside = show_block({k: v for k, v in written.items() if k != "width"}).replace(", ", " ")
    inside = f"[{inside}]" if written["op"] in ("branches", "auxiliary") else inside
    words = " ".join(filter(None, (written["op"], str(written.get("width", "")), inside)))
    return f"{written['repeat']} x ({words})" if "repeat" in written else words


def show_layer(layer: Layer) -> str:
    """What a layer does, without its place and shape: `conv 3×3 stride 2 depthwise`, `pool max 3×3`, `act relu`."""
    words = find_kind(layer.kind).words(layer)
    return f"{layer.kind} {words}" if words else layer.kind
