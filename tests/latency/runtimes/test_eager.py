"""Timing layer by layer in torch's eager mode, on a CPU and on a GPU."""

from __future__ import annotations

import pytest
import torch
from classics import classics

from nasbench.genotype import adapt, inference, trace
from nasbench.latency.measuring.reference_network import REFERENCE
from nasbench.latency.runtimes.eager import EventRecorder, Walk
from nasbench.network import build, build_trace
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
