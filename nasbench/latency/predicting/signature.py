"""Signature: what the time of a kernel depends on, as a key and as numbers. No torch.

A runtime that compiles a network runs several layers as one kernel: a convolution, the norm and the activation after it, often the sum
of a residual. The unit of profiling is then that group, not the layer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasbench.errors import DeviceError, short
from nasbench.genotype import Layer, inference
from nasbench.genotype.layer import Shape

# For each kind of layer the attributes that change its time; others, such as a norm's eps, do not.
TIMED: dict[str, tuple[str, ...]] = {
    "conv": ("kernel", "stride", "groups", "bias", "dilation"),
    "act": ("act",),
    "pool": ("mode", "kernel", "stride"),
    "gap": ("size",),
    "lrn": ("size",),
    "interleave": ("groups",),
}
USUAL = {"dilation": 1}  # values of attributes that a layer has only if their value is another one

HEADS = ("conv", "linear")  # kinds of layers into which others are fused
TAILS = ("norm", "act", "add")  # kinds of layers that are fused
ODD = ", odd channels"  # end of the name of a group, see `group`
CHEAP = frozenset(("norm", "add", "relu", "relu6"))  # tails that need no curve to be computed
BLOCKED = ("add", "act", "norm", "concat", "pool", "gap")  # kinds of layers that keep a convolution's layout; see `Signature.borders`

SIZES = 8  # the first of `features`, logarithms

_new = tuple.__new__  # makes a Signature in a third of the time that calling the class takes


class Signature(NamedTuple):
    """A kernel as far as its time depends on it: kernels of the same signature take the same time.

    Attributes:
        kind: kind of the layer, or of the first layer of a group.
        reads: shapes of its inputs.
        shape: shape of its output.
        attrs: values of the attributes `TIMED[kind]`.
        tail: layers that a runtime which fuses runs in the same kernel, in order: `norm`, `add` or the name of an activation.
        borders: `reads` and `writes`, where a runtime that fuses may have to change the layout of data. Its convolutions work on blocks
            of channels and pass them to each other in that layout, but not to or from other kernels, such as the product of
            squeeze-and-excitation.
    """

    kind: str
    reads: tuple[Shape, ...]
    shape: Shape
    attrs: tuple[Any, ...] = ()
    tail: tuple[str, ...] = ()
    borders: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "reads": self.reads,
            "shape": self.shape,
            "attrs": dict(zip(TIMED.get(self.kind, ()), self.attrs, strict=True)),
            **({"tail": self.tail} if self.tail else {}),
            **({"borders": self.borders} if self.borders else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Signature:
        """
        Raises:
            DeviceError: the data is not what `to_json` returns.
        """
        try:
            kind, attrs = str(data["kind"]), data["attrs"]
            values = tuple(_plain(attrs[name] if name in attrs else USUAL[name]) for name in TIMED.get(kind, ()))
            reads = tuple(_shape(s) for s in data["reads"])
            tail, borders = (tuple(str(name) for name in data.get(key, ())) for key in ("tail", "borders"))
            return cls(kind, reads, _shape(data["shape"]), values, tail, borders)
        except (KeyError, TypeError, ValueError) as error:
            raise DeviceError(f"a layer has a kind, reads, shape and attrs; got {short(data)}; profile the device again") from error


def signatures(layers: Sequence[Layer], fused: bool = False) -> list[Signature]:
    """The signature of each layer that inference runs, without the input; with `fused`, of each group of layers."""
    layers = inference(tuple(layers))
    shapes = [layer.shape for layer in layers]
    if not fused:
        return [_signature(layer, shapes) for layer in layers[1:]]
    kernels = groups(layers)
    return [
        _signature(layers[members[0]], shapes, tuple([_tail(layers[i]) for i in members[1:]]), borders)
        for members, borders in zip(kernels, _borders(layers, kernels), strict=True)
    ]


def groups(layers: Sequence[Layer]) -> list[tuple[int, ...]]:
    """The groups of layers that a runtime may run as one kernel, by the indices of the layers; most groups have one layer.

    A convolution or linear layer takes the norm, the activation and the sum that follow it, as long as nothing else reads the values in
    between. A runtime may run some of them separately; their time then counts as the group's.
    """
    readers = [0] * len(layers)
    last = [0] * len(layers)
    for layer in layers[1:]:
        for i in layer.inputs:
            readers[i] += 1
            last[i] = layer.index
    taken = [False] * len(layers)
    result = []
    for layer in layers[1:]:
        if taken[layer.index]:
            continue
        members = [layer.index]
        if layer.kind in HEADS:
            end = layer.index
            while readers[end] == 1:
                after = layers[last[end]]
                # A sum belongs to the term that is computed last.
                if after.kind not in TAILS or max(after.inputs) != end or taken[after.index]:
                    break
                end = after.index
                taken[end] = True
                members.append(end)
        result.append(tuple(members))
    return result


def _borders(layers: Sequence[Layer], kernels: Sequence[tuple[int, ...]]) -> list[tuple[str, ...]]:
    """`Signature.borders` of each kernel."""
    blocks = [False] * len(layers)  # whether a layer's output is in blocks
    blocks[0] = True  # an image is read in its own layout
    plain: set[int] = set()  # layers whose output is needed in the other layout
    reads = [False] * len(kernels)
    for k in sorted(range(len(kernels)), key=lambda k: kernels[k][-1]):  # in the order of computation
        members = kernels[k]
        head = layers[members[0]]
        ready = True
        for i in head.inputs:
            ready = ready and blocks[i]
        done = True  # a sum is in blocks if all its terms are; the output of the head is one of them
        for m in members[1:]:
            for i in layers[m].inputs:
                done = done and (blocks[i] or i in members)
        works = _fills(head, layers) if head.kind == "conv" else ready and head.kind in BLOCKED
        for m in members:
            blocks[m] = works and done
            if not works:
                plain.update(layers[m].inputs)
        reads[k] = works and not (ready and done)
    return [
        ("reads",) * into + ("writes",) * (blocks[members[-1]] and members[-1] in plain)
        for members, into in zip(kernels, reads, strict=True)
    ]


def _signature(layer: Layer, shapes: Sequence[Shape], tail: tuple[str, ...] = (), borders: tuple[str, ...] = ()) -> Signature:
    kind, inputs, shape, attrs = layer[:4]
    reads = (shapes[inputs[0]],) if len(inputs) == 1 else tuple([shapes[i] for i in inputs])
    names = TIMED.get(kind)
    values = () if names is None else tuple([attrs[name] if name in attrs else USUAL[name] for name in names])
    return _new(Signature, (kind, reads, shape, values, tail, borders))


def _tail(layer: Layer) -> str:
    return str(layer.attrs["act"]) if layer.kind == "act" else layer.kind


def parts(s: Signature) -> list[Signature]:
    """The layers of a kernel, each as a kernel of its own."""
    layers = [s._replace(tail=(), borders=())]
    for name in s.tail:
        kind = name if name in TAILS else "act"
        reads = (s.shape, s.shape) if kind == "add" else (s.shape,)
        layers.append(Signature(kind, reads, s.shape, (name,) if kind == "act" else ()))
    return layers


def group(s: Signature) -> str:
    """The name of the group of kernels that one model predicts: convolutions by their form, activations by function, others by kind.

    Convolutions whose channels do not fill vector registers have a group of their own: often they run another, much slower kernel.
    """
    if s.kind == "conv":
        return _form(s) + ("" if _aligned(s) else ODD)
    return f"{s.kind} {s.attrs[0]}" if s.kind in ("act", "pool") else s.kind


def _form(s: Signature) -> str:
    kernel, _, groups, *_ = s.attrs
    if groups > 1:
        return "depthwise convolution" if groups == s.reads[0][0] else "grouped convolution"
    if s.shape[1:] == (1, 1):
        return "convolution of one cell"  # in squeeze-and-excitation: each weight is used once
    return "pointwise convolution" if kernel == (1, 1) else "convolution"


def _aligned(s: Signature) -> bool:
    return aligned(s.reads[0][0], s.shape[0], s.attrs[2])


def _fills(conv: Layer, layers: Sequence[Layer]) -> bool:
    return aligned(layers[conv.inputs[0]].shape[0], conv.shape[0], conv.attrs["groups"])


def aligned(cin: int, cout: int, groups: int) -> bool:
    """Whether a convolution's channels are multiples of 4; for the 3 or fewer channels of images there are kernels too."""
    each = cin // groups if groups != cin else 4
    return cout % 4 == 0 and (each % 4 == 0 or each <= 3)


def work(s: Signature) -> tuple[float, ...]:
    """The kinds of work that a kernel's time roughly consists of.

    One call; multiply-adds; multiply-adds with channels rounded up to 16; elements read; elements written; weights; and for the tail the
    elements of activations that are more than bounds, and the elements of sums.
    """
    read, written = sum(map(math.prod, s.reads)), math.prod(s.shape)
    curved = written * sum(name not in CHEAP for name in s.tail) if s.tail else 0
    summed = written * s.tail.count("add") if s.tail else 0
    if s.kind == "conv":
        (kh, kw), _, groups, *_ = s.attrs
        cin, (cout, h, w) = s.reads[0][0] // groups, s.shape
        full = kh * kw * h * w * -(-cout // 16) * 16
        return (
            1.0,
            kh * kw * cin * cout * h * w,
            full * (cin if cin < 4 else -(-cin // 16) * 16),
            read,
            written,
            kh * kw * cin * cout,
            curved,
            summed,
        )
    if s.kind == "linear":
        return 1.0, read * written, 0.0, read, written, read * written, curved, summed
    return 1.0, 0.0, 0.0, read, written, 0.0, curved, summed


def features(s: Signature) -> tuple[float, ...]:
    """The features that make a kernel faster or slower than its work suggests.

    Sizes; whether channels and rows fill vector registers; the activations of its tail (onnxruntime computes relu within a convolution,
    relu6 in a pass after it, and silu as a kernel of its own); and whether the layout changes at its borders.
    """
    (cin, h, w), (cout, oh, ow) = s.reads[0], s.shape
    area, groups, stride, dilation = 1, 1, 1, 1
    if s.kind == "conv":
        (kh, kw), stride, groups, _, dilation = s.attrs
        area = kh * kw
    return (
        math.log(cin),
        math.log(cout),
        math.log(h * w),
        math.log(oh * ow),
        math.log(area),
        math.log(stride),
        math.log(groups),
        math.log(dilation),
        cin % 4 == 0,
        cin % 8 == 0,
        cin % 16 == 0,
        cout % 4 == 0,
        cout % 8 == 0,
        cout % 16 == 0,
        ow % 4 == 0,
        ow % 8 == 0,
        not CHEAP.issuperset(s.tail),
        "add" in s.tail,
        "relu6" in s.tail,
        "silu" in s.tail,
        "reads" in s.borders,
        "writes" in s.borders,
    )


def _shape(data: Any) -> Shape:
    c, h, w = (int(n) for n in data)
    if min(c, h, w) < 1:
        raise ValueError("a shape is positive")
    return c, h, w


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
