"""A genotype as an ONNX model, written from its trace: each node bears the name of its layer.

torch.onnx.export takes seconds a network, names things its own way and may give another opset than was asked for;
profiling writes dozens of networks. `check_onnx` compares what is written here with the torch network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import nn

import nasbench
from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, Trace, inference, trace
from nasbench.genotype.kind import KINDS, find_kind
from nasbench.network.onnx.nodes import OnnxWriter, onnx_package

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, IR_VERSION = 17, 8  # of 2022, which the runtimes of the years since read; nothing here needs a later one
LARGEST = 2**31 - 2**20  # bytes that one protobuf file holds, with room for the graph
INPUT, OUTPUT = "image", "logits"


def onnx_model(g: Genotype, net: nn.Module, batch: int | None = 1, metadata: Mapping[str, str] | None = None) -> ModelProto:
    """`net`, which was built from `g`, for inference in float32.

    The model maps `image` (batch, c, h, w) to `logits` (batch, classes); a `batch` of None is any. Networks that do not end in
    a flat vector give (batch, c, h, w).

    Args:
        metadata: texts for the metadata of the model, such as the names of the classes.

    Raises:
        NasbenchError: onnx is not installed; or there are more weights than one file can hold.
    """
    model = model_of_trace(inference(trace(g)), net, g.name, batch)
    if metadata:
        onnx_package().helper.set_model_props(model, dict(metadata))
    return model


def model_of_trace(layers: Trace, net: nn.Module, name: str = "network", batch: int | None = 1) -> ModelProto:
    """The same of a trace without auxiliary heads, which `net` was built from.

    Raises:
        NasbenchError: see `onnx_model`.
    """
    size = _bytes_of(layers)
    if size > LARGEST:
        raise NasbenchError(
            f"an ONNX file holds at most {LARGEST / 2**30:.1f} GiB of weights; {name} has {size / 2**30:.1f}; make it smaller"
        )
    weights = {key: value.detach().cpu().float().numpy() for key, value in net.state_dict().items()}
    writer = OnnxWriter(layers, weights)
    values = [INPUT]
    for layer in layers[1:]:
        out = OUTPUT if layer is layers[-1] else layer.where
        values.append(find_kind(layer.kind).onnx(writer, layer, [values[i] for i in layer.inputs], out))
    if values[-1] != OUTPUT:  # a layer that does nothing in inference
        writer.node("Identity", [values[-1]], OUTPUT)
    return _model(name, layers, writer, batch)


def _model(name: str, layers: Trace, writer: OnnxWriter, batch: int | None) -> ModelProto:
    onnx = onnx_package()
    helper, float32, start, end = onnx.helper, onnx.TensorProto.FLOAT, layers[0], layers[-1]
    size = "batch" if batch is None else batch
    graph = helper.make_graph(
        writer.nodes,
        name,
        [helper.make_tensor_value_info(INPUT, float32, [size, start.channels] if start.flat else [size, *start.shape])],
        [helper.make_tensor_value_info(OUTPUT, float32, [size, end.channels] if end.flat else [size, *end.shape])],
        list(writer.constants.values()),
    )
    model: ModelProto = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="nasbench",
        producer_version=nasbench.__version__,
    )
    return model


def _bytes_of(layers: Trace) -> int:
    """Of the weights, with the running statistics."""
    return 4 * sum(x.params + KINDS[x.kind].buffers * x.channels for x in layers)
