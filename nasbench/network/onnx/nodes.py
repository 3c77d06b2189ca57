"""The nodes of ONNX, opset 17, that compute one layer of a trace; where ONNX and torch differ it says how."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import NasbenchError
from nasbench.genotype import Layer
from nasbench.genotype.layer import Shape

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

_ACTS: dict[str, tuple[str, dict[str, float]]] = {
    "relu": ("Relu", {}),
    "hardswish": ("HardSwish", {}),
    "hardsigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "elu": ("Elu", {"alpha": 1.0}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.01}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
}


def onnx_package(name: str = "onnx") -> Any:
    """The module `onnx`, or `onnxruntime`.

    Raises:
        NasbenchError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise NasbenchError(f"ONNX needs the packages onnx and onnxruntime; {name} is not here; pip install 'nasbench[onnx]'") from None


class Nodes:
    """Nodes and constants, layer by layer. Values bear the names of their layers, constants those of the state dict.

    What a layer needs besides has its name, a slash and a word.
    """

    def __init__(self, layers: Sequence[Layer], weights: Mapping[str, NDArray[Any]]) -> None:
        self._onnx = onnx_package()
        self._layers, self._weights = layers, weights
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def node(self, op: str, reads: Sequence[str], out: str, name: str | None = None, **attrs: Any) -> str:
        """One node, called `name` or like the value `out` that it makes."""
        self.nodes.append(self._onnx.helper.make_node(op, reads, [out], name=name or out, **attrs))
        return out

    def constant(self, name: str, value: NDArray[Any] | Sequence[int] | float) -> str:
        """A constant: float32, or int64 for whole numbers."""
        array = np.asarray(value, np.float32) if isinstance(value, float) else np.asarray(value)
        self.constants[name] = self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def _weight(self, layer: Layer, name: str) -> str:
        full = f"{layer.where}.{name}"
        return self.constant(full, self._weights[full])

    def layer(self, layer: Layer, reads: list[str], out: str) -> str:
        """Write one layer's nodes, the last of which makes `out`; the name of its value."""
        a, name = layer.attrs, layer.where
        shape = self._layers[layer.inputs[0]].shape
        match layer.kind:
            case "dropout" | "drop_path":
                return reads[0]
            case "conv":
                (top, left), stride, dilation = a["padding"], a["stride"], a.get("dilation", 1)
                reads = [*reads, *(self._weight(layer, part) for part in ("weight", "bias")[: 1 + a["bias"]])]
                form = {"kernel_shape": a["kernel"], "strides": (stride, stride), "dilations": (dilation, dilation), "group": a["groups"]}
                return self.node("Conv", reads, out, name, pads=(top, left, top, left), **form)
            case "norm":
                reads = [*reads, *(self._weight(layer, part) for part in ("weight", "bias", "running_mean", "running_var"))]
                return self.node("BatchNormalization", reads, out, name, epsilon=a["eps"])
            case "linear":
                reads = [*reads, *(self._weight(layer, part) for part in ("weight", "bias")[: 1 + a["bias"]])]
                return self.node("Gemm", reads, out, name, transB=1)
            case "act":
                return self._act(a["act"], reads[0], out, name)
            case "pool":
                return self._pool(layer, shape, reads[0], out)
            case "gap" if a["size"] == 1:
                return self.node("GlobalAveragePool", reads, out, name)
            case "gap":
                return self._means(name, reads[0], shape, a["size"], out)
            case "bins":
                rows = self._maxima(f"{name}/rows", reads[0], 2, shape[1], a["size"], f"{name}/rows")
                return self._maxima(f"{name}/columns", rows, 3, shape[2], a["size"], out)
            case "flatten":
                return self.node("Flatten", reads, out, name, axis=1)
            case "lrn":
                return self._lrn(layer, shape, reads[0], out)
            case "add":
                *others, last = reads[1:]
                total = reads[0]
                for i, other in enumerate(others):
                    total = self.node("Add", [total, other], f"{name}/{i}")
                return self.node("Add", [total, last], out, name)
            case "scale":
                return self.node("Mul", reads, out, name)
            case "multiply":
                return self.node("Mul", [*reads, self.constant(f"{name}/by", float(a["by"]))], out, name)
            case "concat":
                return self.node("Concat", reads, out, name, axis=1)
            case "slice":
                bounds = [self.constant(f"{name}/{end}", [n]) for end, n in (("start", a["start"]), ("stop", a["stop"]), ("axis", 1))]
                return self.node("Slice", [*reads, *bounds], out, name)
            case "take":
                return self.node("Gather", [*reads, self.constant(f"{name}/channels", list(a["channels"]))], out, name, axis=1)
            case "interleave":
                c, h, w = shape
                apart = self.constant(f"{name}/apart", [0, a["groups"], c // a["groups"], h, w])
                parts = self.node("Reshape", [*reads, apart], f"{name}/parts")
                turned = self.node("Transpose", [parts], f"{name}/turned", perm=(0, 2, 1, 3, 4))
                return self.node("Reshape", [turned, self.constant(f"{name}/joined", [0, c, h, w])], out, name)
            case "pad":
                top, bottom, left, right = a["edges"]
                pads = self.constant(f"{name}/pads", [0, 0, top, left, 0, a["channels"], bottom, right])
                return self.node("Pad", [*reads, pads], out, name)
            case kind:
                raise NotImplementedError(f"no ONNX node for a layer of kind {kind!r} at {name}")

    def _act(self, act: str, x: str, out: str, name: str) -> str:
        if act in _ACTS:
            op, attrs = _ACTS[act]
            return self.node(op, [x], out, name, **attrs)
        if act == "relu6":
            return self.node("Clip", [x, self.constant("zero", 0.0), self.constant("six", 6.0)], out, name)
        if act == "silu":
            return self.node("Mul", [x, self.node("Sigmoid", [x], f"{name}/sigmoid")], out, name)
        if act == "gelu":  # exact, by the error function; Gelu itself came with opset 20
            z = self.node("Div", [x, self.constant("root_two", math.sqrt(2.0))], f"{name}/scaled")
            e = self.node("Add", [self.node("Erf", [z], f"{name}/erf"), self.constant("one", 1.0)], f"{name}/share")
            return self.node("Mul", [self.node("Mul", [x, e], f"{name}/twice"), self.constant("half", 0.5)], out, name)
        raise NotImplementedError(f"no ONNX node for the activation {act!r} at {name}")

    def _pool(self, layer: Layer, shape: Shape, x: str, out: str) -> str:
        """Pooling; what `ceil_mode` adds at the ends becomes padding there, which no average counts, as in torch."""
        a, name = layer.attrs, layer.where
        k, s, p = a["kernel"], a["stride"], a["padding"]
        reach = [(layer.shape[i + 1] - 1) * s + k[i] - shape[i + 1] - p[i] for i in (0, 1)]  # beyond the end of the map
        ends = [max(0, n) for n in reach]
        form = {"kernel_shape": k, "strides": (s, s)}
        if a["mode"] == "max":
            return self.node("MaxPool", [x], out, name, pads=(*p, *ends), **form)
        if not a["count_pad"] or not any(p):
            return self.node("AveragePool", [x], out, name, pads=(*p, *ends), **form)
        if all(n <= m for n, m in zip(reach, p, strict=True)):
            return self.node("AveragePool", [x], out, name, pads=(*p, *ends), count_include_pad=1, **form)
        pads = self.constant(f"{name}/pads", [0, 0, *p, 0, 0, *p])
        padded = self.node("Pad", [x, pads], f"{name}/padded")
        return self.node("AveragePool", [padded], out, name, pads=(0, 0, *(max(0, n - m) for n, m in zip(reach, p, strict=True))), **form)

    def _means(self, name: str, x: str, shape: Shape, size: int, out: str) -> str:
        """The average of each of size x size cells, which may overlap: a product with two matrices of shares."""
        down, across = self.constant(f"{name}/down", _shares(shape[1], size)), self.constant(f"{name}/across", _shares(shape[2], size).T)
        return self.node("MatMul", [self.node("MatMul", [down, x], f"{name}/rows"), across], out, name)

    def _maxima(self, name: str, x: str, axis: int, length: int, size: int, out: str) -> str:
        """The maximum in each of `size` cells along an axis."""
        parts = []
        for i, (start, stop) in enumerate(_cells(length, size)):
            ends = [self.constant(f"{name}/{i}/{end}", [n]) for end, n in (("start", start), ("stop", stop), ("axis", axis))]
            cell = self.node("Slice", [x, *ends], f"{name}/{i}/cell")
            parts.append(self.node("ReduceMax", [cell], f"{name}/{i}", axes=[axis], keepdims=1))
        return self.node("Concat", parts, out, name, axis=axis)

    def _lrn(self, layer: Layer, shape: Shape, x: str, out: str) -> str:
        """Of an even number of channels torch takes one more before, ONNX one more after, and onnxruntime none: an average there."""
        a, name, n = layer.attrs, layer.where, layer.attrs["size"]
        if n % 2:
            return self.node("LRN", [x], out, name, size=n, alpha=a["alpha"], beta=a["beta"], bias=a["k"])
        square = self.node("Mul", [x, x], f"{name}/square")
        deep = self.node("Reshape", [square, self.constant(f"{name}/deep", [0, 1, *shape])], f"{name}/depth")
        form: dict[str, Any] = {"kernel_shape": (n, 1, 1), "strides": (1, 1, 1), "count_include_pad": 1}
        means = self.node("AveragePool", [deep], f"{name}/means", pads=(n // 2, 0, 0, n // 2 - 1, 0, 0), **form)
        back = self.node("Reshape", [means, self.constant(f"{name}/shape", [0, *shape])], f"{name}/back")
        scaled = self.node("Mul", [back, self.constant(f"{name}/alpha", float(a["alpha"]))], f"{name}/scaled")
        total = self.node("Add", [scaled, self.constant(f"{name}/k", float(a["k"]))], f"{name}/total")
        power = self.node("Pow", [total, self.constant(f"{name}/beta", float(a["beta"]))], f"{name}/power")
        return self.node("Div", [x, power], out, name)


def _cells(length: int, size: int) -> list[tuple[int, int]]:
    """Where adaptive pooling's cells begin and end."""
    return [(i * length // size, -(-(i + 1) * length // size)) for i in range(size)]


def _shares(length: int, size: int) -> NDArray[np.float32]:
    """(size, length): each row averages one cell."""
    shares = np.zeros((size, length), np.float32)
    for i, (start, stop) in enumerate(_cells(length, size)):
        shares[i, start:stop] = 1 / (stop - start)
    return shares
