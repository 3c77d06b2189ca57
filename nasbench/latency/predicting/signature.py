"""The latency key of a kernel, and the numbers that its time depends on. No torch.

A runtime that compiles a network may run several layers in one kernel: a convolution, the norm and the activation after it, and often
the sum of a residual block. The unit of profiling is then that group, not the layer. The parts that depend on the kind of the layer are in
`nasbench.genotype.kinds`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nasbench.errors import DeviceError, short
from nasbench.files import MALFORMED
from nasbench.genotype import Layer, inference
from nasbench.genotype.kind import KINDS, Kind
from nasbench.genotype.kinds.activation import ACTS
from nasbench.genotype.kinds.convolution import ODD as ODD
from nasbench.genotype.layer import Shape

SIZES = 8  # the first of `features`, logarithms

_DEFAULT = Kind()

_new = tuple.__new__  # makes a Signature in a third of the time of calling it


class Signature(NamedTuple):
    """A kernel as far as its time depends on it: kernels of the same signature take the same time.

    Attributes:
        kind: kind of the layer, or of the first layer of a group.
        reads: shapes that it reads.
        shape: output shape.
        attrs: values of the attributes that `Kind.timed` names.
        tail: layers that a fusing runtime runs in the same kernel, in order: `norm`, `add` or the name of an activation.
        borders: `reads` and `writes`, where a fusing runtime may have to change the memory layout. Its convolutions read and write
            channels in blocks. Other layers, such as the product of squeeze-and-excitation, do not.
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
            "attrs": dict(zip(_entry(self.kind).timed, self.attrs, strict=True)),
            **({"tail": self.tail} if self.tail else {}),
            **({"borders": self.borders} if self.borders else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Signature:
        """The signature that `to_json` wrote.

        Raises:
            DeviceError: other data.
        """
        try:
            kind, attrs = str(data["kind"]), data["attrs"]
            values = tuple(_plain(attrs[name] if name in attrs else _entry(kind).usual[name]) for name in _entry(kind).timed)
            reads = tuple(_shape(s) for s in data["reads"])
            if not reads:
                raise ValueError("a layer reads something")
            tail, borders = (tuple(str(name) for name in data.get(key, ())) for key in ("tail", "borders"))
            made = cls(kind, reads, _shape(data["shape"]), values, tail, borders)
            for part in (made, *parts(made)):  # what the predictor computes of it, now rather than later
                if not all(math.isfinite(float(n)) for n in (*work(part), *features(part))):
                    raise ValueError("a layer has finite work")
            return made
        except MALFORMED as error:
            raise DeviceError(f"a layer has a kind, reads, shape and attrs; got {short(data)}; profile the device again") from error


def signatures(layers: Sequence[Layer], fused: bool = False) -> list[Signature]:
    """The signature of each layer that inference runs, without the input; with `fused`, of each group of layers."""
    layers = inference(layers)
    shapes = [layer.shape for layer in layers]
    if not fused:
        return [_signature(layer, shapes) for layer in layers[1:]]
    kernels = groups(layers)
    return [
        _signature(layers[members[0]], shapes, tuple([_tail(layers[i]) for i in members[1:]]), borders)
        for members, borders in zip(kernels, _borders(layers, kernels), strict=True)
    ]


def groups(layers: Sequence[Layer]) -> list[tuple[int, ...]]:
    """The layers that a runtime may run in one kernel, by their indices, without the input. Most groups have one layer.

    A convolution or linear layer is grouped with the norm, the activation and the sum that follow it, as long as nothing else reads
    the values between them. If a runtime runs them separately, their times are added up as the time of the group.
    """
    readers = [0] * len(layers)
    last = [0] * len(layers)
    for layer in layers[1:]:
        for i in layer.inputs:
            readers[i] += 1
            last[i] = layer.index
    taken = [False] * len(layers)
    kernels = []
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
        kernels.append(tuple(members))
    return kernels


def _borders(layers: Sequence[Layer], kernels: Sequence[tuple[int, ...]]) -> list[tuple[str, ...]]:
    """`Signature.borders` of each kernel."""
    blocks = [False] * len(layers)  # whether the output of a layer is in blocks
    blocks[0] = True  # an image is read as it is
    plain: set[int] = set()  # layers that another layer reads in the plain layout
    reads = [False] * len(kernels)
    for k in sorted(range(len(kernels)), key=lambda k: kernels[k][-1]):  # in the order they run
        members = kernels[k]
        head = layers[members[0]]
        ready = True
        for i in head.inputs:
            ready = ready and blocks[i]
        done = True  # a sum is in blocks if all its terms are; one of them is the output of the head
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


def _entry(kind: str) -> Kind:
    """What is known of a kind. A stored profile may hold the kind of a plugin that is not loaded: then the defaults."""
    return KINDS.get(kind, _DEFAULT)


def _tail(layer: Layer) -> str:
    return KINDS[layer.kind].tail_name(layer)


def _cheap(name: str) -> bool:
    """Whether a layer in a tail has no curve to compute."""
    return ACTS[name].cheap if name in ACTS else _entry(name).cheap


def parts(s: Signature) -> list[Signature]:
    """The layers of a kernel, each by itself."""
    layers = [s._replace(tail=(), borders=())]
    for name in s.tail:
        kind = "act" if name in ACTS else name
        reads = (s.shape, s.shape) if kind == "add" else (s.shape,)
        layers.append(Signature(kind, reads, s.shape, (name,) if kind == "act" else ()))
    return layers


def group(s: Signature) -> str:
    """Kernels whose times follow one law: convolutions by their form, activations by their function, others by kind."""
    return KINDS[s.kind].group(s.reads, s.shape, s.attrs) if s.kind in KINDS else s.kind


def is_head(s: Signature) -> bool:
    """Whether other layers may be fused into the kernel, as into a convolution or a linear layer."""
    return _entry(s.kind).head


def work(s: Signature) -> tuple[float, ...]:
    """The work of a kernel, of which its time is roughly a weighted sum.

    One call, multiply-adds, multiply-adds with channels rounded up to 16, elements read, elements written, weights; and for the tail,
    elements through activations that do more than bound their input, and elements of sums.
    """
    read, written = sum(map(math.prod, s.reads)), math.prod(s.shape)
    curved = written * sum(not _cheap(name) for name in s.tail) if s.tail else 0
    summed = written * s.tail.count("add") if s.tail else 0
    macs, rounded, weights = _entry(s.kind).work(s.reads, s.shape, s.attrs)
    return 1.0, macs, rounded, read, written, weights, curved, summed


def features(s: Signature) -> tuple[float, ...]:
    """Numbers that explain why a kernel is faster or slower than its work suggests.

    Sizes; whether channels and rows fill vector registers; the layers in its tail (onnxruntime applies relu within a convolution,
    relu6 in a pass after it, and runs silu as a separate kernel); and whether it is at a border of layouts.
    """
    (cin, h, w), (cout, oh, ow) = s.reads[0], s.shape
    area, stride, groups, dilation = _entry(s.kind).window(s.attrs)
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
    c, h, w = data
    if any(type(n) is not int or n < 1 for n in (c, h, w)):
        raise ValueError("a shape is three whole numbers from 1")
    return c, h, w


def _plain(value: Any) -> Any:
    """The value of an attribute, with tuples in place of JSON's lists.

    Raises:
        TypeError: it cannot be part of a key.
    """
    plain = tuple(value) if isinstance(value, list) else value
    hash(plain)
    return plain
