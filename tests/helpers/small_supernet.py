"""A small supernet: few networks, few images."""

from __future__ import annotations

from collections.abc import Sequence

import torch

import nasbench as nb
from nasbench.genotype import Genotype
from nasbench.supernet.pixels import Pixels
from nasbench.supernet.plan import SupernetPlan
from nasbench.supernet.training import SupernetTraining
from nasbench.training import load_images
from nasbench.training.group import ALONE, Group
from nasbench.training.images import subset
from nasbench.training.recipe import Recipe, proxy_input

RECIPE = Recipe(train_size=24)


def networks(space: str, count: int, first: int = 0, *, whole: bool = False) -> list[Genotype]:
    """Random networks of a space as they train, or at their `whole` resolution."""
    found = [nb.adapt(nb.space(space).sample(seed), classes=10) for seed in range(first, first + count)]
    return found if whole else [nb.adapt(g, input=proxy_input(g.input, RECIPE)) for g in found]


def pixels_for(pool: Sequence[Genotype], count: int = 192) -> Pixels:
    """Some training images at the resolution of the largest network."""
    shape = max((g.input for g in pool), key=lambda shape: shape[1])
    return Pixels.of(subset(load_images("embedded").train, count, seed=0), shape)


def training(pool: Sequence[Genotype], *, group: Group = ALONE, recipe: Recipe = RECIPE, **fields: object) -> SupernetTraining:
    """A training of a few steps."""
    plan = SupernetPlan(**({"steps": 12, "batch_size": 16} | fields))  # type: ignore[arg-type]
    return SupernetTraining(pool, pixels_for(pool), recipe, plan, torch.device("cpu"), group=group)
