"""NASWOT: codes by hand, the kernel by a plain loop, and what cannot change it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from nasbench.evaluate.zero_cost.activations import agreements, naswot
from nasbench.network import build
from nasbench.zoo import known

IMAGES = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def plain(activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), activation(), nn.Conv2d(8, 12, 3, stride=2), activation(), nn.Flatten(), nn.Linear(108, 3)
    )


def test_by_hand() -> None:
    """Three units, two images with the codes 101 and 100: K = [[3, 2], [2, 3]], whose determinant is 5."""
    net = nn.Sequential(nn.Flatten(), nn.ReLU())
    images = torch.tensor([[[[1.0, -1.0, 2.0]]], [[[3.0, -2.0, -4.0]]]])
    assert naswot(net, images) == pytest.approx(math.log(5))


def test_against_hooks_on_modules() -> None:
    """As the authors do it: the inputs of all ReLU modules, their codes, one kernel, its log determinant."""
    net = plain()
    kernel = np.zeros((5, 5))

    def note(module, inputs, output):
        x = (inputs[0].flatten(1) > 0).double().numpy()
        nonlocal kernel
        kernel = kernel + x @ x.T + (1 - x) @ (1 - x).T

    ours = naswot(net, IMAGES)
    for module in net:
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(note)
    net(IMAGES)
    assert ours == pytest.approx(np.linalg.slogdet(kernel)[1], rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 30), st.integers(0, 2**31))
def test_agreements_are_the_units_less_the_hamming_distance(rows: int, units: int, seed: int) -> None:
    codes = torch.rand(rows, units, generator=torch.Generator().manual_seed(seed)) < 0.5
    expected = [[units - sum(a != b for a, b in zip(x, y, strict=True)) for y in codes.tolist()] for x in codes.tolist()]
    assert agreements(codes).tolist() == expected


def test_many_units_are_counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = torch.rand(3, 1000, generator=torch.Generator().manual_seed(0)) < 0.5
    whole = agreements(codes)
    monkeypatch.setattr("nasbench.evaluate.zero_cost.activations.CHUNK", 7)
    assert torch.equal(agreements(codes), whole)


@settings(max_examples=20, deadline=None)
@given(st.integers(-10, 10), st.sampled_from([0, 2]))
def test_a_positive_factor_changes_nothing(power: int, at: int) -> None:
    """Powers of two, so that rounding changes no sign either."""
    factor, net = 2.0**power, plain()
    nn.init.zeros_(net[2].bias)
    before = naswot(net, IMAGES)
    with torch.no_grad():
        net[at].weight.mul_(factor)
        net[at].bias.mul_(factor)
    assert naswot(net, IMAGES) == before


def test_a_negative_factor_changes_it() -> None:
    """A control."""
    net = plain()
    before = naswot(net, IMAGES)
    with torch.no_grad():
        net[0].weight.mul_(-1.0)
    assert naswot(net, IMAGES) != before


def test_equal_images_have_no_score() -> None:
    assert naswot(plain(), IMAGES[[0, 0, 1]]) == -math.inf
    assert naswot(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), IMAGES) == -math.inf


@pytest.mark.parametrize(
    "activation", [nn.ReLU6, nn.SiLU, nn.Hardswish, nn.GELU, nn.ELU, nn.LeakyReLU], ids=lambda activation: activation.__name__
)
def test_other_activations_that_switch_at_zero_count_alike(activation: type[nn.Module]) -> None:
    """Of one layer, whose input does not depend on the activation."""
    torch.manual_seed(1)
    conv = nn.Conv2d(3, 8, 3)
    scores = {naswot(nn.Sequential(conv, own()), IMAGES) for own in (nn.ReLU, activation)}
    assert len(scores) == 1


@pytest.mark.parametrize("activation", [nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Hardtanh], ids=lambda activation: activation.__name__)
def test_gates_do_not_count(activation: type[nn.Module]) -> None:
    assert naswot(nn.Sequential(nn.Conv2d(3, 8, 3), activation()), IMAGES) == -math.inf


def test_functions_and_modules_count_alike() -> None:
    class Functions(nn.Module):
        def __init__(self, net: nn.Sequential) -> None:
            super().__init__()
            self.net = net

        def forward(self, x):
            x = functional.relu(self.net[0](x), inplace=True)
            return self.net[2:](x)

    net = plain()
    assert naswot(Functions(net), IMAGES) == naswot(net, IMAGES)


def test_of_a_network_of_the_zoo() -> None:
    """Networks of nasbench call functions, in place where they can; the number of their units is on the diagonal of the kernel."""
    g = known("resnet20_cifar10")
    torch.manual_seed(0)
    net = build(g)
    images = torch.randn(4, *g.input)
    units = 16 * 32 * 32 * 7 + 32 * 16 * 16 * 6 + 64 * 8 * 8 * 6  # a ReLU after each of the 19 convolutions
    assert 0 < naswot(net, images) <= 4 * math.log(units)
    assert naswot(net, images) == naswot(net, images)
