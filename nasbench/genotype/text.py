"""Rows and layers in words, for tables and drawings; all of it is read off the row and the trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nasbench.genotype.layer import Layer

_PAIRS = ("kernel", "padding")


def show_shape(shape: Sequence[int], times: str = "x") -> str:
    """`64x56x56`."""
    return times.join(map(str, shape))


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
    a, said = layer.attrs, [layer.kind]
    said += [str(a[name]) for name in ("mode", "act") if name in a]
    said += [show_shape(a["kernel"], "×")] if "kernel" in a else []
    said += [f"stride {a['stride']}"] if a.get("stride", 1) != 1 else []
    said += [f"dilation {a['dilation']}"] if "dilation" in a else []
    if layer.kind == "conv" and a["groups"] > 1:
        said.append("depthwise" if a["groups"] == a["cin"] else f"groups {a['groups']}")
    elif "groups" in a and layer.kind != "conv":
        said.append(f"groups {a['groups']}")
    if layer.kind == "slice":
        said.append(f"{a['start']} to {a['stop'] - 1}")
    said += [f"{a['size']}×{a['size']}"] if layer.kind in ("gap", "bins") and a["size"] > 1 else []
    said += [f"p {a['p']:g}"] if "p" in a else []
    said += [f"by {a['by']:g}"] if "by" in a else []
    return " ".join(said)
