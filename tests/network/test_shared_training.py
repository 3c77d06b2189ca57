"""Samples of the shared spaces train: a step at their own resolution, on this machine."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from nasbench.genotype import Genotype
from nasbench.network import build
from nasbench.spaces import load_space

MOST_FAIL = 0.05


def step(g: Genotype) -> str:
    """What is wrong with a step of training on two images; nothing where it went well."""
    torch.manual_seed(0)
    net = build(g)
    out = net(torch.randn(2, *g.input))
    loss = F.cross_entropy(out[0] if isinstance(out, tuple) else out, torch.tensor([1, 2]))
    loss.backward()
    torch.optim.SGD(net.parameters(), 0.01).step()
    if not torch.isfinite(loss):
        return f"loss {float(loss)}"
    return ", ".join(k for k, p in net.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all())


@pytest.mark.parametrize(
    ("name", "seeds"),
    [
        ("shared_small", range(12)),
        ("shared", range(4)),
        pytest.param("shared_small", range(1000, 1100), marks=pytest.mark.slow),
        pytest.param("shared", range(1000, 1100), marks=pytest.mark.slow),
    ],
)
def test_samples_train_a_step(name: str, seeds: range) -> None:
    space = load_space(name)
    wrong = {seed: problem for seed in seeds if (problem := step(space.sample(seed)))}
    assert len(wrong) <= MOST_FAIL * len(seeds), wrong
