"""Small networks and images whose classes can be told apart, for the tests of training."""

from __future__ import annotations

import dataclasses

import torch
from torch import nn

from nasbench.genotype import Genotype
from nasbench.genotype.blocks import conv, gap, linear
from nasbench.network import build
from nasbench.training.images import LabeledImages, split
from nasbench.training.recipe import Recipe
from nasbench.training.trainer import Epoch, TrainResult, train

SHAPE = (3, 8, 8)
QUICK = Recipe(epochs=3, batch_size=16, lr=0.1, train_size=8, crop_padding=1, calibration=64, warmup=0.1)
STEADY = dataclasses.replace(QUICK, flip=False)


def small_net(seed: int = 0, momentum: float = 0.1) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8, momentum=momentum),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.1),
            nn.Linear(32, 4),
        )


def quarters(count: int = 240, seed: int = 0) -> LabeledImages:
    """1x8x8: noise, with one of four quarters bright; class = quarter. Not the same under a mirror, so train without."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 4
    pixels = torch.randint(0, 90, (count, 1, 8, 8), generator=generator)
    for number, label in enumerate(labels.tolist()):
        row, column = 4 * (label // 2), 4 * (label % 2)
        pixels[number, 0, row : row + 4, column : column + 4] += 120
    return LabeledImages(pixels.to(torch.uint8), labels)


def fit(
    net: nn.Module, recipe: Recipe = STEADY, seed: int = 0, images: LabeledImages | None = None, shape: tuple[int, int, int] = SHAPE, **more
) -> TrainResult:
    training, validation = split(images or quarters(), 0.25, seed=0)
    return train(net, training, validation, recipe, shape=shape, seed=seed, **more)


def bits(net: nn.Module) -> list[bytes]:
    return [value.detach().numpy().tobytes() for value in net.state_dict().values()]


def with_heads(*rows) -> nn.Module:
    torch.manual_seed(0)
    return build(Genotype("n", SHAPE, (conv(8, 3), *rows, conv(8, 3)), head=(gap(2), linear(4))))


class Killed(Exception):
    pass


def kill_after(number: int):
    def on_epoch(epoch: Epoch) -> None:
        if epoch.epoch == number:
            raise Killed

    return on_epoch
