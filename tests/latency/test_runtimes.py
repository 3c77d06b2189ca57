from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nasbench.errors import DeviceError
from nasbench.genotype import Block, Genotype, adapt, inference, trace
from nasbench.latency.anchor import ANCHOR
from nasbench.latency.device import local_device
from nasbench.latency.runners import Walk, load
from nasbench.network import build, build_trace
from nasbench.zoo import known
from tests.classics import classics


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
    walk.calls[-1] = lambda *args, call=walk.calls[-1], **kwargs: seen.append(call(*args, **kwargs)) or seen[0]
    times = walk.times(image)
    with torch.no_grad():
        assert torch.equal(seen[0], net(image))
    assert times[0] == 0
    assert min(times[1:]) > 0


def test_a_loaded_network_runs_whole_and_layer_by_layer() -> None:
    loaded = load(ANCHOR, local_device(1))
    loaded.run()
    assert len(loaded.layers()) == len(trace(ANCHOR))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"kind": "cuda"}, "the runtime eager measures CPUs; got a device of kind cuda"),
        ({"runtime": "eagre"}, "a runtime is one of eager; got 'eagre'; did you mean eager"),
    ],
)
def test_what_cannot_be_run_is_refused(change: dict[str, object], rule: str) -> None:
    with pytest.raises(DeviceError, match=rule):
        load(ANCHOR, replace(local_device(1), **change))


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


def test_the_anchor_holds_too_little_memory_to_depend_on_its_company() -> None:
    layers = trace(ANCHOR)
    last = {i: layer.index for layer in layers for i in layer.inputs}
    held = [sum(4 * x.elements for x in layers[: i + 1] if last.get(x.index, i) >= i) for i in range(len(layers))]
    assert max(held) < 128 * 1024
