"""Labelled images in memory, and stratified subsets of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from nasbench.errors import DataError
from nasbench.training.folders.report import FolderReport

VALIDATION_SHARE = 0.2  # of the training images, on which a network is validated instead; the same in every trial of a study
VALIDATION_WORDS = "a fifth of the training images of each class"


@dataclass(frozen=True, eq=False)
class LabeledImages:
    """Images with labels. They may be a part of a larger tensor, so that a part of a mapped file takes no memory.

    Attributes:
        source: uint8 (M, C, H, W).
        labels: int64 (N).
        rows: positions of the images in `source`, int64 (N); None means all images in order.
    """

    source: torch.Tensor
    labels: torch.Tensor
    rows: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def pixels(self) -> torch.Tensor:
        """The pixels, uint8 (N, C, H, W); a copy if the images are a part of the source."""
        return self.source if self.rows is None else self.source[self.rows]

    def chunks(self, size: int) -> Iterator[torch.Tensor]:
        """The pixels in order, `size` images at a time."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield self.source[part] if self.rows is None else self.source[self.rows[part]]

    def select(self, index: torch.Tensor) -> LabeledImages:
        """The images at the positions `index`, int64, in this order."""
        return LabeledImages(self.source, self.labels[index], index if self.rows is None else self.rows[index])


@dataclass(frozen=True, eq=False)
class Images:
    """A data set with the names of its classes and its licence. A search never reads `test`; it is for the final report.

    Attributes:
        validation: images to validate on; None where a part of `train` is kept for that, see `training_and_validation`.
        report: what was understood of a folder; None for a named data set.
    """

    name: str
    train: LabeledImages
    test: LabeledImages
    classes: tuple[str, ...]
    licence: str
    validation: LabeledImages | None = None
    report: FolderReport | None = None


def training_and_validation(
    images: Images, share: float = VALIDATION_SHARE, seed: int = 0, fold: int = 0
) -> tuple[LabeledImages, LabeledImages]:
    """The images to train on and to validate on: those that the data set has, or else a `split` of the training images.

    Raises:
        DataError: see `split`.
    """
    if images.validation is not None:
        return images.train, images.validation
    return split(images.train, share, seed, fold)


def split(images: LabeledImages, fraction: float, seed: int, fold: int = 0) -> tuple[LabeledImages, LabeledImages]:
    """Split `images` into training and validation images; the share `fraction` of each class is for validation.

    Both parts keep the order. The same seed gives the same parts with any version of torch and numpy. With one seed, the validation
    images of the folds 0, 1, ... follow one another, so that they share none until every image was one of them; then they begin anew.

    Raises:
        DataError: `fraction` is not between 0 and 1, the seed is negative, or a class has a single image.
    """
    if not 0 < fraction < 1:
        raise DataError(f"the share for validation must lie between 0 and 1; got {fraction}; try 0.2")
    if seed < 0:
        raise DataError(f"a seed is a whole number from 0; got {seed}; leave out the sign")
    counts = np.bincount(images.labels.numpy())
    for label in np.flatnonzero(counts == 1):
        raise DataError(f"each class needs two images to be split; class {label} has one; add images or drop the class")
    chosen = _stratified(images.labels.numpy(), round(fraction * len(images)), seed, fold)
    rest = np.setdiff1d(np.arange(len(images)), chosen, assume_unique=True)
    return images.select(torch.from_numpy(rest)), images.select(torch.from_numpy(chosen))


def subset(images: LabeledImages, count: int, seed: int) -> LabeledImages:
    """About `count` of the images, with all classes in proportion and at least one image of each; all images if `count` is larger."""
    if count >= len(images):
        return images
    return images.select(torch.from_numpy(_stratified(images.labels.numpy(), count, seed)))


def _stratified(labels: np.ndarray, total: int, seed: int, fold: int = 0) -> np.ndarray:
    """Sorted positions of about `total` labels: at least 1 of each class and, of n > 1 images, at most n - 1."""
    # numpy guarantees that the random numbers of RandomState with MT19937 never change (NEP 19).
    draw = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))
    quotas = _quotas(np.bincount(labels), total)
    shuffled = (draw.permutation(np.flatnonzero(labels == label)) for label in range(len(quotas)))
    picked = [np.roll(several, -fold * quota)[:quota] for several, quota in zip(shuffled, quotas, strict=True)]
    return np.sort(np.concatenate(picked))


def _quotas(counts: np.ndarray, total: int) -> np.ndarray:
    """Shares of `total` in proportion to `counts`, by largest remainder. They sum to `total` unless a class is very small."""
    exact = counts * (total / counts.sum())
    shares = np.floor(exact).astype(np.int64)
    missing = total - int(shares.sum())
    shares[np.argsort(shares - exact, kind="stable")[:missing]] += 1
    return np.where(counts > 1, np.clip(shares, 1, counts - 1), counts)
