"""The nodes and constants of an ONNX model, opset 17. The kind of a layer, in `nasbench.genotype.kinds`, defines its nodes."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import NasbenchError
from nasbench.genotype import Layer
from nasbench.genotype.layer import Shape

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto


def onnx_package(name: str = "onnx") -> Any:
    """The module `onnx`, or `onnxruntime`.

    Raises:
        NasbenchError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise NasbenchError(f"ONNX needs the packages onnx and onnxruntime; {name} is not here; pip install 'nasbench[onnx]'") from None


class OnnxWriter:
    """Nodes and constants, layer by layer. The method `onnx` of each layer kind gets one.

    Values have the names of their layers, constants those of the state dict. Names of helper values are that of the layer, a slash and
    a suffix.
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

    def constant(self, name: str, value: NDArray[Any] | Sequence[int] | Sequence[Sequence[float]] | float) -> str:
        """A constant: int64 for whole numbers, else float32."""
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype.kind == "f" else array
        self.constants[name] = self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def weight(self, layer: Layer, name: str) -> str:
        """A tensor of the layer's torch submodule, such as `weight` or `running_mean`, as a constant."""
        full = f"{layer.where}.{name}"
        return self.constant(full, self._weights[full])

    def input_shape(self, layer: Layer) -> Shape:
        """The shape of the first value that a layer reads."""
        return self._layers[layer.inputs[0]].shape
