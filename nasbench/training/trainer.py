"""One training of one network, the same to the bit for the same seed, machine and number of threads."""

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
from nasbench.training.optimizer import learning_rate, make_optimizer
from nasbench.training.recipe import Recipe
from nasbench.training.score import all_logits, calibrate, score
from nasbench.training.zero_init import start_as_identity

LOOK = 16  # steps between two looks at the loss: each look makes a GPU wait


@dataclass(frozen=True)
class Epoch:
    """One line of a history; accuracy and loss are those of validation, None where it was not asked for.

    `train_seconds` is the training alone, `seconds` all of it.
    """

    epoch: int
    train_loss: float
    accuracy: float | None
    loss: float | None
    train_seconds: float
    seconds: float


@dataclass(frozen=True)
class TrainResult:
    """What training gave: validation accuracy (0 to 1) and cross-entropy, both None when it diverged."""

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
    """Train `net`, in place, on images resized to its input `shape` (C, H, W), and validate it.

    Everything random comes from `seed`; the state of torch's own generators is the same after as before. With a
    `checkpoint`, an interrupted training goes on after its last whole epoch and ends as if nothing had happened.
    `on_epoch` is told every epoch, those of the checkpoint included.
    `until` stops after that epoch, validated and with its checkpoint left, as one rung of successive halving; the learning
    rate is that of the whole recipe, so that a training that goes on ends with the bits of one that never stopped.
    Losses of auxiliary heads are added with their weights; those of validation are of the network alone.
    A loss that is not finite ends it at once: that is a result (`diverged`), not an error.

    Raises:
        DataError: fewer than two training images, or channels that cannot be matched.
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
    """The share of `images` that `net` names rightly; `statistics` are those it was trained with."""
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
        tell = on_epoch or (lambda _: None)
        with _own_randomness(self.seed, self.device):
            state = load_checkpoint(checkpoint, self.identity) if checkpoint else None
            if state and self._leads_on(state["history"]):
                self._restore(state)
                for epoch in self.history:
                    tell(epoch)
            while len(self.history) < self.until:
                epoch = self._epoch()
                self.history.append(epoch)
                if checkpoint and math.isfinite(epoch.train_loss) and epoch.epoch < self.recipe.epochs:
                    save_checkpoint(checkpoint, self._state())
                tell(epoch)
                if not math.isfinite(epoch.train_loss):
                    return self._result(f"the training loss became {epoch.train_loss} in epoch {epoch.epoch}")
        del self.history[self.until :]
        last = self.history[-1]
        if last.loss is None or not math.isfinite(last.loss):
            return self._result(f"the validation loss is {last.loss} after epoch {last.epoch}")
        return self._result("")

    def _leads_on(self, history: list[dict[str, Any]]) -> bool:
        """Whether a checkpoint is not beyond where this call ends, or says how good the network was there."""
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
        """Every training image once; the mean loss, not finite as soon as that of a step is not."""
        first = len(self.history) * self.steps
        order = torch.randperm(len(self.images), generator=self.generator)
        total = torch.zeros((), device=self.device)
        self.net.train()
        for step in range(self.steps):
            rate = learning_rate(self.recipe, first + step, self.recipe.epochs * self.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            total += self._step(order[step * self.batch :][: self.batch])
            if step % LOOK == 0 and not math.isfinite(total.item()):
                break
        return total.item() / self.steps

    def _step(self, index: torch.Tensor) -> torch.Tensor:
        pixels, labels = self.images.augmented(
            index, self.statistics, self.generator, flip=self.recipe.flip, padding=self.recipe.crop_padding
        )
        loss = torch.zeros((), device=self.device)
        for said, weight in all_logits(self.net, pixels, self.recipe):
            one = functional.cross_entropy(said, labels, label_smoothing=self.recipe.label_smoothing)
            loss = loss + weight * one
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.detach()

    def _calibration(self) -> Iterator[torch.Tensor]:
        """Training images without augmentation, as validation is, in whole batches: the same at every call."""
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
    """Seed torch's generators (dropout, drop path) and choose repeatable convolutions; all as before afterwards."""
    cuda = device.type == "cuda"
    with (
        torch.random.fork_rng([device] if cuda else []),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
    ):
        torch.manual_seed(seed)
        yield
