"""The short training that ranks networks, fitted to the amount of data; and how well so much data can rank."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from nasbench.genotype import Genotype
from nasbench.training.maps import often_blind, seeing_size
from nasbench.training.recipe import PROXY, Recipe, proxy_input

MOST_EPOCHS = 100
FITTED = ("epochs", "train_size", "images", "batch_size", "lr")  # fields that the data or a probe decide where the user does not
SMALL_DATA_SIZE = 48  # `train_size` where few images allow few steps, so that each step may see more
CLEAR_POINTS = 5.0  # percentage points by which networks of a space typically differ
LOOKED_AT = 40  # networks, about, whose maps are looked at
TWO_SIDED_95 = 1.96  # standard deviations of a normal distribution


def fitted(recipe: Recipe, training: int, fields: Collection[str] = FITTED) -> Recipe:
    """The recipe for a data set of `training` images, where the user left the `fields` open.

    A small data set is passed over as often as it takes to see as many images as one epoch of the default recipe does, so that a
    training costs about the same. A data set that is large enough keeps the recipe.

    >>> fitted(PROXY, 8000) == PROXY
    True
    >>> fitted(PROXY, 160).epochs
    32
    """
    wanted = PROXY.images or 0
    if not 0 < training < wanted:
        return recipe
    values: dict[str, Any] = {"epochs": min(MOST_EPOCHS, round(wanted / training)), "train_size": SMALL_DATA_SIZE}
    return replace(recipe, **{name: value for name, value in values.items() if name in fields})


def as_stored(recipe: Recipe, stored: Mapping[str, Any], fields: Collection[str]) -> Recipe:
    """The recipe with the `fields` that the user left open as a stored study has them: an earlier version may have chosen other values.

    >>> as_stored(PROXY, {"epochs": 4, "lr": 0.5}, FITTED).epochs
    4
    """
    return replace(recipe, **{name: stored[name] for name in fields if name in stored})


@dataclass(frozen=True)
class ProxyPlan:
    """The training of one network, and the precision of its accuracy.

    Attributes:
        images: that each epoch passes over; steps: of all epochs together.
        smallest, largest: side in pixels at which the networks of the space train.
        validation: images on which the accuracy is measured.
        standard_error: of that accuracy (0 to 1), at most: for an accuracy of one half.
        blind: stages that such small images can hardly rank, see `nasbench.training.maps`.
        seeing: the `train_size` that can rank them; None if there is none. slower: how many times as long it takes with as many images.
    """

    epochs: int
    batch_size: int
    images: int
    steps: int
    smallest: int
    largest: int
    validation: int
    standard_error: float
    blind: Sequence[int] = ()
    seeing: int | None = None
    slower: float = 1.0

    @classmethod
    def of(cls, recipe: Recipe, training: int, validation: int, networks: Sequence[Genotype]) -> ProxyPlan:
        """The plan of a training.

        Args:
            training, validation: numbers of images.
            networks: some of the space.
        """
        images = min(training, recipe.images or training)
        batch = min(recipe.batch_size, images)
        pixels = [max(proxy_input(g.input, recipe)[1:]) for g in networks]
        error = math.sqrt(0.25 / validation) if validation else 0.0
        few = networks[:: max(1, len(networks) // LOOKED_AT)]
        seeing = seeing_size(few, recipe)
        return cls(
            epochs=recipe.epochs,
            batch_size=batch,
            images=images,
            steps=recipe.epochs * (images // batch),
            smallest=min(pixels),
            largest=max(pixels),
            validation=validation,
            standard_error=error,
            blind=often_blind(few, recipe),
            seeing=seeing,
            slower=((seeing or recipe.train_size) / recipe.train_size) ** 2,
        )

    @property
    def separable_points(self) -> float:
        """The difference in percentage points from which two networks are told apart with 95 % confidence, at most."""
        return 100 * TWO_SIDED_95 * math.sqrt(2) * self.standard_error

    def training_words(self) -> str:
        """`32 epochs of 163 images, 64 steps of 64, at 20 to 48 pixels`."""
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        pixels = str(self.smallest) if self.smallest == self.largest else f"{self.smallest} to {self.largest}"
        return f"{epochs} of {self.images} images, {self.steps} steps of {self.batch_size}, at {pixels} pixels"

    def ranking_words(self) -> str:
        """How exact the accuracy is; and a warning where it cannot tell networks apart."""
        words = f"accuracy on {self.validation} images, with a standard error of at most {100 * self.standard_error:.1f} points"
        if self.separable_points <= CLEAR_POINTS:
            return words
        apart = f"networks that differ by less than {self.separable_points:.0f} points may not be told apart"
        return f"{words}: {apart}; more images would help"

    def blind_words(self) -> str:
        """What the resolution cannot rank; empty if there is nothing.

        >>> import nasbench as nb
        >>> ProxyPlan.of(PROXY, 8000, 2000, [nb.known("mobilenet_v2")]).blind_words()
        'stages 6 and 7 have maps too small to rank kernels and depth; "train_size": 48 in a --recipe would, in 2.2 times the time'
        """
        if not self.blind:
            return ""
        *before, last = self.blind
        which = f"stages {', '.join(map(str, before))} and {last} have" if before else f"stage {last} has"
        more = f'; "train_size": {self.seeing} in a --recipe would, in {self.slower:.1f} times the time' if self.seeing else ""
        return f"{which} maps too small to rank kernels and depth{more}"

    def to_json(self) -> dict[str, Any]:
        """Plain data for `plan.json`."""
        return asdict(self)
