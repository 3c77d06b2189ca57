from __future__ import annotations

import pytest
import torch

from nasbench.errors import DataError
from nasbench.training.batches import Batches, Statistics, resized
from nasbench.training.images import LabeledImages

RAW = Statistics((0.0,), (1 / 255,))  # normalised values are then the bytes


def coded(count: int = 3, side: int = 4) -> LabeledImages:
    """Every pixel differs from every other: 1 .. count * side * side."""
    return LabeledImages(torch.arange(1, count * side * side + 1).view(count, 1, side, side).to(torch.uint8), torch.arange(count))


def test_grey_is_repeated_and_colour_becomes_grey() -> None:
    pixels, labels = resized(coded(), (3, 4, 4)).plain(torch.tensor([2, 0]), RAW)
    assert labels.tolist() == [2, 0]
    assert torch.equal(pixels[:, 0].round().to(torch.uint8), coded().pixels[[2, 0], 0])
    assert torch.equal(pixels[:, 0], pixels[:, 2])
    green = LabeledImages(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    green.source[:, 1] = 100
    assert resized(green, (1, 4, 4)).pixels.unique().tolist() == [59]


def test_channels_that_cannot_be_matched_are_refused() -> None:
    with pytest.raises(DataError, match="reads 4 channels, the images have 3"):
        resized(LabeledImages(torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.zeros(1)), (4, 4, 4))


def test_resizing_keeps_order_and_brightness() -> None:
    brightness = torch.arange(2500).remainder(251).to(torch.uint8)
    images = LabeledImages(brightness.view(-1, 1, 1, 1).repeat(1, 1, 6, 6), torch.zeros(2500))
    batches = resized(images, (1, 4, 9))
    assert batches.pixels.shape == (2500, 1, 4, 9)
    assert torch.equal(batches.pixels[:, 0, 2, 5], images.pixels[:, 0, 0, 0])  # across the chunks it is done in


def test_statistics_are_those_of_the_pixels() -> None:
    pixels = torch.randint(0, 256, (1500, 3, 5, 5), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    pixels[:, 2] = 51
    found = Batches(pixels, torch.zeros(1500), 3).statistics()
    exact = pixels.double() / 255
    assert found.mean == pytest.approx(exact.mean((0, 2, 3)).tolist())
    assert found.std[:2] == pytest.approx(exact.std((0, 2, 3), correction=0).tolist()[:2])
    assert found.std[2] == 1.0  # no contrast, no division by zero
    plain, _ = Batches(pixels, torch.zeros(1500), 3).plain(torch.arange(1500), found)
    assert plain.mean().abs() < 1e-5


def test_without_augmentation_the_images_are_the_plain_ones() -> None:
    batches, index = resized(coded(), (3, 4, 4)), torch.tensor([1, 0, 2])
    augmented, labels = batches.augmented(index, RAW, torch.Generator(), flip=False, padding=0)
    plain, expected = batches.plain(index, RAW)
    assert torch.equal(augmented, plain)
    assert torch.equal(labels, expected)


def test_each_image_is_shifted_and_mirrored_by_itself() -> None:
    batches = resized(coded(), (1, 4, 4))
    index = torch.zeros(200, dtype=torch.int64)
    images, _ = batches.augmented(index, RAW, torch.Generator().manual_seed(0), flip=True, padding=1)
    source = coded().pixels[0, 0]
    padded = torch.nn.functional.pad(source, (1, 1, 1, 1))
    padded_mirror = torch.nn.functional.pad(source.flip(1), (1, 1, 1, 1))
    allowed = {p[y : y + 4, x : x + 4].numpy().tobytes() for p in (padded, padded_mirror) for y in range(3) for x in range(3)}
    seen = {image.numpy().tobytes() for image in images[:, 0].round().to(torch.uint8)}
    assert seen == allowed  # all 18, and nothing else


def test_augmentation_is_decided_by_its_generator() -> None:
    batches, index = resized(coded(), (1, 4, 4)), torch.zeros(9, dtype=torch.int64)
    drawn = [batches.augmented(index, RAW, torch.Generator().manual_seed(s), flip=True, padding=2)[0] for s in (5, 5, 6)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
