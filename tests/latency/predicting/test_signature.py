from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from genotype_strategies import networks
from hypothesis import given

from nasbench.errors import DeviceError
from nasbench.genotype import Block, Genotype, Style, inference, trace
from nasbench.genotype.layer import Fields, Layer
from nasbench.latency.predicting.signature import ODD, Signature, features, group, groups, parts, signatures, work
from nasbench.zoo import known


def test_work_of_convolutions_and_linear_layers_is_the_traces() -> None:
    for name in ("mobilenet_v3_small", "googlenet", "shufflenet_v2_x1_0", "resnext50_32x4d"):
        layers = inference(trace(known(name)))
        assert [int(work(s)[1]) for s in signatures(layers)] == [layer.macs for layer in layers[1:]]


def test_weights_and_elements() -> None:
    s = Signature("conv", ((8, 10, 12),), (16, 5, 6), ((3, 3), 2, 4, False, 1))
    written = 16 * 30
    assert work(s) == (1.0, 9 * 2 * 16 * 30, 9 * 2 * 16 * 30, 8 * 120, written, 9 * 2 * 16, 0, 0)
    assert work(Signature("add", ((4, 3, 3), (4, 3, 3)), (4, 3, 3))) == (1.0, 0.0, 0.0, 72, 36, 0.0, 0, 0)
    # Registers of 16 channels are computed whole; images, with 3 or fewer, are not padded.
    assert work(Signature("conv", ((20, 4, 4),), (24, 4, 4), ((1, 1), 1, 1, False, 1)))[1:3] == (20 * 24 * 16, 32 * 32 * 16)
    assert work(Signature("conv", ((3, 4, 4),), (24, 4, 4), ((1, 1), 1, 1, False, 1)))[1:3] == (3 * 24 * 16, 3 * 32 * 16)
    # Of the tail, curves and sums cost something; norms and bounds do not.
    assert work(s._replace(tail=("norm", "relu6"))) == work(s)
    assert work(s._replace(tail=("norm", "silu", "add"))) == (*work(s)[:6], written, written)


def test_groups() -> None:
    names = {group(s) for s in signatures(trace(known("mobilenet_v3_small")))}
    assert names == {
        "convolution", "depthwise convolution", "pointwise convolution", "convolution of one cell", "norm", "act hardswish", "act relu",
        "act hardsigmoid", "gap", "scale", "add", "flatten", "linear", "dropout",
    }  # fmt: skip
    assert "grouped convolution" in {group(s) for s in signatures(trace(known("resnext50_32x4d")))}


def test_every_layer_of_every_known_network_survives_a_file() -> None:
    found = {s for name in known() for fused in (False, True) for s in signatures(trace(known(name)), fused)}
    assert {s.tail for s in found} >= {(), ("norm", "relu6"), ("norm", "add")}
    assert {s.borders for s in found} == {(), ("reads",), ("writes",), ("reads", "writes")}
    assert {Signature.from_json(json.loads(json.dumps(s.to_json()))) for s in found} == found
    assert {len(features(s)) for s in found} == {22}
    assert {len(work(s)) for s in found} == {8}


def test_dilated_convolutions_are_others() -> None:
    """The separable and the dilated one of a DARTS cell have the same shapes, weights and multiply-adds."""

    def depthwise(op: str) -> Signature:
        cell = Block("cell", {"width": 8, "nodes": ((op, 0, "identity", 1),)})
        return next(s for s in signatures(trace(Genotype("g", (8, 16, 16), (cell,)))) if group(s) == "depthwise convolution")

    plain, dilated = depthwise("sep3"), depthwise("dil3")
    assert (plain.attrs[-1], dilated.attrs[-1]) == (1, 2)
    assert work(plain) == work(dilated)
    assert features(plain) != features(dilated)


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
    good = Signature("conv", ((8, 10, 12),), (16, 5, 6), ((3, 3), 2, 4, False, 1)).to_json()
    with pytest.raises(DeviceError, match="a layer has a kind, reads, shape and attrs"):
        Signature.from_json(good | change)


def kinds_of(name: str) -> Counter[tuple[str, ...]]:
    """How many kernels of each sequence of layers a known network has."""
    layers = inference(trace(known(name)))
    return Counter(tuple(layers[i].kind for i in members) for members in groups(layers))


def test_every_norm_and_activation_of_mobilenet_v2_is_in_a_convolutions_kernel() -> None:
    assert kinds_of("mobilenet_v2") == {
        ("conv", "norm", "act"): 35,
        ("conv", "norm"): 7,
        ("conv", "norm", "add"): 10,
        ("gap",): 1,
        ("flatten",): 1,
        ("dropout",): 1,
        ("linear",): 1,
    }
    tails = {s.tail for s in signatures(trace(known("mobilenet_v2")), fused=True)}
    assert tails == {(), ("norm",), ("norm", "relu6"), ("norm", "add")}


def test_a_sum_belongs_to_the_branch_that_is_computed_later() -> None:
    layers = inference(trace(known("resnet18")))
    with_sum = [members for members in groups(layers) if any(layers[i].kind == "add" for i in members)]
    assert len(with_sum) == 8
    for members in with_sum:
        total = layers[members[-2] if layers[members[-1]].kind == "act" else members[-1]]
        assert total.kind == "add"
        assert max(total.inputs) in members
        assert min(total.inputs) not in members


def chain(*rows: tuple[str, tuple[int, ...]]) -> list[Layer]:
    """Layers by kind and inputs, behind an input."""
    attrs = {"conv": Fields(kernel=(1, 1), stride=1, groups=1, bias=False), "act": Fields(act="relu")}
    several = [("input", ()), *rows]
    return [Layer(kind, inputs, (8, 4, 4), attrs.get(kind, Fields()), index=i) for i, (kind, inputs) in enumerate(several)]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("conv", (0,)), ("norm", (1,)), ("act", (2,))], [(1, 2, 3)]),
        # The norm is read by the activation and by the sum.
        ([("conv", (0,)), ("norm", (1,)), ("act", (2,)), ("add", (2, 3))], [(1, 2), (3,), (4,)]),
        # Both inputs of the sum are one value: it is read twice.
        ([("conv", (0,)), ("add", (1, 1)), ("act", (2,))], [(1,), (2,), (3,)]),
        # The input of the network is the other branch.
        ([("conv", (0,)), ("norm", (1,)), ("add", (0, 2)), ("act", (3,))], [(1, 2, 3, 4)]),
        # Two convolutions: the second has the sum.
        ([("conv", (0,)), ("conv", (0,)), ("norm", (1,)), ("add", (2, 3)), ("act", (4,))], [(1, 3, 4, 5), (2,)]),
        # What is computed last before the sum is a pool, and no kernel of others.
        ([("conv", (0,)), ("pool", (0,)), ("add", (1, 2))], [(1,), (2,), (3,)]),
        # A pool between convolution and activation.
        ([("conv", (0,)), ("pool", (1,)), ("act", (2,))], [(1,), (2,), (3,)]),
        # A norm that comes first is alone.
        ([("norm", (0,)), ("act", (1,)), ("conv", (2,)), ("act", (3,))], [(1,), (2,), (3, 4)]),
    ],
)
def test_where_a_kernel_ends(rows: list[tuple[str, tuple[int, ...]]], expected: list[tuple[int, ...]]) -> None:
    assert sorted(groups(chain(*rows))) == sorted(expected)


def bordered(name: str) -> Counter[tuple[str, tuple[str, ...]]]:
    """How many kernels of a known network lie at a border of layouts, by group."""
    return Counter((group(s), s.borders) for s in signatures(trace(known(name)), fused=True) if s.borders)


def test_only_the_last_kernel_of_networks_of_convolutions_hands_over_in_another_layout() -> None:
    for name in ("mobilenet_v2", "resnet50", "googlenet", "densenet121"):
        assert bordered(name) == {("gap", ("writes",)): 1}, name
    assert not any(s.borders for s in signatures(trace(known("mobilenet_v3_large"))))  # layers that run one by one have none


def test_squeeze_and_excitation_is_a_border_on_both_sides() -> None:
    """Its product is read by the projection, and reads the depthwise convolution; its gate and the sum behind it are in blocks."""
    found = bordered("mobilenet_v3_small")
    assert found["depthwise convolution", ("writes",)] == 9
    assert found["pointwise convolution", ("reads",)] == 9
    assert found["convolution of one cell", ("writes",)] == 9


def test_a_sum_with_a_term_in_another_layout_is_at_a_border() -> None:
    def borders(*rows: tuple[str, tuple[int, ...]]) -> list[tuple[str, ...]]:
        return [s.borders for s in signatures(chain(*rows), fused=True)]

    # The slice is not in blocks; whoever reads a sum with it reads it plain.
    assert borders(("slice", (0,)), ("conv", (0,)), ("add", (1, 2)), ("conv", (3,))) == [(), ("reads",), ("reads",)]
    assert borders(("conv", (0,)), ("conv", (0,)), ("add", (1, 2)), ("conv", (3,))) == [(), (), ()]
    # The first convolution is computed before the second and holds the sum with it: order of computation counts, not of heads.
    assert borders(("conv", (0,)), ("conv", (0,)), ("norm", (1,)), ("add", (2, 3)), ("act", (4,)), ("conv", (5,))) == [(), (), ()]
    assert borders(("conv", (0,)), ("slice", (1,))) == [("writes",), ()]
    assert borders(("conv", (0,)), ("slice", (1,)), ("conv", (1,))) == [("writes",), (), ()]  # one of its readers is enough


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
@pytest.mark.parametrize("fused", [False, True])
def test_auxiliary_heads_are_no_kernels(name: str, fused: bool) -> None:
    g = known(name)
    rows = [tuple(b for b in part if b.op != "auxiliary") for part in (g.stem, *g.stages, g.head)]
    without = replace(g, stem=rows[0], stages=tuple(rows[1:-1]), head=rows[-1])
    assert len(trace(without)) < len(trace(g))
    assert signatures(trace(g), fused) == signatures(trace(without), fused)


@given(networks())
def test_groups_share_out_the_layers_of_inference_and_parts_are_those_layers(g: Genotype) -> None:
    layers = inference(trace(g))
    found = groups(layers)
    assert sorted(i for members in found for i in members) == list(range(1, len(layers)))
    assert all(list(members) == sorted(members) for members in found)
    fused = signatures(trace(g), fused=True)
    assert len(fused) == len(found)
    by_layer = signatures(trace(g))
    assert [parts(s) for s in fused] == [[by_layer[i - 1] for i in members] for members in found]


def test_channels_that_fill_no_registers_are_a_group_of_their_own() -> None:
    def of(cin: int, cout: int, groups: int = 1) -> str:
        return group(Signature("conv", ((cin, 8, 8),), (cout, 8, 8), ((1, 1), 1, groups, False, 1)))

    assert of(8, 24) == of(3, 24) == of(1, 8) == "pointwise convolution"
    assert of(8, 22) == of(9, 24) == of(3, 5) == "pointwise convolution" + ODD
    assert of(24, 24, 24) == "depthwise convolution"
    assert of(22, 22, 22) == "depthwise convolution" + ODD
    assert of(24, 24, 4) == "grouped convolution" + ODD  # six channels each
    fused = Signature("conv", ((8, 8, 8),), (24, 8, 8), ((1, 1), 1, 1, False, 1), ("norm", "relu"))
    assert group(fused) == of(8, 24)


def test_a_kernel_of_a_plugin_that_is_not_loaded_is_read_with_the_defaults() -> None:
    stored = {"kind": "group_norm", "reads": [[16, 8, 8]], "shape": [16, 8, 8], "attrs": {"groups": 4}}
    kernel = Signature.from_json(stored)
    assert (group(kernel), kernel.attrs, parts(kernel)) == ("group_norm", (), [kernel])
    assert work(kernel)[:5] == (1.0, 0.0, 0.0, 1024, 1024)
    assert len(features(kernel)) > 8
