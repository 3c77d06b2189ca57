"""The accuracy and loss of a network, and the calibration of its batch norms."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.network import AuxiliaryHead, loss_weights
from nasbench.training.batches import Batches, Statistics
from nasbench.training.recipe import Recipe

BATCH = 250  # large enough to hide the overhead of a call


def logits(net: nn.Module, images: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """The logits of images (B, C, H, W), float32 (B, classes), computed in the memory layout and precision of the recipe."""
    return all_logits(net, images, recipe)[0][0]


def all_logits(net: nn.Module, images: torch.Tensor, recipe: Recipe) -> list[tuple[torch.Tensor, float]]:
    """The logits of the network and then of its auxiliary heads, each with the weight of its loss; the network's weight is 1.

    Auxiliary heads have logits in training mode only.
    """
    kind = images.device.type
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    half = recipe.precision == "bf16" or (
        recipe.precision == "auto" and kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    with torch.autocast(kind, torch.bfloat16, enabled=half):
        output: torch.Tensor | tuple[torch.Tensor, ...] = net(images.contiguous(memory_format=layout))
    if isinstance(output, tuple):
        return [(head.float(), weight) for head, weight in zip(output, loss_weights(net), strict=True)]
    return [(output.float(), 1.0)]


def calibrate(net: nn.Module, batches: Iterable[torch.Tensor], recipe: Recipe) -> None:
    """Set the running mean and variance of each batch norm to the plain average over `batches`, (B, C, H, W) each.

    Dropout stays off, and weights, momenta and auxiliary heads do not change. After a short training, or with a tiny momentum, the
    running averages would still contain their initial values, and the accuracy would depend on them. BigNAS does the same for its
    sub-networks (Yu et al. 2020, section 3.3).
    """
    in_heads = {inner for head in net.modules() if isinstance(head, AuxiliaryHead) for inner in head.modules()}
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and m not in in_heads]
    if not norms:
        return
    momenta, was_training = [norm.momentum for norm in norms], net.training
    net.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch then computes a plain average
            norm.train()
        with torch.no_grad():
            for images in batches:
                logits(net, images, recipe)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        net.train(was_training)


def score(net: nn.Module, images: Batches, recipe: Recipe, statistics: Statistics) -> tuple[float, float]:
    """The accuracy (0 to 1) of the network on images, and its mean cross-entropy."""
    was_training = net.training
    net.eval()
    correct, loss = 0, 0.0
    with torch.no_grad():
        for index in torch.split(torch.arange(len(images)), BATCH):
            pixels, labels = images.plain(index, statistics)
            output = logits(net, pixels, recipe)
            correct += int((output.argmax(1) == labels).sum())
            loss += functional.cross_entropy(output, labels, reduction="sum").item()
    net.train(was_training)
    return correct / len(images), loss / len(images)
