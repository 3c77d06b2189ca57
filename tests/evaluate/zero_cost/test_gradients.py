"""Scores from gradients: networks that a hand can compute, plain implementations, and laws of scale."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nasbench.evaluate.zero_cost.gradients import grad_norm, jacob_cov, synflow
from nasbench.network import build
from nasbench.spaces import load_space
from nasbench.zoo import known

IMAGES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def linear(rows: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(len(rows[0]), len(rows), bias=False)
    layer.weight.data = torch.tensor(rows)
    return layer


def plain(bias: bool = False, norm: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=bias), *([nn.BatchNorm2d(8)] if norm else []), nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, bias=bias), *([nn.BatchNorm2d(12)] if norm else []), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 3, bias=bias),
    )  # fmt: skip


def test_synflow_by_hand() -> None:
    """R = 1 * |2| * |-3| + 1 * |1| * |4|, over the paths of two layers; each weight's share of R is that of the paths through it."""
    net = nn.Sequential(linear([[2.0], [1.0]]), nn.ReLU(), linear([[-3.0, 4.0]]))
    # |w dR/dw|: 2*3, 1*4 in the first layer, 3*2, 4*1 in the second
    assert synflow(net, torch.zeros(5, 1)) == pytest.approx(6 + 4 + 6 + 4)


def test_synflow_is_conserved_by_every_layer() -> None:
    """Tanaka et al. 2020, theorem 1: without biases the scores of a layer sum to R, so the whole is R times the number of layers."""
    net = plain(norm=False)
    absolute = copy.deepcopy(net).double()
    for p in absolute.parameters():
        p.data.abs_()
    r = float(absolute(torch.ones(1, 3, 8, 8, dtype=torch.float64)).detach().sum())
    assert synflow(net, IMAGES) == pytest.approx(3 * r, rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1e3), st.sampled_from([0, 3, 8]))
def test_synflow_scales_with_each_layer(factor: float, at: int) -> None:
    net = plain()
    before = synflow(net, IMAGES)
    with torch.no_grad():
        net[at].weight.mul_(-factor)
    assert synflow(net, IMAGES) == pytest.approx(factor * before, rel=1e-4)


def test_synflow_against_the_authors_way() -> None:
    """Signs are taken off the state dict, gradients of the sum of the outputs are taken in inference mode, and weights alone count."""
    net = build(known("mobilenet_v3_small"))
    ours = synflow(net, torch.zeros(2, 3, 64, 64))
    net.double().eval()
    with torch.no_grad():
        for value in net.state_dict().values():
            if value.is_floating_point():
                value.abs_()
    net(torch.ones(1, 3, 64, 64, dtype=torch.float64)).sum().backward()
    total = sum(float((m.weight.detach() * m.weight.grad).abs().sum()) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    assert ours == pytest.approx(total, rel=1e-10)


def test_synflow_has_room_for_deep_networks() -> None:
    """In single precision the score of such a network would be infinite."""
    score = synflow(build(known("resnet152")), torch.zeros(1, 3, 32, 32))
    assert torch.finfo(torch.float32).max < score < math.inf


def test_synflow_does_not_depend_on_the_images() -> None:
    net = plain()
    assert synflow(net, IMAGES) == synflow(net, 100 * IMAGES[:1])


def test_grad_norm_by_hand() -> None:
    """Two classes, zero weights: the softmax is 1/2 each, so the gradient of the weight is (1/2 - y) x, averaged over the batch."""
    net = nn.Sequential(nn.Flatten(), linear([[0.0, 0.0], [0.0, 0.0]]))
    images = torch.tensor([[[[3.0, 4.0]]]])
    # rows (1/2 - 1) * (3, 4) and (1/2) * (3, 4): each has the norm 2.5
    assert grad_norm(net, images, torch.tensor([0])) == pytest.approx(math.hypot(2.5, 2.5))


def test_grad_norm_against_a_plain_backward_pass() -> None:
    net = plain(bias=True)
    ours = grad_norm(net, IMAGES, LABELS)
    net.train()
    nn.functional.cross_entropy(net(IMAGES), LABELS).backward()
    assert ours == pytest.approx(sum(float(net[i].weight.grad.norm()) for i in (0, 3, 8)), rel=1e-5)


def test_grad_norm_with_norms_falls_with_the_scale_of_the_weights() -> None:
    """A norm takes a factor c of the weights back, so the gradient of these weights is divided by c."""
    net = plain()
    net[1].eps = net[4].eps = 1e-12
    alone = []
    for _ in range(2):
        alone.append(grad_norm(net, IMAGES, LABELS))
        with torch.no_grad():
            net[0].weight.mul_(2.0)
    net = plain()
    net[1].eps = net[4].eps = 1e-12
    net.train()
    nn.functional.cross_entropy(net(IMAGES), LABELS).backward()
    first = float(net[0].weight.grad.norm())
    assert alone[0] - alone[1] == pytest.approx(first / 2, rel=1e-3)


def test_jacob_cov_is_highest_where_nothing_correlates() -> None:
    """Four images whose Jacobians are orthogonal after their means are taken off: all eigenvalues are 1."""
    rows = torch.tensor([[1.0, -1, 0, 0, 0, 0, 0, 0], [0, 0, 1, -1, 0, 0, 0, 0], [0, 0, 0, 0, 1, -1, 0, 0], [0, 0, 0, 0, 0, 0, 1, -1]])

    class Own(nn.Module):
        def forward(self, x):
            return (x.flatten(1) * rows).sum(1, keepdim=True)

    k = 1e-5
    assert jacob_cov(Own(), torch.zeros(4, 1, 2, 4)) == pytest.approx(-4 * (math.log(1 + k) + 1 / (1 + k)), rel=1e-9)


def test_jacob_cov_of_a_linear_network_is_lowest() -> None:
    """All images have the same Jacobian, so the eigenvalues are n and n - 1 zeros."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    k = 1e-5
    expected = -(math.log(6 + k) + 1 / (6 + k)) - 5 * (math.log(k) + 1 / k)
    assert jacob_cov(net, IMAGES) == pytest.approx(expected, rel=1e-4)


def test_jacob_cov_against_numpy() -> None:
    np = pytest.importorskip("numpy")
    net = plain()
    ours = jacob_cov(net, IMAGES)
    net.train()
    x = IMAGES.clone().requires_grad_()
    y = net(x)
    y.backward(torch.ones_like(y))
    values, _ = np.linalg.eig(np.corrcoef(x.grad.reshape(6, -1).numpy()))
    assert ours == pytest.approx(float(-np.sum(np.log(values + 1e-5) + 1.0 / (values + 1e-5))), rel=1e-3)


def test_a_network_without_gradients_has_no_score() -> None:
    class Constant(nn.Module):
        def forward(self, x):
            return 0.0 * x.flatten(1)[:, :3]

    assert math.isnan(jacob_cov(Constant(), IMAGES))
    assert synflow(nn.Sequential(nn.Flatten(), linear([[0.0] * 192])), IMAGES) == 0


@pytest.mark.parametrize("score", [synflow, grad_norm, jacob_cov])
def test_the_network_stays_as_it_was(score) -> None:
    net = build(load_space("tiny").sample(0)).train()
    images = torch.randn(4, *load_space("tiny").sample(0).input)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    kept = images.clone()
    score(net, images, torch.tensor([0, 1, 2, 3]))
    assert net.training
    assert all(p.grad is None for p in net.parameters())
    assert torch.equal(images, kept)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name]), name
