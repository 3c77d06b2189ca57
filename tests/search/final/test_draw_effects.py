"""Draws of a final round: networks are compared in pairs, with what they have in common taken out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench.search.final.draw_effects import SHRINKAGE, draw_effects
from nasbench.search.final.race import Race
from nasbench.strategies.predictor.features import Rows, normalised


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.floats(-3, 3)), min_size=1, max_size=30))
def test_they_are_the_ridge_estimates(draws):
    """Against the dense least squares problem, in which networks are free and draws are penalised."""
    networks, numbers, scores = map(np.array, zip(*draws, strict=True))
    design = np.concatenate([np.eye(6)[networks], np.eye(5)[numbers][:, 1:]], axis=1)
    penalty = np.concatenate([np.zeros((4, 6)), np.sqrt(SHRINKAGE) * np.eye(4)], axis=1)
    found = np.linalg.lstsq(np.concatenate([design, penalty]), np.concatenate([scores, np.zeros(4)]), rcond=None)[0]
    expected = np.concatenate([[0.0], found[6:]])[numbers]
    assert draw_effects(networks, numbers, scores) == pytest.approx(expected, abs=1e-9)


def test_a_search_alone_has_no_effects():
    assert not draw_effects([0, 1, 2], [0, 0, 0], np.array([0.1, 0.5, 0.9])).any()


def test_an_easy_draw_does_not_make_its_network_the_best():
    """Network 1 is as good as network 0, but was trained once more, on easier validation images that others had, too."""
    rng = np.random.default_rng(4)
    x = Rows.without_sizes(normalised(rng.normal(size=(8, 6))))
    searched = [(i, 0.80 + 0.001 * float(rng.normal()), 0) for i in range(8)]
    easy = [(i, searched[i][1] + 0.05 + 0.001 * float(rng.normal()), 1) for i in range(1, 8)]
    aware, unaware = Race(x, [*searched, *easy]), Race(x, [draw[:2] for draw in [*searched, *easy]])
    gap = [float(r.accuracies()[1:].mean() - r.accuracies()[0]) for r in (aware, unaware)]
    assert abs(gap[0]) < 0.01 < gap[1], gap
