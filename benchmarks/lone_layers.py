"""What a network takes by the table that other tools keep: each layer timed alone, as a network of one layer, and added up."""

from __future__ import annotations

import os
from collections.abc import Iterable
from statistics import median

import numpy as np
import torch

from nasbench.genotype import Genotype, Layer, inference, trace
from nasbench.genotype.layer import Fields
from nasbench.latency import Device
from nasbench.latency.measuring.network_process import timed
from nasbench.latency.predicting.signature import Signature, signatures
from nasbench.latency.processor import one_cpu_a_core
from nasbench.network.build import build_trace

RUNS, WARM = 15, 4


def sums(networks: Iterable[Genotype], device: Device) -> list[float]:
    """Milliseconds of each network, as the sum of its layers' alone; layers that only name a view take none."""
    cpus = one_cpu_a_core()
    os.sched_setaffinity(0, cpus[: device.threads])
    torch.set_num_threads(device.threads)
    torch.set_flush_denormal(True)
    known: dict[Signature, float] = {}
    found = []
    for g in networks:
        layers = inference(trace(g))
        total = 0.0
        for layer, signature in zip(layers[1:], signatures(layers), strict=True):
            if signature not in known:
                known[signature] = 0.0 if layer.kind in ("flatten", "dropout") else alone(layer, layers, device)
            total += known[signature]
        found.append(total)
    return found


def alone(layer: Layer, layers: tuple[Layer, ...], device: Device) -> float:
    """Median milliseconds of a network of that layer alone; a gate multiplies values of one shape here."""
    source = layers[layer.inputs[0]]
    twice = {"kind": "add", "inputs": (0, 0)} if layer.kind in ("add", "scale") else {"inputs": (0,)}
    one = layer._replace(**twice, index=1)  # type: ignore[arg-type]
    network = (Layer("input", (), source.shape, Fields(), flat=source.flat), one)
    run = onnx_run(network, device) if device.runtime == "onnxruntime" else eager_run(network, device)
    for _ in range(WARM):
        run()
    return median(timed(run) for _ in range(RUNS))


def eager_run(network: tuple[Layer, ...], device: Device):  # type: ignore[no-untyped-def]
    net = build_trace(network).to_empty(device="cpu").eval()
    with torch.no_grad():
        for p in net.state_dict().values():
            p.fill_(0.01 if p.dtype.is_floating_point else 1)
    image = _image(network, device)

    @torch.no_grad()
    def run() -> None:
        net(image)

    return run


def onnx_run(network: tuple[Layer, ...], device: Device):  # type: ignore[no-untyped-def]
    import onnxruntime

    from nasbench.network.onnx.model import model_of_trace

    net = build_trace(network).to_empty(device="cpu").eval()
    with torch.no_grad():
        for p in net.state_dict().values():
            p.fill_(0.01 if p.dtype.is_floating_point else 1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = device.threads, 1, 4
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(
        model_of_trace(network, net, batch=device.batch).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {session.get_inputs()[0].name: _image(network, device).numpy()}

    def run() -> None:
        session.run(None, feed)

    return run


def _image(network: tuple[Layer, ...], device: Device) -> torch.Tensor:
    shape = network[0].shape[:1] if network[0].flat else network[0].shape
    return torch.from_numpy(np.random.default_rng(0).normal(size=(device.batch, *shape)).astype(np.float32))
