"""How good a network is as it stands: batch norms calibrated, images named."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.network import AuxiliaryHead, loss_weights
from nasbench.training.batches import Batches, Statistics
from nasbench.training.recipe import Recipe

BATCH = 250  # without gradients a batch only has to be large enough to hide the cost per call


def logits(net: nn.Module, images: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """What `net` says to images (B, C, H, W), as float32 (B, classes), in the layout and precision of the recipe."""
    return all_logits(net, images, recipe)[0][0]


def all_logits(net: nn.Module, images: torch.Tensor, recipe: Recipe) -> list[tuple[torch.Tensor, float]]:
    """As `logits`, with those of auxiliary heads behind; each with the weight of its loss, 1 for the network itself.

    Heads answer in training mode only.
    """
    kind = images.device.type
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    half = recipe.precision == "bf16" or (
        recipe.precision == "auto" and kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    with torch.autocast(kind, torch.bfloat16, enabled=half):
        said: torch.Tensor | tuple[torch.Tensor, ...] = net(images.contiguous(memory_format=layout))
    if isinstance(said, tuple):
        return [(one.float(), weight) for one, weight in zip(said, loss_weights(net), strict=True)]
    return [(said.float(), 1.0)]


def calibrate(net: nn.Module, batches: Iterable[torch.Tensor], recipe: Recipe) -> None:
    """Set the running mean and variance of every batch norm to the plain average over `batches`, (B, C, H, W) each.

    Dropout and the like stay off; weights and momentum stay as they are, and so do auxiliary heads. After a short schedule, or with a tiny
    momentum, running averages still hold their initial values, and the network would be judged by those. The idea is
    that of sub-networks in BigNAS (Yu et al. 2020, section 3.3).
    """
    aside = {inner for head in net.modules() if isinstance(head, AuxiliaryHead) for inner in head.modules()}
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and m not in aside]
    if not norms:
        return
    momenta, was_training = [norm.momentum for norm in norms], net.training
    net.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch's word for a plain average
            norm.train()
        with torch.no_grad():
            for images in batches:
                logits(net, images, recipe)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        net.train(was_training)


def score(net: nn.Module, images: Batches, recipe: Recipe, statistics: Statistics) -> tuple[float, float]:
    """The share of images that `net` names rightly (0 to 1), and its mean cross-entropy."""
    was_training = net.training
    net.eval()
    right, loss = 0, 0.0
    with torch.no_grad():
        for index in torch.split(torch.arange(len(images)), BATCH):
            pixels, labels = images.plain(index, statistics)
            said = logits(net, pixels, recipe)
            right += int((said.argmax(1) == labels).sum())
            loss += functional.cross_entropy(said, labels, reduction="sum").item()
    net.train(was_training)
    return right / len(images), loss / len(images)
