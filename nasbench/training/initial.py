"""The network of a genotype for the classes and the resolution of images, with the initial weights of a seed."""

from __future__ import annotations

import torch
from torch import nn

from nasbench.genotype import Genotype, adapt, class_count, trace
from nasbench.network import build


def initial_network(genotype: Genotype, shape: tuple[int, int, int], classes: int, seed: int) -> tuple[Genotype, nn.Module]:
    """The genotype at the input `shape` (C, H, W) with `classes` outputs, and its network. torch's generator stays as it was.

    Raises:
        GenotypeError: the shapes do not fit together at this resolution, or the network ends in a map and has no logits to train.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = adapt(genotype, input=shape, classes=classes)
        class_count(trace(adapted), adapted.name)
        net: nn.Module = build(adapted)
    return adapted, net
