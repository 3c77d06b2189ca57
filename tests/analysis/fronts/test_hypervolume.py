"""The hypervolume of a study: by hand, against Optuna's, and against chance."""

from __future__ import annotations

import random

import numpy as np
import pytest
from made_study import make_study, result
from optuna._hypervolume import compute_hypervolume

import nasbench as nb

SEARCH = [result(0.70, 10), result(0.80, 12), result(0.75, 14), result(None, 30), None]
RANDOM = [result(0.60, 11), result(0.90, 9, status="infeasible")]


def test_the_hypervolume_is_the_area_below_the_limit(tmp_path):
    study = nb.open_study(make_study(tmp_path / "one", SEARCH, RANDOM))
    volume = study.hypervolume()
    assert (volume.latency_ms, volume.accuracy) == (20.0, 0.0)
    assert float(volume) == pytest.approx(2 * 0.70 + 8 * 0.80)  # 0.7 from 10 to 12 ms, 0.8 from there to 20 ms
    assert volume.mean_accuracy == pytest.approx(float(volume) / 20)
    assert "reference 20 ms, accuracy 0%" in str(volume)
    assert study.hypervolume((13, 0.5)).ms == pytest.approx(2 * 0.2 + 1 * 0.3)
    assert study.hypervolume((9, 0)).ms == 0


def test_without_a_limit_the_reference_is_the_slowest_network(tmp_path):
    study = nb.open_study(make_study(tmp_path / "one", SEARCH, latency_ms=None))
    assert study.reference() == (14.0, 0.0)
    assert study.hypervolume().ms == pytest.approx(2 * 0.70 + 2 * 0.80)


@pytest.mark.parametrize("seed", range(5))
def test_hypervolume_against_optunas_and_against_chance(tmp_path, seed):
    """Optuna's exact one, and the share of random points of the box that some network covers."""
    draw = random.Random(seed)
    points = [(draw.uniform(1, 18), draw.uniform(0.1, 0.9)) for _ in range(12)]
    study = nb.open_study(make_study(tmp_path / "one", [result(a, ms, constraints={}) for ms, a in points]))
    volume = study.hypervolume().ms
    loss = np.array([(ms, -a) for ms, a in points])
    assert volume == pytest.approx(compute_hypervolume(loss, np.array([20.0, 0.0])))
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 20, 40_000), rng.uniform(0, 1, 40_000)
    covered = np.any([(x >= ms) & (y <= a) for ms, a in points], axis=0)
    assert volume == pytest.approx(20 * covered.mean(), abs=20 * 4 * 0.5 / 200)  # four standard deviations
