"""The Zen-score: a linear network whose score is known, a plain implementation, and the map that is read."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nasbench.evaluate.zero_cost.zen import ALPHA, last_map, zen
from nasbench.network import build
from nasbench.zoo import known

IMAGES = torch.zeros(16, 3, 8, 8)


def test_of_a_linear_network() -> None:
    """f = w x for one weight w from N(0, 1): |f(x) - f(x + a e)| = a |w| |e|, summed over the pixels."""
    net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False))
    torch.manual_seed(3)
    score = zen(net, torch.zeros(16, 1, 5, 5))
    torch.manual_seed(3)
    w = torch.nn.init.normal_(torch.empty(1, dtype=torch.float64))
    _, e = (torch.randn(16, 1, 5, 5, dtype=torch.float64) for _ in range(2))
    assert score == pytest.approx(math.log(ALPHA * float(w.abs()) * float(e.abs().flatten(1).sum(1).mean())), rel=1e-9)


def test_against_a_plain_implementation() -> None:
    def layers():
        return nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3), nn.BatchNorm2d(4)

    conv1, norm1, conv2, norm2 = layers()
    net = nn.Sequential(conv1, norm1, nn.ReLU(), conv2, norm2, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    torch.manual_seed(5)
    ours = zen(net, IMAGES)
    torch.manual_seed(5)
    w1, w2 = (torch.nn.init.normal_(torch.empty_like(c.weight, dtype=torch.float64)) for c in (conv1, conv2))
    torch.nn.init.normal_(torch.empty(3, 4, dtype=torch.float64))  # the classifier is drawn too, and not read
    x, e = (torch.randn(16, 3, 8, 8, dtype=torch.float64) for _ in range(2))
    deviations = []

    def normalised(y):
        mean, variance = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), correction=0, keepdim=True)
        deviations.append(math.sqrt(float(variance.mean())))
        return (y - mean) / (variance + 1e-5).sqrt()

    def f(x):
        y = normalised(nn.functional.conv2d(x, w1, padding=1)).relu()
        return normalised(nn.functional.conv2d(y, w2)).relu()

    before = f(x)
    own = list(deviations)
    difference = float((before - f(x + ALPHA * e)).abs().flatten(1).sum(1).mean())
    assert ours == pytest.approx(math.log(difference) + sum(map(math.log, own)), rel=1e-9)


def test_initial_weights_and_images_do_not_matter_but_the_seed_does() -> None:
    torch.manual_seed(0)
    net = build(known("resnet20_cifar10"))
    scores = []
    for seed, factor in ((1, 1.0), (1, 100.0), (2, 1.0)):
        for p in net.parameters():
            p.data.mul_(factor)
        torch.manual_seed(seed)
        scores.append(zen(net, torch.randn(4, 3, 32, 32)))
    assert scores[0] == scores[1] != scores[2]


def test_deeper_networks_score_higher() -> None:
    """The paper's point: the score grows with depth, where norms alone would hide it."""
    scores = []
    for name in ("resnet20_cifar10", "resnet44_cifar10"):
        torch.manual_seed(0)
        scores.append(zen(build(known(name)), torch.zeros(4, 3, 32, 32)))
    assert scores[1] > scores[0] + 20


@pytest.mark.parametrize(
    ("name", "side", "shape"),
    [
        ("resnet20_cifar10", 32, (64, 8, 8)),
        ("mobilenet_v3_small", 64, (576, 2, 2)),  # its gates pool too, and a linear layer comes after the pooling
        ("vgg11", 64, (512, 2, 2)),  # pooled to 7x7
        ("lenet5", 32, (120, 1, 1)),  # nothing is pooled over the whole map
    ],
)
def test_the_last_map(name: str, side: int, shape: tuple[int, int, int]) -> None:
    g = known(name)
    assert last_map(build(g).eval(), torch.zeros(2, g.input[0], side, side)).shape == (2, *shape)


def test_a_network_that_does_not_read_its_input_has_no_score() -> None:
    class Constant(nn.Module):
        def forward(self, x):
            return 0.0 * x

    assert math.isnan(zen(Constant(), IMAGES))
