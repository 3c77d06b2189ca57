"""Aging evolution finds more than random search does, and its population ages."""

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
    check_better_than_random("evolution")


def test_learns_where_the_limit_is():
    check_learns_where_the_limit_is("evolution")


def test_two_objectives():
    check_two_objectives("evolution")


@pytest.mark.parametrize("directions", [UP, BOTH])
def test_learns_from_trials_that_wait_at_a_rung(directions):
    trials = check_learns_from_paused_trials("evolution", directions)
    assert any(trials[t.parent].status == "paused" for t in trials if t.parent is not None), "they are parents too"


def test_children_inherit_and_parents_age():
    """With a sample of the whole population the parent is its best, and no trial stays in it for long."""
    trials = search("evolution", 3, 30, population=8, sample=8, startup=8)
    assert all(t.parent is None for t in trials[:8])
    for trial in trials[8:]:
        parent = max(trials[trial.number - 8 : trial.number], key=lambda t: (t.values[0], t.number))
        assert trial.parent == parent.number
        assert sum(trial.params[k] != parent.params[k] for k in trial.params.keys() & parent.params.keys()) == 1
    worse = iter(range(0, -30, -1))
    trials = search("evolution", 3, 30, population=8, sample=8, startup=8, evaluate=lambda *_: {"status": "ok", "values": [next(worse)]})
    assert [t.parent for t in trials[8:]] == list(range(22)), "where each trial is worse than the one before, the oldest is the parent"
