"""The benchmark of successive halving: what it computes from trainings, and a small run."""

from __future__ import annotations

import json
import runpy
import statistics
import sys
from itertools import combinations
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def halving():
    return runpy.run_path(str(BENCHMARKS / "halving.py"))


def test_seconds_of_a_training_by_rungs(halving):
    history = [{"train_seconds": 2.0, "seconds": 3.0}, {"train_seconds": 2.0, "seconds": 2.5}, {"train_seconds": 2.0, "seconds": 3.5}]
    assert halving["cost"](history, [1, 3]) == 3 * 2.0 + 1.0 + 1.5
    assert halving["cost"](history, [1]) == 3.0


def test_the_choice_among_fewer_networks_is_the_mean_over_all_subsets(halving):
    worth = [0.5, 0.9, 0.7, 0.6, 0.8]
    order = [1, 4, 0, 2, 3]  # by another seed
    for take in range(1, 6):
        chosen = [worth[min(subset, key=order.index)] for subset in combinations(range(5), take)]
        assert halving["fewer"](order, worth, take) == pytest.approx(statistics.mean(chosen))


@pytest.mark.slow
def test_a_small_run_has_the_keys_of_the_stored_results(halving, tmp_path, monkeypatch):
    out, options = tmp_path / "out.json", "--networks 3 --epochs 2 --eta 2 --images 64 --seeds 2 --workers 1"
    monkeypatch.setattr(sys, "argv", ["halving.py", *options.split(), "--work", str(tmp_path / "work"), "--out", str(out)])
    halving["main"]()
    results, stored = json.loads(out.read_text()), json.loads((BENCHMARKS / "results/halving.json").read_text())
    assert results.keys() == stored.keys()
    assert results["mean"].keys() == stored["mean"].keys()
    assert results["by_seed"][0].keys() == stored["by_seed"][0].keys()
    for row in results["by_seed"]:
        assert row["same_weights"] == row["ended"] >= 1, "a network that paused has the weights of one that was trained at once"
    halving["main"]()
    assert json.loads(out.read_text())["by_seed"] == results["by_seed"], "a finished run is read back"
