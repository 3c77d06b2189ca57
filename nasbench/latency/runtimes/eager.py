"""torch as it is, operator by operator."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import fx

from nasbench.errors import DeviceError
from nasbench.genotype import Genotype, inference, trace
from nasbench.latency.device import Device
from nasbench.latency.runtimes.loaded import Loaded
from nasbench.network import build_trace, initialise

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def load(g: Genotype, device: Device) -> Loaded:
    """The network on the CPU."""
    if device.kind != "cpu":
        raise DeviceError(f"the runtime eager measures CPUs; got a device of kind {device.kind}; use kind cpu")
    torch.set_num_threads(device.threads)
    # Random weights let activations fade to numbers so small that the CPU takes many times as long for them.
    torch.set_flush_denormal(True)
    dtype, layout = DTYPES[device.precision], FORMATS[device.memory_format]
    layers = inference(trace(g))
    net = build_trace(layers, g.name).to_empty(device="cpu")
    initialise(net, g.style.init)
    net.eval().to(dtype).to(memory_format=layout)
    image = torch.randn(device.batch, *g.input).to(dtype=dtype, memory_format=layout)
    walk = Walk(net, len(layers))
    return Loaded(partial(_run, net, image), partial(WalkRecorder, walk, image))


@torch.no_grad()
def _run(net: fx.GraphModule, image: torch.Tensor) -> None:
    net(image)


class Walk:
    """Runs a built network node by node, as its generated code does, with a clock around each; `count` layers are in its trace."""

    def __init__(self, net: fx.GraphModule, count: int) -> None:
        self.nodes = [node for node in net.graph.nodes if node.op not in ("placeholder", "output")]
        self.image = next(node for node in net.graph.nodes if node.op == "placeholder")
        self.owners: list[int] = [node.meta["layer"] for node in self.nodes]
        self.count = count
        self.calls = [_call(net, node) for node in self.nodes]
        position = {node: i for i, node in enumerate(self.nodes)}
        ends = {node: max(position.get(user, len(self.nodes)) for user in node.users) for node in (self.image, *self.nodes)}
        self.dead: list[list[fx.Node]] = [[] for _ in range(len(self.nodes) + 1)]
        for node, end in ends.items():
            self.dead[end].append(node)

    @torch.no_grad()
    def times(self, image: torch.Tensor) -> list[float]:
        """Milliseconds per layer of the trace for one pass over `image`."""
        values: dict[fx.Node, Any] = {self.image: image}
        times = [0.0] * self.count
        clock = time.perf_counter
        for node, call, owner, dead in zip(self.nodes, self.calls, self.owners, self.dead, strict=False):
            args = fx.node.map_arg(node.args, values.__getitem__)
            start = clock()
            value = call(*args, **node.kwargs)
            end = clock()
            times[owner] += (end - start) * 1e3
            values[node] = value
            del value, args
            for gone in dead:
                del values[gone]
        return times


class WalkRecorder:
    """Walks, kept."""

    def __init__(self, walk: Walk, image: torch.Tensor) -> None:
        self._walk, self._image = walk, image
        self._passes: list[list[float]] = []

    def run(self) -> None:
        self._passes.append(self._walk.times(self._image))

    def finish(self) -> list[list[float]]:
        return self._passes


def _call(net: fx.GraphModule, node: fx.Node) -> Callable[..., Any]:
    if node.op == "call_module":
        return net.get_submodule(str(node.target))
    if node.op == "call_method":
        return cast(Callable[..., Any], getattr(torch.Tensor, str(node.target)))
    return cast(Callable[..., Any], node.target)
