"""The network as the steps of a training call it."""

from __future__ import annotations

import torch
from torch import nn

from nasbench.training.compiled import compiled
from nasbench.training.group import Group
from nasbench.training.recipe import Recipe
from nasbench.training.synced_norm import synchronise_norms


def step_network(net: nn.Module, recipe: Recipe, group: Group, device: torch.device) -> nn.Module:
    """The network `net` with gradients averaged over the processes of the group, and compiled if the recipe says so.

    Where the recipe says so, the batch norms of `net` itself are synchronised over the processes. Everything else of `net` stays as it
    is, and validations, checkpoints and delivered files are made of it.

    Raises:
        NasbenchError: see `compiled`.
    """
    if recipe.sync_norms and group.size > 1:
        synchronise_norms(net, device)
    model = group.parallel(net, device)
    return compiled(model) if recipe.compile else model
