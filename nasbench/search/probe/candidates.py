"""The short trainings that a probe compares, and the longer one that it compares them with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nasbench.genotype import Genotype, cost, digest
from nasbench.training.maps import seeing_size
from nasbench.training.recipe import Recipe

FEWEST, MOST = 5, 9  # networks of a probe
DRAWS = 2  # short trainings of each network with each candidate
LONGER = 8  # times the work of a short training
FEWER_PIXELS = 0.75  # of the usual `train_size`, where the recipe does not use all images: 12 pixels of 16 and 24 of 32
MOST_PIXELS = 64  # of a candidate's `train_size`: with as few images as would then take the same time, networks learn little
LONGER_LEAST = 40  # pixels of the longer training's `train_size`, at least
SHORTEST = 512  # images of a short training, at least


@dataclass(frozen=True)
class Probe:
    """What a probe trains.

    Attributes:
        networks: with few to many multiply-adds.
        candidates: short trainings by name, all of about the same duration; the first is the one without a probe.
        longer: the training that they are compared with.
    """

    networks: tuple[Genotype, ...]
    candidates: dict[str, Recipe]
    longer: Recipe

    def work(self, training: int) -> float:
        """All trainings, in units of one short training of the first candidate.

        Args:
            training: number of training images.
        """
        unit = images_and_pixels(next(iter(self.candidates.values())), training)
        short = sum(DRAWS * images_and_pixels(recipe, training) for recipe in self.candidates.values())
        return len(self.networks) * (short + images_and_pixels(self.longer, training)) / unit


def images_and_pixels(recipe: Recipe, training: int) -> float:
    """The work of a training but for its network: images, times the pixels of each."""
    return recipe.epochs * images_of(recipe, training) * float(recipe.train_size) ** 2


def images_of(recipe: Recipe, training: int) -> int:
    """How many of the training images an epoch takes."""
    return min(training, recipe.images or training)


def make_probe(recipe: Recipe, networks: Sequence[Genotype], training: int, count: int = MOST) -> Probe:
    """A probe of a space.

    Args:
        recipe: the short training without a probe.
        networks: some of the space.
        training: number of training images.
        count: networks to train.
    """
    work = images_and_pixels(recipe, training)
    candidates = {"usual": recipe}
    size = min(MOST_PIXELS, seeing_size(networks, recipe) or 0)  # 0: their inputs are too small for `train_size` to change anything
    if size > recipe.train_size:
        candidates["more pixels"] = _with_work(replace(recipe, train_size=size), training, work)
    if images_of(recipe, training) < training:
        fewer = replace(recipe, train_size=round(FEWER_PIXELS * recipe.train_size), images=training)
        candidates["more images"] = _with_work(fewer, training, work)
    if recipe.batch_size >= 4:
        candidates["smaller batches"] = replace(recipe, batch_size=recipe.batch_size // 2)
    longer = replace(recipe, train_size=max(recipe.train_size, LONGER_LEAST), images=training)
    return Probe(spread(networks, count), candidates, _with_work(longer, training, LONGER * work))


def spread(networks: Sequence[Genotype], count: int) -> tuple[Genotype, ...]:
    """Different networks whose multiply-adds are spread evenly over those of the given ones, by rank."""
    different = sorted({digest(g): g for g in networks}.values(), key=lambda g: cost(g).macs)
    if len(different) <= count:
        return tuple(different)
    return tuple(different[round(i * (len(different) - 1) / (count - 1))] for i in range(count))


def _with_work(recipe: Recipe, training: int, work: float) -> Recipe:
    """The recipe with so many images, or so many epochs of all images, that it takes this work."""
    wanted = work / recipe.train_size**2
    if wanted >= training:
        return replace(recipe, epochs=max(1, round(wanted / training)))
    return replace(recipe, images=max(min(SHORTEST, training), round(wanted)), epochs=1)
