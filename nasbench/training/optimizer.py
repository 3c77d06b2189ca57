"""The optimizer of a recipe, and a momentum of batch norms that fits the number of steps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.errors import NasbenchError
from nasbench.training.recipe import Recipe

DECAY, EPSILON = 0.9, 1e-3  # of RMSprop, as in EfficientNet (Tan and Le 2019, section 5.2) and its reference code
LEFT = 0.01  # of the initial running statistics may be left at the end of a training


def make_optimizer(net: nn.Module, recipe: Recipe, given: Collection[str] = ()) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, AdamW or RMSprop; the weight decay of parameters with one dimension (norms, biases) is 0.

    RMSprop is TensorFlow's, as EfficientNet and MobileNetV3 use it: the mean of squares starts at 1, epsilon stands below the root, and the
    momentum adds up steps that hold the learning rate. torch's own differs in all three.

    Args:
        given: names of parameters that begin with given weights; they are in groups of their own, with the key `given`.

    Raises:
        NasbenchError: RMSprop needs timm, which is not installed.
    """
    named = [(name, parameter) for name, parameter in net.named_parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = []
    for which in (False, True) if given else (False,):
        parameters = [parameter for name, parameter in named if (name in given) == which]
        groups += [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay, "given": which},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "given": which},
        ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.lr, betas=(recipe.momentum, 0.999))
    if recipe.optimizer == "rmsprop":
        try:
            from timm.optim import RMSpropTF
        except ImportError:
            raise NasbenchError(
                "the optimizer rmsprop of a recipe is that of timm, which is not installed; run: pip install 'nasbench[train]'"
            ) from None
        rmsprop: torch.optim.Optimizer = RMSpropTF(groups, lr=recipe.lr, alpha=DECAY, eps=EPSILON, momentum=recipe.momentum)
        return rmsprop
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=True)


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
