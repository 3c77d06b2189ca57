"""Augmentation: what is drawn, and the targets of mixed images counted by hand."""

from __future__ import annotations

import pytest
import torch

from nasbench.training.augment import Augmentation, fitted_targets
from nasbench.training.recipe import Recipe

LABELS = torch.tensor([0, 1, 2, 2])


def images(count: int = 4, channels: int = 3, side: int = 16) -> torch.Tensor:
    return torch.randint(0, 256, (count, channels, side, side), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


def test_the_default_changes_nothing_and_draws_nothing() -> None:
    state = torch.get_rng_state()
    augmentation = Augmentation(Recipe(), 3)
    pixels = images()
    assert augmentation.bytes(pixels) is pixels
    floats = pixels.float()
    same, labels = augmentation.normalised(floats, LABELS)
    assert same is floats
    assert labels is LABELS
    assert torch.equal(torch.get_rng_state(), state)


def test_mixup_by_hand() -> None:
    """Each image is mixed with the one before it: share * own + (1 - share) * other, and so are the targets."""
    floats = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 2, 2).clone()
    torch.manual_seed(3)
    mixed, targets = Augmentation(Recipe(mixup=0.2), 3).normalised(floats, LABELS)
    share = targets[0, 0].item()  # the first image has class 0, its partner class 2
    assert 0 < share < 1
    expected = torch.tensor([[share, 0, 1 - share], [1 - share, share, 0], [0, 1 - share, share], [0, 0, 1.0]])
    assert torch.allclose(targets, expected)
    assert torch.allclose(mixed[:, 0, 0, 0], torch.tensor([3 * (1 - share), share, 1 + share, 2 + share]))


def test_the_targets_of_cutmix_are_the_shares_of_the_pixels() -> None:
    floats = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 8, 8).clone()
    torch.manual_seed(0)
    mixed, targets = Augmentation(Recipe(cutmix=1.0), 3).normalised(floats, LABELS)
    own = (mixed[1] == 1).float().mean().item()  # the rest is of image 0
    assert 0 < own < 1
    assert targets[1].tolist() == pytest.approx([1 - own, own, 0.0])


def test_with_both_a_batch_has_one_of_them() -> None:
    floats = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 8, 8).clone()
    augmentation = Augmentation(Recipe(mixup=0.5, cutmix=1.0), 3)
    torch.manual_seed(0)
    whole = [
        all(len(set(image.flatten().tolist())) == 1 for image in augmentation.normalised(floats.clone(), LABELS)[0]) for _ in range(40)
    ]
    assert 8 < sum(whole) < 36  # mixup leaves each image of one value, most rectangles do not


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("policy", ["trivial", "rand"])
def test_each_image_gets_operations_of_its_own(policy: str, channels: int) -> None:
    pixels = images(1, channels).expand(12, -1, -1, -1)
    augmentation = Augmentation(Recipe(augment=policy), 3)
    drawn = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        drawn.append(augmentation.bytes(pixels))
    assert drawn[0].dtype == torch.uint8
    assert drawn[0].shape == pixels.shape
    assert len({image.numpy().tobytes() for image in drawn[0]}) > 3
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_erasing_follows_its_probability() -> None:
    torch.manual_seed(0)
    floats = torch.ones(400, 1, 8, 8)
    erased, labels = Augmentation(Recipe(random_erasing=0.25), 3).normalised(floats, torch.zeros(400, dtype=torch.int64))
    share = (erased.amin((1, 2, 3)) == 0).float().mean().item()
    assert 0.18 < share < 0.33  # 0.25 +- 4 standard deviations
    assert labels.ndim == 1
    assert bool((floats == 1).all())


def test_targets_fit_a_network_with_more_outputs() -> None:
    assert fitted_targets(LABELS, 5) is LABELS
    assert fitted_targets(torch.tensor([[0.25, 0.75]]), 4).tolist() == [[0.25, 0.75, 0.0, 0.0]]
