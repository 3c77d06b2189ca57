"""The optimizer of a recipe, its learning rate at each step, and a momentum of batch norms that fits the number of steps."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.training.recipe import Recipe

LEFT = 0.01  # of the initial running statistics may be left at the end of a training


def make_optimizer(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, or AdamW; the weight decay of parameters with one dimension (norms, biases) is 0."""
    parameters = [parameter for parameter in net.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999))
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=True)


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of `step`, from 0 to `steps` - 1: a linear warmup to `recipe.lr`, then half a cosine towards 0."""
    warm = round(recipe.warmup * steps)
    if step < warm:
        return recipe.lr * (step + 1) / (warm + 1)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def fit_norm_momentum(net: nn.Module, steps: int) -> None:
    """Raise the momentum of batch norms so that after `steps` at most a hundredth of their initial running statistics is left.

    With MnasNet's momentum of 0.0003 that takes 15,349 steps; a shorter training would end with statistics that are mostly the initial
    ones, and fail in inference mode. A momentum that is large enough stays as it is.

    >>> norm = nn.BatchNorm2d(1, momentum=0.0003)
    >>> fit_norm_momentum(norm, steps=1000)
    >>> round(norm.momentum, 5), round((1 - norm.momentum) ** 1000, 4)
    (0.00459, 0.01)
    """
    least = 1 - LEFT ** (1 / max(1, steps))
    for module in net.modules():
        if isinstance(module, _BatchNorm) and module.momentum is not None and module.momentum < least:
            module.momentum = least
