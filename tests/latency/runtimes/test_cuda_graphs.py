"""Capture and replay, with a stand-in for torch.cuda."""

from __future__ import annotations

import torch

from nasbench.genotype import trace
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.runtimes.cuda_graphs import WARM_RUNS, captured
from nasbench.latency.runtimes.torch_network import TorchNetwork
from nasbench.network import build


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
