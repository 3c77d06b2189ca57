"""Which nodes of onnxruntime's optimised graph belong to which layer."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from operator import eq
from pathlib import Path

import onnx
import onnxruntime
import pytest

from nasbench.genotype import adapt, inference, trace
from nasbench.latency.device import local_device
from nasbench.latency.measuring.network_process import load
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.predicting.signature import groups, signatures
from nasbench.latency.runtimes.onnx_session import owners
from nasbench.network import build
from nasbench.network.onnx import onnx_model
from nasbench.zoo import known


@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", "shufflenet_v2_x1_0", "googlenet", "densenet121", "efficientnet_b0", "resnet50", "preresnet18"]
)
def test_each_node_that_onnxruntime_runs_belongs_to_a_layer(name: str) -> None:
    g = adapt(known(name), input=(3, 64, 64))
    layers = inference(trace(g))
    model = onnx_model(g, build(g).eval())
    nodes = optimised(model)
    found = owners(nodes, layers)
    assert len(found) == len(nodes) < len(model.graph.node)
    assert 0 not in found
    kinds = {"Conv": "conv", "FusedConv": "conv", "Gemm": "linear", "MaxPool": "pool", "Concat": "concat"}
    for node, owner in zip(nodes, found, strict=True):
        kind = "norm" if node.name.endswith("_bn_nchwc") else kinds.get(node.op_type, layers[owner].kind)
        assert layers[owner].kind == kind, node.name
    convolutions = [layer.index for layer in layers if layer.kind == "conv"]
    fused = [owner for node, owner in zip(nodes, found, strict=True) if node.op_type.endswith("Conv") and layers[owner].kind != "norm"]
    assert sorted(fused) == convolutions


@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "resnet50", "googlenet", "densenet121", "preresnet18"])
def test_onnxruntime_lays_data_out_anew_where_the_signatures_say_so(name: str) -> None:
    reordered, said = layouts(name)
    assert said == reordered


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mnasnet_a1", "efficientnet_b0"])
def test_with_squeeze_and_excitation_it_does_so_too_but_for_some_of_one_cell(name: str) -> None:
    reordered, said = layouts(name)
    assert sum(map(bool, said)) > 8
    assert sum(map(eq, reordered, said)) > 0.87 * len(said)


def layouts(name: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Of each kernel of a known network, whether onnxruntime changes the layout before and after it, and its signature's borders."""
    g = adapt(known(name), input=(3, 64, 64))
    layers, nodes = inference(trace(g)), optimised(onnx_model(g, build(g).eval()))
    kernels = groups(layers)
    kernel = {layer: k for k, members in enumerate(kernels) for layer in members}
    done: list[set[str]] = [set() for _ in kernels]
    for node, owner in zip(nodes, owners(nodes, layers), strict=True):
        done[kernel[owner]].add(node.op_type)
    if not any("Reorder" in op for ops in done for op in ops):
        pytest.skip("onnxruntime has no blocked layout on this processor")
    said = [s.borders for s in signatures(layers, fused=True)]
    return [("reads",) * ("ReorderInput" in ops) + ("writes",) * ("ReorderOutput" in ops) for ops in done], said


def optimised(model: onnx.ModelProto) -> Sequence[onnx.NodeProto]:
    """The nodes that onnxruntime runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath, options.log_severity_level = str(path), 4
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(path).graph.node


def test_layers_that_are_fused_take_no_time_of_their_own() -> None:
    recorder = load(REFERENCE, local_device(1, runtime="onnxruntime")).record()
    recorder.run()
    (times,) = recorder.finish()
    by_kind: dict[str, float] = {}
    for layer, ms in zip(inference(trace(REFERENCE)), times, strict=True):
        by_kind[layer.kind] = by_kind.get(layer.kind, 0.0) + ms
    assert by_kind["norm"] == 0
    assert by_kind["conv"] > 0.5 * sum(times)
