"""The exponential moving average of a network's weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from nasbench.training.recipe import Recipe


def make_average(net: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """The moving average of the weights and running statistics of `net`; None if the recipe has none.

    The first update copies the weights. After `n` updates the decay of the next is the smaller of the recipe's and (1 + n) / (10 + n), as
    in TensorFlow's `ExponentialMovingAverage` with `num_updates`, which EfficientNet uses. A short training is then not dominated by its
    first weights.

    >>> [round(decay_after(n, 0.9999), 3) for n in (1, 90, 10**6)]
    [0.182, 0.91, 1.0]
    """
    if not recipe.ema:
        return None

    def update(averages: Any, values: Any, count: Tensor | int) -> None:
        with torch.no_grad():
            if averages[0].is_floating_point():
                torch._foreach_lerp_(averages, values, 1 - decay_after(int(count), recipe.ema))
            else:  # numbers of batches
                for average, value in zip(averages, values, strict=True):
                    average.copy_(value)

    return AveragedModel(net, multi_avg_fn=update, use_buffers=True)


def decay_after(count: int, decay: float) -> float:
    """The decay of the update that follows `count` others."""
    return min(decay, (1 + count) / (10 + count))
