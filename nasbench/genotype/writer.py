"""Writer: a network under construction, as layers in sequence. The kinds of layers write to it; a Tracer adds blocks to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasbench.errors import GenotypeError
from nasbench.genotype.kind import find_kind
from nasbench.genotype.layer import NO_ATTRIBUTES, Fields, Layer, Shape, Value, show_shape
from nasbench.genotype.style import Style


class NoRoomError(GenotypeError):
    """A window that does not fit into its map."""


new_layer = tuple.__new__  # makes a Layer in a third of the time of calling it


class Writer:
    """Layers in sequence.

    Attributes:
        style: numeric conventions of the network.
        layers: the layers written so far; the first is the input.
        scope: dotted place of the block being written.
        within: place of this network inside another one, ending in a dot; empty for a whole network. Error messages need it.
        norm_attributes: attributes of every batch normalisation, from the style.
    """

    def __init__(self, style: Style, shape: Shape, flat: bool = False) -> None:
        self.style = style
        self.layers: list[Layer] = [Layer("input", (), shape, NO_ATTRIBUTES, flat=flat)]
        self.scope = self.within = ""
        self.norm_attributes = Fields(eps=style.eps, momentum=style.momentum)
        self._names: set[str] = set()

    def layer(self, kind: str, *values: Value, **arguments: Any) -> Value:
        """Write a layer of any kind, also one of your own: the arguments are those of its `write`.

        Raises:
            GenotypeError: there is no such kind, or its rules are broken.
        """
        value: Value = find_kind(kind).write(self, *values, **arguments)
        return value

    def write(
        self,
        kind: str,
        values: tuple[Value, ...],
        shape: Shape,
        attrs: Fields = NO_ATTRIBUTES,
        params: int = 0,
        macs: int = 0,
        name: str = "",
        flat: bool = False,
    ) -> Value:
        """Append a layer that reads `values`, and return it. The `write` of each kind calls this after its checks.

        Args:
            name: last part of the layer's place; the default is the name of its kind.
        """
        where = f"{self.scope}.{name or kind}"
        names = self._names
        if where in names:
            where = self._unused(where)
        names.add(where)
        layers = self.layers
        inputs = (values[0][7],) if len(values) == 1 else tuple([v[7] for v in values])  # v[7] is v.index, and faster
        layer = new_layer(Layer, (kind, inputs, shape, attrs, params, macs, where, len(layers), flat))
        layers.append(layer)
        return layer

    def _unused(self, where: str) -> str:
        n = 2
        while f"{where}_{n}" in self._names:
            n += 1
        return f"{where}_{n}"

    def error(self, rule: str) -> GenotypeError:
        """A GenotypeError that says where in the network it happened."""
        return GenotypeError(self._placed(rule))

    def _placed(self, rule: str) -> str:
        return f"{_place(self.within + self.scope)}: {rule}"

    def window(self, x: Value, kh: int, kw: int, stride: int, pad: tuple[int, int], up: bool) -> tuple[int, int]:
        """Height and width of the map that a window leaves; `up` rounds them up.

        Raises:
            GenotypeError: the value is flat, or the window does not fit into it.
        """
        _, h, w = x.shape
        if x.flat:
            raise self.error(f"a {kh}x{kw} window needs a map of (channels, height, width); this value is flat with {x.shape[0]} numbers")
        oh, ow = _out(h, kh, stride, pad[0], up), _out(w, kw, stride, pad[1], up)
        if oh < 1 or ow < 1:
            raise NoRoomError(
                self._placed(
                    f"a {kh}x{kw} window with stride {stride} and padding {pad[0]}x{pad[1]} does not fit into {show_values((x,))}; "
                    "use a larger input, fewer strides or padding: same"
                )
            )
        return oh, ow


def padding_of(padding: int | str | tuple[int, int], kh: int, kw: int) -> tuple[int, int]:
    """`same` keeps the size at stride 1 for odd kernels; even ones lose one row."""
    if padding == "same":
        return (kh - 1) // 2, (kw - 1) // 2
    if padding == "valid":
        return 0, 0
    return padding if isinstance(padding, tuple) else (int(padding), int(padding))


def _out(n: int, kernel: int, stride: int, pad: int, up: bool) -> int:
    room = n + 2 * pad - kernel
    if not up:
        return room // stride + 1 if room >= 0 else 0
    out = -(-room // stride) + 1
    return out - 1 if (out - 1) * stride >= n + pad else out  # no window may start in the padding on the right


def show_values(values: Sequence[Value]) -> str:
    """`64x56x56 (stem.0.conv) and 1000 flat (head.1.linear)`."""
    return " and ".join(f"{f'{v.shape[0]} flat' if v.flat else show_shape(v.shape)} ({v.where or 'input'})" for v in values)


def _place(scope: str) -> str:
    """`stages.2.0` as people count: `stage 3, block 1 (stages.2.0)`; inside branches and auxiliary heads also the block there."""
    words, parts = [], scope.split(".")
    if parts[0] == "stages" and len(parts) > 2:
        words, parts = [f"stage {int(parts[1]) + 1}", f"block {int(parts[2]) + 1}"], parts[3:]
    elif len(parts) > 1 and parts[1].isdigit():
        words, parts = [parts[0], f"block {int(parts[1]) + 1}"], parts[2:]
    while len(parts) > 1 and parts[0] in ("paths", "rows"):
        if parts[0] == "paths" and len(parts) > 2:
            words, parts = [*words, f"path {int(parts[1]) + 1}"], parts[1:]
        words, parts = [*words, f"block {int(parts[1]) + 1}"], parts[2:]
    return f"{', '.join(words)} ({scope})" if words else scope or "network"
