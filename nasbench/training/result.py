"""What a training gives: its epochs, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from nasbench.training.batches import Statistics


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training.

    Attributes:
        epoch: number from 1.
        train_loss: mean loss of the training images.
        accuracy, loss: those of the validation images; None if this epoch was not validated.
        train_seconds: time of the training.
        seconds: time of the training and the validation.
        lr: learning rate of the last step; None in checkpoints of version 0.2.
    """

    epoch: int
    train_loss: float
    accuracy: float | None
    loss: float | None
    train_seconds: float
    seconds: float
    lr: float | None = None


@dataclass
class BegunEpoch:
    """An epoch that has begun and not ended.

    Attributes:
        order: positions of the training images in the order of this epoch, int64 (N).
        total: sum of the losses of the steps so far, float32 ().
        step: number of these steps.
        seconds: time that they took.
    """

    order: torch.Tensor
    total: torch.Tensor
    step: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class TrainResult:
    """The result of a training.

    Attributes:
        status: `ok`, or `diverged` if a loss became infinite or NaN.
        reason: why it diverged; empty if it did not.
        accuracy, loss: validation accuracy (0 to 1) and cross-entropy; None if it diverged or was not validated.
        epochs: number of epochs that were trained.
        history: the epochs.
        images_per_second: speed of the training, without validation; that of the first of several epochs does not count.
        seconds: time of all epochs.
        statistics: mean and deviation that normalise the images.
    """

    status: Literal["ok", "diverged"]
    reason: str
    accuracy: float | None
    loss: float | None
    epochs: int
    history: tuple[Epoch, ...]
    images_per_second: float
    seconds: float
    statistics: Statistics
