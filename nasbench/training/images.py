"""Labelled images in memory, and the stratified choices made among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from nasbench.errors import DataError


@dataclass(frozen=True, eq=False)
class LabeledImages:
    """N images of `source`, uint8 (M, C, H, W), with their labels, int64 (N).

    `rows`, int64 (N), says which images of the source these are (none: all, in order), so that a part of a large mapped
    set costs no memory.
    """

    source: torch.Tensor
    labels: torch.Tensor
    rows: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def pixels(self) -> torch.Tensor:
        """uint8 (N, C, H, W); a copy when these are a part of the source."""
        return self.source if self.rows is None else self.source[self.rows]

    def chunks(self, size: int) -> Iterator[torch.Tensor]:
        """The pixels in order, `size` images at a time."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield self.source[part] if self.rows is None else self.source[self.rows[part]]

    def select(self, index: torch.Tensor) -> LabeledImages:
        """The images at these positions, int64, in this order."""
        return LabeledImages(self.source, self.labels[index], index if self.rows is None else self.rows[index])


@dataclass(frozen=True, eq=False)
class Images:
    """A data set. A search reads `train` alone; `test` is for the final report."""

    name: str
    train: LabeledImages
    test: LabeledImages
    classes: tuple[str, ...]
    licence: str


def split(images: LabeledImages, fraction: float, seed: int) -> tuple[LabeledImages, LabeledImages]:
    """Part `images` into (train, validation), `fraction` of every class in validation; each keeps the given order.

    The same seed gives the same parts with any version of torch and numpy.

    Raises:
        DataError: a fraction outside (0, 1), a negative seed, or a class with fewer than two images.
    """
    if not 0 < fraction < 1:
        raise DataError(f"the share for validation must lie between 0 and 1; got {fraction}; try 0.2")
    if seed < 0:
        raise DataError(f"a seed is a whole number from 0; got {seed}; leave out the sign")
    counts = np.bincount(images.labels.numpy())
    for label in np.flatnonzero(counts == 1):
        raise DataError(f"each class needs two images to be split; class {label} has one; add images or drop the class")
    chosen = _stratified(images.labels.numpy(), round(fraction * len(images)), seed)
    rest = np.setdiff1d(np.arange(len(images)), chosen, assume_unique=True)
    return images.select(torch.from_numpy(rest)), images.select(torch.from_numpy(chosen))


def subset(images: LabeledImages, count: int, seed: int) -> LabeledImages:
    """About `count` of the images, the classes in proportion and at least one of each; all if `count` is larger."""
    if count >= len(images):
        return images
    return images.select(torch.from_numpy(_stratified(images.labels.numpy(), count, seed)))


def _stratified(labels: np.ndarray, total: int, seed: int) -> np.ndarray:
    """Sorted indices of about `total` labels; from a class of n at least 1 and, for n > 1, at most n - 1."""
    # RandomState over MT19937 is the stream numpy promises never to change (NEP 19).
    draw = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))
    quotas = _quotas(np.bincount(labels), total)
    picked = [draw.permutation(np.flatnonzero(labels == label))[:quota] for label, quota in enumerate(quotas)]
    return np.sort(np.concatenate(picked))


def _quotas(counts: np.ndarray, total: int) -> np.ndarray:
    """Shares of `total` in proportion to `counts`, by largest remainder: exact unless a class is very small."""
    exact = counts * (total / counts.sum())
    shares = np.floor(exact).astype(np.int64)
    missing = total - int(shares.sum())
    shares[np.argsort(shares - exact, kind="stable")[:missing]] += 1
    return np.where(counts > 1, np.clip(shares, 1, counts - 1), counts)
