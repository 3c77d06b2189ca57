"""The network of a training: its initial weights, and a digest of its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

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


def weights_digest(weights: Mapping[str, torch.Tensor]) -> str:
    """The SHA-256 of a state dict on the CPU: of its names and bits. Files with the same weights may differ, because safetensors does not
    order their metadata."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()
