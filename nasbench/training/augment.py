"""Augmentation beyond crops and mirrors: operations on single images, erased rectangles, and mixed pairs. All are torchvision's."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from nasbench.training.recipe import Recipe

Transform = Callable[..., torch.Tensor]


class Augmentation:
    """The transforms of a recipe. They draw from torch's global generator, which a training seeds and its checkpoints hold.

    Args:
        recipe: with the strengths of a stage, see `stage_recipe`.
        classes: number of classes, for targets of mixed images.
    """

    def __init__(self, recipe: Recipe, classes: int) -> None:
        self.classes = classes
        self._policy: Transform | None = None
        self._erasing: Transform | None = None
        self._probability = recipe.random_erasing
        self._mixes: list[Transform] = []
        if recipe.augment == "none" and not (recipe.random_erasing or recipe.mixup or recipe.cutmix):
            return
        from torchvision.transforms import v2  # not at the top, because the short trainings of a search do not need it

        if recipe.augment != "none":
            self._policy = v2.TrivialAugmentWide() if recipe.augment == "trivial" else v2.RandAugment(magnitude=recipe.magnitude)
        if recipe.random_erasing:
            self._erasing = v2.RandomErasing(p=1.0)
        if recipe.mixup:
            self._mixes.append(v2.MixUp(alpha=recipe.mixup, num_classes=classes))
        if recipe.cutmix:
            self._mixes.append(v2.CutMix(alpha=recipe.cutmix, num_classes=classes))

    @property
    def needs_batch(self) -> bool:
        """Whether an image depends on the other images of its batch, or on the random numbers that they took."""
        return self._policy is not None or self._erasing is not None or bool(self._mixes)

    def bytes(self, images: torch.Tensor) -> torch.Tensor:
        """Images, uint8 (B, C, H, W), each with operations of its own."""
        return images if self._policy is None else torch.stack([self._policy(image) for image in images])

    def normalised(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Normalised images, float32 (B, C, H, W), and their targets: labels, int64 (B), or shares of classes, float32 (B, classes), where
        images are mixed. An erased rectangle gets the mean of all images, which is 0."""
        if self._erasing is not None:
            images = images.clone()
            for i in torch.nonzero(torch.rand(len(images)) < self._probability).flatten().tolist():
                images[i] = self._erasing(images[i])
        if not self._mixes:
            return images, labels
        mix = self._mixes[int(torch.randint(len(self._mixes), ()))] if len(self._mixes) > 1 else self._mixes[0]
        mixed, targets = mix(images, labels)
        return mixed, targets


def set_dropout(net: nn.Module, probability: float | None) -> None:
    """Give all dropout layers of `net` this probability; None keeps theirs. Drop path, which drops whole branches, stays as it is.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2))
    >>> set_dropout(net, 0.3)
    >>> net[1].p
    0.3
    """
    for module in net.modules():
        if isinstance(module, nn.Dropout) and probability is not None:
            module.p = probability


def fitted_targets(targets: torch.Tensor, outputs: int) -> torch.Tensor:
    """Targets for a network with more outputs than the data have classes; labels stay as they are."""
    return targets if targets.ndim == 1 else functional.pad(targets, (0, outputs - targets.shape[1]))
