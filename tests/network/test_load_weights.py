from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nasbench.errors import WeightsError
from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear, mbconv
from nasbench.network import build, load_weights

G = Genotype("n", (3, 8, 8), (conv(4, 3),), ((mbconv(4, se="in/4"),),), (gap(), linear(5)))


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return build(G)


def other(seed: int = 1) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {k: torch.randn_like(v) if v.is_floating_point() else v + 7 for k, v in build(G).state_dict().items()}


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"features.{i}": v for i, v in enumerate(state.values())}


def copied(net: nn.Module, state: dict[str, Tensor]) -> bool:
    mine = net.state_dict()
    return all(torch.equal(mine[k], v) for k, v in state.items() if "num_batches" not in k)


def test_by_name_in_any_order(net: nn.Module) -> None:
    state = other()
    load_weights(net, dict(reversed(state.items())))
    assert copied(net, state)


def test_in_order_where_the_names_are_others(net: nn.Module) -> None:
    state = other()
    theirs = {k.replace("stem.0", "layer0").replace("stages", "blocks").replace("head", "fc"): v for k, v in state.items()}
    load_weights(net, OrderedDict(theirs))
    assert copied(net, state)


def test_counters_of_batches_are_left_alone_and_may_be_missing(net: nn.Module) -> None:
    state = {k: v for k, v in other().items() if "num_batches" not in k}
    load_weights(net, state)
    assert copied(net, state)
    load_weights(net, other())
    assert all(v == 0 for k, v in net.state_dict().items() if "num_batches" in k)


def test_a_1x1_convolution_and_a_linear_layer_hold_the_same_numbers(net: nn.Module) -> None:
    state = other()
    flat = {k: v[:, :, 0, 0] if v.dim() == 4 and v.shape[2:] == (1, 1) else v for k, v in state.items()}
    square = {k: v[:, :, None, None] if v.dim() == 2 else v for k, v in state.items()}
    for theirs in (flat, square):
        load_weights(build(G), theirs)
        load_weights(net, theirs)
        assert copied(net, state)


def without(state: dict[str, Tensor], *words: str) -> dict[str, Tensor]:
    return {k: v for k, v in state.items() if not any(w in k for w in words)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda s: {**s, "stem.0.conv.weight": torch.zeros(4, 3, 5, 5)},
            "each tensor must have the shape of its counterpart; stem.0.conv.weight is [4, 3, 3, 3] and stem.0.conv.weight is [4, 3, 5, 5]",
        ),
        (
            lambda s: {**s, "head.1.linear.bias": torch.zeros(1000), "head.1.linear.weight": torch.zeros(1000, 4)},
            "head.1.linear.weight is [5, 4] and head.1.linear.weight is [1000, 4]",  # the first of the two
        ),
        (
            lambda s: {f"x{k}": v for k, v in {**s, "stem.0.norm.bias": torch.zeros(5)}.items()},
            "stem.0.norm.bias is [4] and xstem.0.norm.bias is [5]",
        ),
        (lambda s: without(s, "head"), "the weights have 24; the first without a counterpart is head.1.linear.weight"),
        (
            lambda s: {**s, "last.weight": torch.zeros(3)},
            "counterpart is last.weight; load the weights of the same network",
        ),
        (lambda s: {}, "the weights have 0; the first without a counterpart is stem.0.conv.weight"),
        (
            lambda s: {**s, "stem.0.conv.weight": [1.0]},
            "weights are a mapping of names to tensors; 'stem.0.conv.weight' holds list; pass net.state_dict()",
        ),
        (lambda s: {"state_dict": s}, "'state_dict' holds dict"),
        (
            lambda s: {**s, "head.1.linear.weight": torch.zeros(4, 5)},
            "head.1.linear.weight is [5, 4] and head.1.linear.weight is [4, 5]",
        ),  # as many, but turned
        (lambda s: {**s, "stem.0.conv.weight": torch.zeros(4, 27)}, "stem.0.conv.weight is [4, 3, 3, 3] and stem.0.conv.weight is [4, 27]"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_copied(net: nn.Module, change: Any, said: str) -> None:
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        load_weights(net, change(other()))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_other_types_and_devices_are_converted(net: nn.Module) -> None:
    state = other()
    load_weights(net, {k: v.double() if v.is_floating_point() else v for k, v in state.items()})
    assert copied(net, state)
    assert net.get_submodule("stem.0.conv").weight.dtype is torch.float32


def test_weights_stay_trainable(net: nn.Module) -> None:
    load_weights(net, other())
    net(torch.randn(4, 3, 8, 8)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
