"""Rewards, baselines and advantages equal what is computed by hand."""

from __future__ import annotations

import subprocess
import sys

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from nasbench.strategies.rl.rewards import Batch, Step, advantages, batches, moved, steps, weighted, weighting

MAXIMIZE, MINIMIZE = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
SPACE = {"kernel": CategoricalDistribution([1, 3, 5]), "width": IntDistribution(8, 16, step=4), "stride": CategoricalDistribution([2])}


def trial(number, values=None, constraints=None, status="ok", state=None, **attrs):
    state = (TrialState.COMPLETE if values else TrialState.PRUNED) if state is None else state
    made = create_trial(
        state=state,
        values=values,
        params={"kernel": 3, "width": 16, "stride": 2},
        distributions=SPACE,
        constraints=constraints,
        user_attrs={"status": status, **attrs},
    )
    made.number = number
    return made


def rewards(trials, directions=(MAXIMIZE,), size=None):
    return [batch.rewards for batch in batches(trials, directions, size or len(trials), 0)]


def test_steps_are_the_choices_in_order():
    assert steps(trial(0, [1.0])) == [Step("kernel", 3, 1), Step("width", 3, 2)]


def test_reward_by_hand():
    """The value; 0 for what failed; 0 less the violation, at most 1, for what the limits refused."""
    trials = [
        trial(0, [0.9]),
        trial(1, [0.8], {"latency": -0.2}),
        trial(2, constraints={"latency": 0.25, "macs": -0.5}, status="over_budget"),
        trial(3, constraints={"latency": 0.25, "macs": 0.5}, status="over_budget"),
        trial(4, constraints={"latency": 7.0}, status="over_budget"),
        trial(5, [0.95], {"latency": 0.1}, status="infeasible"),
        trial(6, state=TrialState.FAIL, status="diverged"),
    ]
    assert rewards(trials) == [pytest.approx([0.9, 0.8, -0.25, -0.75, -1.0, -0.1, 0.0], abs=1e-12)]
    assert rewards([trial(0, [3.0]), trial(1, [5.0])], (MINIMIZE,)) == [[-3.0, -5.0]]
    assert rewards([trial(0, [-3.0]), trial(1, state=TrialState.FAIL, status="failed")]) == [[-3.0, -3.0]], "never better than a result"


def test_trials_that_say_nothing_are_left_out():
    trials = [
        trial(0, [0.9]),
        trial(1, constraints={"skipped": 1.0}, status="skipped"),
        trial(2, state=TrialState.FAIL, status="duplicate"),  # of a trial that runs
        create_trial(state=TrialState.COMPLETE, values=[0.7]),  # entered without values of parameters
        trial(4, [0.8], status="duplicate"),
    ]
    assert rewards(trials) == [[0.9, 0.8]]


def test_batches_are_trials_by_number_that_have_ended():
    trials = [trial(i, [float(i)]) for i in range(8)]
    assert rewards(trials, size=3) == [[0, 1, 2], [3, 4, 5]]
    assert [b.number for b in batches(trials, (MAXIMIZE,), 3, 1)] == [1]
    trials[4] = trial(4, state=TrialState.RUNNING, status="running")
    assert rewards(trials, size=3) == [[0, 1, 2]]


def test_the_first_rung_counts_whatever_follows():
    """So that the reward of a trial that is promoted later is the same after a restart."""
    rungs = [{"epoch": 1, "values": [0.4]}, {"epoch": 3, "values": [0.6]}]
    assert rewards([trial(0, rungs=rungs[:1]), trial(1, rungs=rungs), trial(2, [0.8], rungs=rungs)]) == [[0.4, 0.4, 0.4]]


def test_advantages_by_hand():
    def of(*rewards, refused=0):
        return Batch(0, [], list(rewards), [i >= refused for i in range(len(rewards))])

    scale = (0.11 / 3) ** 0.5  # of 0.3, -0.1 and 0.1
    assert advantages(of(0.9, 0.5, 0.7), 0.6) == pytest.approx([0.3 / scale, -0.1 / scale, 0.1 / scale], abs=1e-9)
    assert advantages(of(-0.4, 0.9, 0.5, 0.7, refused=1), 0.6) == pytest.approx([-2.0, 0.3 / scale, -0.1 / scale, 0.1 / scale], abs=1e-9)
    assert advantages(of(-0.4, -0.8, refused=2), -0.6) == pytest.approx([1.0, -1.0]), "where all are refused, the violations differ"
    assert advantages(of(0.5, 0.5), 0.5) == [0.0, 0.0]
    assert advantages(of(2.0, 2.0), 1.0) == [1.0, 1.0]
    assert moved(0.5, of(-0.4, 0.8, 1.0, refused=1)) == pytest.approx(0.9 * 0.5 + 0.1 * 0.9, abs=1e-12)


def test_weights_of_objectives():
    """By hand: weights 0.25 and 0.75, shares 0.6 and 0.9: losses 0.1 and 0.075."""
    assert weighted([0.6, 0.9], [0.25, 0.75]) == pytest.approx(1 - 0.1 - 0.05 * 0.175, abs=1e-12)
    several = [weighting(n, 2) for n in range(400)]
    assert all(sum(w) == pytest.approx(1) for w in several)
    assert len({round(w[0], 9) for w in several}) == 400
    assert sum(w[0] for w in several) / 400 == pytest.approx(0.5, abs=0.05)
    assert weighting(7, 2) == several[7]


def test_two_objectives_become_one_of_a_batch():
    """Shares of the extent so far, turned so that more is better: by hand for the second of two batches."""
    trials = [trial(i, v) for i, v in enumerate([[0.5, 30.0], [0.9, 50.0], [0.7, 10.0], [0.8, 40.0]])]
    first, second = rewards(trials, (MAXIMIZE, MINIMIZE), 2)
    weights = weighting(1, 2)
    assert second == pytest.approx([weighted([0.5, 1.0], weights), weighted([0.75, 0.25], weights)], abs=1e-12)
    assert first == pytest.approx([weighted([0.0, 1.0], weighting(0, 2)), weighted([1.0, 0.0], weighting(0, 2))], abs=1e-12)


def test_strategies_load_no_torch():
    """In a fresh interpreter; the controller is the control."""
    for more, expected in (("", "False"), ("; import nasbench.strategies.rl.controller", "True")):
        code = f"import sys, nasbench.strategies; nasbench.strategies.make_strategy('rl', 1){more}; print('torch' in sys.modules)"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == expected
