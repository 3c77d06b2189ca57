"""The runtime `eager`: torch's default mode, operator by operator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import torch
from torch import fx

from nasbench.genotype import Genotype
from nasbench.latency.device import Device
from nasbench.latency.runtimes.loaded import Loaded
from nasbench.latency.runtimes.torch_network import Weights, torch_network


def load(g: Genotype, device: Device, weights: Weights | None = None) -> Loaded:
    """The network, run by its generated code."""
    network = torch_network(g, device, weights)
    walk = Walk(network.net, network.layers)
    if device.kind == "cuda":
        return Loaded(network.runner(), partial(EventRecorder, walk, network.image))
    return Loaded(network.runner(), partial(WalkRecorder, walk, network.image))


class Walk:
    """Runs a built network node by node, as its generated code does, with a clock around each node.

    Attributes:
        nodes: the nodes of the graph, without placeholder and output.
        owners: for each node the index of its layer in the trace.
        calls: for each layer the number of its nodes.
        count: number of layers.
    """

    def __init__(self, net: fx.GraphModule, count: int) -> None:
        """
        Args:
            count: number of layers in the network's trace.
        """
        self.nodes = [node for node in net.graph.nodes if node.op not in ("placeholder", "output")]
        self.image = next(node for node in net.graph.nodes if node.op == "placeholder")
        self.owners: list[int] = [node.meta["layer"] for node in self.nodes]
        self.count = count
        self.calls = [self.owners.count(layer) for layer in range(count)]
        self.functions = [_call(net, node) for node in self.nodes]
        position = {node: i for i, node in enumerate(self.nodes)}
        ends = {node: max(position.get(user, len(self.nodes)) for user in node.users) for node in (self.image, *self.nodes)}
        self.dead: list[list[fx.Node]] = [[] for _ in range(len(self.nodes) + 1)]
        for node, end in ends.items():
            self.dead[end].append(node)

    @torch.no_grad()
    def clocked(self, image: torch.Tensor, clock: Callable[[], Any]) -> list[tuple[Any, Any]]:
        """What `clock` returns before and after each node, in one pass over `image`."""
        values: dict[fx.Node, Any] = {self.image: image}
        readings = []
        for node, call, dead in zip(self.nodes, self.functions, self.dead, strict=False):
            args = fx.node.map_arg(node.args, values.__getitem__)
            start = clock()
            value = call(*args, **node.kwargs)
            readings.append((start, clock()))
            values[node] = value
            del value, args
            for unused in dead:
                del values[unused]
        return readings

    def by_layer(self, times: Iterable[float]) -> list[float]:
        """The times of the nodes, added up by layer of the trace."""
        by_layer = [0.0] * self.count
        for owner, ms in zip(self.owners, times, strict=True):
            by_layer[owner] += ms
        return by_layer

    def times(self, image: torch.Tensor) -> list[float]:
        """Milliseconds of each layer of the trace in one pass over `image`, on the CPU."""
        return self.by_layer((end - start) * 1e3 for start, end in self.clocked(image, time.perf_counter))


class WalkRecorder:
    """Records passes of a `Walk` on the CPU."""

    def __init__(self, walk: Walk, image: torch.Tensor) -> None:
        self._walk, self._image, self.calls = walk, image, walk.calls
        self._passes: list[list[float]] = []

    def run(self) -> None:
        self._passes.append(self._walk.times(self._image))

    def finish(self) -> list[list[float]]:
        return self._passes


class EventRecorder:
    """Records passes of a `Walk` on a GPU by CUDA events between its kernels. The GPU runs behind Python; each pass waits for it once."""

    def __init__(
        self, walk: Walk, image: torch.Tensor, event: Callable[[], Any] | None = None, wait: Callable[[], None] = torch.cuda.synchronize
    ) -> None:
        """
        Args:
            event: records a CUDA event and returns it.
            wait: returns when all recorded events have happened.
        """
        self._walk, self._image, self._event, self._wait = walk, image, event or _event, wait
        self.calls = walk.calls
        self._passes: list[list[float]] = []

    def run(self) -> None:
        readings = self._walk.clocked(self._image, self._event)
        self._wait()
        self._passes.append(self._walk.by_layer(start.elapsed_time(end) for start, end in readings))

    def finish(self) -> list[list[float]]:
        return self._passes


def _event() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event


def _call(net: fx.GraphModule, node: fx.Node) -> Callable[..., Any]:
    if node.op == "call_module":
        return net.get_submodule(str(node.target))
    if node.op == "call_method":
        return cast(Callable[..., Any], getattr(torch.Tensor, str(node.target)))
    return cast(Callable[..., Any], node.target)
