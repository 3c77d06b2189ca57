"""Where the weights of a network lie in the shared tensors of a supernet: nothing but the trace says it.

A layer's weights are a slice of the shared tensor of its place: of the channels that it reads and writes the first ones, and the centre
of the kernel (Yu et al. 2020, "BigNAS", section 3; Cai et al. 2020, "Once-for-All", figure 3). Where channels are joined, each of the
joined values has a shared tensor of its own, so that a channel always meets the same weights.

Layers share only where that makes sense: at the same place, of the same form, and in the same context, see `CONTEXTS`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from nasbench.genotype import Layer

Part = tuple[str, int]  # whose channels these are ("" where nothing is joined), and how many
Sizes = tuple[int, ...]

CONTEXTS = ("map", "activation", "kernel")
"""What the context of a layer may be made of: by how much the map is smaller than the input; the activation that its values meet."""

SAME_CHANNELS = frozenset(
    {"norm", "lrn", "act", "pool", "gap", "dropout", "drop_path", "scale", "multiply", "layer_scale"}
)  # they give the channels of the first value that they read
_DENSE, _GROUPED, _DEPTHWISE = "dense", "grouped", "depthwise"


class Piece(NamedTuple):
    """The first numbers of a shared tensor on each axis, of kernels those in the middle.

    Attributes:
        key: of the shared tensor.
        sizes: of the slice.
        start: where it lies in the parameter, on the axis on which its pieces are joined.
    """

    key: str
    sizes: Sizes
    start: int


class Place(NamedTuple):
    """One parameter of a network, and what it is made of.

    Attributes:
        name: of the parameter, as in the state dict.
        view: the shape in which it is sliced: groups, and the pixels of a flattened map, have an axis of their own.
        axis: on which the pieces are joined.
        kernel: the axes of the kernel.
        pieces: one, or several where the layer reads joined channels.
    """

    name: str
    view: Sizes
    axis: int
    kernel: tuple[int, ...]
    pieces: tuple[Piece, ...]


def places(layers: Sequence[Layer], shapes: Mapping[str, Sizes], context: Collection[str] = (), prefix: str = "") -> list[Place]:
    """The place of each parameter.

    Args:
        layers: the trace of the network, or of an auxiliary head.
        shapes: of the parameters, by their names in the state dict.
        context: which of `CONTEXTS` count.
        prefix: of the names.
    """
    roles: dict[str, list[str]] = {}
    for name in shapes:
        where, _, role = name.rpartition(".")
        roles.setdefault(where, []).append(role)
    smaller, activations = _smaller(layers), _activations(layers)
    added = {i for layer in layers if layer.kind == "add" for i in layer.inputs}
    parts: list[list[Part]] = []
    found: list[Place] = []
    for layer in layers:
        parts.append(_parts(layer, parts, layers))
        if layer.kind == "auxiliary":
            found += places(layer.attrs["rows"], shapes, context, f"{prefix}{layer.where}.rows.")
            continue
        if not layer.inputs:
            continue
        form = _form(layer)
        words = [prefix + layer.where, layer.kind if form == _DENSE else form]
        words += [f"/{smaller[layer.index]}"] if "map" in context and smaller[layer.index] else []
        words += [activations[layer.index]] if "activation" in context else []
        words += [f"{layer.attrs['kernel'][0]}x{layer.attrs['kernel'][1]}"] if "kernel" in context and form != _DENSE else []
        words += ["added"] if layer.kind == "norm" and layer.index in added else []  # it begins at zero, see `start_as_identity`
        read = parts[layer.inputs[0]]
        for role in roles.get(prefix + layer.where, ()):
            name = f"{prefix}{layer.where}.{role}"
            found.append(_place(name, shapes[name], layer, form, " ".join([*words, role]), read, layers))
    return found


def _place(name: str, shape: Sizes, layer: Layer, form: str, key: str, read: Sequence[Part], layers: Sequence[Layer]) -> Place:
    if layer.kind == "conv" and len(shape) == 4:
        out, cin, *kernel = shape
        if form == _DENSE:
            return _joined(name, shape, 1, (2, 3), key, read)
        groups: int = layer.attrs["groups"]
        view = (groups, out // groups, cin, *kernel)
        return _joined(name, view, 0, (3, 4), key, read if form == _DEPTHWISE else ())
    if layer.kind == "linear" and len(shape) == 2:
        source = layers[layer.inputs[0]]
        before = layers[source.inputs[0]] if source.kind == "flatten" else source
        pixels = before.shape[1] * before.shape[2]
        if source.kind == "flatten" and pixels > 1:
            return _joined(name, (shape[0], before.channels, pixels), 1, (), f"{key} of {before.shape[1]}x{before.shape[2]}", read)
        return _joined(name, shape, 1, (), key, read)
    same = layer.kind in SAME_CHANNELS and len(shape) == 1
    return _joined(name, shape, 0, (), key, read if same else ())


def _joined(name: str, view: Sizes, axis: int, kernel: tuple[int, ...], key: str, parts: Sequence[Part]) -> Place:
    """A parameter with one piece for each part of the channels on an axis; with one piece where the parts do not add up to it."""
    if len(parts) < 2 or sum(size for _, size in parts) != view[axis]:
        return Place(name, view, axis, kernel, (Piece(key, view, 0),))
    pieces, start = [], 0
    for source, size in parts:
        pieces.append(Piece(f"{key} of {source}", (*view[:axis], size, *view[axis + 1 :]), start))
        start += size
    return Place(name, view, axis, kernel, tuple(pieces))


def _form(layer: Layer) -> str:
    """How a convolution groups its channels."""
    if layer.kind != "conv" or layer.attrs.get("groups", 1) == 1:
        return _DENSE
    return _DEPTHWISE if layer.attrs["groups"] == layer.attrs["cin"] else _GROUPED


def _parts(layer: Layer, parts: Sequence[Sequence[Part]], layers: Sequence[Layer]) -> list[Part]:
    """Whose channels a layer gives."""
    whole: list[Part] = [("", layer.channels)]
    if layer.kind == "concat" and len(layer.inputs) > 1:
        joined = [(name or layers[i].where or "input", size) for i in layer.inputs for name, size in parts[i]]
        names = [name for name, _ in joined]
        before = [names[:i].count(name) for i, name in enumerate(names)]  # some cells join a value with itself
        return [(f"{name} again {n}" if n else name, size) for n, (name, size) in zip(before, joined, strict=True)]
    first = list(parts[layer.inputs[0]]) if layer.inputs else whole
    if layer.kind in SAME_CHANNELS or (layer.kind == "conv" and _form(layer) == _DEPTHWISE and layer.channels == layer.attrs["cin"]):
        return first
    if layer.kind == "flatten" and layers[layer.inputs[0]].shape[1:] == (1, 1):
        return first
    if layer.kind == "flatten":
        return list(parts[layer.inputs[0]])  # a linear layer that reads it has an axis for its channels
    if layer.kind == "add" and all(list(parts[i]) == first for i in layer.inputs):
        return first
    return whole


def _smaller(layers: Sequence[Layer]) -> list[int]:
    """By which factor each layer's map is smaller than the input; 0 after a global pooling, where there is no map."""
    factors: list[int] = []
    for layer in layers:
        if not layer.inputs:
            factors.append(1)
            continue
        before = min(factors[i] for i in layer.inputs)
        gone = layer.kind == "gap" or layer.flat
        factors.append(0 if gone or not before else before * int(layer.attrs.get("stride") or 1))
    return factors


def _activations(layers: Sequence[Layer]) -> list[str]:
    """The activation that the values of each layer meet next; where none comes before they are joined or weighted, the last one."""
    after: dict[int, str] = {}
    for layer in reversed(layers):
        if layer.kind == "act":
            after[layer.index] = str(layer.attrs["act"])
        if layer.kind in SAME_CHANNELS and layer.index in after:
            after.setdefault(layer.inputs[0], after[layer.index])
    found: list[str] = []
    for layer in layers:
        before = found[layer.inputs[0]] if layer.inputs else ""
        found.append(after.get(layer.index, before))
    return found
