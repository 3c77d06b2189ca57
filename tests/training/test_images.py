from __future__ import annotations

import pytest
import torch

from nasbench.errors import DataError
from nasbench.training.images import LabeledImages, split, subset


def numbered(*counts: int) -> LabeledImages:
    """Images that hold their own number, `counts[c]` of class c, classes interleaved by a fixed shuffle."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]
    numbers = torch.arange(len(labels))
    return LabeledImages(torch.stack([numbers // 256, numbers % 256], 1).to(torch.uint8).view(-1, 1, 1, 2), labels)


def numbers(images: LabeledImages) -> list[int]:
    pixels = images.pixels.view(-1, 2).long()
    return (pixels[:, 0] * 256 + pixels[:, 1]).tolist()


def test_the_parts_of_a_split_share_nothing_and_lose_nothing() -> None:
    whole = numbered(50, 30, 20)
    train, validation = split(whole, 0.2, seed=3)
    assert not set(numbers(train)) & set(numbers(validation))
    assert sorted(numbers(train) + numbers(validation)) == numbers(whole)


@pytest.mark.parametrize(
    ("counts", "fraction", "expected"),
    [
        ((50, 30, 20), 0.2, [10, 6, 4]),
        ((5, 5, 5), 0.5, [3, 3, 2]),  # 15 * 0.5 rounds to 8, by largest remainder
        ((100, 2), 0.1, [10, 1]),  # the small class is not left out
        ((100, 2), 0.9, [90, 1]),  # nor wholly taken
        ((4, 0, 4), 0.25, [1, 0, 1]),  # a label that nothing bears
    ],
)
def test_every_class_gives_its_share_to_validation(counts: tuple[int, ...], fraction: float, expected: list[int]) -> None:
    _, validation = split(numbered(*counts), fraction, seed=0)
    assert validation.labels.bincount(minlength=len(counts)).tolist() == expected


def test_labels_stay_with_their_images() -> None:
    whole = numbered(40, 40)
    for part in split(whole, 0.25, seed=7):
        assert part.labels.tolist() == [whole.labels[i].item() for i in numbers(part)]
        again = part.select(torch.tensor([3, 1]))
        assert again.labels.tolist() == [whole.labels[i].item() for i in numbers(again)]


def test_a_split_is_decided_by_its_seed_and_never_changes() -> None:
    whole = numbered(6, 6)
    chosen = [numbers(split(whole, 0.34, seed)[1]) for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]
    assert chosen[0] == [0, 2, 8, 9]  # recorded: results stored with a split must keep meaning the same


def test_folds_share_no_image_until_all_were_used() -> None:
    whole = numbered(50, 30, 20)
    folds = [numbers(split(whole, 0.2, seed=3, fold=k)[1]) for k in range(6)]
    assert sorted(i for fold in folds[:5] for i in fold) == numbers(whole)
    assert folds[5] == folds[0] == numbers(split(whole, 0.2, seed=3)[1])
    for k in range(5):
        assert split(whole, 0.2, seed=3, fold=k)[1].labels.bincount().tolist() == [10, 6, 4]


def test_every_fold_has_each_class_where_they_do_not_come_out_even() -> None:
    whole = numbered(7, 2, 11)
    folds = [split(whole, 0.3, seed=1, fold=k) for k in range(9)]
    for train, validation in folds:
        assert validation.labels.bincount(minlength=3).tolist() == folds[0][1].labels.bincount(minlength=3).tolist()
        assert sorted(numbers(train) + numbers(validation)) == numbers(whole)
    assert {i for _, validation in folds for i in numbers(validation)} == set(numbers(whole))


def test_a_selection_shares_the_memory_of_its_source() -> None:
    whole = numbered(6, 6)
    train, _ = split(whole, 0.3, seed=0)
    assert train.source.data_ptr() == whole.source.data_ptr()
    assert torch.equal(torch.cat(list(train.chunks(4))), train.pixels)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_an_impossible_share_is_refused(fraction: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        split(numbered(5, 5), fraction, seed=0)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(DataError, match="from 0; got -1"):
        split(numbered(5, 5), 0.2, seed=-1)


def test_a_class_of_one_image_cannot_be_split() -> None:
    with pytest.raises(DataError, match="class 1 has one"):
        split(numbered(5, 1), 0.2, seed=0)


def test_a_subset_keeps_the_proportions_and_a_larger_one_holds_it() -> None:
    whole = numbered(60, 30, 10)
    small, large = subset(whole, 10, seed=0), subset(whole, 50, seed=0)
    assert small.labels.bincount().tolist() == [6, 3, 1]
    assert set(numbers(small)) < set(numbers(large))
    assert subset(whole, 1000, seed=0) is whole
