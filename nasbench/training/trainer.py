"""Training a network. The result is the same to the bit for the same seed, machine and number of threads."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from nasbench.errors import DataError
from nasbench.training.batches import Statistics, resized
from nasbench.training.checkpoint import load_checkpoint, save_checkpoint
from nasbench.training.images import LabeledImages, subset
from nasbench.training.optimizer import fit_norm_momentum, learning_rate, make_optimizer
from nasbench.training.recipe import Recipe
from nasbench.training.score import all_logits, calibrate, score
from nasbench.training.zero_init import start_as_identity

CHECK_STEPS = 16  # steps between two checks of the loss; each check makes the CPU wait for the GPU


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training.

    Attributes:
        epoch: number from 1.
        train_loss: mean loss of the training images.
        accuracy, loss: those of the validation images; None if this epoch was not validated.
        train_seconds: time of the training.
        seconds: time of the training and the validation.
    """

    epoch: int
    train_loss: float
    accuracy: float | None
    loss: float | None
    train_seconds: float
    seconds: float


@dataclass(frozen=True)
class TrainResult:
    """The result of a training.

    Attributes:
        status: `ok`, or `diverged` if a loss became infinite or NaN.
        reason: why it diverged; empty if it did not.
        accuracy, loss: validation accuracy (0 to 1) and cross-entropy; None if it diverged.
        epochs: number of epochs that were trained.
        history: the epochs.
        images_per_second: speed of the training, without validation.
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


def train(
    net: nn.Module,
    train_images: LabeledImages,
    validation: LabeledImages,
    recipe: Recipe,
    *,
    shape: tuple[int, int, int],
    seed: int,
    device: str | torch.device = "cpu",
    on_epoch: Callable[[Epoch], None] | None = None,
    checkpoint: Path | None = None,
    until: int | None = None,
) -> TrainResult:
    """Train `net` in place and validate it.

    All random numbers come from `seed`, and the state of torch's own generators does not change. The losses of auxiliary heads are
    added with their weights; the validation loss is that of the network alone. A loss that is infinite or NaN ends the training with
    the result `diverged`, not with an error.

    Args:
        net: the network; it is moved to `device`.
        train_images, validation: images, which are resized to `shape`.
        recipe: the schedule.
        shape: input (C, H, W) of the network.
        seed: a whole number from 0.
        device: a torch device, such as `cuda:0`.
        on_epoch: called with each epoch, including those that a checkpoint holds.
        checkpoint: a file from which an interrupted training continues after its last complete epoch, with the same result as an
            uninterrupted one.
        until: the epoch after which to stop and validate, with the checkpoint in place, for successive halving. The learning rate is
            that of the whole recipe, so that a training that continues later gives the same bits as one that never stopped.

    Raises:
        DataError: there are fewer than two training images or no validation images, or the channels do not fit the network.
    """
    until = recipe.epochs if until is None else min(until, recipe.epochs)
    return _Training(net, train_images, validation, recipe, shape, seed, torch.device(device), until).run(on_epoch, checkpoint)


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


class _Training:
    """The state of one training between two epochs."""

    def __init__(
        self,
        net: nn.Module,
        images: LabeledImages,
        validation: LabeledImages,
        recipe: Recipe,
        shape: tuple[int, int, int],
        seed: int,
        device: torch.device,
        until: int,
    ) -> None:
        images = images if recipe.images is None else subset(images, recipe.images, seed=0)
        if len(images) < 2 or not len(validation):
            raise DataError(f"training needs two images and one to validate; got {len(images)} and {len(validation)}; use more")
        self.recipe, self.seed, self.device, self.until = recipe, seed, device, until
        self.images, self.validation = resized(images, shape, device), resized(validation, shape, device)
        self.statistics = self.images.statistics()
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.net = net.to(device).to(memory_format=layout)
        if recipe.identity_start:
            start_as_identity(self.net)
        self.optimizer = make_optimizer(self.net, recipe)
        self.batch = min(recipe.batch_size, len(self.images))
        self.steps = len(self.images) // self.batch
        if not recipe.calibration:  # otherwise the running statistics are computed anew
            fit_norm_momentum(self.net, recipe.epochs * self.steps)
        self.generator = torch.Generator().manual_seed(seed)
        self.history: list[Epoch] = []
        self.identity = {
            "recipe": recipe.to_dict(),
            "seed": seed,
            "shape": list(shape),
            "images": [len(self.images), len(self.validation)],
            "mean": list(self.statistics.mean),
            "weights": {name: list(value.shape) for name, value in net.state_dict().items()},
        }

    def run(self, on_epoch: Callable[[Epoch], None] | None, checkpoint: Path | None) -> TrainResult:
        report = on_epoch or (lambda _: None)
        with _own_randomness(self.seed, self.device):
            state = load_checkpoint(checkpoint, self.identity) if checkpoint else None
            if state and self._usable(state["history"]):
                self._restore(state)
                for epoch in self.history:
                    report(epoch)
            while len(self.history) < self.until:
                epoch = self._epoch()
                self.history.append(epoch)
                if checkpoint and math.isfinite(epoch.train_loss) and epoch.epoch < self.recipe.epochs:
                    save_checkpoint(checkpoint, self._state())
                report(epoch)
                if not math.isfinite(epoch.train_loss):
                    return self._result(f"the training loss became {epoch.train_loss} in epoch {epoch.epoch}")
        del self.history[self.until :]
        last = self.history[-1]
        if last.loss is None or not math.isfinite(last.loss):
            return self._result(f"the validation loss is {last.loss} after epoch {last.epoch}")
        return self._result("")

    def _usable(self, history: list[dict[str, Any]]) -> bool:
        """Whether a checkpoint is usable: it ends before the last epoch of this call, or has the accuracy at that epoch."""
        return len(history) < self.until or history[self.until - 1]["accuracy"] is not None

    def _epoch(self) -> Epoch:
        start = time.perf_counter()
        train_loss = self._pass()
        trained = time.perf_counter()
        accuracy = loss = None
        last = len(self.history) + 1 == self.until
        if math.isfinite(train_loss) and (last or self.recipe.validate_epochs):
            if self.recipe.calibration:
                calibrate(self.net, self._calibration(), self.recipe)
            accuracy, loss = score(self.net, self.validation, self.recipe, self.statistics)
        end = time.perf_counter()
        return Epoch(len(self.history) + 1, train_loss, accuracy, loss, trained - start, end - start)

    def _pass(self) -> float:
        """Train one epoch; returns the mean loss, which is infinite or NaN if that of a step is."""
        first = len(self.history) * self.steps
        order = torch.randperm(len(self.images), generator=self.generator)
        total = torch.zeros((), device=self.device)
        self.net.train()
        for step in range(self.steps):
            rate = learning_rate(self.recipe, first + step, self.recipe.epochs * self.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            total += self._step(order[step * self.batch :][: self.batch])
            if step % CHECK_STEPS == 0 and not math.isfinite(total.item()):
                break
        return total.item() / self.steps

    def _step(self, index: torch.Tensor) -> torch.Tensor:
        pixels, labels = self.images.augmented(
            index, self.statistics, self.generator, flip=self.recipe.flip, padding=self.recipe.crop_padding
        )
        loss = torch.zeros((), device=self.device)
        for output, weight in all_logits(self.net, pixels, self.recipe):
            loss = loss + weight * functional.cross_entropy(output, labels, label_smoothing=self.recipe.label_smoothing)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.detach()

    def _calibration(self) -> Iterator[torch.Tensor]:
        """Training images in whole batches without augmentation, like validation images; the same at each call."""
        order = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(self.seed))
        count = max(1, min(self.recipe.calibration, len(order)) // self.batch) * self.batch
        for index in torch.split(order[:count], self.batch):
            yield self.images.plain(index, self.statistics)[0]

    def _state(self) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "order": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.generator.set_state(state["order"])
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None:
            torch.cuda.set_rng_state(state["cuda"], self.device)

    def _result(self, reason: str) -> TrainResult:
        last = self.history[-1]
        return TrainResult(
            status="diverged" if reason else "ok",
            reason=reason,
            accuracy=None if reason else last.accuracy,
            loss=None if reason else last.loss,
            epochs=len(self.history),
            history=tuple(self.history),
            images_per_second=len(self.history) * self.steps * self.batch / sum(e.train_seconds for e in self.history),
            seconds=sum(epoch.seconds for epoch in self.history),
            statistics=self.statistics,
        )


@contextmanager
def _own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's generators (dropout, drop path) and use deterministic convolutions; afterwards all is as before."""
    cuda = device.type == "cuda"
    with (
        torch.random.fork_rng([device] if cuda else []),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        torch.manual_seed(seed)
        yield
