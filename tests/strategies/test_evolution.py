"""Aging evolution: children have one other value, parents age, and with one attempt it is the paper's."""

from __future__ import annotations

import pytest
from learning import BOTH, UP, check_learns_from_paused_trials, search


@pytest.mark.parametrize("directions", [UP, BOTH])
def test_trials_that_wait_at_a_rung_are_parents_too(directions):
    trials = check_learns_from_paused_trials("evolution", directions)
    assert any(trials[t.parent].status == "paused" for t in trials if t.parent is not None)


@pytest.mark.parametrize("attempts", [1, 32])
def test_children_inherit_and_parents_age(attempts):
    """With a sample of the whole population the parent is its best, and no trial stays in it for long."""
    trials = search("evolution", 3, 30, population=8, sample=8, startup=8, attempts=attempts)
    assert all(t.parent is None for t in trials[:8])
    for trial in trials[8:]:
        parent = max(trials[trial.number - 8 : trial.number], key=lambda t: (t.values[0], t.number))
        assert trial.parent == parent.number
        assert sum(trial.params[k] != parent.params[k] for k in trial.params.keys() & parent.params.keys()) == 1
    worse = iter(range(0, -30, -1))
    trials = search("evolution", 3, 30, population=8, sample=8, startup=8, evaluate=lambda *_: {"status": "ok", "values": [next(worse)]})
    assert [t.parent for t in trials[8:]] == list(range(22)), "where each trial is worse than the one before, the oldest is the parent"


def test_more_attempts_change_nothing_where_the_first_child_is_new():
    """So the trials of studies of earlier versions are those of today, where neither limits nor repetitions are."""
    first, again = (search("evolution", 4, 25, attempts=attempts) for attempts in (1, 32))
    assert [t.params for t in first] == [t.params for t in again]
