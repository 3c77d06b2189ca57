"""The latency of a network as the sum of its layers, each timed alone as a network of one layer: the lookup table that other tools use."""

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
    """Milliseconds of each network, as the sum of its layers timed alone; layers that only change a view take none."""
    cpus = one_cpu_a_core()
    os.sched_setaffinity(0, cpus[: device.threads])
    torch.set_num_threads(device.threads)
    torch.set_flush_denormal(True)
    timings: dict[Signature, float] = {}
    totals = []
    for g in networks:
        layers = inference(trace(g))
        total = 0.0
        for layer, signature in zip(layers[1:], signatures(layers), strict=True):
            if signature not in timings:
                timings[signature] = 0.0 if layer.kind in ("flatten", "dropout") else alone(layer, layers, device)
            total += timings[signature]
        totals.append(total)
    return totals


def alone(layer: Layer, layers: tuple[Layer, ...], device: Device) -> float:
    """Median milliseconds of a network of that layer alone. A gate multiplies values of the same shape here."""
    source = layers[layer.inputs[0]]
    inputs = {"kind": "add", "inputs": (0, 0)} if layer.kind in ("add", "scale") else {"inputs": (0,)}
    single = layer._replace(**inputs, index=1)  # type: ignore[arg-type]
    network = (Layer("input", (), source.shape, Fields(), flat=source.flat), single)
    run = onnx_run(network, device) if device.runtime == "onnxruntime" else eager_run(network, device)
    for _ in range(WARM):
        run()
    return median(timed(run) for _ in range(RUNS))


def eager_run(network: tuple[Layer, ...], device: Device):  # type: ignore[no-untyped-def]
    net, image = _module(network), _image(network, device)

    @torch.no_grad()
    def run() -> None:
        net(image)

    return run


def onnx_run(network: tuple[Layer, ...], device: Device):  # type: ignore[no-untyped-def]
    import onnxruntime

    from nasbench.network.onnx.model import model_of_trace

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = device.threads, 1, 4
    options.add_session_config_entry("session.force_spinning_stop", "1")
    model = model_of_trace(network, _module(network), batch=device.batch)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: _image(network, device).numpy()}

    def run() -> None:
        session.run(None, feed)

    return run


def _module(network: tuple[Layer, ...]):  # type: ignore[no-untyped-def]
    net = build_trace(network).to_empty(device="cpu").eval()
    with torch.no_grad():
        for p in net.state_dict().values():
            p.fill_(0.01 if p.dtype.is_floating_point else 1)
    return net


def _image(network: tuple[Layer, ...], device: Device) -> torch.Tensor:
    shape = network[0].shape[:1] if network[0].flat else network[0].shape
    return torch.from_numpy(np.random.default_rng(0).normal(size=(device.batch, *shape)).astype(np.float32))
