"""One network scored: its weights drawn, a batch of images drawn, and the proxy averaged over several draws."""

from __future__ import annotations

import pkgutil
import random
from collections.abc import Callable

import torch
from torch import Tensor

from nasbench.evaluate.zero_cost.proxies import Proxy
from nasbench.genotype import Genotype, adapt, class_count, trace
from nasbench.network import build
from nasbench.training.batches import Statistics, resized
from nasbench.training.images import LabeledImages, subset
from nasbench.training.recipe import Recipe, proxy_input

STATISTICS = 1024  # images from which mean and deviation are computed

Score = Callable[[torch.nn.Module, Tensor, Tensor], float]


def draw_scores(
    genotype: Genotype,
    proxy: Proxy,
    images: LabeledImages,
    classes: int,
    recipe: Recipe,
    *,
    seed: int,
    repeats: int,
    batch: int,
    device: str,
) -> list[float]:
    """The value of a proxy for `repeats` draws of initial weights and images.

    Args:
        genotype: it is scored with the classes of the data, at the resolution at which the recipe would train it.
        images: training images; each draw takes `batch` of them at random.
        seed: decides all draws.

    Raises:
        GenotypeError: the shapes do not fit together at that resolution.
    """
    shape = proxy_input(genotype.input, recipe)
    genotype = adapt(genotype, input=shape, classes=classes)
    class_count(trace(genotype), genotype.name)
    function: Score = pkgutil.resolve_name(proxy.function)
    statistics = None if proxy.reads == "nothing" else resized(subset(images, STATISTICS, seed=0), shape).statistics()
    draw = random.Random(seed)
    values = []
    for _ in range(repeats):
        with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if device == "cuda" else []):
            torch.manual_seed(draw.randrange(2**31))
            net = build(genotype).to(device)
            pixels, labels = _batch(images, batch, shape, statistics, device)
            values.append(function(net, pixels, labels))
    return values


def _batch(
    images: LabeledImages, count: int, shape: tuple[int, int, int], statistics: Statistics | None, device: str
) -> tuple[Tensor, Tensor]:
    """Normalised images drawn at random, and their labels; empty images where nothing is read of them."""
    if statistics is None:
        return torch.zeros(count, *shape, device=device), torch.zeros(count, dtype=torch.int64, device=device)
    index = torch.randperm(len(images))[:count]
    drawn = resized(images.select(index), shape, device)
    return drawn.plain(torch.arange(len(drawn)), statistics)
