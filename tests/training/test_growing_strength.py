"""Regularisation that grows with the images (EfficientNetV2): its values at each stage by hand, in the training, and after a stop."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from nets import STEADY, Killed, bits, fit, kill_after, small_net
from torch import nn

from nasbench.errors import NasbenchError
from nasbench.training.loop import Training
from nasbench.training.recipe import Recipe
from nasbench.training.recipes import find_recipe
from nasbench.training.schedule import size_share, stage_recipe

# Table 6 of Tan and Le 2021 for the network S, and by its algorithm 1: first + (last - first) * stage / 3, four stages of 87 or 88 epochs.
BY_HAND = [
    # epochs from 1, image side, magnitude (25/3 and 35/3 rounded), dropout
    (1, 88, 128.0, 5, 0.1),
    (89, 175, 556 / 3, 8, 0.5 / 3),
    (176, 263, 728 / 3, 12, 0.7 / 3),
    (264, 350, 300.0, 15, 0.3),
]
GROWING = dataclasses.replace(
    STEADY, epochs=3, calibration=0, size_stages=3, augment="rand", magnitude=20, mixup=0.4, first_mixup=0.0, dropout=0.3, first_dropout=0.1
)
GROWING = dataclasses.replace(GROWING, first_magnitude=10)


@pytest.mark.parametrize(("first", "last", "side", "magnitude", "dropout"), BY_HAND)
def test_the_recipe_has_the_values_of_the_paper(first: int, last: int, side: float, magnitude: int, dropout: float) -> None:
    recipe = find_recipe("efficientnetv2").recipe
    for epoch in (first, last):
        stage = stage_recipe(recipe, epoch - 1)
        assert (stage.magnitude, stage.mixup) == (magnitude, 0.0)
        assert stage.dropout == pytest.approx(dropout)
        assert size_share(recipe, epoch - 1) * 300 == pytest.approx(side)


def test_mixup_of_the_network_m_by_hand() -> None:
    """Table 6 for M: 0 to 0.2, and magnitudes of 5 to 20."""
    recipe = Recipe(epochs=4, augment="rand", magnitude=20, first_magnitude=5, mixup=0.2, first_mixup=0.0)
    stages = [stage_recipe(recipe, epoch) for epoch in range(4)]
    assert [stage.magnitude for stage in stages] == [5, 10, 15, 20]
    assert [stage.mixup for stage in stages] == pytest.approx([0, 0.2 / 3, 0.4 / 3, 0.2])
    assert stages[3].mixup == 0.2, "exactly"


def test_without_first_values_nothing_grows() -> None:
    recipe = Recipe(epochs=5, augment="rand", mixup=0.2, dropout=0.5)
    assert all(stage_recipe(recipe, epoch) is recipe for epoch in range(5))
    one = dataclasses.replace(recipe, epochs=1, first_mixup=0.0)
    assert stage_recipe(one, 0).mixup == 0.2, "a single epoch has the last values, as it has the whole images"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What each step was trained with: magnitude, parameter of mixup (None without), dropout."""
    steps: list[tuple[Any, ...]] = []
    real = Training._step

    def step(training: Training, index: torch.Tensor) -> torch.Tensor:
        augmentation: Any = training.augmentation
        mixes = augmentation._mixes
        alpha = float(mixes[0]._dist.concentration0) if mixes else None
        drops = {module.p for module in training.net.modules() if isinstance(module, nn.Dropout)}
        steps.append((augmentation._policy.magnitude, alpha, *drops))
        return real(training, index)

    monkeypatch.setattr(Training, "_step", step)
    return steps


def test_each_stage_trains_with_its_values(seen) -> None:
    fit(small_net(), GROWING)
    assert len(seen) == 33  # of 3 epochs
    assert seen[:11] == 11 * [(10, None, 0.1)]
    assert seen[11:22] == 11 * [(15, pytest.approx(0.2), pytest.approx(0.2))]
    assert seen[22:] == 11 * [(20, pytest.approx(0.4), 0.3)]


def test_by_default_dropout_is_the_networks_own(seen) -> None:
    fit(small_net(), dataclasses.replace(STEADY, epochs=1, calibration=0, augment="rand"))
    assert set(seen) == {(9, None, 0.1)}
    assert {"magnitude", "dropout", "first_dropout", "first_mixup", "first_magnitude"}.isdisjoint(Recipe().to_dict())


def test_a_stop_between_stages_changes_no_bit(tmp_path: Path, seen) -> None:
    whole = small_net()
    fit(whole, GROWING)
    with pytest.raises(Killed):
        fit(small_net(), GROWING, checkpoint=tmp_path / "c.bin", on_epoch=kill_after(2))
    seen.clear()
    resumed = small_net(seed=99)
    fit(resumed, GROWING, checkpoint=tmp_path / "c.bin")
    assert [step[0] for step in seen] == 11 * [20]
    assert bits(resumed) == bits(whole)
    other = small_net()
    fit(other, dataclasses.replace(GROWING, first_magnitude=None, first_mixup=None, first_dropout=None))
    assert bits(other) != bits(whole), "the control: growth changes the weights"


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"first_magnitude": 5}, "first_magnitude is RandAugment's; got 5 with augment none; add augment: rand"),
        (
            {"augment": "rand", "first_magnitude": 10},
            "magnitude grows from first_magnitude to magnitude; got 10 and 9; give a larger magnitude",
        ),
        ({"first_mixup": 0.1}, "mixup grows from first_mixup to mixup; got 0.1 and 0.0"),
        ({"first_dropout": 0.1}, "dropout grows from first_dropout to dropout; got 0.1 and None"),
        ({"dropout": 0.1, "first_dropout": 0.2}, "got 0.2 and 0.1"),
        ({"magnitude": 31}, "magnitude must be a whole number from 0 to 30"),
        ({"dropout": 1.0}, "dropout must be a number from 0 to 0.95"),
        ({"magnitude": None}, "magnitude must be"),
    ],
)
def test_what_cannot_grow_is_refused(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(NasbenchError, match=rule) as caught:
        Recipe.from_dict(fields)
    assert "\n" not in str(caught.value)
