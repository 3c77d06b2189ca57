from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nasbench.errors import DeviceError
from nasbench.genotype import Block, Genotype, Style, inference, trace
from nasbench.latency.signature import Signature, features, group, signatures, work
from nasbench.zoo import known


def test_work_of_convolutions_and_linear_layers_is_the_traces() -> None:
    for name in ("mobilenet_v3_small", "googlenet", "shufflenet_v2_x1_0", "resnext50_32x4d"):
        layers = inference(trace(known(name)))
        assert [int(work(s)[1]) for s in signatures(layers)] == [layer.macs for layer in layers[1:]]


def test_weights_and_elements() -> None:
    s = Signature("conv", ((8, 10, 12),), (16, 5, 6), ((3, 3), 2, 4, False))
    assert work(s) == (1.0, 9 * 2 * 16 * 30, 8 * 120, 16 * 30, 9 * 2 * 16)
    assert work(Signature("add", ((4, 3, 3), (4, 3, 3)), (4, 3, 3))) == (1.0, 0.0, 72, 36, 0.0)


def test_groups() -> None:
    names = {group(s) for s in signatures(trace(known("mobilenet_v3_small")))}
    assert names == {
        "convolution", "depthwise convolution", "pointwise convolution", "convolution of one cell", "norm", "act hardswish", "act relu",
        "act hardsigmoid", "gap", "scale", "add", "flatten", "linear", "dropout",
    }  # fmt: skip
    assert "grouped convolution" in {group(s) for s in signatures(trace(known("resnext50_32x4d")))}


def test_every_layer_of_every_known_network_survives_a_file() -> None:
    found = {s for name in known() for s in signatures(trace(known(name)))}
    assert {Signature.from_json(json.loads(json.dumps(s.to_json()))) for s in found} == found
    assert all(len(features(s)) == 11 for s in found)


def test_only_what_changes_the_time_is_kept() -> None:
    g = Genotype("g", (3, 16, 16), (Block("conv", {"width": 8, "kernel": 3}),), (), (Block("gap"), Block("linear", {"width": 4})))
    same = replace(g, style=Style(eps=1e-3, momentum=0.01))
    assert signatures(trace(g)) == signatures(trace(same))
    other = replace(g, style=Style(act="silu"))
    assert signatures(trace(g)) != signatures(trace(other))


@pytest.mark.parametrize(
    "change", [{"reads": [[0, 3, 3]]}, {"reads": [[3, 3]]}, {"reads": None}, {"shape": "wide"}, {"attrs": {}}, {"attrs": None}]
)
def test_missing_and_impossible_parts_are_refused(change: dict[str, object]) -> None:
    good = Signature("conv", ((8, 10, 12),), (16, 5, 6), ((3, 3), 2, 4, False)).to_json()
    with pytest.raises(DeviceError, match="a layer has a kind, reads, shape and attrs"):
        Signature.from_json(good | change)
