"""Images for networks of many resolutions: kept at the largest one, and made smaller batch by batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nasbench.training.batches import Batches, Statistics, resized
from nasbench.training.images import LabeledImages
from nasbench.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Pixels:
    """Images at the resolution of the largest network.

    Attributes:
        batches: the images, uint8 (N, 1 or C, S, S).
        statistics: with which they are normalised.
    """

    batches: Batches
    statistics: Statistics

    @classmethod
    def of(cls, images: LabeledImages, shape: tuple[int, int, int], statistics: Statistics | None = None, device: str = "cpu") -> Pixels:
        """Images at the input `shape` (C, S, S).

        Args:
            statistics: by default those of these images.
        """
        batches = resized(images, shape, device)
        return cls(batches, statistics or batches.statistics())

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def pixels(self) -> Tensor:
        return self.batches.pixels

    def plain(self, index: Tensor, side: int) -> tuple[Tensor, Tensor]:
        """The images at the positions `index` with so many pixels a side, float32 (B, C, side, side), and their labels, int64 (B)."""
        index = index.to(self.batches.labels.device)
        return self.batches.normalised(_smaller(self.pixels[index], side), self.statistics), self.batches.labels[index]

    def augmented(self, index: Tensor, side: int, generator: torch.Generator, recipe: Recipe) -> tuple[Tensor, Tensor]:
        """The same, mirrored and cropped at random as the recipe says."""
        padding = round(recipe.crop_padding * self.pixels.shape[-1] / max(1, side))
        pixels, labels = self.batches.cropped(index, generator, flip=recipe.flip, padding=padding)
        return self.batches.normalised(_smaller(pixels, side), self.statistics), labels


def _smaller(pixels: Tensor, side: int) -> Tensor:
    if pixels.shape[-1] == side and pixels.shape[-2] == side:
        return pixels
    return functional.interpolate(pixels, (side, side), mode="bilinear", antialias=True)
