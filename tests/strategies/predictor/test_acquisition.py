"""Expected gains equal means over many draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasbench.pareto import hypervolume
from nasbench.strategies.predictor.acquisition import expected_hypervolume_gain, expected_improvement, probability_within

DRAWS = np.random.default_rng(0).normal(size=20_000)
NUMBER = st.floats(-2, 2)


@given(NUMBER, st.floats(0.05, 2), NUMBER)
def test_improvement(mean, std, best):
    drawn = np.maximum(mean + std * DRAWS - best, 0)
    expected = expected_improvement(np.array([mean]), np.array([std]), best)[0]
    assert expected == pytest.approx(drawn.mean(), abs=5 * drawn.std() / np.sqrt(len(DRAWS)) + 1e-3)


@settings(max_examples=30)
@given(NUMBER, st.floats(0.05, 1), NUMBER, st.lists(st.tuples(NUMBER, NUMBER), max_size=5))
def test_hypervolume(mean, std, other, points):
    reference = (-2.5, -2.5)
    before = hypervolume([(-a, -b) for a, b in points], (2.5, 2.5)) if points else 0.0
    drawn = np.array([hypervolume([*((-a, -b) for a, b in points), (-v, -other)], (2.5, 2.5)) - before for v in mean + std * DRAWS[:1000]])
    nondominated = [p for p in points if not any(q[0] >= p[0] and q[1] >= p[1] and q != p for q in points)]
    front = np.array(nondominated).reshape(-1, 2)
    gain = expected_hypervolume_gain(np.array([mean]), np.array([std]), np.array([other]), front, reference)[0]
    assert gain == pytest.approx(drawn.mean(), abs=5 * drawn.std() / np.sqrt(1000) + 1e-2)


@given(NUMBER, st.floats(0.05, 2))
def test_probability(mean, std):
    assert probability_within(np.array([mean]), np.array([std]))[0] == pytest.approx((mean + std * DRAWS <= 0).mean(), abs=0.02)
