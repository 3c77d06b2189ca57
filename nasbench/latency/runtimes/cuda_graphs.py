"""The runtime `cudagraphs`: eager's kernels, captured once and replayed without Python between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from nasbench.genotype import Genotype
from nasbench.latency.device import Device
from nasbench.latency.runtimes.loaded import Loaded
from nasbench.latency.runtimes.torch_network import TorchNetwork, Weights, torch_network

WARM_RUNS = 3  # torch's documentation advises them: libraries choose their kernels and allocate their memory before the capture


def load(g: Genotype, device: Device, weights: Weights | None = None) -> Loaded:
    """The captured network. The graph is replayed as a whole, so that no layer can be timed."""
    return Loaded(captured(torch_network(g, device, weights)))


def captured(network: TorchNetwork, cuda: Any = torch.cuda) -> Callable[[], None]:
    """A function that replays one run of the network and waits for its end."""
    graph, side = cuda.CUDAGraph(), cuda.Stream()
    with torch.no_grad():
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            for _ in range(WARM_RUNS):
                network.net(network.image)
        cuda.current_stream().wait_stream(side)
        with cuda.graph(graph):
            logits = network.net(network.image)

    def run(logits: torch.Tensor = logits) -> None:  # the graph writes into the memory of `logits`, so it must stay alive
        graph.replay()
        cuda.synchronize()

    return run
