"""Every schedule against torch's schedulers, or counted by hand."""

from __future__ import annotations

import pytest
import torch

from nasbench.training.recipe import Recipe
from nasbench.training.schedule import learning_rate, milestones, plateaus


def rates(recipe: Recipe, steps: int, losses=()) -> list[float]:
    return [learning_rate(recipe, step, steps, losses) for step in range(steps)]


def optimizer(lr: float) -> torch.optim.SGD:
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)


@pytest.mark.parametrize(("steps", "warmup"), [(20, 0.3), (50, 0.25), (7, 0.5), (100, 0.1)])
def test_one_cycle_is_torchs(steps: int, warmup: float) -> None:
    sgd = optimizer(0.4)
    cycle = torch.optim.lr_scheduler.OneCycleLR(sgd, max_lr=0.4, total_steps=steps, pct_start=warmup, cycle_momentum=False)
    expected = []
    for _ in range(steps):
        expected.append(sgd.param_groups[0]["lr"])
        sgd.step()
        cycle.step() if len(expected) < steps else None
    assert rates(Recipe(lr=0.4, warmup=warmup, schedule="one-cycle"), steps) == pytest.approx(expected, rel=1e-9)
    assert max(expected) <= 0.4
    assert min(expected) < 0.4 / 25


def test_steps_are_torchs() -> None:
    sgd = optimizer(0.1)
    multi = torch.optim.lr_scheduler.MultiStepLR(sgd, milestones=[30, 60], gamma=0.1)
    expected = []
    for _ in range(90):
        expected.append(sgd.param_groups[0]["lr"])
        sgd.step()
        multi.step()
    assert rates(Recipe(lr=0.1, warmup=0.0, schedule="step", milestones=(1 / 3, 2 / 3)), 90) == pytest.approx(expected)


def test_drops_at_equal_distances() -> None:
    """EfficientNet's: 0.97 every 2.4 epochs of 350, which is one drop each 24 of 3500 steps at ten steps an epoch."""
    recipe = Recipe(lr=0.256, warmup=0.0, schedule="step", drops=145, gamma=0.97)
    assert len(milestones(recipe)) == 145
    assert recipe.milestones == ()
    rate = rates(recipe, 3504)  # 146 parts of 24 steps
    assert rate == pytest.approx([0.256 * 0.97 ** (step // 24) for step in range(3504)])


@pytest.mark.parametrize("patience", [0, 1, 2, 5])
def test_plateaus_are_torchs(patience: int) -> None:
    losses = [1.0, 0.8, 0.81, 0.79999, 0.82, 0.7, 0.71, 0.72, 0.73, 0.69995, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
    sgd = optimizer(1.0)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(sgd, factor=0.1, patience=patience, threshold=1e-4, eps=0)
    recipe = Recipe(lr=1.0, warmup=0.0, schedule="plateau", patience=patience, validate_epochs=True)
    for i, loss in enumerate(losses):
        plateau.step(loss)
        expected = sgd.param_groups[0]["lr"]
        assert learning_rate(recipe, 0, 10, losses[: i + 1]) == pytest.approx(expected)
    assert plateaus(losses, patience) > 0


def test_a_constant_rate_begins_with_the_warm_up() -> None:
    assert rates(Recipe(lr=0.3, warmup=0.4, schedule="constant"), 5) == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.3])


def test_a_loss_that_is_missing_is_no_improvement() -> None:
    assert plateaus([1.0, None, float("nan")], patience=0) == 2
