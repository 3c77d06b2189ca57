"""What the scores share: a copy of a network to work on, and its weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def working_copy(net: nn.Module, *, batch_statistics: bool, dtype: torch.dtype = torch.float32) -> nn.Module:
    """A copy of a network without dropout and auxiliary heads; the network itself is never changed.

    Args:
        batch_statistics: whether norms use the mean and variance of the batch, as in training, or the stored ones.
    """
    net = copy.deepcopy(net).to(dtype).eval()
    for module in net.modules():
        if isinstance(module, NORMS):
            module.train(batch_statistics)
    return net


def weights(net: nn.Module) -> list[Tensor]:
    """The weights of convolutions and linear layers, without biases and norms."""
    return [m.weight for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
