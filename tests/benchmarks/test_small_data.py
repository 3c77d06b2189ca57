"""The benchmark of small data sets: what it computes from trainings."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WORTH = {"a": 0.9, "b": 0.7, "c": 0.6}


@pytest.fixture(scope="module")
def small_data():
    return runpy.run_path(str(BENCHMARKS / "small_data.py"))


@pytest.mark.parametrize(
    ("accuracies", "spearman", "chosen"),
    [
        ({"a": 0.5, "b": 0.4, "c": 0.3}, 1.0, 0.9),
        ({"a": 0.3, "b": 0.4, "c": 0.5}, -1.0, 0.6),
        ({"a": 0.5, "b": 0.5, "c": 0.1}, 0.866, 0.8),  # a tie: either may be chosen
    ],
)
def test_a_ranking_is_judged_by_the_worth_of_networks(small_data, accuracies, spearman, chosen):
    found = small_data["ranking"](accuracies, WORTH)
    assert found["spearman"] == pytest.approx(spearman, abs=1e-3)
    assert found["chosen"] == pytest.approx(chosen)


def test_each_seed_is_judged_by_the_mean_worth(small_data):
    rows = [
        {"recipe": "worth", "network": n, "seed": s, "accuracy": w + d, "seconds": 9}
        for n, w in WORTH.items()
        for s, d in ((0, 0.01), (1, -0.01))
    ]
    rows += [
        {"recipe": "new", "network": n, "seed": s, "accuracy": w if s else 1 - w, "seconds": 2} for n, w in WORTH.items() for s in (0, 1)
    ]
    found = small_data["report"](rows, [0, 1])
    assert found["recipes"]["new"]["spearman"] == pytest.approx([-1.0, 1.0])
    assert found["recipes"]["new"]["chosen"] == pytest.approx([0.6, 0.9])
    assert (found["worth"]["best"], found["worth"]["mean"]) == pytest.approx((0.9, 2.2 / 3))


def test_a_small_data_set_gets_other_recipes_and_a_large_one_does_not(small_data):
    small, large = small_data["recipes"](160), small_data["recipes"](8000)
    assert small["epochs fitted"].epochs == 32
    assert small["epochs fitted"].train_size == small["large data"].train_size < small["epochs and pixels fitted"].train_size
    assert large["epochs and pixels fitted"] == large["epochs fitted"] == large["large data"]
