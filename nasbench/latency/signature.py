"""What the time of a layer depends on, as a key and as numbers. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasbench.errors import DeviceError
from nasbench.genotype import Layer
from nasbench.genotype.layer import Shape

# The attributes that change a layer's time, by kind; the others, such as a norm's eps, do not.
TIMED: dict[str, tuple[str, ...]] = {
    "conv": ("kernel", "stride", "groups", "bias"),
    "act": ("act",),
    "pool": ("mode", "kernel", "stride"),
    "gap": ("size",),
    "lrn": ("size",),
    "interleave": ("groups",),
}


_new = tuple.__new__  # makes a Signature in a third of the time of calling it


class Signature(NamedTuple):
    """Layers of one signature take the same time.

    Attributes:
        kind: of the layer.
        reads: shapes of what it reads.
        shape: of its output.
        attrs: values of `TIMED[kind]`.
    """

    kind: str
    reads: tuple[Shape, ...]
    shape: Shape
    attrs: tuple[Any, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "reads": self.reads,
            "shape": self.shape,
            "attrs": dict(zip(TIMED.get(self.kind, ()), self.attrs, strict=True)),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Signature:
        """
        Raises:
            DeviceError: not what `to_json` writes.
        """
        try:
            kind, attrs = str(data["kind"]), data["attrs"]
            values = tuple(_plain(attrs[name]) for name in TIMED.get(kind, ()))
            reads = tuple(_shape(s) for s in data["reads"])
            return cls(kind, reads, _shape(data["shape"]), values)
        except (KeyError, TypeError, ValueError) as error:
            raise DeviceError(f"a layer has a kind, reads, shape and attrs; got {data!r}; profile the device again") from error


def signatures(layers: Sequence[Layer]) -> list[Signature]:
    """Of each layer that inference runs, but the input."""
    shapes = [layer.shape for layer in layers]
    found = []
    for layer in layers[1:]:
        kind, inputs, shape, attrs = layer[:4]
        if kind == "auxiliary":
            continue
        values = tuple([attrs[name] for name in TIMED[kind]]) if kind in TIMED else ()
        found.append(_new(Signature, (kind, tuple([shapes[i] for i in inputs]), shape, values)))
    return found


def group(s: Signature) -> str:
    """Layers whose times follow one law: convolutions by their form, activations by their function, others by kind."""
    if s.kind == "conv":
        kernel, _, groups, _ = s.attrs
        if groups > 1:
            return "depthwise convolution" if groups == s.reads[0][0] else "grouped convolution"
        if s.shape[1:] == (1, 1):
            return "convolution of one cell"  # squeeze-and-excitation: all weights, no reuse
        return "pointwise convolution" if kernel == (1, 1) else "convolution"
    return f"{s.kind} {s.attrs[0]}" if s.kind in ("act", "pool") else s.kind


def work(s: Signature) -> tuple[float, ...]:
    """What a layer's time is made of, roughly: a call, multiply-adds, elements read, elements written, weights."""
    read, written = sum(map(math.prod, s.reads)), math.prod(s.shape)
    if s.kind == "conv":
        (kh, kw), _, groups, _ = s.attrs
        weights = kh * kw * s.reads[0][0] // groups * s.shape[0]
        return 1.0, weights * s.shape[1] * s.shape[2], read, written, weights
    if s.kind == "linear":
        return 1.0, read * written, read, written, read * written
    return 1.0, 0.0, read, written, 0.0


def features(s: Signature) -> tuple[float, ...]:
    """What makes a layer faster or slower than its work says: sizes, and whether channels fill vector registers."""
    (cin, h, w), (cout, oh, ow) = s.reads[0], s.shape
    area, groups = 1, 1
    if s.kind == "conv":
        (kh, kw), _, groups, _ = s.attrs
        area = kh * kw
    return (
        math.log(cin),
        math.log(cout),
        math.log(h * w),
        math.log(oh * ow),
        math.log(area),
        math.log(groups),
        float(cin % 8 == 0),
        float(cin % 16 == 0),
        float(cout % 8 == 0),
        float(cout % 16 == 0),
        float(ow % 8 == 0),
    )


def _shape(data: Any) -> Shape:
    c, h, w = (int(n) for n in data)
    if min(c, h, w) < 1:
        raise ValueError("a shape is positive")
    return c, h, w


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
