"""The table of layer kinds: it is whole, and one class in a file of the user's adds a kind everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

import nasbench as nb
from nasbench.errors import GenotypeError, PluginError
from nasbench.genotype import KINDS, Kind, Tracer, kind, trace
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.genotype.fields import Act
from nasbench.genotype.kind import Colour, find_kind
from nasbench.genotype.kinds.activation import ACTS
from nasbench.genotype.text import show_layer
from nasbench.latency.predicting.kernel_times import LayerTimes
from nasbench.latency.predicting.signature import Signature, group, parts, signatures, work
from nasbench.network.initialise import initialise

PAGE = Path(__file__).parents[2] / "docs" / "new_block.md"
NOT_BUILT = {"input", "auxiliary"}  # the graph builds these itself


@pytest.fixture
def network(tmp_path: Path) -> nb.Genotype:
    """A network with the layer kind of docs/new_block.md, which is loaded as a plugin."""
    file = tmp_path / "group_norm.py"
    (code,) = re.findall(r"```py\n(.*?)```", PAGE.read_text(), re.DOTALL)
    file.write_text(code)
    nb.load_plugin(file)
    stem = (conv(16, 3, norm=False, act="none"), nb.Block("group_norm", {"groups": 4}), nb.Block("activation"))
    return nb.Genotype("grouped", (3, 16, 16), stem, head=(gap(), linear(5)))


def test_a_kind_from_a_file_is_traced_and_costed(network: nb.Genotype) -> None:
    layer = trace(network)[2]
    assert (layer.kind, layer.shape, layer.params, layer.macs, layer.where) == ("group_norm", (16, 16, 16), 32, 0, "stem.1.group_norm")
    plain = nb.Genotype("plain", (3, 16, 16), (network.stem[0], network.stem[2]), head=network.head)
    more, less = nb.cost(network), nb.cost(plain)
    assert (more.params - less.params, more.macs - less.macs, more.layers - less.layers) == (32, 0, 1)
    assert more.activations == less.activations  # it is not `counted`
    assert nb.digest(network) != nb.digest(plain)
    with pytest.raises(GenotypeError, match=r"stem, block 2 \(stem\.1\): 16 channels do not divide into 3 groups to normalise"):
        trace(nb.Genotype("wrong", (3, 16, 16), (network.stem[0], nb.Block("group_norm", {"groups": 3}))))


def test_a_kind_from_a_file_trains(network: nb.Genotype) -> None:
    torch.manual_seed(0)
    net = nb.build(network)
    module = net.get_submodule("stem.1.group_norm")
    assert type(module) is nn.GroupNorm
    assert torch.equal(module.weight, torch.ones(16))  # initialised, though modules are made without weights
    assert sum(p.numel() for p in net.parameters()) == nb.cost(network).params
    image, wanted = torch.randn(8, 3, 16, 16), torch.arange(8) % 5
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(image), wanted)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[1] < losses[0]
    assert all(p.grad is not None for p in net.parameters())


def test_a_kind_from_a_file_is_exported(network: nb.Genotype) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from nasbench.network.onnx import check_onnx, onnx_model

    torch.manual_seed(0)
    net = nb.build(network).eval()
    nn.init.uniform_(net.get_submodule("stem.1.group_norm").weight, 0.5, 2.0)
    assert check_onnx(onnx_model(network, net).SerializeToString(), net, network).error < 1e-5


def test_a_kind_from_a_file_has_a_latency_key(network: nb.Genotype) -> None:
    layers = trace(network)
    key = signatures(layers)[1]
    assert key == Signature("group_norm", ((16, 16, 16),), (16, 16, 16), (4,))
    assert key.to_json()["attrs"] == {"groups": 4}
    assert Signature.from_json(key.to_json()) == key
    assert key in signatures(layers, fused=True)
    assert (group(key), work(key)[3:5], parts(key)) == ("group_norm", (4096, 4096), [key])
    times = LayerTimes([(s, 0.5 if s == key else 0.1) for s in signatures(layers)])
    assert times.knows(key)
    assert np.isclose(times([key]), 0.5, rtol=0.05)


def test_a_kind_from_a_file_is_drawn_and_printed(network: nb.Genotype) -> None:
    assert show_layer(trace(network)[2]) == "group_norm groups 4"
    pytest.importorskip("igraph")
    svg = nb.draw(network, layers=True).svg
    assert "stem.1.group_norm: group_norm groups 4" in svg
    assert svg.count('fill="#fbf4d5"') == 1  # yellow: the layer; the block around it is white


def test_a_kind_goes_with_its_plugin_and_is_then_unknown(network: nb.Genotype) -> None:
    from nasbench.plugins import forget_plugin, loaded_plugins

    (plugin,) = loaded_plugins()
    assert set(plugin.registered) == {"group_norm"}
    forget_plugin(plugin)
    assert "group_norm" not in KINDS
    with pytest.raises(GenotypeError, match=r"there is no layer kind 'group_norm'; the kinds are .*drop_path.*did you mean norm"):
        find_kind("group_norm")


def test_a_plugin_may_not_take_the_name_of_a_kind(tmp_path: Path) -> None:
    file = tmp_path / "twice.py"
    file.write_text('from nasbench.genotype import Kind, kind\n@kind\nclass Mine(Kind):\n    name = "conv"\n')
    with pytest.raises(
        PluginError, match=r"twice\.py:2: there is already a layer kind 'conv', from nasbench\.genotype\.kinds\.convolution"
    ):
        nb.load_plugin(file)


@pytest.mark.parametrize(
    "wrong", [type("Unnamed", (Kind,), {}), type("Odd", (Kind,), {"name": "a kind"}), type("Other", (), {"name": "x"}), 3]
)
def test_what_cannot_be_a_kind_is_refused(wrong: object) -> None:
    with pytest.raises(GenotypeError, match="a layer kind is a subclass of Kind with a name"):
        kind(wrong)  # type: ignore[type-var]


def test_a_kind_without_torch_or_onnx_says_what_to_write() -> None:
    class Half(Kind):
        name = "half"

    layer = Tracer(nb.Style(), (3, 8, 8)).layers[0]
    with pytest.raises(GenotypeError, match=r"half at .* has none; write torch\(net, layer, reads\)"):
        Half().torch(None, layer, [])
    with pytest.raises(GenotypeError, match=r"half at .* has none; write onnx\(model, layer, reads, out\)"):
        Half().onnx(None, layer, [], "")


def test_a_module_with_weights_must_fill_them() -> None:
    module = nn.PReLU()
    module.reset_parameters = None
    with pytest.raises(GenotypeError, match="fills them in its method reset_parameters; PReLU has none"):
        initialise(module, "torch")


def test_every_kind_is_whole() -> None:
    for name, entry in KINDS.items():
        assert name == entry.name
        assert entry.colour in get_args(Colour)
        assert type(entry).__doc__ != Kind.__doc__
        if name not in NOT_BUILT:
            assert type(entry).torch is not Kind.torch
            assert type(entry).onnx is not Kind.onnx
            assert type(entry).write is not Kind.write


def test_every_activation_of_the_fields_is_in_the_table() -> None:
    assert ("none", *ACTS) == get_args(Act)
