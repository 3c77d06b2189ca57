"""Counts: exact integers, each against a second, slower or foreign way to get them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
import torch
from classics import classics
from fvcore.nn import ActivationCountAnalysis, FlopCountAnalysis
from genotype_strategies import networks
from hypothesis import given

from nasbench.genotype import Cost, Genotype, Layer, Style, Trace, cost, cost_of, trace
from nasbench.genotype.blocks import branches, conv, dense, dropout, flatten, gap, linear, mbconv, pool, residual, se, shuffle
from nasbench.network import build_trace
from nasbench.zoo import known

VIEWS = ("flatten", "slice", "dropout")


def simulated_peak(layers: Sequence[Layer]) -> int:
    """Elements alive at the worst moment, found by asking at each moment of each buffer whether anybody still needs it."""
    home: list[int] = []  # of each value, the layer that opened its buffer
    for x in layers:
        source = x.inputs[0] if x.inputs else -1
        if x.kind in VIEWS or (x.kind == "act" and may_overwrite(layers, source)):
            home.append(home[source])
        else:
            home.append(x.index)
    peak = 0
    for now in range(len(layers)):
        alive = {home[now]} | {home[i] for later in layers[now:] for i in later.inputs if i <= now}
        peak = max(peak, sum(layers[b].elements for b in alive if b <= now))
    return peak


def may_overwrite(layers: Sequence[Layer], source: int) -> bool:
    """An activation may write over a value that is its own layer's output and that nobody else reads, before or after."""
    alone = sum(i == source for x in layers for i in x.inputs) == 1
    return alone and layers[source].kind not in ("input", "act", "interleave", *VIEWS)


@given(networks(max_rows=8))
def test_peak_memory_is_that_of_a_simulation(g: Genotype) -> None:
    layers = trace(g)
    weights = sum(x.params for x in layers) + sum(2 * x.channels for x in layers if x.kind == "norm")
    assert cost(g).peak_bytes == 4 * (weights + simulated_peak(layers))


@pytest.mark.parametrize("name", ["lenet5_modern", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x1_0", "densenet121", "googlenet"])
def test_peak_memory_of_the_known_is_that_of_a_simulation(name: str) -> None:
    layers = trace(known(name))
    weights = sum(x.params for x in layers) + sum(2 * x.channels for x in layers if x.kind == "norm")
    assert cost_of(layers).peak_bytes == 4 * (weights + simulated_peak(layers))


def net(*rows: object, **style: object) -> Genotype:
    return Genotype("n", (4, 8, 8), rows, style=Style(**style))  # type: ignore[arg-type]


MAP = 4 * 8 * 8


@pytest.mark.parametrize(
    ("g", "elements", "why"),
    [
        (net(conv(4), norm="none"), 2 * MAP, "the input and one map: the activation writes in place"),
        (net(conv(4)), 2 * MAP, "convolution, norm: two maps, the input is gone by then"),
        (net(conv(4), conv(4), norm="none"), 2 * MAP, "three maps, two at a time"),
        (net(residual(4), norm="none"), 3 * MAP, "the input waits for the sum"),
        (net(branches([[], [conv(4), conv(4)]]), norm="none"), 4 * MAP, "input, last map and the two side by side"),
        (net(dense(8), norm="none", act="none"), 4 * MAP + 2 * MAP, "input of 1, growth of 2, and the 3 side by side"),
        (net(flatten(), dropout(0.5), linear(10)), MAP + 10, "flatten and dropout write nothing"),
        (net(pool("max", 2, 2)), MAP + MAP // 4, "a pool writes a quarter"),
        (net(se(1)), 2 * MAP + 4, "the map waits for its gate"),
        (net(shuffle(4), norm="none"), 5 * MAP // 2, "the halves are views; one is computed, then both stand side by side"),
    ],
)  # fmt: skip
def test_peak_memory_by_hand(g: Genotype, elements: int, why: str) -> None:
    found = cost(g)
    buffers = sum(2 * x.channels for x in trace(g) if x.kind == "norm")
    assert found.peak_bytes // 4 - found.params - buffers == elements, why


def test_every_number_of_a_small_network_by_hand() -> None:
    g = Genotype("n", (3, 8, 8), (conv(4, 3, 2),), ((mbconv(4, expand=None),),), (gap(), linear(10)))
    stem, depthwise, pointwise = 27 * 4, 9 * 4, 4 * 4
    params = stem + 8 + depthwise + 8 + pointwise + 8 + 50
    maps = [3 * 64] + [64] * 3 + [64] * 3 + [64] * 2 + [64] + [4] + [10]  # input; conv norm act; the same; conv norm; add; gap; linear
    written = sum(maps) - 64 * 2  # two activations in place
    assert cost(g) == Cost(
        params=params,
        macs=16 * (stem + depthwise + pointwise) + 40,
        activations=3 * 64 + 10,
        peak_bytes=4 * (params + 24 + 3 * 64 + 64),
        train_peak_bytes=4 * (3 * params + 24 + written + 192),
        depth=4,
        layers=12,
        buffers=24,
    )


def test_depth_is_the_longest_way() -> None:
    assert cost(net(branches([[], [conv(4), conv(4)], [conv(4)]]), conv(4))).depth == 3
    assert {name: cost(known(name)).depth for name in ("lenet5_modern", "vgg16", "resnet18", "resnet50", "densenet121", "googlenet")} == {
        "lenet5_modern": 5, "vgg16": 16, "resnet18": 18, "resnet50": 50, "densenet121": 121, "googlenet": 22,
    }  # fmt: skip # as the papers count, and as their names say


def test_memory_adds_up_over_more_of_the_same() -> None:
    costs = [cost(Genotype("n", (4, 8, 8), (conv(4, 3, repeat=n),))) for n in (1, 2, 3)]
    for one, two in pairwise(costs):
        assert two.params - one.params == costs[0].params
        assert two.macs - one.macs == costs[0].macs
        assert two.activations - one.activations == costs[0].activations
        assert two.train_peak_bytes > one.train_peak_bytes


def test_an_empty_network_costs_nothing_but_its_input() -> None:
    assert cost(Genotype("n", (3, 8, 8))) == Cost(0, 0, 0, 4 * 192, 4 * 2 * 192, 0, 0)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No list of operators without a cost; and one thread, as two on a busy machine wait longer than they compute."""
    logging.getLogger("fvcore.nn.jit_analysis").disabled = True
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def runnable(layers: Trace) -> torch.nn.Module:
    """fvcore runs the network; zeros are enough for it."""
    net = build_trace(layers).eval().to_empty(device="cpu")
    for value in net.state_dict().values():
        value.zero_()
    return net


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", classics())
def test_convolutions_and_linear_layers_equal_fvcores_operator_by_operator(name: str) -> None:
    g = known(name)
    layers = trace(g)
    with torch.no_grad():
        analysis = FlopCountAnalysis(runnable(layers), torch.zeros(1, *g.input))
        flops = analysis.by_operator()
    assert {kind: sum(x.macs for x in layers if x.kind == kind) for kind in ("conv", "linear")} == {k: flops[k] for k in ("conv", "linear")}
    assert cost_of(layers).macs == flops["conv"] + flops["linear"]
    # The difference to fvcore's total is what the module says: two for each element of a batch norm, and one for each
    # element that adaptive pooling reads.
    norms = 2 * sum(x.elements for x in layers if x.kind == "norm")
    pools = sum(layers[x.inputs[0]].elements for x in layers if x.kind == "gap" and x.attrs["size"] > 1)
    assert flops["batch_norm"] == norms
    assert analysis.total() == cost_of(layers).macs + norms + pools


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lenet5_modern", "alexnet", "resnet18", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x1_0"])
def test_activations_equal_fvcores(name: str) -> None:
    g = known(name)
    layers = trace(g)
    with torch.no_grad():
        written = ActivationCountAnalysis(runnable(layers), torch.zeros(1, *g.input)).by_operator()
    ours = {kind: sum(x.elements for x in layers if x.kind == kind) for kind in ("conv", "linear")}
    assert {kind: n for kind, n in ours.items() if n} == dict(written)
    assert cost_of(layers).activations == sum(written.values())
