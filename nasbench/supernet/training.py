"""Training of the shared tensors: in each step two networks, each on its own batch, alone or over several processes."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn import functional

from nasbench.errors import NasbenchError
from nasbench.genotype import Genotype, class_count, cost, digest, trace
from nasbench.supernet.pixels import Pixels
from nasbench.supernet.plan import TOGETHER, SupernetPlan
from nasbench.supernet.shared import SharedWeights, Subnet
from nasbench.training.augment import fitted_targets
from nasbench.training.checkpoint import Checkpoints, load_checkpoint
from nasbench.training.group import ALONE, Group
from nasbench.training.randomness import own_randomness
from nasbench.training.recipe import Recipe
from nasbench.training.score import all_logits

CACHED = 400  # networks whose modules are kept, with all that was compiled for their layers
CHECK_STEPS = 16  # steps between two checks of the loss


class SupernetTraining:
    """The state of the training of a supernet after each step.

    Both networks of a step are computed with the same weights, by two processes where there are several, and learn one after the other. So
    the result does not depend on the number of processes.

    Args:
        pool: the networks that learn, at the resolution at which they train and with the classes of the data.
        images: to train on.
        recipe: says how images are augmented, and precision and memory layout.
        begin: networks whose layers the shared tensors have from the beginning.
        group: the processes that train together.
    """

    def __init__(
        self,
        pool: Sequence[Genotype],
        images: Pixels,
        recipe: Recipe,
        plan: SupernetPlan,
        device: torch.device,
        begin: Sequence[Genotype] = (),
        group: Group = ALONE,
    ) -> None:
        if not pool:
            raise NasbenchError("a supernet is trained with networks of the space; the pool has none; loosen the limits")
        self.pool, self.images, self.recipe, self.plan, self.device, self.group = pool, images, recipe, plan, device, group
        self.shared = SharedWeights(plan.context, seed=plan.seed, device=device)
        self.batch = min(plan.batch_size, len(images))
        self.largest = max(range(len(pool)), key=lambda i: (cost(pool[i]).params, -i))
        self.generator = torch.Generator().manual_seed(plan.seed)
        self.step, self.classes = 0, class_count(trace(pool[0]), pool[0].name)
        self._order = torch.empty(0, dtype=torch.long)
        self._subnets: dict[int, Subnet] = {}
        for g in (*begin, pool[self.largest]):
            self.shared.subnet(g)
        self.identity = {
            "plan": plan.to_json(),
            "recipe": recipe.to_dict(),
            "pool": [digest(g) for g in pool],
            "images": [len(images), *images.pixels.shape[1:]],
            "mean": list(images.statistics.mean),
        }

    def run(self, checkpoint: Path | None = None, on_step: Callable[[int, float], None] | None = None, until: int | None = None) -> None:
        """Train, or go on from the checkpoint.

        Args:
            checkpoint: the file; it is written when the last one is older than `nasbench.training.checkpoint.INTERVAL_S`.
            on_step: called with the number of steps that are done and a mean of the last losses.
            until: the step after which to stop.

        Raises:
            NasbenchError: the loss became infinite or NaN; or the checkpoint cannot be written.
        """
        end = self.plan.steps if until is None else min(until, self.plan.steps)
        checkpoints = Checkpoints(checkpoint if self.group.is_first else None)
        with own_randomness(self.plan.seed, self.device):
            if checkpoint is not None and (state := load_checkpoint(checkpoint, self.identity)) is not None:
                self._restore(state)
            loss = 0.0
            while self.step < end:
                losses = self._step()
                self.step += 1
                if self.step % CHECK_STEPS == 0 or self.step == end:
                    loss = float(losses.mean())
                    if not math.isfinite(loss):
                        raise NasbenchError(f"the loss of the supernet became {loss} at step {self.step}; give a smaller --lr")
                    if on_step is not None:
                        on_step(self.step, loss)
                if checkpoints.is_due:
                    checkpoints.save(self._state())
            if checkpoint is not None and until is not None:
                checkpoints.save(self._state())

    def steps_in(self, seconds: float, longest_s: float) -> int:
        """How many steps fit into a time. A network takes longer the first time, when its layers are compiled, than later.

        Nothing learns, but networks get their shared tensors in another order than in a training: call it on one that is not run.

        Args:
            longest_s: of the steps that are timed.
        """
        began, pairs = time.perf_counter(), len(self.pool) // TOGETHER
        first: list[float] = []
        again: list[float] = []
        with own_randomness(self.plan.seed, self.device):
            more = True
            while more:
                networks = [(TOGETHER * len(first) + k) % len(self.pool) for k in range(TOGETHER)]
                first.append(self._timed(networks))
                again.append(self._timed(networks))
                wanted = len(first) < 3 or time.perf_counter() - began < longest_s
                more = self.group.of_first([float(wanted)], self.device) == [1.0]
        new, old = (float(self.group.of_first([median(times)], self.device)[0] or 0.0) for times in (first[1:], again[1:]))
        compiling = pairs * max(0.0, new - old)
        steps = seconds / new if seconds < pairs * new else (seconds - compiling) / old
        return max(1, math.floor(steps))

    def _timed(self, networks: Sequence[int]) -> float:
        """Seconds of a step with these networks, which changes nothing."""
        began = time.perf_counter()
        for k, i in enumerate(networks):
            subnet = self._subnet(i)
            if k % self.group.size == self.group.rank:
                index = torch.randint(0, len(self.images), (self.batch,), generator=torch.Generator().manual_seed(k))
                self._loss(subnet, index, 0)[0].backward()  # type: ignore[no-untyped-call]
                subnet.gradients()
        return time.perf_counter() - began

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        plan, share = self.plan, self.step / self.plan.steps
        if share < plan.warmup:
            return plan.lr * (self.step + 1) / max(1.0, plan.warmup * plan.steps)
        return plan.lr * 0.5 * (1 + math.cos(math.pi * (share - plan.warmup) / (1 - plan.warmup)))

    def _chosen(self) -> list[int]:
        """The networks of the next step. They follow from its number alone."""
        if self.step < self.plan.largest_first * self.plan.steps:
            return [self.largest] * TOGETHER
        rng = random.Random(f"{self.plan.seed} {self.step}")
        chosen = [rng.randrange(len(self.pool)) for _ in range(TOGETHER)]
        return [self.largest, chosen[0]] if self.plan.sampling == "sandwich" else chosen

    def _step(self) -> Tensor:
        """One step; returns the losses of its networks."""
        plan, chosen, rate = self.plan, self._chosen(), self.rate
        index = torch.stack([self._next_images() for _ in chosen])
        if plan.distillation:
            index[1:] = index[0]
        draws = torch.randint(0, 2**31, (len(chosen),), generator=self.generator).tolist()
        subnets = [self._subnet(i) for i in chosen]
        gradients: list[list[Tensor] | None] = [None] * len(chosen)
        losses = torch.zeros(len(chosen), device=self.device)
        answers = None
        for k, subnet in enumerate(subnets):
            if k % self.group.size == self.group.rank:
                loss, logits = self._loss(subnet, index[k], draws[0 if plan.distillation else k], answers)
                loss.backward()  # type: ignore[no-untyped-call]
                losses[k] = loss.detach()
                gradients[k] = self._clipped(subnet)
                answers = logits.detach().softmax(1) if plan.distillation else None
            if plan.distillation and k == 0:
                answers = self._of(0, answers, (self.batch, self.classes))
        for k, subnet in enumerate(subnets):
            subnet.learn(self._gradients_of(k, gradients[k], subnet), rate, plan.momentum, plan.weight_decay)
        return self.group.mean(losses) * self.group.size

    def _loss(self, subnet: Subnet, index: Tensor, draw: int, answers: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The loss of a network on a batch, () and its logits (B, classes).

        Args:
            draw: seed of augmentation and dropout.
            answers: probabilities (B, classes) from which it learns, beside the labels.
        """
        net = subnet.load()
        net.train()
        torch.manual_seed(draw)  # of dropout: it does not matter which process computes the network
        images, labels = self.images.augmented(index, subnet.input[1], torch.Generator().manual_seed(draw), self.recipe)
        outputs = all_logits(net, images, self.recipe)
        loss = torch.zeros((), device=self.device)
        for output, weight in outputs:
            loss = loss + weight * functional.cross_entropy(output, fitted_targets(labels, output.shape[1]))
        share = self.plan.distillation
        if answers is not None and share:
            loss = (1 - share) * loss + share * functional.cross_entropy(outputs[0][0], answers)
        return loss, outputs[0][0]

    def _subnet(self, i: int) -> Subnet:
        """A network of the pool; its module is kept, with what was compiled for its layers."""
        found = self._subnets.pop(i, None) or self.shared.subnet(self.pool[i])
        self._subnets[i] = found  # the latest is the last
        if len(self._subnets) > CACHED:
            del self._subnets[next(iter(self._subnets))]
        return found

    def _next_images(self) -> Tensor:
        """The positions of the next batch; every image is used once before one is used again."""
        if len(self._order) < self.batch:
            self._order = torch.randperm(len(self.images), generator=self.generator)
        index, self._order = self._order[: self.batch], self._order[self.batch :]
        return index

    def _clipped(self, subnet: Subnet) -> list[Tensor]:
        """The gradients of a network, made shorter where their norm is above `clip`."""
        gradients = subnet.gradients()
        if self.plan.clip:
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
            torch._foreach_mul_(gradients, (self.plan.clip / (norm + 1e-6)).clamp_max(1.0))
        return gradients

    def _gradients_of(self, k: int, own: list[Tensor] | None, subnet: Subnet) -> list[Tensor]:
        """The gradients of the network `k` of a step, which one process has."""
        if self.group.size == 1 and own is not None:
            return own
        shapes = [piece.sizes for place in subnet.places for piece in place.pieces]
        sizes = [prod(shape) for shape in shapes]
        flat = self._of(k % self.group.size, None if own is None else torch.cat([g.reshape(-1) for g in own]), (sum(sizes),))
        return [part.view(shape) for part, shape in zip(torch.split(flat, sizes), shapes, strict=True)]

    def _of(self, rank: int, value: Tensor | None, shape: tuple[int, ...]) -> Tensor:
        """A tensor that one process has, in all of them."""
        value = torch.empty(shape, device=self.device) if value is None else value
        if self.group.size > 1:
            distributed.broadcast(value, rank)
        return value

    def _state(self) -> dict[str, Any]:
        return {
            "identity": self.identity,
            "step": self.step,
            "shared": self.shared.state(),
            "order": self._order,
            "generator": self.generator.get_state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.step, self._order = state["step"], state["order"]
        self.shared.restore(state["shared"])
        self.generator.set_state(state["generator"])
