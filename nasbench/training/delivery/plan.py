"""How long an epoch takes, and how many of them fit into the time."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import torch
from torch import nn

from nasbench.errors import NasbenchError
from nasbench.genotype.units import show_duration
from nasbench.training.batches import resized
from nasbench.training.group import ALONE, Group
from nasbench.training.images import LabeledImages, subset
from nasbench.training.loop import Training
from nasbench.training.recipe import Recipe
from nasbench.training.schedule import size_share
from nasbench.training.score import score

TIMED_STEPS = 24  # at most
TIMED_SHARE, TIMED_S = 0.03, 10.0  # of the time that is asked for, and seconds, at most
SCORED = 500  # images on which a validation is timed
RESERVE = 0.05  # of the time, because a machine is not always as fast as in the first steps
MOST_EPOCHS = 10_000


@dataclass(frozen=True)
class Pace:
    """How long the parts of a training take.

    Attributes:
        step_s: seconds of one step.
        score_s: seconds to classify one image.
        compile_s: seconds until the programs of a compiled training are there; the training finds most of them in torch's cache.
    """

    step_s: float
    score_s: float
    compile_s: float = 0.0


@dataclass(frozen=True)
class TrainPlan:
    """The plan of a training.

    Attributes:
        epochs: number of epochs; epoch_s: seconds of one, with its validation; test_s: seconds of the test at the end.
        images, validation: numbers of images; side: in pixels.
        compile_s: seconds to compile programs, at most.
    """

    epochs: int
    epoch_s: float
    test_s: float
    images: int
    validation: int
    side: int
    compile_s: float = 0.0

    @property
    def seconds(self) -> float:
        """Expected time of the training and the test."""
        return self.compile_s + self.epochs * self.epoch_s + self.test_s

    def words(self, now: datetime) -> str:
        """`20 epochs of 8000 images at 32 pixels, validated on 2000; about 12 s each, 4 min 00 s in all, until about 2030-01-01 14:05`."""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        end = now + timedelta(seconds=self.seconds)
        kept = f", validated on {self.validation}" if self.validation else ""
        return (
            f"{epochs} of {self.images} images at {self.side} pixels{kept}; about {_short_duration(self.epoch_s)} each, "
            f"{show_duration(self.seconds)} in all, until about {end:%Y-%m-%d %H:%M}"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data for `train.yaml`; without `compile_s` where nothing is compiled."""
        values = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}
        return {name: value for name, value in values.items() if value or name != "compile_s"}


def measure_pace(
    net: nn.Module,
    training: LabeledImages,
    recipe: Recipe,
    shape: tuple[int, int, int],
    device: torch.device,
    longest_s: float,
    group: Group = ALONE,
) -> Pace:
    """Time some steps of the training and a validation; the pace is that of the first process of the group.

    Args:
        net: a copy of the network, which the steps train.
        longest_s: after so many seconds no further step begins; at least three are timed.
    """
    few = replace(recipe, images=None, validate_epochs=False, schedule="cosine")
    sample = subset(training, max(2, min(len(training), 2 * recipe.batch_size)), seed=0)
    timed = Training(net, sample, None, few, shape, 0, device, 1, group=group)
    # With images that grow, the mean over their sizes, which are used for equally many epochs.
    shares = sorted({size_share(replace(recipe, epochs=recipe.size_stages), stage) for stage in range(recipe.size_stages)})
    steps, compile_s = [], 0.0
    for share in shares:
        timed.use_size(share)
        steps.append(timed.time_steps(TIMED_STEPS, longest_s / len(shares)))
        compile_s += max(0.0, timed.first_step_s - steps[-1]) if recipe.compile else 0.0
    step_s = statistics.mean(steps)
    images = resized(subset(training, SCORED, seed=0), shape, device)
    began = time.perf_counter()
    score(timed.net, images, recipe, timed.statistics)
    numbers = group.of_first([step_s, (time.perf_counter() - began) / len(images), compile_s], device)
    return Pace(*(number or 0.0 for number in numbers))


def plan_training(
    recipe: Recipe, pace: Pace, counts: tuple[int, int, int], side: int, time_s: float | None = None, spent_s: float = 0.0
) -> TrainPlan:
    """The plan of a training; with `time_s`, of as many epochs as fit.

    Args:
        counts: numbers of training, validation and test images.
        time_s: seconds for everything; spent_s: of them, those that are over.

    Raises:
        NasbenchError: not a single epoch fits.

    >>> plan_training(Recipe(batch_size=100), Pace(0.1, 0.001), (1000, 200, 300), 32, time_s=60, spent_s=5).epochs
    43
    """
    training, validation, test = counts
    training = min(training, recipe.images or training)
    batch = min(recipe.batch_size, training)
    epoch_s = pace.step_s * (training // batch) + pace.score_s * validation
    test_s = pace.score_s * test
    epochs = recipe.epochs
    if time_s is not None:
        left = time_s * (1 - RESERVE) - spent_s - test_s - pace.compile_s
        epochs = min(MOST_EPOCHS, int(left / epoch_s))
        if epochs < 1:
            needed = (epoch_s + test_s + spent_s + pace.compile_s) / (1 - RESERVE)
            raise NasbenchError(
                f"a training has at least one epoch; it takes about {_short_duration(epoch_s)} here and with loading and test needs about "
                f"{show_duration(needed)}; got --time {_short_duration(time_s)}; give more time, or a recipe with fewer images"
            )
    return TrainPlan(epochs, epoch_s, test_s, training, validation, side, pace.compile_s)


def _short_duration(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else show_duration(seconds)
