"""Convolutions and linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from nasbench.errors import short
from nasbench.genotype.kind import Kind, OnnxWriter, TorchWriter, kind
from nasbench.genotype.layer import Layer, Shape, Value, attributes, show_shape
from nasbench.genotype.writer import Writer, padding_of

ODD = ", odd channels"  # ends the name of a group of convolutions


def conv(
    t: Writer,
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
    if isinstance(width, str):
        raise t.error(_relative(width))
    if width < 1 or g < 1:
        raise t.error(f"a convolution has at least one channel and one group; got a width of {short(width)} and {short(g)} groups")
    if cin % g or width % g:
        raise t.error(f"{cin} input and {width} output channels must both divide into {g} groups")
    kh, kw = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    reach, across = (kh, kw) if dilation == 1 else (dilation * (kh - 1) + 1, dilation * (kw - 1) + 1)
    pad = ((reach - 1) // 2, (across - 1) // 2) if padding == "same" else padding_of(padding, reach, across)
    _, h, w = x.shape
    h, w = (h + 2 * pad[0] - reach) // stride + 1, (w + 2 * pad[1] - across) // stride + 1
    if h < 1 or w < 1 or x.flat:
        t.window(x, reach, across, stride, pad, False)  # says what is wrong
    weights = kh * kw * (cin // g) * width
    macs = weights * h * w
    if type(macs) is not int:  # a fraction in any of them is one here
        raise t.error(
            f"width, kernel and stride are whole numbers; got {short(width)}, {short(kernel)}, {short(stride)}; divide them by //"
        )
    attrs = attributes(cin=cin, kernel=(kh, kw), stride=stride, padding=pad, groups=g, bias=bias)
    if dilation != 1:
        attrs = attributes(**attrs, dilation=dilation)
    return t.write("conv", (x,), (width, h, w), attrs, weights + width if bias else weights, macs, name)


@kind
class Conv(Kind):
    """Convolution."""

    name = "conv"
    colour = "blue"
    counted = True
    overwritable = True
    sees = "window"
    timed = ("kernel", "stride", "groups", "bias", "dilation")
    usual: ClassVar = {"dilation": 1}
    head = True
    write = staticmethod(conv)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        a = layer.attrs
        form = (a["kernel"], a["stride"], a["padding"], a.get("dilation", 1), a["groups"], a["bias"])
        return net.module(layer, reads, "torch.nn.Conv2d", a["cin"], layer.channels, *form)

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        a = layer.attrs
        (top, left), stride, dilation = a["padding"], a["stride"], a.get("dilation", 1)
        form = {"kernel_shape": a["kernel"], "strides": (stride, stride), "dilations": (dilation, dilation), "group": a["groups"]}
        weights = [model.weight(layer, part) for part in ("weight", "bias")[: 1 + a["bias"]]]
        return model.node("Conv", [*reads, *weights], out, layer.where, pads=(top, left, top, left), **form)

    def words(self, layer: Layer) -> str:
        a = layer.attrs
        words = [show_shape(a["kernel"], "×"), show_stride(layer), f"dilation {a['dilation']}" if "dilation" in a else ""]
        if a["groups"] > 1:
            words.append("depthwise" if a["groups"] == a["cin"] else f"groups {a['groups']}")
        return " ".join(filter(None, words))

    def group(self, reads: Sequence[Shape], shape: Shape, values: Sequence[Any]) -> str:
        """The form of the convolution. Channels that do not fill vector registers often need another kernel, several times slower."""
        kernel, _, groups, *_ = values
        if groups > 1:
            form = "depthwise convolution" if groups == reads[0][0] else "grouped convolution"
        elif shape[1:] == (1, 1):
            form = "convolution of one cell"  # squeeze-and-excitation: all weights, no reuse
        else:
            form = "pointwise convolution" if kernel == (1, 1) else "convolution"
        return form + ("" if aligned(reads[0][0], shape[0], groups) else ODD)

    def work(self, reads: Sequence[Shape], shape: Shape, values: Sequence[Any]) -> tuple[float, float, float]:
        (kh, kw), _, groups, *_ = values
        cin, (cout, h, w) = reads[0][0] // groups, shape
        full = kh * kw * h * w * -(-cout // 16) * 16
        return kh * kw * cin * cout * h * w, full * (cin if cin < 4 else -(-cin // 16) * 16), kh * kw * cin * cout

    def window(self, values: Sequence[Any]) -> tuple[int, int, int, int]:
        (kh, kw), stride, groups, _, dilation = values
        return kh * kw, stride, groups, dilation

    def in_blocks(self, layer: Layer, cin: int, ready: bool) -> bool:
        return aligned(cin, layer.shape[0], layer.attrs["groups"])


def linear(t: Writer, x: Value, width: int, bias: bool = True, name: str = "linear") -> Value:
    """Fully connected layer; a value that is not flat is flattened first."""
    if not x.flat:
        x = t.layer("flatten", x)
    cin = x.shape[0]
    if isinstance(width, str):
        raise t.error(_relative(width))
    if width < 1:
        raise t.error(f"a linear layer has at least one output; got a width of {short(width)}")
    weights = cin * width
    if type(weights) is not int:
        raise t.error(f"a width is a whole number; got {short(width)}; divide it by //")
    attrs = attributes(cin=cin, bias=bias)
    return t.write("linear", (x,), (width, 1, 1), attrs, weights + width if bias else weights, weights, name, True)


@kind
class Linear(Kind):
    """Fully connected layer."""

    name = "linear"
    colour = "blue"
    counted = True
    overwritable = True
    head = True
    write = staticmethod(linear)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.module(layer, reads, "torch.nn.Linear", layer.attrs["cin"], layer.channels, bias=layer.attrs["bias"])

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        weights = [model.weight(layer, part) for part in ("weight", "bias")[: 1 + layer.attrs["bias"]]]
        return model.node("Gemm", [*reads, *weights], out, layer.where, transB=1)

    def words(self, layer: Layer) -> str:
        return ""

    def work(self, reads: Sequence[Shape], shape: Shape, values: Sequence[Any]) -> tuple[float, float, float]:
        weights = sum(c * h * w for c, h, w in reads) * shape[0]
        return weights, 0.0, weights


def _relative(width: str) -> str:
    return f"a layer has a whole number of channels; got the relative width {short(width)}; write t.width({width!r}, x), which counts them"


def show_stride(layer: Layer) -> str:
    """`stride 2`, or nothing for 1."""
    return f"stride {layer.attrs['stride']}" if layer.attrs["stride"] != 1 else ""


def aligned(cin: int, cout: int, groups: int) -> bool:
    """Whether a convolution's channels are multiples of 4; images have 3 or fewer, for which there are kernels too."""
    each = cin // groups if groups != cin else 4
    return cout % 4 == 0 and (each % 4 == 0 or each <= 3)
