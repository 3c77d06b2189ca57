"""Which trials are better: feasible ones first, then by nondominated rank, then by crowding distance."""

from __future__ import annotations

import math

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from nasbench.strategies.ranking import merits, reached
from nasbench.study.in_memory import InMemoryStudy
from nasbench.study.trial import judge

UP, DOWN = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE


def trial(*values, over=None):
    state = TrialState.COMPLETE if values else TrialState.PRUNED
    return create_trial(state=state, values=list(values) or None, constraints={} if over is None else {"latency": over})


@pytest.mark.parametrize(
    ("trials", "directions", "order"),
    [
        ([trial(1), trial(3), trial(2)], [UP], [1, 2, 0]),
        ([trial(1), trial(3), trial(2)], [DOWN], [0, 2, 1]),
        ([trial(9, over=1), trial(1), trial(over=0.5)], [UP], [1, 2, 0]),  # values of infeasible trials do not matter
        ([trial(1, over=-1), trial(2, over=0)], [UP], [1, 0]),  # limits that are kept
        ([trial(1, 9), trial(2, 5), trial(1, 5)], [UP, DOWN], [1, 2, 0]),  # 2 is dominated by 1 alone, 0 by both
        (
            [trial(1, 1), trial(5, 5), trial(2, 2), trial(3, 4.5), trial(1.1, 1.1)],
            [UP, DOWN],
            [0, 1, 3, 2, 4],
        ),  # one front: its ends, then by crowding distance
        ([trial(over=1), trial()], [UP], [0, 1]),  # a trial without values and constraints comes last
    ],
)
def test_order(trials, directions, order):
    keys = merits(trials, directions)
    assert sorted(range(len(trials)), key=lambda i: keys[i]) == order


def test_ties_and_single_points():
    assert merits([], [UP]) == []
    assert merits([trial(1, 2)], [UP, DOWN]) == [(0.0, 0.0, 0.0)]
    assert {k[1] for k in merits([trial(1, 2)] * 4, [UP, DOWN])} == {0.0}
    assert [k[2] for k in merits([trial(1, 2), trial(2, 3)], [UP, DOWN])] == [-math.inf] * 2


def test_trials_that_were_trained_longer_come_first():
    study = InMemoryStudy("toy", ("maximize",), [])
    for number, (epochs, value) in enumerate([(1, 0.9), (3, 0.5), (9, 0.4), (3, 0.6)]):
        study.add({}, {})
        if epochs == 9:
            study.finish(number, judge({"status": "ok", "values": [value]}, 1))
        else:
            rungs = [{"epoch": e, "values": [value]} for e in (1, 3) if e <= epochs]
            study.update(number, {"status": "stopped", "rungs": rungs}, {})
    trials = study.trials()
    keys = merits(trials, study.study.directions)
    assert sorted(range(4), key=lambda i: keys[i]) == [2, 3, 1, 0]
    assert [reached(t) for t in trials] == [(1.0, [0.9]), (3.0, [0.5]), (math.inf, [0.4]), (3.0, [0.6])]
