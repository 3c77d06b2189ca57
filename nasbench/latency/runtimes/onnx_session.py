"""The runtime `onnxruntime`: sessions on the CPU, with its default optimisation of the graph."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, Layer, inference, trace
from nasbench.latency.device import Device
from nasbench.latency.runtimes.loaded import Loaded
from nasbench.latency.runtimes.torch_network import Weights, put_weights
from nasbench.network import build
from nasbench.network.onnx import INPUT, onnx_model
from nasbench.processes import TemporaryFolder

Feed = Mapping[str, Any]


def load(g: Genotype, device: Device, weights: Weights | None = None) -> Loaded:
    """The network of `g` in a session of its own.

    Raises:
        DeviceError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise DeviceError("the runtime onnxruntime needs packages that are not installed; pip install 'nasbench[onnx]'") from None
    net = build(g).eval()
    if weights is not None:
        put_weights(net, weights, g.name)
    model = onnx_model(g, net, device.batch)
    feed = {INPUT: torch.randn(device.batch, *g.input).numpy()}
    with TemporaryFolder("onnx") as folder:
        # Optimised once: each round makes a session that records, and optimising takes longer than a round.
        path = folder / "optimised.onnx"
        options = _options(onnxruntime, device)
        options.optimized_model_filepath = str(path)
        session = _session(onnxruntime, model.SerializeToString(), options)
        optimised = path.read_bytes()
    return Loaded(partial(_run, session, feed), partial(SessionRecorder, optimised, inference(trace(g)), device, feed))


def _run(session: Any, feed: Feed) -> None:
    session.run(None, feed)


class SessionRecorder:
    """Runs a session that writes down how long each kernel took."""

    def __init__(self, optimised: bytes, layers: Sequence[Layer], device: Device, feed: Feed) -> None:
        import onnx
        import onnxruntime

        self._feed, self._count = feed, len(layers)
        self._owners = owners(onnx.load_model_from_string(optimised).graph.node, layers)
        self.calls = [self._owners.count(layer) for layer in range(len(layers))]
        self._folder = TemporaryFolder("onnx")
        options = _options(onnxruntime, device)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # it is optimised already
        options.enable_profiling, options.profile_file_prefix = True, str(self._folder.path / "runs")
        self._session = _session(onnxruntime, optimised, options)
        self._warm = 1
        self.run()

    def run(self) -> None:
        self._session.run(None, self._feed)

    def finish(self) -> list[list[float]]:
        events = json.loads(Path(self._session.end_profiling()).read_text())
        self._folder.close()
        passes: list[list[float]] = []
        times = [0.0] * self._count
        for event in events:
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                times[self._owners[int(event["args"]["node_index"])]] += event["dur"] / 1e3
            elif event["name"] == "model_run":
                passes.append(times)
                times = [0.0] * self._count
        return passes[self._warm :]


def owners(nodes: Sequence[Any], layers: Sequence[Layer]) -> list[int]:
    """For each node of an optimised graph the index of the layer whose work it does; if it does several, that of the convolution.

    The names of nodes and values begin with our names. A node without one converts the memory layout: it belongs to the layer that reads
    its output, or else to the layer that wrote its input.
    """
    places = {layer.where: layer.index for layer in layers[1:]}
    owner_of = [_owner(node, places, layers) for node in nodes]
    writer = {out: i for i, node in enumerate(nodes) for out in node.output}
    reader = {name: i for i, node in reversed(list(enumerate(nodes))) for name in node.input}
    for i in reversed(range(len(nodes))):
        if owner_of[i] is None:
            owner_of[i] = next((owner_of[reader[out]] for out in nodes[i].output if out in reader), None)
    for i, node in enumerate(nodes):
        if owner_of[i] is None:
            owner_of[i] = next((owner_of[writer[name]] for name in node.input if name in writer), layers[-1].index)
    return [layers[-1].index if owner is None else owner for owner in owner_of]


def _owner(node: Any, places: Mapping[str, int], layers: Sequence[Layer]) -> int | None:
    for name in (node.name, *node.output):
        place = _named(name, places)
        if place is None:
            continue
        layer = layers[place]
        # Layers after a convolution run in its kernel. A norm that follows no convolution becomes one, whose name ends in `_bn_nchwc`.
        if node.op_type.endswith("Conv") and not node.name.endswith("_bn_nchwc"):
            back = layer
            while back.kind in ("norm", "act", "add"):
                back = layers[back.inputs[0]]
            layer = back if back.kind == "conv" else layer
        return layer.index
    return None


def _named(name: str, places: Mapping[str, int]) -> int | None:
    """The layer whose name is the longest beginning of `name`."""
    while name:
        if name in places:
            return places[name]
        cut = max(name.rfind(mark) for mark in "_/.")
        name = name[:cut] if cut > 0 else ""
    return None


def _options(onnxruntime: Any, device: Device) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = device.threads, 1
    # By default threads spin while they wait for work, also after a run, and would take the cores from the reference network.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 4
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return options


def _session(onnxruntime: Any, model: bytes, options: Any) -> Any:
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
