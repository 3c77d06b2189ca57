"""The short training fits the data: a small data set is passed over more often, a large one as before."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nasbench as nb
from nasbench.training.proxy import FITTED, MOST_EPOCHS, ProxyPlan, as_stored, fitted
from nasbench.training.recipe import PROXY, Recipe


def of_sides(*sides: int) -> list[nb.Genotype]:
    return [nb.adapt("mobilenet_v2", input=(3, side, side)) for side in sides]


@pytest.mark.parametrize("training", [5120, 8000, 1_000_000])
def test_a_data_set_that_is_large_enough_keeps_the_default(training: int) -> None:
    assert fitted(PROXY, training) == PROXY


@pytest.mark.parametrize("training", [5119, 2000, 640, 163, 64])
def test_a_small_data_set_sees_as_many_images_as_a_large_one(training: int) -> None:
    recipe = fitted(PROXY, training)
    assert recipe.epochs * training == pytest.approx(5120, rel=0.35)
    assert recipe.images == PROXY.images


def test_the_fewest_images_do_not_take_for_ever() -> None:
    assert fitted(PROXY, 6).epochs == MOST_EPOCHS


def test_only_open_fields_change() -> None:
    recipe = Recipe(lr=0.1, epochs=3, train_size=40)
    assert fitted(recipe, 163, ()) == recipe
    assert fitted(recipe, 163, ("train_size",)).epochs == 3
    assert fitted(recipe, 163, ("epochs",)).train_size == 40
    assert fitted(recipe, 163).lr == 0.1
    assert fitted(recipe, 0) == recipe  # an evaluator that trains nothing


def test_a_study_that_has_begun_keeps_its_values() -> None:
    stored = Recipe(epochs=2, train_size=40, lr=0.2, momentum=0.5).to_dict()
    assert as_stored(PROXY, stored, FITTED) == Recipe(epochs=2, train_size=40, lr=0.2)
    assert as_stored(PROXY, stored, ("epochs",)) == Recipe(epochs=2)
    assert as_stored(fitted(PROXY, 163), stored, ()) == fitted(PROXY, 163)


def test_the_plan_counts_steps_and_pixels() -> None:
    plan = ProxyPlan.of(Recipe(epochs=20, train_size=32), 163, 41, of_sides(224, 96, 160))
    assert (plan.images, plan.batch_size, plan.steps) == (163, 64, 40)  # 2 whole batches an epoch
    assert (plan.smallest, plan.largest) == (14, 32)
    assert plan.training_words() == "20 epochs of 163 images, 40 steps of 64, at 14 to 32 pixels"
    assert ProxyPlan.of(PROXY, 8000, 2000, of_sides(32)).training_words() == "1 epoch of 5120 images, 80 steps of 64, at 32 pixels"
    assert ProxyPlan.of(PROXY, 20, 5, of_sides(32)).steps == 1  # one smaller batch


def test_the_standard_error_is_that_of_repeated_draws() -> None:
    """A formula against draws: 41 images at an accuracy of one half, and the difference of two such networks."""
    plan = ProxyPlan.of(PROXY, 163, 41, of_sides(32))
    draws = np.random.default_rng(0).binomial(41, 0.5, (2, 20_000)) / 41
    assert plan.standard_error == pytest.approx(math.sqrt(0.25 / 41))
    assert draws[0].std() == pytest.approx(plan.standard_error, rel=0.02)
    apart = 100 * np.abs(draws[0] - draws[1])
    assert (apart < plan.separable_points).mean() == pytest.approx(0.95, abs=0.02)


def test_the_plan_says_when_it_cannot_tell_networks_apart() -> None:
    assert ProxyPlan.of(PROXY, 163, 41, of_sides(32)).ranking_words() == (
        "accuracy on 41 images, with a standard error of at most 7.8 points: networks that differ by less than 22 points may not be told "
        "apart; more images would help"
    )
    assert (
        ProxyPlan.of(PROXY, 8000, 2000, of_sides(32)).ranking_words()
        == "accuracy on 2000 images, with a standard error of at most 1.1 points"
    )
