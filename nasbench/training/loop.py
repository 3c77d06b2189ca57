"""The loop of a training: epochs, steps and the state between two epochs."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from nasbench.errors import DataError, NasbenchError
from nasbench.training.augment import Augmentation, fitted_targets
from nasbench.training.average import make_average
from nasbench.training.batches import resized
from nasbench.training.checkpoint import load_checkpoint, save_checkpoint
from nasbench.training.images import LabeledImages, subset
from nasbench.training.optimizer import fit_norm_momentum, make_optimizer
from nasbench.training.recipe import SMALLEST, Recipe
from nasbench.training.result import Epoch, TrainResult
from nasbench.training.schedule import given_factor, learning_rate, size_share
from nasbench.training.score import all_logits, calibrate, score
from nasbench.training.zero_init import start_as_identity

CHECK_STEPS = 16  # steps between two checks of the loss; each check makes the CPU wait for the GPU


class Training:
    """The state of one training between two epochs."""

    def __init__(
        self,
        net: nn.Module,
        images: LabeledImages,
        validation: LabeledImages | None,
        recipe: Recipe,
        shape: tuple[int, int, int],
        seed: int,
        device: torch.device,
        until: int,
        given: Collection[str] = (),
    ) -> None:
        images = images if recipe.images is None else subset(images, recipe.images, seed=0)
        if len(images) < 2 or (validation is not None and not len(validation)):
            raise DataError(f"training needs two images and one to validate; got {len(images)} and {len(validation or ())}; use more")
        if validation is None and recipe.validate_epochs:
            raise NasbenchError("a recipe with validate_epochs, such as one with the schedule plateau, needs validation images; keep some")
        self.recipe, self.seed, self.device, self.until = recipe, seed, device, until
        self.images = self._whole = resized(images, shape, device)
        self._source, self._shape, self._share = images, shape, 1.0
        self.validation = None if validation is None else resized(validation, shape, device)
        self.statistics = self.images.statistics()
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.net = net.to(device).to(memory_format=layout)
        if recipe.identity_start:
            start_as_identity(self.net)
        self.optimizer = make_optimizer(self.net, recipe, given)
        self.average = make_average(self.net, recipe)
        self.augmentation = Augmentation(recipe, int(self.images.labels.max()) + 1)
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
            "images": [len(self.images), len(self.validation or ())],
            "mean": list(self.statistics.mean),
            "weights": {name: list(value.shape) for name, value in net.state_dict().items()},
        }

    @property
    def result_net(self) -> nn.Module:
        """The network that is validated and delivered: the moving average of the weights, if the recipe has one."""
        return self.net if self.average is None else self.average.module

    def run(
        self, on_epoch: Callable[[Epoch], None] | None, checkpoint: Path | None, on_start: Callable[[int], None] | None = None
    ) -> TrainResult:
        """Train, see `nasbench.training.train`. The average of the weights, if there is one, then takes the place of the weights."""
        report = on_epoch or (lambda _: None)
        with _own_randomness(self.seed, self.device):
            state = load_checkpoint(checkpoint, self.identity) if checkpoint else None
            if state and self._usable(state["history"]):
                self._restore(state)
            if on_start:
                on_start(len(self.history))
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
        if self.average is not None:
            self.net.load_state_dict(self.average.module.state_dict())
        last = self.history[-1]
        if self.validation is not None and (last.loss is None or not math.isfinite(last.loss)):
            return self._result(f"the validation loss is {last.loss} after epoch {last.epoch}")
        return self._result("")

    def time_steps(self, count: int, longest_s: float) -> float:
        """The median time of a step in seconds, from up to `count` steps; after `longest_s` and at least three, no further one begins."""
        seconds: list[float] = []
        self.net.train()
        began = time.perf_counter()
        with _own_randomness(self.seed, self.device):
            while len(seconds) <= 3 or (len(seconds) <= count and time.perf_counter() - began < longest_s):
                order = torch.randperm(len(self.images), generator=self.generator)[: self.batch]
                start = time.perf_counter()
                self._step(order).item()  # which waits for a GPU
                seconds.append(time.perf_counter() - start)
        return statistics.median(seconds[1:])  # the first step also allocates memory

    def use_size(self, share: float) -> None:
        """Train on the images at this share of the whole input side; validation images keep their size."""
        if share == self._share:
            return
        channels, *sides = self._shape
        height, width = (max(SMALLEST, round(share * side)) for side in sides)
        self.images = self._whole if share == 1 else resized(self._source, (channels, height, width), self.device)
        self._share = share

    def _usable(self, history: list[dict[str, Any]]) -> bool:
        """Whether a checkpoint is usable: it ends before the last epoch of this call, or has the accuracy at that epoch."""
        return len(history) < self.until or (self.validation is not None and history[self.until - 1]["accuracy"] is not None)

    def _epoch(self) -> Epoch:
        start = time.perf_counter()
        train_loss = self._pass()
        trained = time.perf_counter()
        accuracy = loss = None
        last = len(self.history) + 1 == self.until
        if math.isfinite(train_loss) and (last or self.recipe.validate_epochs):
            if self.recipe.calibration:
                calibrate(self.result_net, self._calibration(), self.recipe)
            if self.validation is not None:
                accuracy, loss = score(self.result_net, self.validation, self.recipe, self.statistics)
        end = time.perf_counter()
        rate = self.optimizer.param_groups[0]["lr"]
        return Epoch(len(self.history) + 1, train_loss, accuracy, loss, trained - start, end - start, rate)

    def _pass(self) -> float:
        """Train one epoch; returns the mean loss, which is infinite or NaN if that of a step is."""
        first = len(self.history) * self.steps
        self.use_size(size_share(self.recipe, len(self.history)))
        order = torch.randperm(len(self.images), generator=self.generator)
        total = torch.zeros((), device=self.device)
        losses = [epoch.loss for epoch in self.history]
        self.net.train()
        for step in range(self.steps):
            place = first + step, self.recipe.epochs * self.steps
            rate, factor = learning_rate(self.recipe, *place, losses), given_factor(self.recipe, *place)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * factor if group.get("given") else rate  # checkpoints of version 0.2 have no such key
            total += self._step(order[step * self.batch :][: self.batch])
            if step % CHECK_STEPS == 0 and not math.isfinite(total.item()):
                break
        return total.item() / self.steps

    def _step(self, index: torch.Tensor) -> torch.Tensor:
        """Train on the images at the positions `index`; returns the loss."""
        padding = round(self._share * self.recipe.crop_padding)
        pixels, labels = self.images.cropped(index, self.generator, flip=self.recipe.flip, padding=padding)
        images = self.images.normalised(self.augmentation.bytes(pixels), self.statistics)
        images, targets = self.augmentation.normalised(images, labels)
        loss = torch.zeros((), device=self.device)
        for output, weight in all_logits(self.net, images, self.recipe):
            wanted = fitted_targets(targets, output.shape[1])
            loss = loss + weight * functional.cross_entropy(output, wanted, label_smoothing=self.recipe.label_smoothing)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.net)
        return loss.detach()

    def _calibration(self) -> Iterator[torch.Tensor]:
        """Training images in whole batches without augmentation, like validation images; the same at each call."""
        order = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(self.seed))
        count = max(1, min(self.recipe.calibration, len(order)) // self.batch) * self.batch
        for index in torch.split(order[:count], self.batch):
            yield self._whole.plain(index, self.statistics)[0]

    def _state(self) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "history": [asdict(epoch) for epoch in self.history],
            "order": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self.generator.set_state(state["order"])
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None:
            torch.cuda.set_rng_state(state["cuda"], self.device)

    def _result(self, reason: str) -> TrainResult:
        last = self.history[-1]
        timed = self.history[1:] or self.history
        return TrainResult(
            status="diverged" if reason else "ok",
            reason=reason,
            accuracy=None if reason else last.accuracy,
            loss=None if reason else last.loss,
            epochs=len(self.history),
            history=tuple(self.history),
            images_per_second=len(timed) * self.steps * self.batch / sum(e.train_seconds for e in timed),
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
