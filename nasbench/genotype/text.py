"""Rows and layers in words, for tables and drawings; all of it is read off the row and the trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nasbench.genotype.kind import find_kind
from nasbench.genotype.layer import Layer
from nasbench.genotype.layer import show_shape as show_shape

_PAIRS = ("kernel", "padding")


def show_row(row: Mapping[str, Any]) -> str:
    """The fields of a written row in words; paths as `conv 64, conv 96 kernel 3 | ...`, nodes as `sep5 0 + sep3 1; ...`."""
    said = []
    for name, value in row.items():
        if name in ("op", "repeat"):
            continue
        if name == "paths":
            said.append(" | ".join(", ".join(map(_inner_row, path)) or "as it is" for path in value))
        elif name == "rows":
            said.append(", ".join(map(_inner_row, value)))
        elif name == "nodes":
            said.append("; ".join(f"{a} {i} + {b} {j}" for a, i, b, j in value))
        elif isinstance(value, list):
            said.append(f"{name} {('x' if name in _PAIRS else ' ').join(map(str, value))}")
        else:
            said.append(f"{name} {'null' if value is None else value}")
    return ", ".join(said)


def _inner_row(row: Mapping[str, Any]) -> str:
    """A row inside a path: `conv 64 kernel 3`, `3 x (conv 64)`."""
    inside = show_row({k: v for k, v in row.items() if k != "width"}).replace(", ", " ")
    inside = f"[{inside}]" if row["op"] in ("branches", "auxiliary") else inside
    said = " ".join(filter(None, (row["op"], str(row.get("width", "")), inside)))
    return f"{row['repeat']} x ({said})" if "repeat" in row else said


def show_layer(layer: Layer) -> str:
    """What a layer does, without its place and shape: `conv 3×3 stride 2 depthwise`, `pool max 3×3`, `act relu`."""
    words = find_kind(layer.kind).words(layer)
    return f"{layer.kind} {words}" if words else layer.kind
