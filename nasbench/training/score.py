"""The accuracy and loss of a network, and the calibration of its batch norms."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from nasbench.network import calibrate as calibrate_norms
from nasbench.network import loss_weights
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
    """Calibrate the batch norms on `batches`, (B, C, H, W) each, as the recipe runs the network; see `nasbench.calibrate`."""
    calibrate_norms(net, batches, lambda images: logits(net, images, recipe))


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
