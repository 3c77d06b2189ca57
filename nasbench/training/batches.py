"""A data set at the resolution of a network. It lies on the device as bytes, and batches of it are normalised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from nasbench.errors import DataError
from nasbench.training.images import LabeledImages

CHUNK = 1024  # images that are resized at once, which bounds the memory


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel of the training images, where full brightness is 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Batches:
    """Images at the resolution of a network, on one device.

    Attributes:
        pixels: uint8 (N, 1 or C, H, W).
        labels: int64 (N).
        channels: number of channels C that the network reads.
    """

    pixels: torch.Tensor
    labels: torch.Tensor
    channels: int

    def __len__(self) -> int:
        return len(self.labels)

    def plain(self, index: torch.Tensor, statistics: Statistics) -> tuple[torch.Tensor, torch.Tensor]:
        """The images at the positions `index` as float32 (B, channels, H, W), normalised, and their labels, int64 (B)."""
        index = index.to(self.labels.device)
        return self.normalised(self.pixels[index], statistics), self.labels[index]

    def augmented(
        self, index: torch.Tensor, statistics: Statistics, generator: torch.Generator, *, flip: bool, padding: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same with augmentation; see `cropped`."""
        pixels, labels = self.cropped(index, generator, flip=flip, padding=padding)
        return self.normalised(pixels, statistics), labels

    def cropped(
        self, index: torch.Tensor, generator: torch.Generator, *, flip: bool, padding: int, share: slice = slice(None)
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The images at the positions `index` as uint8 (B, 1 or C, H, W), and their labels, int64 (B). Each image is mirrored at random if
        `flip`, and cropped at random from the image with a black border of `padding` pixels.

        The random numbers are drawn on the CPU, so that they are the same on every device.

        Args:
            share: the part of `index` whose images are made. The random numbers are drawn for all, so that each image has the same.
        """
        count, device = len(index), self.labels.device
        height, width = self.pixels.shape[2:]
        shift = torch.randint(0, 2 * padding + 1, (2, count, 1), generator=generator)
        mirror = torch.rand((count, 1), generator=generator) < (0.5 if flip else 0.0)
        index, shift, mirror = index[share], shift[:, share], mirror[share]
        count = len(index)
        columns = torch.arange(width).expand(count, width)
        rows = (torch.arange(height) + shift[0]).to(device)
        columns = (torch.where(mirror, width - 1 - columns, columns) + shift[1]).to(device)
        index = index.to(device)
        images = functional.pad(self.pixels[index], (padding,) * 4)
        images = images.gather(2, rows[:, None, :, None].expand(-1, images.shape[1], -1, images.shape[3]))
        images = images.gather(3, columns[:, None, None, :].expand(-1, images.shape[1], height, -1))
        return images, self.labels[index]

    def statistics(self) -> Statistics:
        """Mean and standard deviation over all pixels; a channel without contrast gets the deviation 1."""
        total = torch.zeros(self.pixels.shape[1], dtype=torch.float64)
        square = torch.zeros_like(total)
        for part in torch.split(self.pixels, CHUNK):
            exact = part.cpu().double() / 255
            total += exact.sum((0, 2, 3))
            square += (exact * exact).sum((0, 2, 3))
        mean = total / (self.pixels.numel() / len(total))
        variance = (square / (self.pixels.numel() / len(total)) - mean**2).clamp_min(0)
        std = torch.where(variance > 1e-8, variance.sqrt(), torch.ones_like(variance))
        return Statistics(tuple(mean.tolist()), tuple(std.tolist()))

    def normalised(self, pixels: torch.Tensor, statistics: Statistics) -> torch.Tensor:
        """Pixels, uint8 (B, 1 or C, H, W), as the network's input, float32 (B, channels, H, W)."""
        mean, std = (torch.tensor(values, device=pixels.device).view(1, -1, 1, 1) for values in (statistics.mean, statistics.std))
        images = (pixels.float() / 255 - mean) / std
        return images.expand(-1, self.channels, -1, -1) if images.shape[1] != self.channels else images


def resized(images: LabeledImages, shape: tuple[int, int, int], device: str | torch.device = "cpu") -> Batches:
    """The images at the input `shape` (C, H, W) of a network, on `device`.

    For a network of one channel, colours become grey. Grey images are repeated over the channels when a batch is drawn.

    Raises:
        DataError: the images have other channels than the network, and neither has one channel.
    """
    channels, height, width = shape
    own = images.source.shape[1]
    if own not in (1, channels) and channels != 1:
        raise DataError(f"the network reads {channels} channels, the images have {own}; change the genotype's input")
    grey = channels == 1 and own == 3
    pixels = torch.empty((len(images), 1 if grey else own, height, width), dtype=torch.uint8)
    start = 0
    for chunk in images.chunks(CHUNK):
        if grey:  # ITU-R BT.601 luma, as Pillow's convert("L")
            weights = torch.tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)
            chunk = (chunk * weights).sum(1, keepdim=True).round().to(torch.uint8)
        if chunk.shape[2:] != (height, width):
            chunk = functional.interpolate(chunk, (height, width), mode="bilinear", antialias=True)
        pixels[start : start + len(chunk)] = chunk
        start += len(chunk)
    return Batches(pixels.to(device), images.labels.to(device), channels)
