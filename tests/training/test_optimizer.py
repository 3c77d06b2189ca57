"""The optimizer of a recipe and its learning rate."""

from __future__ import annotations

import sys

import pytest
import torch
from nets import small_net

from nasbench.errors import NasbenchError
from nasbench.training.optimizer import make_optimizer
from nasbench.training.recipe import Recipe
from nasbench.training.schedule import learning_rate


@pytest.mark.parametrize(
    ("change", "kind"),
    [({}, torch.optim.SGD), ({"momentum": 0.0}, torch.optim.SGD), ({"optimizer": "adamw", "lr": 0.001}, torch.optim.AdamW)],
)
def test_norms_and_biases_do_not_decay(change: dict, kind: type) -> None:
    net, recipe = small_net(), Recipe(weight_decay=0.1, **change)
    optimizer = make_optimizer(net, recipe)
    assert type(optimizer) is kind
    decaying, others = optimizer.param_groups
    assert [p.ndim for p in decaying["params"]] == [4, 2]
    assert [p.ndim for p in others["params"]] == [1, 1, 1]
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert decaying["lr"] == recipe.lr
    assert decaying.get("nesterov", False) is (kind is torch.optim.SGD and recipe.momentum > 0)


def test_frozen_parameters_are_left_out() -> None:
    net = small_net()
    net[0].weight.requires_grad_(False)
    assert sum(len(group["params"]) for group in make_optimizer(net, Recipe()).param_groups) == 4


def test_the_rate_climbs_and_falls() -> None:
    recipe = Recipe(lr=1.0, warmup=0.2)
    rates = [learning_rate(recipe, step, 100) for step in range(100)]
    assert rates[:20] == pytest.approx([(step + 1) / 21 for step in range(20)])
    assert rates[20] == max(rates) == 1.0
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[60] == pytest.approx(0.5)
    assert 0 < rates[-1] < 0.001


def test_without_warmup_the_rate_begins_at_its_highest() -> None:
    assert learning_rate(Recipe(lr=0.1, warmup=0.0), 0, 1) == pytest.approx(0.1)


def test_rmsprop_is_tensorflows() -> None:
    """Two steps counted by hand: the mean of squares starts at 1, epsilon is below the root, the momentum holds the rate."""
    weight = torch.nn.Parameter(torch.tensor([[1.0]]))
    net = torch.nn.Module()
    net.weight = weight
    optimizer = make_optimizer(net, Recipe(optimizer="rmsprop", lr=0.1, momentum=0.9, weight_decay=0.0))
    square, buffer, value = 1.0, 0.0, 1.0
    for gradient, rate in ((2.0, 0.1), (-1.0, 0.05)):
        weight.grad = torch.tensor([[gradient]])
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        square = 0.9 * square + 0.1 * gradient**2
        buffer = 0.9 * buffer + rate * gradient / (square + 1e-3) ** 0.5
        value -= buffer
        assert weight.item() == pytest.approx(value)


def test_rmsprop_without_timm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm.optim", None)
    with pytest.raises(NasbenchError, match=r"pip install 'nasbench\[train\]'"):
        make_optimizer(small_net(), Recipe(optimizer="rmsprop"))
