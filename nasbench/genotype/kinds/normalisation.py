"""Normalisation: by batch, and of local responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasbench.genotype.kind import Kind, OnnxWriter, TorchWriter, kind, need_map
from nasbench.genotype.layer import Layer, Value, attributes
from nasbench.genotype.writer import Writer


def norm(t: Writer, x: Value, name: str = "norm") -> Value:
    """Batch normalisation, or nothing where the style has none."""
    if t.style.norm == "none":
        return x
    return t.write("norm", (x,), x.shape, t.norm_attributes, 2 * x.shape[0], 0, name, x.flat)


@kind
class Norm(Kind):
    """Batch normalisation (Ioffe & Szegedy 2015, algorithm 1)."""

    name = "norm"
    overwritable = True
    buffers = 2  # the running mean and variance
    tail = True
    cheap = True
    blocked = True
    write = staticmethod(norm)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        make = "torch.nn.BatchNorm1d" if layer.flat else "torch.nn.BatchNorm2d"
        return net.module(layer, reads, make, layer.channels, eps=layer.attrs["eps"], momentum=layer.attrs["momentum"])

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        weights = [model.weight(layer, part) for part in ("weight", "bias", "running_mean", "running_var")]
        return model.node("BatchNormalization", [*reads, *weights], out, layer.where, epsilon=layer.attrs["eps"])

    def words(self, layer: Layer) -> str:
        return ""


def lrn(t: Writer, x: Value, size: int, alpha: float, beta: float, k: float, name: str = "lrn") -> Value:
    """Local response normalisation across `size` channels."""
    need_map(t, x, "lrn reads")
    return t.write("lrn", (x,), x.shape, attributes(size=size, alpha=alpha, beta=beta, k=k), 0, 0, name)


@kind
class LocalResponse(Kind):
    """Local response normalisation across `size` channels (Krizhevsky et al. 2012, section 3.3)."""

    name = "lrn"
    overwritable = True
    timed = ("size",)
    write = staticmethod(lrn)

    def torch(self, net: TorchWriter, layer: Layer, reads: Sequence[Any]) -> Any:
        a = layer.attrs
        return net.module(layer, reads, "torch.nn.LocalResponseNorm", a["size"], a["alpha"], a["beta"], a["k"])

    def onnx(self, model: OnnxWriter, layer: Layer, reads: list[str], out: str) -> str:
        """For an even `size` torch reads one more channel before, ONNX one more after, and onnxruntime refuses: then an average does it."""
        a, name, n = layer.attrs, layer.where, layer.attrs["size"]
        if n % 2:
            return model.node("LRN", reads, out, name, size=n, alpha=a["alpha"], beta=a["beta"], bias=a["k"])
        (x,), shape = reads, model.input_shape(layer)
        square = model.node("Mul", [x, x], f"{name}/square")
        deep = model.node("Reshape", [square, model.constant(f"{name}/deep", [0, 1, *shape])], f"{name}/depth")
        form: dict[str, Any] = {"kernel_shape": (n, 1, 1), "strides": (1, 1, 1), "count_include_pad": 1}
        means = model.node("AveragePool", [deep], f"{name}/means", pads=(n // 2, 0, 0, n // 2 - 1, 0, 0), **form)
        back = model.node("Reshape", [means, model.constant(f"{name}/shape", [0, *shape])], f"{name}/back")
        scaled = model.node("Mul", [back, model.constant(f"{name}/alpha", float(a["alpha"]))], f"{name}/scaled")
        total = model.node("Add", [scaled, model.constant(f"{name}/k", float(a["k"]))], f"{name}/total")
        power = model.node("Pow", [total, model.constant(f"{name}/beta", float(a["beta"]))], f"{name}/power")
        return model.node("Div", [x, power], out, name)

    def words(self, layer: Layer) -> str:
        return ""
