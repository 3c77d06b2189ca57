from __future__ import annotations

import pytest
import torch
from torch import nn

from nasbench.genotype import Genotype, adapt
from nasbench.network import build
from nasbench.training.zero_init import start_as_identity
from nasbench.zoo import known


@pytest.mark.parametrize(
    ("name", "branches"),
    [
        ("mobilenet_v2", 10),  # 17 blocks, 7 of which change stride or width
        ("resnet18", 5),  # 8 blocks, 3 with a projected shortcut
        ("mnasnet1_0", 10),
        ("densenet121", 0),
        ("squeezenet1_1", 0),
    ],
)
def test_each_identity_shortcut_has_one_branch_at_zero(name: str, branches: int) -> None:
    net = build(adapt(known(name), input=(3, 64, 64), classes=10))
    assert start_as_identity(net) == branches
    zeros = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d) and not m.weight.any()]
    assert len(zeros) == branches


def test_blocks_hand_on_what_they_get_and_still_learn() -> None:
    row = {"op": "mbconv", "width": 8, "expand": "in*2"}
    net = build(Genotype.from_yaml(f"name: n\ninput: [8, 16, 16]\nstages: [[{row}, {row}]]\nhead: []".replace("'", '"')))
    assert start_as_identity(net) == 2
    x = torch.randn(2, 8, 16, 16)
    assert torch.equal(net(x), x)
    net(x).square().sum().backward()
    assert any(m.weight.grad.abs().sum() > 0 for m in net.modules() if isinstance(m, nn.BatchNorm2d))


def test_other_modules_stay_as_they_are() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    assert start_as_identity(net) == 0
    assert net[1].weight.all()
