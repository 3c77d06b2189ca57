"""The learning rate at each step of a training. It follows from the recipe and the history alone, so a resumed training needs no state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nasbench.training.recipe import Recipe

START, END = 25.0, 1e4  # of `one-cycle`, as torch's OneCycleLR: lr / START at the beginning, and that / END at the end
LEAST = 1e-4  # of the best loss, by which another one must be lower to count as an improvement, as torch's ReduceLROnPlateau


def learning_rate(recipe: Recipe, step: int, steps: int, losses: Sequence[float | None] = ()) -> float:
    """The learning rate of `step`, from 0 to `steps` - 1.

    All schedules but `one-cycle` begin with a linear warm-up to `recipe.lr`.

    Args:
        losses: validation losses of the epochs so far, which the schedule `plateau` follows.

    >>> recipe = Recipe(lr=1.0, warmup=0.0, schedule="step", milestones=(0.5, 0.75))
    >>> [round(learning_rate(recipe, step, 8), 3) for step in range(8)]
    [1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01]
    """
    if recipe.schedule == "one-cycle":
        return _one_cycle(recipe, step, steps)
    warm = round(recipe.warmup * steps)
    if step < warm:
        return recipe.lr * (step + 1) / (warm + 1)
    if recipe.schedule == "step":
        return recipe.lr * recipe.gamma ** sum(step >= math.floor(share * steps + 0.5) for share in milestones(recipe))
    if recipe.schedule == "plateau":
        return recipe.lr * recipe.gamma ** plateaus(losses, recipe.patience)
    if recipe.schedule == "constant":
        return recipe.lr
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def given_factor(recipe: Recipe, step: int, steps: int) -> float:
    """The factor of the learning rate of what began with given weights, at `step` from 0 to `steps` - 1.

    >>> recipe = Recipe(head_start=0.25, body_lr=0.1)
    >>> [given_factor(recipe, step, 4) for step in range(4)]
    [0.0, 0.1, 0.1, 0.1]
    """
    return 0.0 if step < round(recipe.head_start * steps) else recipe.body_lr


def size_share(recipe: Recipe, epoch: int) -> float:
    """The share of the whole input side at which `epoch`, counted from 0, is trained; 1 in the last one.

    >>> recipe = Recipe(epochs=8, first_size=16, train_size=64, size_stages=4)
    >>> [size_share(recipe, epoch) for epoch in range(8)]
    [0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1.0, 1.0]
    """
    if not recipe.first_size:
        return 1.0
    return 1 - (1 - recipe.first_size / recipe.train_size) * (1 - growth(recipe, epoch))


def growth(recipe: Recipe, epoch: int) -> float:
    """How far what grows has grown in `epoch`, counted from 0: from 0 in the first stage to 1 in the last.

    All stages have equally many epochs, as in EfficientNetV2 (Tan and Le 2021, algorithm 1).

    >>> recipe = Recipe(epochs=6, size_stages=3)
    >>> [growth(recipe, epoch) for epoch in range(6)]
    [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]
    """
    stages = min(recipe.size_stages, recipe.epochs)
    return 1.0 if stages == 1 else (epoch * stages // recipe.epochs) / (stages - 1)


def stage_recipe(recipe: Recipe, epoch: int) -> Recipe:
    """The recipe with the `magnitude`, `mixup` and `dropout` of `epoch`, counted from 0; a magnitude is rounded.

    >>> recipe = Recipe(epochs=4, augment="rand", magnitude=15, first_magnitude=5, dropout=0.3, first_dropout=0.1)
    >>> stages = [stage_recipe(recipe, epoch) for epoch in range(4)]
    >>> [stage.magnitude for stage in stages], [round(stage.dropout, 3) for stage in stages]
    ([5, 8, 12, 15], [0.1, 0.167, 0.233, 0.3])
    """
    share = growth(recipe, epoch)
    grown: dict[str, Any] = {}
    for name in ("magnitude", "mixup", "dropout"):
        first, last = getattr(recipe, f"first_{name}"), getattr(recipe, name)
        if first is not None:
            value = last if share == 1 else first + share * (last - first)
            grown |= {name: round(value) if name == "magnitude" else value, f"first_{name}": None}
    return replace(recipe, **grown) if grown else recipe


def milestones(recipe: Recipe) -> tuple[float, ...]:
    """The shares of all steps at which the schedule `step` drops.

    >>> milestones(Recipe(schedule="step", drops=3))
    (0.25, 0.5, 0.75)
    """
    return recipe.milestones or tuple(number / (recipe.drops + 1) for number in range(1, recipe.drops + 1))


def plateaus(losses: Sequence[float | None], patience: int) -> int:
    """How often the loss did not improve for more than `patience` epochs.

    >>> plateaus([1.0, 0.9, 0.95, 0.91], patience=1)
    1
    """
    count = waited = 0
    best = math.inf
    for loss in losses:
        if loss is not None and loss < best * (1 - LEAST):
            best, waited = loss, 0
            continue
        waited += 1
        if waited > patience:
            count, waited = count + 1, 0
    return count


def _one_cycle(recipe: Recipe, step: int, steps: int) -> float:
    """Smith and Topin 2018, as torch's OneCycleLR with cosines, whose `pct_start` is the warm-up."""
    low = recipe.lr / START
    peak = max(0.0, recipe.warmup * steps - 1)
    if step <= peak and peak > 0:
        return _between(low, recipe.lr, step / peak)
    return _between(recipe.lr, low / END, (step - peak) / max(1.0, steps - 1 - peak))


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
