"""Pooling: by a window, over the whole map, and to a fixed number of cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasbench.errors import short
from nasbench.genotype.kind import Kind, OnnxWriter, TorchWriter, kind, need_map
from nasbench.genotype.kinds.convolution import show_stride
from nasbench.genotype.layer import Layer, Shape, Value, attributes, show_shape
from nasbench.genotype.writer import Writer, padding_of


def pool(
    t: Writer,
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
    pad = padding_of(padding, kh, kw)
    if mode not in ("max", "avg"):
        raise t.error(f"pooling is max or avg; got {short(mode)}")
    if 2 * pad[0] > kh or 2 * pad[1] > kw:
        raise t.error(f"pooling may pad at most half of its {kh}x{kw} window; got {pad[0]}x{pad[1]}")
    h, w = t.window(x, kh, kw, stride, pad, ceil_mode)
    attrs = attributes(mode=mode, kernel=(kh, kw), stride=stride, padding=pad, ceil=ceil_mode, count_pad=count_pad)
    return t.write("pool", (x,), (x.shape[0], h, w), attrs, 0, 0, name)


@kind
class Pool(Kind):
    """Maximum or average pooling."""

    name = "pool"
    colour = "sand"
    overwritable = True
    sees = "window"
    timed = ("mode", "kernel", "stride")
    blocked = True
    write = staticmethod(pool)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        a = layer.attrs
        form = (a["kernel"], a["stride"], a["padding"])
        if a["mode"] == "max":
            return net.module(layer, reads, "torch.nn.MaxPool2d", *form, ceil_mode=a["ceil"])
        return net.module(layer, reads, "torch.nn.AvgPool2d", *form, ceil_mode=a["ceil"], count_include_pad=a["count_pad"])

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        """What `ceil_mode` adds at the ends becomes padding there, which no average counts, as in torch."""
        a, name, shape = layer.attrs, layer.where, model.input_shape(layer)
        k, s, p = a["kernel"], a["stride"], a["padding"]
        reach = [(layer.shape[i + 1] - 1) * s + k[i] - shape[i + 1] - p[i] for i in (0, 1)]  # beyond the end of the map
        ends = [max(0, n) for n in reach]
        form = {"kernel_shape": k, "strides": (s, s)}
        if a["mode"] == "max":
            return model.node("MaxPool", reads, out, name, pads=(*p, *ends), **form)
        if not a["count_pad"] or not any(p):
            return model.node("AveragePool", reads, out, name, pads=(*p, *ends), **form)
        if all(n <= m for n, m in zip(reach, p, strict=True)):
            return model.node("AveragePool", reads, out, name, pads=(*p, *ends), count_include_pad=1, **form)
        pads = model.constant(f"{name}/pads", [0, 0, *p, 0, 0, *p])
        padded = model.node("Pad", [*reads, pads], f"{name}/padded")
        rest = [max(0, n - m) for n, m in zip(reach, p, strict=True)]
        return model.node("AveragePool", [padded], out, name, pads=(0, 0, *rest), **form)

    def words(self, layer: Layer) -> str:
        return " ".join(filter(None, (layer.attrs["mode"], show_shape(layer.attrs["kernel"], "×"), show_stride(layer))))

    def group(self, reads: Sequence[Shape], shape: Shape, values: Sequence[Any]) -> str:
        """Pooling by its mode."""
        return f"pool {values[0]}"


def gap(t: Writer, x: Value, size: int = 1, name: str = "gap") -> Value:
    """Average over the whole map, or to `size` x `size` cells."""
    need_map(t, x, "gap reads")
    return t.write("gap", (x,), (x.shape[0], size, size), attributes(size=size), 0, 0, name)


@kind
class GlobalAverage(Kind):
    """Average over the whole map, or over each of `size` x `size` cells."""

    name = "gap"
    colour = "sand"
    overwritable = True
    sees = "map"
    timed = ("size",)
    blocked = True
    write = staticmethod(gap)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        size = layer.attrs["size"]
        if size == 1:
            return net.method("mean", *reads, (2, 3), keepdim=True)
        return net.module(layer, reads, "torch.nn.AdaptiveAvgPool2d", size)

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        """For several cells, which may overlap, a product with two matrices of shares."""
        name, size, (_, h, w) = layer.where, layer.attrs["size"], model.input_shape(layer)
        if size == 1:
            return model.node("GlobalAveragePool", reads, out, name)
        down = model.constant(f"{name}/down", _shares(h, size))
        across = model.constant(f"{name}/across", [list(row) for row in zip(*_shares(w, size), strict=True)])
        return model.node("MatMul", [model.node("MatMul", [down, *reads], f"{name}/rows"), across], out, name)

    def words(self, layer: Layer) -> str:
        return show_cells(layer)


def bins(t: Writer, x: Value, size: int, name: str = "bins") -> Value:
    """The maximum in each of `size` x `size` cells."""
    need_map(t, x, "cells need")
    return t.write("bins", (x,), (x.shape[0], size, size), attributes(size=size), 0, 0, name)


@kind
class Bins(Kind):
    """The maximum in each of `size` x `size` cells."""

    name = "bins"
    colour = "sand"
    overwritable = True
    sees = "map"
    write = staticmethod(bins)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        return net.function("torch.nn.functional.adaptive_max_pool2d", *reads, layer.attrs["size"])

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        name, size, (_, h, w) = layer.where, layer.attrs["size"], model.input_shape(layer)
        rows = _maxima(model, f"{name}/rows", reads[0], 2, h, size, f"{name}/rows")
        return _maxima(model, f"{name}/columns", rows, 3, w, size, out)

    def words(self, layer: Layer) -> str:
        return show_cells(layer)


def show_cells(layer: Layer) -> str:
    """`7×7`, or nothing for a single cell."""
    size = layer.attrs["size"]
    return f"{size}×{size}" if size > 1 else ""


def _cells(length: int, size: int) -> list[tuple[int, int]]:
    """Where the cells of adaptive pooling begin and end."""
    return [(i * length // size, -(-(i + 1) * length // size)) for i in range(size)]


def _shares(length: int, size: int) -> list[list[float]]:
    """`size` rows of `length` numbers: each row averages one cell."""
    return [[1 / (stop - start) if start <= i < stop else 0.0 for i in range(length)] for start, stop in _cells(length, size)]


def _maxima(model: OnnxWriter, name: str, x: str, axis: int, length: int, size: int, out: str) -> str:
    """The maximum in each of `size` cells along an axis."""
    parts = []
    for i, (start, stop) in enumerate(_cells(length, size)):
        bounds = [model.constant(f"{name}/{i}/{end}", [n]) for end, n in (("start", start), ("stop", stop), ("axis", axis))]
        cell = model.node("Slice", [x, *bounds], f"{name}/{i}/cell")
        parts.append(model.node("ReduceMax", [cell], f"{name}/{i}", axes=[axis], keepdims=1))
    return model.node("Concat", parts, out, name, axis=axis)
