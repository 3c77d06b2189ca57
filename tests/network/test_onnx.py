"""ONNX models answer under onnxruntime as their networks do in torch; what is wrong in one place does not."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from classics import classics, small
from genotype_strategies import networks
from hypothesis import given, settings
from references import calibrate, images, scramble, spread
from torch import nn

from nasbench.errors import NasbenchError
from nasbench.genotype import BLOCK_TYPES, Block, Genotype, Style, Tracer, Value, block, trace
from nasbench.genotype.blocks import branches, conv, gap, linear
from nasbench.network import build
from nasbench.network.initialise import settle
from nasbench.network.onnx import INPUT, OPSET, OUTPUT, OnnxCheck, UnclearError, check_onnx, onnx_model
from nasbench.zoo import known

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def held(g: Genotype) -> nn.Module:
    """The network with weights that a comparison sees through."""
    net = build(g).eval()
    scramble(net)
    image = images(g, 4)
    if not spread(net, image) > 0.01:
        calibrate(net, image)
    return net.eval()


def compare(g: Genotype, net: nn.Module | None = None, batch: int | None = None, n: int = 2) -> OnnxCheck:
    net = net or held(g)
    return check_onnx(onnx_model(g, net, batch).SerializeToString(), net, g, n)


# Layer by layer, where ONNX and torch differ

WRITTEN: dict[str, Callable[[Tracer, Value], Value]] = {}
for mode in ("max", "avg"):
    for count in (True, False):
        for kernel, stride, padding in ((3, 2, 1), (3, 2, 0), (2, 2, 1), (4, 3, 2), (5, 4, 2), ((3, 2), 2, (1, 0)), ((2, 3), 3, (1, 1))):
            for up in (True, False):
                name = f"{mode} {kernel} stride {stride} padding {padding}{' up' if up else ''}{' counted' if count else ''}"
                WRITTEN[name] = lambda t, x, a=(mode, kernel, stride, padding, up, count): t.pool(x, *a)
for n in (1, 2, 3, 4, 5, 6):
    WRITTEN[f"lrn {n}"] = lambda t, x, n=n: t.lrn(x, n, 0.5, 0.75, 1.5)
    WRITTEN[f"gap {n}"] = lambda t, x, n=n: t.gap(x, n)
    WRITTEN[f"bins {n}"] = lambda t, x, n=n: t.bins(x, n)
for act in ("relu", "relu6", "silu", "hardswish", "hardsigmoid", "sigmoid", "tanh", "gelu", "elu", "leaky_relu"):
    WRITTEN[act] = lambda t, x, act=act: t.act(t.multiply(x, 4.0), act)
for i, edges in enumerate(((1, 2, 3, 0), (-1, -2, -3, 0), (-1, 2, 0, -3), (0, 0, 0, 0))):
    WRITTEN[f"pad {edges}"] = lambda t, x, edges=edges, i=i: t.pad(x, 2 * i, edges)
WRITTEN |= {
    "shuffle 2": lambda t, x: t.interleave(x, 2),
    "shuffle 3": lambda t, x: t.interleave(x, 3),
    "slices": lambda t, x: t.concat(*t.split(x, 3)[::-1]),
    "take": lambda t, x: t.take(x, (5, 0, 0, 3)),
    "conv": lambda t, x: t.conv(x, 4, (3, 2), 2, (1, 0), 2, True),
    "dilated": lambda t, x: t.conv(x, 12, 3, 1, "same", "depthwise", False, "conv", 2),
    "norm": lambda t, x: t.norm(x),
    "flat norm": lambda t, x: t.norm(t.linear(x, 7)),
    "flat slices": lambda t, x: t.concat(*t.split(t.flatten(x), 2)[::-1]),
    "sum of three": lambda t, x: t.add(x, t.act(x, "tanh"), t.act(x, "silu")),
    "sum of two": lambda t, x: t.add(x, t.act(x, "tanh")),
    "gate": lambda t, x: t.scale(x, t.act(t.gap(x), "sigmoid")),
    "flat gate": lambda t, x: t.scale(t.flatten(t.gap(x)), t.act(t.flatten(t.gap(x)), "sigmoid")),
    "linear without bias": lambda t, x: t.linear(x, 3, False),
    "dropout at the end": lambda t, x: t.dropout(t.linear(x, 3), 0.5),
    "drop path between": lambda t, x: t.add(x, t.drop_path(t.act(x, "tanh"), 0.5)),
    "names like ours": lambda t, x: t.act(t.act(t.act(x, "silu", "a"), "tanh", "a.sigmoid"), "relu", "sigmoid"),
}  # fmt: skip


@pytest.fixture
def written():
    """A word that writes what it is told to, on a map of 6x9x10."""
    told: list[Callable[[Tracer, Value], Value]] = []

    @block
    def _told(t: Tracer, x: Value) -> Value:
        """What the test says."""
        return told[0](t, x)

    def make(write: Callable[[Tracer, Value], Value]) -> Genotype:
        told[:] = [write]
        _memory.cache_clear()
        return Genotype("n", (6, 9, 10), (Block("_told"),))

    from nasbench.genotype.tracer import _memory

    yield make
    BLOCK_TYPES.pop("_told")
    _memory.cache_clear()


def test_each_kind_of_layer(written) -> None:
    """One by one and five at a time."""
    seen = set()
    for name, write in WRITTEN.items():
        g = written(write)
        seen |= {x.kind for x in trace(g)}
        check = compare(g, n=5)
        assert check.error <= 2e-6, name
        assert check.images == 5, name
        assert check.spread > 0.01, name
        assert check.batches == (1, 5), name
    every = {"input", "conv", "norm", "act", "pool", "gap", "bins", "linear", "flatten", "dropout", "drop_path", "lrn", "add", "scale"}
    assert seen == every | {"multiply", "concat", "interleave", "slice", "take", "pad"}


def test_the_network_of_no_layer() -> None:
    assert compare(Genotype("n", (3, 4, 4))).error == 0


@settings(max_examples=60)
@given(networks())
def test_every_network_that_can_be_drawn(g: Genotype) -> None:
    net = build(g).eval()
    scramble(net)
    check = compare(g, net)
    assert check.error <= 1e-4
    assert check.input_shape == ("batch", *g.input)


# The known

QUICK = ("lenet5_modern", "googlenet", "resnet18", "densenet40_k12_cifar10", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v1_g3",
         "shufflenet_v2_x1_0", "efficientnet_b0", "nasnet_a_mobile")  # fmt: skip


def fresh(g: Genotype) -> nn.Module:
    torch.manual_seed(0)
    return build(g).eval()


@torch.no_grad()
def damped(g: Genotype, floor: float = 0.05) -> nn.Module:
    """Norms that make little of what they read, less with a higher floor of variance: many blocks then do not enlarge rounding."""
    net = fresh(g)
    scramble(net)
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for m in norms:
        m.weight.mul_(0.3)
    settle(net, images(g, 8))
    for m in norms:
        m.running_var.add_(floor)
    return net


@torch.no_grad()
def gentle(g: Genotype) -> nn.Module:
    net = fresh(g)
    draw = torch.Generator().manual_seed(1)
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            for value in (m.weight, m.running_var):
                value.uniform_(0.9, 1.1, generator=draw)
            for value in (m.bias, m.running_mean):
                value.normal_(std=0.05, generator=draw)
    return net


@torch.no_grad()
def clear(net: nn.Module, image: torch.Tensor) -> bool:
    """Whether torch tells two images apart, and agrees with itself between float32 and float64."""
    if not spread(net, image) > 0.01:
        return False
    logits, precise = net(image), copy.deepcopy(net).double()(image.double())
    return bool((logits - precise).abs().max() <= 5e-6 * precise.abs().max())


@pytest.mark.parametrize("name", classics(QUICK))
def test_the_known(name: str) -> None:
    """`scramble` makes a chaos of some, in which torch's float32 and float64 differ by half a logit: those with other weights."""
    g = small(name)
    net = next((net for make in (held, damped, partial(damped, floor=0.005), gentle, fresh) if clear(net := make(g), images(g))), None)
    assert net is not None, "torch does not agree with itself"
    check = compare(g, net)
    assert check.error <= 1e-4
    assert check.spread > 0.01
    assert (check.output_shape, check.opset) == (("batch", 10), OPSET)


# Controls

CONTROLLED = Genotype("n", (3, 16, 16), (conv(8, 3), conv(8, 3, stride=2, groups=2)), (), (gap(), linear(5)))


@pytest.fixture
def model() -> tuple[Any, nn.Module]:
    net = held(CONTROLLED)
    return onnx_model(CONTROLLED, net), net


def altered(model: Any, name: str, change: Callable[[Any], None]) -> bytes:
    value = next(t for t in model.graph.initializer if t.name == name)
    array = onnx.numpy_helper.to_array(value).copy()
    change(array)
    value.CopyFrom(onnx.numpy_helper.from_array(array, name))
    return model.SerializeToString()


@pytest.mark.parametrize(
    "name", ["stem.0.conv.weight", "stem.0.norm.running_mean", "stem.1.conv.weight", "stem.1.norm.bias", "head.1.linear.weight"]
)
def test_one_weight_that_is_wrong_is_seen(model, name: str) -> None:
    def change(array: np.ndarray) -> None:
        array.flat[1] += 0.1

    with pytest.raises(NasbenchError, match=r"those of n differ by .*; please report this network"):
        check_onnx(altered(model[0], name, change), model[1], CONTROLLED)
    check_onnx(onnx_model(CONTROLLED, model[1]).SerializeToString(), model[1], CONTROLLED)


def attribute(model: Any, node: str, name: str) -> Any:
    return next(a for n in model.graph.node if n.name == node for a in n.attribute if a.name == name)


def test_one_pad_that_is_wrong_is_seen(model) -> None:
    pads = attribute(model[0], "stem.1.conv", "pads")
    pads.ints[:] = [0, 0, 2, 2]
    with pytest.raises(NasbenchError, match="please report"):
        check_onnx(model[0].SerializeToString(), model[1], CONTROLLED)


def test_one_eps_that_is_wrong_is_seen(model) -> None:
    attribute(model[0], "stem.0.norm", "epsilon").f = 1e-2
    with pytest.raises(NasbenchError, match="please report"):
        check_onnx(model[0].SerializeToString(), model[1], CONTROLLED)


def test_a_shape_that_is_wrong_is_seen(model) -> None:
    with pytest.raises(NasbenchError, match=r"does not load|gives \(4, 5\), torch \(4, 7\)"):
        check_onnx(model[0].SerializeToString(), build(replace(CONTROLLED, head=(gap(), linear(7)))), CONTROLLED)


# What check_onnx says


def test_what_the_file_says(model) -> None:
    for batch, shape, batches, count in ((1, 1, (1,), 4), (3, 3, (3,), 6), (None, "batch", (1, 4), 4)):
        check = check_onnx(onnx_model(CONTROLLED, model[1], batch).SerializeToString(), model[1], CONTROLLED)
        assert (check.input_name, check.output_name, check.opset) == (INPUT, OUTPUT, OPSET)
        assert (check.input_shape, check.output_shape) == ((shape, 3, 16, 16), (shape, 5))
        assert (check.batches, check.images, check.agree) == (batches, count, count)
        assert not check.blind


def test_nodes_are_named_like_layers(model) -> None:
    assert [n.name for n in model[0].graph.node] == [x.where for x in trace(CONTROLLED)[1:]]
    assert {t.name for t in model[0].graph.initializer} == {k for k in model[1].state_dict() if not k.endswith("num_batches_tracked")}


def test_the_network_is_left_as_it_was(model) -> None:
    net = model[1].double().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    check_onnx(onnx_model(CONTROLLED, net).SerializeToString(), net, CONTROLLED)
    assert net.training
    assert all(value.dtype == before[name].dtype and torch.equal(value, before[name]) for name, value in net.state_dict().items())


@torch.no_grad()
def test_a_comparison_that_sees_nothing_says_so(model) -> None:
    net = model[1]
    net.get_submodule("head.1.linear").weight.mul_(1e-6)
    assert check_onnx(onnx_model(CONTROLLED, net).SerializeToString(), net, CONTROLLED).blind


@torch.no_grad()
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_beyond_all_are_refused(model, value: float) -> None:
    model[1].get_submodule("head.1.linear").bias.fill_(value)
    with pytest.raises(UnclearError, match="logits are finite numbers; n gives NaN or infinity"):
        check_onnx(onnx_model(CONTROLLED, model[1]).SerializeToString(), model[1], CONTROLLED)


def test_infinity_that_only_the_model_gives_is_a_mistake(model) -> None:
    def change(array: np.ndarray) -> None:
        array[:] = np.inf

    with pytest.raises(NasbenchError, match="NaN or infinity, not in torch; please report") as raised:
        check_onnx(altered(model[0], "head.1.linear.bias", change), model[1], CONTROLLED)
    assert not isinstance(raised.value, UnclearError)


def test_chaos_is_told_from_a_mistake() -> None:
    """Weights with which torch itself differs between float32 and float64."""
    g = Genotype("n", (3, 16, 16), (conv(8, 3), *[conv(8, 3, act="tanh")] * 30), (), (gap(), linear(5)), Style(act="tanh"))
    net = held(g)
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, nn.Conv2d):
                m.weight.mul_(10)
    with pytest.raises(UnclearError, match="from float64 to float32, so with these weights the comparison says nothing"):
        check_onnx(onnx_model(g, net).SerializeToString(), net, g)


@pytest.mark.parametrize("content", [b"", b"no model", b"\x08"])
def test_a_file_that_is_no_model(tmp_path: Path, model, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(NasbenchError, match="an ONNX file holds a valid model; n does not load"):
        check_onnx(path, model[1], CONTROLLED)


def test_a_file_is_read_and_a_cut_one_refused(tmp_path: Path, model) -> None:
    path = tmp_path / "m.onnx"
    data = model[0].SerializeToString()
    path.write_bytes(data)
    assert check_onnx(path, model[1], CONTROLLED) == check_onnx(data, model[1], CONTROLLED)
    for part in (0.2, 0.5, 0.9):
        path.write_bytes(data[: int(len(data) * part)])
        with pytest.raises(NasbenchError, match="does not load"):
            check_onnx(path, model[1], CONTROLLED)
    with pytest.raises(NasbenchError, match=r"cannot read .*absent"):
        check_onnx(tmp_path / "absent.onnx", model[1], CONTROLLED)


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, model, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(NasbenchError, match=rf"{missing} is not here; pip install 'nasbench\[onnx\]'"):
        check_onnx(model[0].SerializeToString(), model[1], CONTROLLED)


def test_more_than_a_file_holds(model) -> None:
    g = Genotype("n", (3, 8, 8), (), (), (linear(20_000), linear(30_000)))
    with pytest.raises(NasbenchError, match=r"at most 2.0 GiB of weights; n has 2.2"):
        onnx_model(g, build(g, "meta"))


def test_norms_that_have_seen_images_hold_a_signal_that_else_grows_beyond_all_numbers() -> None:
    fourfold = replace(branches([[], [], [], []], "add"), repeat=8)
    g = Genotype("deep", (3, 8, 8), (conv(4, 3),), ((fourfold, conv(4, 3)),) * 9, (gap(), linear(5)))
    torch.manual_seed(0)
    net = build(g).eval()
    with pytest.raises(UnclearError, match="deep gives NaN or infinity"):
        compare(g, net)
    momenta = {m.momentum for m in net.modules() if isinstance(m, nn.BatchNorm2d)}
    settle(net, images(g, 4))
    assert compare(g, net).spread > 0.01
    assert not any(m.training for m in net.modules())
    assert {m.momentum for m in net.modules() if isinstance(m, nn.BatchNorm2d)} == momenta


def test_what_only_training_runs_is_left_out() -> None:
    g = known("googlenet")
    assert not any("auxiliary" in n.name for n in onnx_model(small("googlenet"), build(small("googlenet"))).graph.node)
    assert any(x.kind == "auxiliary" for x in trace(g))
