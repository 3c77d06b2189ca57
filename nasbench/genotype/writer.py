"""Writer: one method a kind of layer; each adds its layer and returns its value.

Shapes, parameters and MACs are computed here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args

from nasbench.errors import GenotypeError, nearest, short
from nasbench.genotype.fields import Act
from nasbench.genotype.layer import Fields, Layer, Shape, Value

if TYPE_CHECKING:
    from nasbench.genotype.genotype import Style


class NoRoomError(GenotypeError):
    """A window that does not fit into its map."""


new_layer = tuple.__new__  # makes a Layer in a third of the time of calling it


class Writer:
    """Layers in sequence.

    Attributes:
        style: the network's numeric conventions.
        layers: what has been written so far.
        scope: dotted place of the block being written.
        within: the place that this trace itself has in another, with a dot; for errors.
    """

    def __init__(self, style: Style, shape: Shape, flat: bool = False) -> None:
        self.style = style
        self.layers: list[Layer] = [Layer("input", (), shape, Fields(), flat=flat)]
        self.scope = self.within = ""
        self._norm_attrs = Fields(eps=style.eps, momentum=style.momentum)
        self._names: set[str] = set()

    def conv(
        self,
        x: Value,
        width: int,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        padding: int | str | tuple[int, int] = "same",
        groups: int | str = 1,
        bias: bool = False,
        name: str = "conv",
        dilation: int = 1,
    ) -> Value:
        """Convolution of (c, h, w) to (width, h', w'); `groups="depthwise"` is one group per input channel.

        With `dilation` n the kernel's weights are n pixels apart; padding "same" grows with it.
        """
        cin = x.shape[0]
        g = cin if groups == "depthwise" else int(groups)
        if width < 1 or g < 1:
            raise self.error(f"a convolution has at least one channel and one group; got a width of {short(width)} and {short(g)} groups")
        if cin % g or width % g:
            raise self.error(f"{cin} input and {width} output channels must both divide into {g} groups")
        kh, kw = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        reach, across = (kh, kw) if dilation == 1 else (dilation * (kh - 1) + 1, dilation * (kw - 1) + 1)
        pad = ((reach - 1) // 2, (across - 1) // 2) if padding == "same" else _pad(padding, reach, across)
        _, h, w = x.shape
        h, w = (h + 2 * pad[0] - reach) // stride + 1, (w + 2 * pad[1] - across) // stride + 1
        if h < 1 or w < 1 or x.flat:
            self._window(x, reach, across, stride, pad, False)  # says what is wrong
        weights = kh * kw * (cin // g) * width
        macs = weights * h * w
        if type(macs) is not int:  # a fraction in any of them is one here
            raise self.error(
                f"width, kernel and stride are whole numbers; got {short(width)}, {short(kernel)}, {short(stride)}; divide them by //"
            )
        attrs = _attrs(cin=cin, kernel=(kh, kw), stride=stride, padding=pad, groups=g, bias=bias)
        if dilation != 1:
            attrs = _attrs(**attrs, dilation=dilation)
        return self._add("conv", (x.index,), (width, h, w), attrs, weights + width if bias else weights, macs, name)

    def norm(self, x: Value, name: str = "norm") -> Value:
        """Batch normalisation, or nothing where the style has none."""
        if self.style.norm == "none":
            return x
        return self._add("norm", (x.index,), x.shape, self._norm_attrs, 2 * x.shape[0], 0, name, x.flat)

    def act(self, x: Value, act: str | None = None, name: str = "act") -> Value:
        """Activation; `None` is the style's, `none` is none."""
        act = act or self.style.act
        if act == "none":
            return x
        try:
            return self._add("act", (x.index,), x.shape, _act_attrs(act), 0, 0, name, x.flat)
        except GenotypeError as error:
            raise self.error(str(error)) from None

    def pool(
        self,
        x: Value,
        mode: str,
        kernel: int | tuple[int, int],
        stride: int,
        padding: int | str | tuple[int, int] = "same",
        ceil_mode: bool = False,
        count_pad: bool = True,
        name: str = "pool",
    ) -> Value:
        """Maximum or average pooling; `ceil_mode` rounds the output size up, as Caffe did."""
        kh, kw = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        pad = _pad(padding, kh, kw)
        if mode not in ("max", "avg"):
            raise self.error(f"pooling is max or avg; got {short(mode)}")
        if 2 * pad[0] > kh or 2 * pad[1] > kw:
            raise self.error(f"pooling may pad at most half of its {kh}x{kw} window; got {pad[0]}x{pad[1]}")
        h, w = self._window(x, kh, kw, stride, pad, ceil_mode)
        attrs = _attrs(mode=mode, kernel=(kh, kw), stride=stride, padding=pad, ceil=ceil_mode, count_pad=count_pad)
        return self._add("pool", (x.index,), (x.shape[0], h, w), attrs, 0, 0, name)

    def gap(self, x: Value, size: int = 1, name: str = "gap") -> Value:
        """Average over the whole map, or to `size` x `size` cells."""
        if x.flat:
            raise self.error(f"gap reads a map of (channels, height, width); this value is already flat with {x.shape[0]} numbers")
        return self._add("gap", (x.index,), (x.shape[0], size, size), _attrs(size=size), 0, 0, name)

    def flatten(self, x: Value, name: str = "flatten") -> Value:
        """(c, h, w) to c*h*w numbers; nothing where it is flat already."""
        return x if x.flat else self._add("flatten", (x.index,), (x.elements, 1, 1), _NONE, 0, 0, name, True)

    def linear(self, x: Value, width: int, bias: bool = True, name: str = "linear") -> Value:
        """Fully connected layer; flattens what is not flat."""
        x = self.flatten(x)
        cin = x.shape[0]
        if width < 1:
            raise self.error(f"a linear layer has at least one output; got a width of {short(width)}")
        weights = cin * width
        if type(weights) is not int:
            raise self.error(f"a width is a whole number; got {short(width)}; divide it by //")
        attrs = _attrs(cin=cin, bias=bias)
        return self._add("linear", (x.index,), (width, 1, 1), attrs, weights + width if bias else weights, weights, name, True)

    def dropout(self, x: Value, p: float, name: str = "dropout") -> Value:
        """Dropout, in training only."""
        return x if p == 0 else self._add("dropout", (x.index,), x.shape, _attrs(p=p), 0, 0, name, x.flat)

    def lrn(self, x: Value, size: int, alpha: float, beta: float, k: float, name: str = "lrn") -> Value:
        """Local response normalisation across `size` channels."""
        if x.flat:
            raise self.error(f"lrn reads a map of (channels, height, width); this value is already flat with {x.shape[0]} numbers")
        return self._add("lrn", (x.index,), x.shape, _attrs(size=size, alpha=alpha, beta=beta, k=k), 0, 0, name)

    def add(self, *values: Value, name: str = "add") -> Value:
        """Sum of values of one shape."""
        first = values[0]
        if len(values) == 1:
            return first
        for v in values:
            if v.shape != first.shape or v.flat != first.flat:
                raise self.error(f"a sum needs equal shapes; got {show_values(values)}")
        return self._add("add", tuple([v.index for v in values]), first.shape, _NONE, 0, 0, name, first.flat)

    def scale(self, x: Value, gate: Value, name: str = "scale") -> Value:
        """Multiply each channel of x by its number in `gate`, of shape (c, 1, 1)."""
        if gate.shape != (x.shape[0], 1, 1) or gate.flat != x.flat:
            raise self.error(f"a gate has shape (channels, 1, 1); got {show_values((x, gate))}")
        return self._add("scale", (x.index, gate.index), x.shape, _NONE, 0, 0, name, x.flat)

    def concat(self, *values: Value, name: str = "concat") -> Value:
        """Values of one size side by side along the channels."""
        _, h, w = values[0].shape
        channels = 0
        for v in values:
            if v.shape[1] != h or v.shape[2] != w or v.flat != values[0].flat:
                raise self.error(f"values side by side need one height and width; got {show_values(values)}")
            channels += v.shape[0]
        return self._add("concat", tuple([v.index for v in values]), (channels, h, w), _NONE, 0, 0, name, values[0].flat)

    def interleave(self, x: Value, groups: int, name: str = "interleave") -> Value:
        """Channel shuffle: the groups' channels in turn (ShuffleNet)."""
        if x.flat:
            raise self.error(f"a shuffle reads a map of (channels, height, width); this value is already flat with {x.shape[0]} numbers")
        if x.shape[0] % groups:
            raise self.error(f"{x.shape[0]} channels do not divide into {groups} groups to shuffle")
        return self._add("interleave", (x.index,), x.shape, _attrs(groups=groups), 0, 0, name)

    def split(self, x: Value, parts: int, name: str = "split") -> tuple[Value, ...]:
        """The channels in equal parts."""
        c, h, w = x.shape
        if c % parts:
            raise self.error(f"{c} channels do not divide into {parts} equal parts")
        width = c // parts
        return tuple(
            self._add("slice", (x.index,), (width, h, w), _attrs(start=i * width, stop=(i + 1) * width), 0, 0, name, x.flat)
            for i in range(parts)
        )

    def take(self, x: Value, channels: tuple[int, ...], name: str = "take") -> Value:
        """Some of the channels, in the given order."""
        c, h, w = x.shape
        if not channels or min(channels) < 0 or max(channels) >= c:
            raise self.error(f"channels to take are numbers from 0 to {c - 1}; got {', '.join(map(str, channels)) or 'none'}")
        return self._add("take", (x.index,), (len(channels), h, w), _attrs(channels=channels), 0, 0, name, x.flat)

    def pad(self, x: Value, channels: int = 0, edges: tuple[int, int, int, int] = (0, 0, 0, 0), name: str = "pad") -> Value:
        """Zeros after the last channel and around the map: (top, bottom, left, right), where less than nothing cuts off."""
        c, h, w = x.shape
        top, bottom, left, right = edges
        shape = (c + channels, h + top + bottom, w + left + right)
        if x.flat or channels < 0 or min(shape) < 1:
            raise self.error(f"{show_values((x,))} cannot be padded by {channels} channels and edges {edges}")
        return self._add("pad", (x.index,), shape, _attrs(channels=channels, edges=edges), 0, 0, name)

    def multiply(self, x: Value, by: float, name: str = "multiply") -> Value:
        """Every number times a constant; nothing for 1."""
        return x if by == 1 else self._add("multiply", (x.index,), x.shape, _attrs(by=by), 0, 0, name, x.flat)

    def bins(self, x: Value, size: int, name: str = "bins") -> Value:
        """The maximum in each of `size` x `size` cells."""
        if x.flat:
            raise self.error(f"cells need a map of (channels, height, width); this value is already flat with {x.shape[0]} numbers")
        return self._add("bins", (x.index,), (x.shape[0], size, size), _attrs(size=size), 0, 0, name)

    def drop_path(self, x: Value, p: float, name: str = "drop_path") -> Value:
        """The whole value dropped for an image with probability `p`, in training only."""
        return x if p == 0 else self._add("drop_path", (x.index,), x.shape, _attrs(p=p), 0, 0, name, x.flat)

    # Inside

    def error(self, rule: str) -> GenotypeError:
        """A GenotypeError that says where in the network it happened."""
        return GenotypeError(self._say(rule))

    def _say(self, rule: str) -> str:
        return f"{_place(self.within + self.scope)}: {rule}"

    def _window(self, x: Value, kh: int, kw: int, stride: int, pad: tuple[int, int], up: bool) -> tuple[int, int]:
        _, h, w = x.shape
        if x.flat:
            raise self.error(f"a {kh}x{kw} window needs a map of (channels, height, width); this value is flat with {x.shape[0]} numbers")
        oh, ow = _out(h, kh, stride, pad[0], up), _out(w, kw, stride, pad[1], up)
        if oh < 1 or ow < 1:
            raise NoRoomError(
                self._say(
                    f"a {kh}x{kw} window with stride {stride} and padding {pad[0]}x{pad[1]} does not fit into {show_values((x,))}; "
                    "use a larger input, fewer strides or padding: same"
                )
            )
        return oh, ow

    def _add(
        self, kind: str, inputs: tuple[int, ...], shape: Shape, attrs: Fields, params: int, macs: int, name: str, flat: bool = False
    ) -> Layer:
        where = f"{self.scope}.{name}"
        names = self._names
        if where in names:
            where = self._unused(where)
        names.add(where)
        layers = self.layers
        layer = new_layer(Layer, (kind, inputs, shape, attrs, params, macs, where, len(layers), flat))
        layers.append(layer)
        return layer

    def _unused(self, where: str) -> str:
        n = 2
        while f"{where}_{n}" in self._names:
            n += 1
        return f"{where}_{n}"


@lru_cache(maxsize=8192, typed=True)
def _attrs(**values: Any) -> Fields:
    """One frozen mapping for all layers alike: most of a trace's memory, and of the time to clear it away, would be these."""
    return Fields(values)


@lru_cache(maxsize=64)
def _act_attrs(act: str) -> Fields:
    if act not in get_args(Act):
        raise GenotypeError(f"an activation is one of {', '.join(get_args(Act))}; got {short(act)}{nearest(act, get_args(Act))}")
    return _attrs(act=act)


_NONE = Fields()


def _pad(padding: int | str | tuple[int, int], kh: int, kw: int) -> tuple[int, int]:
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
    return " and ".join(f"{f'{v.shape[0]} flat' if v.flat else 'x'.join(map(str, v.shape))} ({v.where or 'input'})" for v in values)


def _place(scope: str) -> str:
    """`stages.2.0` as people count: `stage 3, layer 1 (stages.2.0)`; inside branches and auxiliary heads also the layer there."""
    said, parts = [], scope.split(".")
    if parts[0] == "stages" and len(parts) > 2:
        said, parts = [f"stage {int(parts[1]) + 1}", f"layer {int(parts[2]) + 1}"], parts[3:]
    elif len(parts) > 1 and parts[1].isdigit():
        said, parts = [parts[0], f"layer {int(parts[1]) + 1}"], parts[2:]
    while len(parts) > 1 and parts[0] in ("paths", "rows"):
        if parts[0] == "paths" and len(parts) > 2:
            said, parts = [*said, f"path {int(parts[1]) + 1}"], parts[1:]
        said, parts = [*said, f"layer {int(parts[1]) + 1}"], parts[2:]
    return f"{', '.join(said)} ({scope})" if said else scope or "network"
