"""The accuracy of one network with its slices of the shared tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from nasbench.genotype import Genotype
from nasbench.supernet.pixels import Pixels
from nasbench.supernet.plan import CALIBRATION
from nasbench.supernet.shared import SharedWeights
from nasbench.training.recipe import Recipe
from nasbench.training.score import BATCH, calibrate, logits

CALIBRATION_BATCH = 128  # images


@dataclass(frozen=True)
class SubnetScore:
    """What a supernet says of a network.

    Attributes:
        accuracy: share of the validation images, 0 to 1.
        loss: mean cross-entropy on them.
    """

    accuracy: float
    loss: float


@torch.no_grad()
def score_subnet(
    shared: SharedWeights,
    genotype: Genotype,
    training: Pixels,
    validation: Pixels,
    recipe: Recipe,
    *,
    seed: int = 0,
    calibration: int = CALIBRATION,
) -> SubnetScore:
    """Calibrate the batch norms of a network on random training images, then validate it.

    The statistics of a network's norms are not shared: they are reset and computed anew from images that are drawn over all classes (Yu et
    al. 2020, "BigNAS", section 3.3).

    Args:
        genotype: at the resolution at which it trains, with the classes of the data.
        seed: decides the images for the calibration.
        calibration: how many; 0 leaves the initial statistics.
    """
    subnet = shared.subnet(genotype)
    net, side = subnet.load(), subnet.input[1]
    if calibration:
        picked = torch.randperm(len(training), generator=torch.Generator().manual_seed(seed))[:calibration]
        batches = [index for index in torch.split(picked, CALIBRATION_BATCH) if len(index) > 1]  # one image has no variance
        calibrate(net, (training.plain(index, side)[0] for index in batches), recipe)
    net.eval()
    correct, loss = 0, 0.0
    for index in torch.split(torch.arange(len(validation)), BATCH):
        images, labels = validation.plain(index, side)
        output = logits(net, images, recipe)
        correct += int((output.argmax(1) == labels).sum())
        loss += float(functional.cross_entropy(output, labels, reduction="sum"))
    return SubnetScore(correct / len(validation), loss / len(validation))
