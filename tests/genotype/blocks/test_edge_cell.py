"""Cells whose edges hold the operations: what is written, what is left out, and the network against one written in plain torch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nasbench.errors import GenotypeError
from nasbench.genotype import Genotype, digest, trace
from nasbench.genotype.blocks import conv, edge_cell, gap, linear
from nasbench.network import build

STEM = (conv(4, 3, act="none"),)
HEAD = (gap(), linear(3))


def network(edges, **more) -> Genotype:
    return Genotype("cells", (3, 8, 8), STEM, ((edge_cell(edges, **more),),), HEAD)


def kinds(edges) -> list[str]:
    """The layers of the cell, without those of the stem and the head."""
    return [layer.kind for layer in trace(network(edges)) if layer.where.startswith("stages")]


@pytest.mark.parametrize(
    ("edges", "written"),
    [
        ([["identity"]], []),
        ([["avg3"]], ["pool"]),
        ([["conv1"]], ["act", "conv", "norm"]),
        ([["conv3"], ["identity", "identity"]], ["act", "conv", "norm", "add"]),
        ([["none"]], ["multiply"]),  # a zero
        ([["none"], ["none", "identity"]], ["multiply"]),  # the identity of a zero
        ([["none"], ["none", "avg3"]], ["multiply"]),  # the average of a zero
        ([["none"], ["avg3", "identity"]], ["pool"]),  # a zero that is added
        ([["none"], ["none", "conv1"]], ["multiply", "act", "conv", "norm"]),  # a convolution of a zero: the bias of its norm
        ([["none"], ["conv1", "conv3"]], ["act", "conv", "norm", "multiply", "act", "conv", "norm", "add"]),
        ([["conv3"], ["identity", "none"]], ["act", "conv", "norm"]),  # nobody reads it, and it is there
        ([["avg3"], ["identity", "none"]], []),  # what has no weights is left out then,
        ([["avg3"], ["none", "conv1"], ["identity", "none", "none"]], ["pool", "act", "conv", "norm"]),  # unless a convolution reads it
        ([["conv1"], ["conv1", "identity"], ["avg3", "none", "none"]], ["act", "conv", "norm", "act", "conv", "norm", "pool"]),
    ],
)
def test_what_is_written(edges, written) -> None:
    assert kinds(edges) == written


def test_convolutions_keep_the_size_and_have_no_bias() -> None:
    cell = [layer for layer in trace(network([["conv3"], ["conv1", "avg3"]])) if layer.where.startswith("stages")]
    assert {layer.shape for layer in cell} == {(4, 8, 8)}
    assert [(layer.params, layer.macs) for layer in cell if layer.kind == "conv"] == [(9 * 16, 9 * 16 * 64), (16, 16 * 64)]
    (pool,) = [layer for layer in cell if layer.kind == "pool"]
    assert (pool.attrs["padding"], pool.attrs["count_pad"]) == ((1, 1), False)


def test_one_network_has_one_digest() -> None:
    """The value of a node that nobody reads is not part of the network; a convolution on the way to it is."""
    base = digest(network([["none"], ["none", "none"], ["conv3", "none", "none"]]))
    assert digest(network([["identity"], ["none", "none"], ["conv3", "none", "none"]])) == base
    assert digest(network([["identity"], ["avg3", "avg3"], ["conv3", "none", "none"]])) == base
    assert digest(network([["identity"], ["none", "conv1"], ["conv3", "none", "none"]])) != base
    assert digest(network([["identity"], ["none", "none"], ["none", "conv3", "none"]])) == base


class Plain(nn.Module):
    """The same networks as the authors' code writes them: every edge is a module, `none` multiplies by zero, all edges are added."""

    def __init__(self, edges, repeat: int) -> None:
        super().__init__()
        self.edges = edges
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4))
        self.cells = nn.ModuleList(nn.ModuleList(nn.ModuleList(map(self.op, node)) for node in edges) for _ in range(repeat))
        self.classifier = nn.Linear(4, 3)

    @staticmethod
    def op(name: str) -> nn.Module:
        if name in ("conv1", "conv3"):
            kernel = int(name[-1])
            return nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(4))
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False) if name == "avg3" else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for cell in self.cells:
            values = [x]
            for names, node in zip(self.edges, cell, strict=True):
                ends = [v.mul(0.0) if name == "none" else op(v) for name, op, v in zip(names, node, values, strict=True)]
                values.append(torch.stack(ends).sum(0))
            x = values[-1]
        return self.classifier(functional.adaptive_avg_pool2d(x, 1).flatten(1))


CELLS = [
    [["conv3"], ["conv1", "avg3"], ["identity", "conv3", "conv1"]],
    [["none"], ["conv1", "conv3"], ["avg3", "conv1", "identity"]],
    [["none"], ["none", "none"], ["none", "conv3", "none"]],
    [["conv1"], ["none", "none"], ["identity", "none", "conv3"]],
    [["conv3"], ["conv1", "conv3"], ["identity", "none", "none"]],  # three convolutions that the output does not depend on
    [["identity"], ["avg3", "avg3"], ["none", "avg3", "none"]],
    [["none"], ["none", "none"], ["none", "none", "none"]],
]


@pytest.mark.parametrize("edges", CELLS, ids=lambda edges: "|".join("~".join(node) for node in edges))
def test_it_computes_what_the_authors_code_does(edges) -> None:
    """With the same weights, in double precision: outputs in training and in inference, and all gradients."""
    torch.manual_seed(0)
    theirs, ours = Plain(edges, 2).double(), build(network(edges, repeat=2)).double()
    state = theirs.state_dict()
    for value in state.values():
        if value.is_floating_point():
            value.uniform_(0.2, 1.5).mul_(torch.randint_like(value, 0, 2) * 2 - 1 if value.dim() == 4 else 1)
    theirs.load_state_dict(state)
    own = ours.state_dict()
    assert [v.shape for v in own.values()] == [v.shape for v in state.values()]
    ours.load_state_dict(dict(zip(own, state.values(), strict=True)))
    for training in (True, False):
        x, weights = torch.randn(5, 3, 8, 8, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
        ends = []
        for net in (theirs.train(training), ours.train(training)):
            net.zero_grad()
            out = net(x)
            (out * weights).sum().backward()
            ends.append((out.detach(), [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()]))
        torch.testing.assert_close(ends[0], ends[1], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([], "edges is a list of 1 to 8 nodes"),
        ([["conv3"]] * 9, "edges is a list of 1 to 8 nodes"),
        ([["conv3"], ["conv3"]], r"node n lists n operations, .*; node 2 is \('conv3',\)"),
        ([["conv3", "conv3"]], "node 1 is "),
        (["conv3"], "node 1 is 'conv3'"),
        ([["conv5"]], "node 1: an operation is one of none, identity, conv1, conv3, avg3; got 'conv5'; did you mean conv"),
        ([["none"], ["none", None]], "node 2: an operation is one of none, identity, conv1, conv3, avg3; got None"),
        ("conv3", "edges is a list of 1 to 8 nodes"),
    ],
)
def test_impossible_edges(edges, message) -> None:
    with pytest.raises(GenotypeError, match=message):
        edge_cell(edges)


def test_yaml_goes_both_ways() -> None:
    g = network(CELLS[0], repeat=3)
    assert Genotype.from_yaml(g.to_yaml()) == g


def test_a_dead_convolution_is_trained_measured_and_exported() -> None:
    """It has no gradient, and nothing reads it: neither the optimiser, nor the latency, nor ONNX minds."""
    from nasbench.latency.predicting.signature import signatures
    from nasbench.network.onnx.check import check_onnx
    from nasbench.network.onnx.model import onnx_model
    from nasbench.training import PROXY, load_images, subset, train
    from nasbench.training.images import training_and_validation

    cells = (edge_cell([["conv3"], ["identity", "none"]]), edge_cell([["none"], ["avg3", "conv1"]]))
    g = Genotype("dead", (3, 8, 8), STEM, (cells,), (gap(), linear(10)))
    net = build(g)
    training, validation = training_and_validation(load_images("embedded"))
    result = train(net, subset(training, 64, 0), subset(validation, 20, 0), PROXY, shape=g.input, seed=0)
    assert result.status == "ok"
    assert len(signatures(trace(g))) == len(trace(g)) - 1
    net.eval()
    check = check_onnx(onnx_model(g, net).SerializeToString(), net, g)
    assert not check.blind
