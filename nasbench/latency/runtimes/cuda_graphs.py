"""CUDA graphs: eager's kernels, captured once and replayed without Python between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from nasbench.genotype import Genotype
from nasbench.latency.device import Device
from nasbench.latency.runtimes.loaded import Loaded
from nasbench.latency.runtimes.torch_network import TorchNetwork, torch_network

WARM_RUNS = 3  # torch's advice: libraries choose their kernels and take their memory before capturing


def load(g: Genotype, device: Device) -> Loaded:
    """The network, captured. What a layer takes cannot be said: the graph is replayed as one."""
    return Loaded(captured(torch_network(g, device)))


def captured(ready: TorchNetwork, cuda: Any = torch.cuda) -> Callable[[], None]:
    """Replays a run of the network and waits for it."""
    graph, side = cuda.CUDAGraph(), cuda.Stream()
    with torch.no_grad():
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            for _ in range(WARM_RUNS):
                ready.net(ready.image)
        cuda.current_stream().wait_stream(side)
        with cuda.graph(graph):
            kept = ready.net(ready.image)

    def run(kept: torch.Tensor = kept) -> None:  # the answer's memory is the graph's as long as it is held
        graph.replay()
        cuda.synchronize()

    return run
