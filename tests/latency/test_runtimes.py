from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from operator import eq
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from classics import classics

from nasbench.errors import DeviceError
from nasbench.genotype import Block, Genotype, adapt, inference, trace
from nasbench.latency.device import local_device
from nasbench.latency.measuring.network_process import load
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.predicting.signature import groups, signatures
from nasbench.latency.runtimes import RUNTIMES
from nasbench.latency.runtimes.compiled import check_compiler
from nasbench.latency.runtimes.cuda_graphs import WARM_RUNS, captured
from nasbench.latency.runtimes.eager import EventRecorder, Walk
from nasbench.latency.runtimes.onnx_session import owners
from nasbench.latency.runtimes.torch_network import TorchNetwork
from nasbench.network import build, build_trace
from nasbench.network.onnx import onnx_model
from nasbench.zoo import known


@pytest.mark.parametrize("name", classics())
def test_every_layer_of_the_trace_has_its_nodes(name: str) -> None:
    layers = inference(trace(known(name)))
    walk = Walk(build_trace(layers), len(layers))
    assert sorted(set(walk.owners)) == [layer.index for layer in layers[1:]]
    for node, owner in zip(walk.nodes, walk.owners, strict=True):
        if node.op == "call_module":
            assert node.target == layers[owner].where


@pytest.mark.parametrize("name", ["shufflenet_v2_x1_0", "googlenet", "mobilenet_v3_small"])
def test_walking_computes_what_the_network_computes(name: str) -> None:
    g = adapt(known(name), input=(3, 64, 64))
    net, image = build(g).eval(), torch.randn(1, 3, 64, 64)
    walk, seen = Walk(net, len(trace(g))), []
    walk.functions[-1] = lambda *args, call=walk.functions[-1], **kwargs: seen.append(call(*args, **kwargs)) or seen[0]
    times = walk.times(image)
    with torch.no_grad():
        assert torch.equal(seen[0], net(image))
    assert times[0] == 0
    assert min(times[1:]) > 0


@pytest.mark.parametrize("runtime", ["eager", "onnxruntime"])
def test_a_loaded_network_runs_whole_and_layer_by_layer(runtime: str) -> None:
    loaded = load(REFERENCE, local_device(1, runtime=runtime))
    loaded.run()
    recorder = loaded.record()
    for _ in range(3):
        recorder.run()
    passes = recorder.finish()
    assert [len(times) for times in passes] == [len(trace(REFERENCE))] * 3
    assert all(times[0] == 0 and min(times) >= 0 and sum(times) > 0 for times in passes)
    assert load(REFERENCE, local_device(1, runtime=runtime)).record().finish() == []  # one list a run: none


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


@pytest.mark.parametrize("runtime", [name for name, r in RUNTIMES.items() if "cuda" in r.kinds])
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is visible to torch")
def test_a_gpu_runs_it(runtime: str) -> None:
    loaded = load(REFERENCE, local_device(runtime=runtime, kind="cuda"))
    loaded.run()
    assert torch.cuda.current_stream().query()  # it is finished
    assert (loaded.record is not None) == RUNTIMES[runtime].layers
    if loaded.record:
        recorder = loaded.record()
        recorder.run()
        (times,) = recorder.finish()
        assert min(times[1:]) > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_is_said() -> None:
    device = replace(local_device(1), kind="cuda", name="Abacus GPU")
    with pytest.raises(DeviceError, match="no CUDA device is visible to torch; Abacus GPU, eager, batch 1, fp32 needs one"):
        load(REFERENCE, device)


class Event:
    """A GPU that takes a millisecond between two events; nothing is known before it was waited for."""

    clock, waited = 0, False

    def __init__(self) -> None:
        Event.clock, Event.waited = Event.clock + 1, False
        self.at = Event.clock

    def elapsed_time(self, end: Event) -> float:
        assert Event.waited
        return float(end.at - self.at)

    @staticmethod
    def wait() -> None:
        Event.waited = True


def test_events_time_the_layers_of_each_pass() -> None:
    net = build(REFERENCE).eval()
    walk = Walk(net, len(trace(REFERENCE)))
    recorder = EventRecorder(walk, torch.randn(1, *REFERENCE.input), Event, Event.wait)
    recorder.run()
    recorder.run()
    expected = [float(walk.owners.count(i)) for i in range(len(trace(REFERENCE)))]
    assert recorder.finish() == [expected, expected]


class Cuda:
    """What a capture asks of torch.cuda, written down."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getattr__(self, name: str) -> object:
        def call(*_: object) -> Cuda:
            self.done.append(name)
            return self

        return call

    def __enter__(self) -> None:
        self.done.append("enter")

    def __exit__(self, *_: object) -> None:
        self.done.append("exit")


def test_a_graph_is_captured_once_and_waited_for_after_each_replay() -> None:
    cuda, runs = Cuda(), []
    net = build(REFERENCE).eval()
    net.register_forward_hook(lambda *_: runs.append(list(cuda.done[-2:])))
    run = captured(TorchNetwork(net, torch.randn(1, *REFERENCE.input), len(trace(REFERENCE))), cuda)
    assert len(runs) == WARM_RUNS + 1
    assert runs[-1] == ["graph", "enter"]
    cuda.done.clear()
    run()
    run()
    assert cuda.done == ["replay", "synchronize"] * 2
    assert len(runs) == WARM_RUNS + 1


def test_a_run_on_a_gpu_is_finished_when_it_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: waited.append(1))

    class Image:
        is_cuda = True

    TorchNetwork(lambda image: waited.append(0), Image(), 1).runner()()
    assert waited == [0, 1]


def test_compile_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DeviceError, match=r"the runtime compile needs a C\+\+ compiler; .* is not installed; install it, or set CXX"):
        check_compiler()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_compiled_networks_run(precision: str) -> None:
    loaded = load(REFERENCE, local_device(1, runtime="compile", precision=precision, memory_format="channels_last"))
    loaded.run()
    assert loaded.record is None


@pytest.mark.parametrize("change", [{"precision": "bf16"}, {"memory_format": "channels_last"}, {"batch": 3}])
def test_what_a_device_says_is_how_it_runs(change: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    rows = (Block("conv", {"width": 8, "kernel": 3}),)
    g = Genotype("g", (3, 16, 16), rows, (), (Block("gap"), Block("linear", {"width": 4})))
    loaded = load(g, replace(local_device(1), **change))
    monkeypatch.setattr(torch.nn.Conv2d, "forward", lambda self, x, old=torch.nn.Conv2d.forward: seen.append(x) or old(self, x))
    loaded.run()
    image = seen[0]
    assert image.shape[0] == change.get("batch", 1)
    assert image.dtype == (torch.bfloat16 if "precision" in change else torch.float32)
    assert image.is_contiguous(memory_format=torch.channels_last) == ("memory_format" in change)


def test_the_reference_network_holds_too_little_memory_to_depend_on_its_company() -> None:
    layers = trace(REFERENCE)
    last = {i: layer.index for layer in layers for i in layer.inputs}
    held = [sum(4 * x.elements for x in layers[: i + 1] if last.get(x.index, i) >= i) for i in range(len(layers))]
    assert max(held) < 128 * 1024
