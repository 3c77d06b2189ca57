"""The moving average of weights, counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nasbench.training.average import decay_after, make_average
from nasbench.training.recipe import Recipe


def test_three_updates_by_hand() -> None:
    net = nn.Linear(1, 1, bias=False)
    average = make_average(net, Recipe(ema=0.2))
    assert average is not None
    for value in (1.0, 2.0, 4.0):
        net.weight.data.fill_(value)
        average.update_parameters(net)
    # 1; then the decay is min(0.2, 2/11) = 0.1818: 1 * 2/11 + 2 * 9/11 = 20/11; then min(0.2, 3/12) = 0.2: 0.2 * 20/11 + 0.8 * 4
    assert average.module.weight.item() == pytest.approx(0.2 * 20 / 11 + 0.8 * 4)
    assert net.weight.item() == 4.0


def test_running_statistics_are_averaged_and_numbers_of_batches_copied() -> None:
    net = nn.BatchNorm2d(1)
    average = make_average(net, Recipe(ema=0.5))
    assert average is not None
    for _ in range(3):
        net.running_mean.add_(1.0)
        net.num_batches_tracked.add_(1)
        average.update_parameters(net)
    # 1; 1 * 2/11 + 2 * 9/11 = 20/11; then 3/12: 20/11 * 0.25 + 3 * 0.75
    assert average.module.running_mean.item() == pytest.approx(20 / 11 * 0.25 + 3 * 0.75)
    assert average.module.num_batches_tracked.item() == 3


def test_a_long_training_has_the_decay_of_the_recipe() -> None:
    assert decay_after(10**6, 0.9999) == 0.9999
    assert decay_after(1, 0.9999) == pytest.approx(2 / 11)


def test_without_a_decay_there_is_no_average() -> None:
    assert make_average(nn.Linear(1, 1), Recipe()) is None
    assert torch.is_tensor(make_average(nn.Linear(1, 1), Recipe(ema=0.9)).n_averaged)
