"""How many epochs fit into a time."""

from __future__ import annotations

from datetime import datetime

import pytest
import torch
from nets import SHAPE, STEADY, quarters, small_net

from nasbench.errors import NasbenchError
from nasbench.training.delivery.plan import Pace, TrainPlan, measure_pace, plan_training
from nasbench.training.recipe import Recipe

PACE = Pace(step_s=0.1, score_s=0.001)
COUNTS = (1000, 200, 300)  # an epoch of 10 steps and 200 validations takes 1.2 s, the test 0.3 s


@pytest.mark.parametrize(
    ("time_s", "spent_s", "epochs"),
    [
        (60, 0, 47),  # (57 - 0.3) / 1.2 = 47.25
        (60, 5, 43),  # (57 - 5.3) / 1.2 = 43.08
        (2, 0, 1),
        (1e9, 0, 10_000),  # as many as a recipe may have
    ],
)
def test_as_many_epochs_as_fit(time_s: float, spent_s: float, epochs: int) -> None:
    plan = plan_training(Recipe(batch_size=100, images=None), PACE, COUNTS, 32, time_s, spent_s)
    assert plan.epochs == epochs
    assert plan.epoch_s == pytest.approx(1.2)
    assert plan.seconds == pytest.approx(1.2 * epochs + 0.3)


def test_too_little_time_says_how_much_is_needed() -> None:
    with pytest.raises(NasbenchError, match=r"at least one epoch.*about 1\.2 s.*needs about 7 s.*got --time 1 s") as caught:
        plan_training(Recipe(batch_size=100, images=None), PACE, COUNTS, 32, 1.0, 5.0)
    assert "\n" not in str(caught.value)


def test_a_recipe_of_fewer_images_has_fewer_steps() -> None:
    plan = plan_training(Recipe(batch_size=100, images=500, epochs=3), PACE, COUNTS, 32)
    assert (plan.epochs, plan.images, plan.epoch_s) == (3, 500, pytest.approx(0.7))


def test_the_plan_in_words() -> None:
    plan = TrainPlan(20, 12.0, 2.0, 8000, 2000, 32)
    words = plan.words(datetime(2030, 1, 1, 14, 1))
    assert words == (
        "20 epochs of 8000 images at 32 pixels, validated on 2000; about 12 s each, 4 min 02 s in all, until about 2030-01-01 14:05"
    )
    assert TrainPlan(1, 0.25, 0.0, 80, 0, 8).words(datetime(2030, 1, 1)).startswith("1 epoch of 80 images at 8 pixels; about 0.25 s each")
    assert TrainPlan(**plan.to_json()) == plan


def test_the_pace_is_measured_on_a_copy() -> None:
    state = torch.get_rng_state()
    pace = measure_pace(small_net(), quarters(), STEADY, SHAPE, torch.device("cpu"), 0.2)
    assert 0 < pace.step_s < 1
    assert 0 < pace.score_s < 0.1
    assert torch.equal(torch.get_rng_state(), state)
