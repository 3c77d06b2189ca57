"""The predictor finds more than random search does, learns from limits, and repeats with its seed."""

from __future__ import annotations

import pytest
from learning import (
    BOTH,
    UP,
    check_better_than_random,
    check_learns_from_paused_trials,
    check_learns_where_the_limit_is,
    check_two_objectives,
    search,
)


def test_better_than_random():
    check_better_than_random("predictor")


def test_learns_where_the_limit_is():
    check_learns_where_the_limit_is("predictor")


def test_two_objectives():
    check_two_objectives("predictor")


@pytest.mark.parametrize("directions", [UP, BOTH])
def test_learns_from_trials_that_wait_at_a_rung(directions):
    check_learns_from_paused_trials("predictor", directions)


def test_one_seed_one_search():
    first, again, other = (search("predictor", seed, 15) for seed in (1, 1, 2))
    assert [t.params for t in first] == [t.params for t in again]
    assert [t.params for t in first] != [t.params for t in other]
