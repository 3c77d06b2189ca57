"""The loop of a training: epochs, steps and the state after each step."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from nasbench.errors import DataError, NasbenchError
from nasbench.training.augment import Augmentation, fitted_targets, set_dropout
from nasbench.training.average import make_average
from nasbench.training.batches import resized
from nasbench.training.checkpoint import Checkpoints, load_checkpoint
from nasbench.training.compiled import compiler_errors
from nasbench.training.group import ALONE, Group
from nasbench.training.images import LabeledImages, subset
from nasbench.training.optimizer import fit_norm_momentum, make_optimizer
from nasbench.training.randomness import own_randomness, random_state, restore_random_state
from nasbench.training.recipe import SMALLEST, Recipe
from nasbench.training.result import BegunEpoch, Epoch, TrainResult
from nasbench.training.schedule import given_factor, learning_rate, size_share, stage_recipe
from nasbench.training.score import all_logits, calibrate, score
from nasbench.training.step_network import step_network
from nasbench.training.zero_init import start_as_identity

CHECK_STEPS = 16  # steps between two checks of the loss; each check makes the CPU wait for the GPU


class Training:
    """The state of one training after each step."""

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
        group: Group = ALONE,
    ) -> None:
        images = images if recipe.images is None else subset(images, recipe.images, seed=0)
        if len(images) < 2 or (validation is not None and not len(validation)):
            raise DataError(f"training needs two images and one to validate; got {len(images)} and {len(validation or ())}; use more")
        if validation is None and recipe.validate_epochs:
            raise NasbenchError("a recipe with validate_epochs, such as one with the schedule plateau, needs validation images; keep some")
        self.recipe, self.seed, self.device, self.until, self.group = recipe, seed, device, until, group
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
        self.model = step_network(self.net, recipe, group, device)
        self.generator = torch.Generator().manual_seed(seed)
        self.history: list[Epoch] = []
        self.begun: BegunEpoch | None = None
        self.first_step_s = 0.0  # that `time_steps` took
        self.identity = {
            "recipe": recipe.to_dict(),
            "seed": seed,
            "shape": list(shape),
            "images": [len(self.images), len(self.validation or ())],
            "mean": list(self.statistics.mean),
            "weights": {name: list(value.shape) for name, value in net.state_dict().items()},
            **({"processes": group.size} if group.size > 1 else {}),
        }

    @property
    def result_net(self) -> nn.Module:
        """The network that is validated and delivered: the moving average of the weights, if the recipe has one."""
        return self.net if self.average is None else self.average.module

    def run(
        self,
        on_epoch: Callable[[Epoch], None] | None,
        checkpoint: Path | None,
        on_start: Callable[[int, int], None] | None = None,
        on_best: Callable[[Epoch, nn.Module], None] | None = None,
    ) -> TrainResult:
        """Train, see `nasbench.training.train`. The average of the weights, if there is one, then takes the place of the weights."""
        report = on_epoch or (lambda _: None)
        checkpoints = Checkpoints(checkpoint if self.group.is_first else None)
        with own_randomness(self.seed, self.device):
            state = load_checkpoint(checkpoint, self.identity) if checkpoint else None
            if state and self._usable(state["history"]):
                self._restore(state)
            if on_start:
                on_start(len(self.history), 0 if self.begun is None else self.begun.step)
            for epoch in self.history:
                report(epoch)
            while len(self.history) < self.until:
                epoch = self._epoch(checkpoints)
                if on_best and epoch.accuracy is not None and epoch.accuracy > max((e.accuracy or 0.0 for e in self.history), default=-1.0):
                    on_best(epoch, self.result_net)
                self.history.append(epoch)
                if math.isfinite(epoch.train_loss) and epoch.epoch < self.recipe.epochs:
                    checkpoints.save(self._state())
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
        with own_randomness(self.seed, self.device):
            more = True
            while more:
                order = torch.randperm(len(self.images), generator=self.generator)[: self.batch]
                start = time.perf_counter()
                self._step(order).item()  # which waits for a GPU
                seconds.append(time.perf_counter() - start)
                wanted = len(seconds) <= 3 or (len(seconds) <= count and time.perf_counter() - began < longest_s)
                more = self.group.of_first([float(wanted)], self.device) == [1.0]
        self.first_step_s = seconds[0]
        return statistics.median(seconds[1:])  # the first step also allocates memory, or compiles

    def use_size(self, share: float) -> None:
        """Train on the images at this share of the whole input side; validation images keep their size."""
        if share == self._share:
            return
        channels, *sides = self._shape
        height, width = (max(SMALLEST, round(share * side)) for side in sides)
        self.images = self._whole if share == 1 else resized(self._source, (channels, height, width), self.device)
        self._share = share

    def _use_strength(self, stage: Recipe) -> None:
        """Train with the augmentation and dropout of a stage."""
        self.augmentation = Augmentation(stage, self.augmentation.classes)
        set_dropout(self.net, stage.dropout)

    def _usable(self, history: list[dict[str, Any]]) -> bool:
        """Whether a checkpoint is usable: it ends before the last epoch of this call, or has the accuracy at that epoch."""
        return len(history) < self.until or (self.validation is not None and history[self.until - 1]["accuracy"] is not None)

    def _epoch(self, checkpoints: Checkpoints) -> Epoch:
        train_loss, train_seconds = self._pass(checkpoints)
        trained = time.perf_counter()
        accuracy = loss = None
        last = len(self.history) + 1 == self.until
        if math.isfinite(train_loss) and (last or self.recipe.validate_epochs):
            if self.group.is_first:
                accuracy, loss = self._validate()
            accuracy, loss = self.group.of_first([accuracy, loss], self.device)
        seconds = train_seconds + time.perf_counter() - trained
        rate = self.optimizer.param_groups[0]["lr"]
        return Epoch(len(self.history) + 1, train_loss, accuracy, loss, train_seconds, seconds, rate)

    def _validate(self) -> tuple[float | None, float | None]:
        """The accuracy and the loss on the validation images, if there are any, after the norms were calibrated as the recipe says."""
        if self.recipe.calibration:
            calibrate(self.result_net, self._calibration(), self.recipe)
        if self.validation is None:
            return None, None
        return score(self.result_net, self.validation, self.recipe, self.statistics)

    def _pass(self, checkpoints: Checkpoints) -> tuple[float, float]:
        """Train one epoch, or the rest of one; returns the mean loss, which is infinite or NaN if that of a step is, and the seconds."""
        self.use_size(size_share(self.recipe, len(self.history)))
        self._use_strength(stage_recipe(self.recipe, len(self.history)))
        if self.begun is None:
            order = torch.randperm(len(self.images), generator=self.generator)
            self.begun = BegunEpoch(order, torch.zeros((), device=self.device))
        begun, first, steps = self.begun, len(self.history) * self.steps, self.recipe.epochs * self.steps
        losses = [epoch.loss for epoch in self.history]
        began = time.perf_counter() - begun.seconds
        self.net.train()
        for step in range(begun.step, self.steps):
            place = first + step, steps
            rate, factor = learning_rate(self.recipe, *place, losses), given_factor(self.recipe, *place)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * factor if group.get("given") else rate  # checkpoints of version 0.2 have no such key
            begun.total += self._step(begun.order[step * self.batch :][: self.batch])
            begun.step = step + 1
            if step % CHECK_STEPS == 0 and not math.isfinite(begun.total.item()):
                break
            if checkpoints.is_due and math.isfinite(begun.total.item()):
                begun.seconds = time.perf_counter() - began
                checkpoints.save(self._state())
        mean = begun.total.item() / self.steps  # which waits for a GPU
        self.begun = None
        return mean, time.perf_counter() - began

    @compiler_errors()
    def _step(self, index: torch.Tensor) -> torch.Tensor:
        """Train on the images at the positions `index`, each process on its share of them; returns the mean loss of all."""
        images, targets = self._images(index)
        loss = torch.zeros((), device=self.device)
        number = len(self.history) * self.steps + (0 if self.begun is None else self.begun.step)
        with self.group.own_randomness(self.seed, number, self.device):
            outputs = all_logits(self.model, images, self.recipe)
        for output, weight in outputs:
            wanted = fitted_targets(targets, output.shape[1])
            loss = loss + weight * functional.cross_entropy(output, wanted, label_smoothing=self.recipe.label_smoothing)
        loss = self.group.weighted(loss, len(images), len(index))
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.recipe.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.net)
        return self.group.mean(loss.detach())

    def _images(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The share of this process of the images at the positions `index`, with augmentation, and their targets."""
        padding = round(self._share * self.recipe.crop_padding)
        share, whole = self.group.rows(len(index)), self.augmentation.needs_batch
        crop = slice(None) if whole else share
        pixels, labels = self.images.cropped(index, self.generator, flip=self.recipe.flip, padding=padding, share=crop)
        images = self.images.normalised(self.augmentation.bytes(pixels), self.statistics)
        images, targets = self.augmentation.normalised(images, labels)
        return (images[share], targets[share]) if whole else (images, targets)

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
            "begun": None if self.begun is None else {**vars(self.begun), "total": self.begun.total.cpu()},
            "order": self.generator.get_state(),
            **random_state(self.device),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        begun = state.get("begun")  # checkpoints of version 0.2 have no such key
        self.begun = None if begun is None else BegunEpoch(**{**begun, "total": begun["total"].to(self.device)})
        self.generator.set_state(state["order"])
        restore_random_state(state, self.device)

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
