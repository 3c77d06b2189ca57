"""Training a network. The result is the same to the bit for the same seed, machine and number of threads."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import torch
from torch import nn

from nasbench.training.batches import Statistics, resized
from nasbench.training.group import ALONE, Group
from nasbench.training.images import LabeledImages
from nasbench.training.loop import Training
from nasbench.training.recipe import Recipe
from nasbench.training.result import Epoch, TrainResult
from nasbench.training.score import score

__all__ = ["Epoch", "TrainResult", "evaluate", "train"]


def train(
    net: nn.Module,
    train_images: LabeledImages,
    validation: LabeledImages | None,
    recipe: Recipe,
    *,
    shape: tuple[int, int, int],
    seed: int,
    device: str | torch.device = "cpu",
    on_epoch: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
    until: int | None = None,
    on_start: Callable[[int, int], None] | None = None,
    on_best: Callable[[Epoch, nn.Module], None] | None = None,
    given: Collection[str] = (),
    group: Group = ALONE,
) -> TrainResult:
    """Train `net` in place and validate it.

    All random numbers come from `seed`, and the state of torch's own generators does not change. The losses of auxiliary heads are
    added with their weights; the validation loss is that of the network alone. A loss that is infinite or NaN ends the training with
    the result `diverged`, not with an error. With a moving average of the weights, the network ends with the average.

    Args:
        net: the network; it is moved to `device`.
        train_images, validation: images, which are resized to `shape`; without validation images the result has no accuracy.
        recipe: the schedule.
        shape: input (C, H, W) of the network.
        seed: a whole number from 0.
        device: a torch device, such as `cuda:0`.
        on_epoch: called with each epoch, including those that a checkpoint holds.
        checkpoint: a file from which an interrupted training continues, with the same result as an uninterrupted one. It is written
            after each epoch, and within an epoch when the last one is older than `nasbench.training.checkpoint.INTERVAL_S`.
        until: the epoch after which to stop and validate, with the checkpoint in place, for successive halving. The learning rate is
            that of the whole recipe, so that a training that continues later gives the same bits as one that never stopped.
        on_start: called once, before `on_epoch`, with the numbers of epochs and of steps of a further epoch that the checkpoint holds.
        on_best: called with each epoch whose validation accuracy is better than all before, and with the network that was validated, before
            the checkpoint of this epoch is written. An epoch that is trained again after a stop calls it again.
        given: names of parameters of `net` that hold given weights, which the recipe may train more slowly.
        group: the processes that call this function together; the first alone writes the checkpoint and validates.

    Raises:
        DataError: there are fewer than two training images or no image to validate, or the channels do not fit the network.
    """
    until = recipe.epochs if until is None else min(until, recipe.epochs)
    return Training(net, train_images, validation, recipe, shape, seed, torch.device(device), until, given, group).run(
        on_epoch, checkpoint, on_start, on_best
    )


def evaluate(
    net: nn.Module,
    images: LabeledImages,
    recipe: Recipe,
    *,
    shape: tuple[int, int, int],
    statistics: Statistics,
    device: str | torch.device = "cpu",
) -> float:
    """The accuracy (0 to 1) of `net` on `images`, at the input `shape` (C, H, W); `statistics` are those of its training."""
    return score(net, resized(images, shape, device), recipe, statistics)[0]
