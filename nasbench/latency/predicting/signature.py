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
from nasbench.genotype.kind import KINDS
from nasbench.genotype.kinds.activation import ACTS
from nasbench.genotype.kinds.convolution import ODD as ODD
from nasbench.genotype.layer import Shape

SIZES = 8  # the first of `features`, logarithms

_new = tuple.__new__  # makes a Signature in a third of the time that calling the class takes


class Signature(NamedTuple):
    """A kernel as far as its time depends on it: kernels of the same signature take the same time.

    Attributes:
        kind: kind of the layer, or of the first layer of a group.
        reads: shapes of its inputs.
        shape: shape of its output.
        attrs: values of the attributes that the kind's `timed` names.
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
            "attrs": dict(zip(_timed(self.kind), self.attrs, strict=True)),
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
            values = tuple(_plain(attrs[name] if name in attrs else KINDS[kind].usual[name]) for name in _timed(kind))
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
        if KINDS[layer.kind].head:
            end = layer.index
            while readers[end] == 1:
                after = layers[last[end]]
                # A sum belongs to the term that is computed last.
                if not KINDS[after.kind].tail or max(after.inputs) != end or taken[after.index]:
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
        works = KINDS[head.kind].in_blocks(head, layers[head.inputs[0]].channels, ready)
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
    entry = KINDS[kind]
    values = tuple([attrs[name] if name in attrs else entry.usual[name] for name in entry.timed])
    return _new(Signature, (kind, reads, shape, values, tail, borders))


def _timed(kind: str) -> tuple[str, ...]:
    """Names of the attributes in a signature; none for a kind of a plugin that is not loaded."""
    return KINDS[kind].timed if kind in KINDS else ()


def _tail(layer: Layer) -> str:
    return KINDS[layer.kind].tail_name(layer)


def _cheap(name: str) -> bool:
    """Whether a layer in a tail has no curve to compute."""
    return ACTS[name].cheap if name in ACTS else KINDS[name].cheap


def parts(s: Signature) -> list[Signature]:
    """The layers of a kernel, each as a kernel of its own."""
    layers = [s._replace(tail=(), borders=())]
    for name in s.tail:
        kind = "act" if name in ACTS else name
        reads = (s.shape, s.shape) if kind == "add" else (s.shape,)
        layers.append(Signature(kind, reads, s.shape, (name,) if kind == "act" else ()))
    return layers


def group(s: Signature) -> str:
    """Kernels whose times follow one law: convolutions by their form, activations by their function, others by kind."""
    return KINDS[s.kind].group(s.reads, s.shape, s.attrs)


def is_head(s: Signature) -> bool:
    """Whether the kernel is that of a convolution, a linear layer, or another layer that others are fused into."""
    return KINDS[s.kind].head


def work(s: Signature) -> tuple[float, ...]:
    """The kinds of work that a kernel's time roughly consists of.

    One call; multiply-adds; multiply-adds with channels rounded up to 16; elements read; elements written; weights; and for the tail the
    elements of activations that are more than bounds, and the elements of sums.
    """
    read, written = sum(map(math.prod, s.reads)), math.prod(s.shape)
    curved = written * sum(not _cheap(name) for name in s.tail) if s.tail else 0
    summed = written * s.tail.count("add") if s.tail else 0
    macs, rounded, weights = KINDS[s.kind].work(s.reads, s.shape, s.attrs)
    return 1.0, macs, rounded, read, written, weights, curved, summed


def features(s: Signature) -> tuple[float, ...]:
    """The features that make a kernel faster or slower than its work suggests.

    Sizes; whether channels and rows fill vector registers; the activations of its tail (onnxruntime computes relu within a convolution,
    relu6 in a pass after it, and silu as a kernel of its own); and whether the layout changes at its borders.
    """
    (cin, h, w), (cout, oh, ow) = s.reads[0], s.shape
    area, stride, groups, dilation = KINDS[s.kind].window(s.attrs)
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
        not all(map(_cheap, s.tail)),
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
