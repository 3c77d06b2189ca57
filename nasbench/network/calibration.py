"""The running statistics of batch norms, computed anew from images."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.errors import WeightsError
from nasbench.network.auxiliary import AuxiliaryHead

BATCH = 64


def calibrate(net: nn.Module, images: Tensor | Iterable[Tensor], run: Callable[[Tensor], object] | None = None) -> None:
    """Set the running mean and variance of each batch norm to the plain average over images.

    A batch norm averages over its last 1 / momentum batches, so after fewer steps the running averages still hold their initial
    values, and in inference mode the network answers otherwise than in training mode. Some known networks have a small momentum:
    0.01 in EfficientNet-B5, 0.0003 in MnasNet. Then call this after a short training and before `net.eval()`. BigNAS does the same
    for its sub-networks (Yu et al. 2020, section 3.3).

    Dropout stays off, and weights, momenta and auxiliary heads do not change.

    Args:
        images: some hundred training images (N, c, h, w), normalised as in training, which are used in batches of 64; or batches.
        run: called with each batch instead of `net`, for another precision or memory layout.

    Raises:
        WeightsError: there are no images.

    >>> import nasbench as nb
    >>> net = nb.build(nb.adapt(nb.known("mnasnet1_0"), (3, 32, 32), 10))
    >>> images = torch.randn(128, 3, 32, 32) + 5
    >>> nb.calibrate(net, images)
    >>> norm = next(m for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    >>> bool((norm.running_var != 1).all()), norm.momentum
    (True, 0.0003)
    """
    in_heads = {inner for head in net.modules() if isinstance(head, AuxiliaryHead) for inner in head.modules()}
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and m not in in_heads]
    if not norms:
        return
    batches = iter(torch.split(images, BATCH) if isinstance(images, Tensor) else images)
    first = next(batches, None)
    if first is None or not len(first):
        raise WeightsError("batch norms are calibrated with some images (N, c, h, w); got none; pass a few hundred of the training images")
    modes, momenta = [(module, module.training) for module in net.modules()], [norm.momentum for norm in norms]
    net.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch then computes a plain average
            norm.train()
        with torch.no_grad():
            (run or net)(first)
            for batch in batches:
                (run or net)(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, training in modes:
            module.training = training
