"""What samplers see of a phase: paused trials teach them, and impossible values are an error and not a trial without a network."""

from __future__ import annotations

import datetime

import optuna
import pytest
from optuna.trial import TrialState
from toy_search import chain, pairs

from nasbench.errors import GenotypeError, StudyError
from nasbench.strategies import make_strategy
from nasbench.study.in_memory import InMemoryStudy, quiet
from nasbench.study.sampling import Proposal, retrace
from nasbench.study.trial import judge

SAMPLER = make_strategy("random", 1).sampler(1)
RUNGS = [{"epoch": 1, "values": [0.5]}, {"epoch": 3, "values": [0.7]}]


def test_a_sample_is_a_running_trial_with_its_values():
    study = InMemoryStudy("toy", ("maximize",), [])
    proposal = study.sample(SAMPLER, chain)
    assert isinstance(proposal, Proposal)
    assert retrace(chain, proposal.params) == proposal
    trial = study.trial(0)
    assert (trial.state, trial.params, trial.distributions) == (TrialState.RUNNING, proposal.params, proposal.distributions)


def test_values_that_lead_to_no_network_give_the_error():
    def broken(choose):
        raise GenotypeError(f"no network with {choose('a', [1])}")

    study = InMemoryStudy("toy", ("maximize",), [])
    error = study.sample(SAMPLER, broken)
    assert isinstance(error, GenotypeError)
    assert study.trial(0).params == {"a": 1}


def test_a_parameter_keeps_its_options():
    study = InMemoryStudy("toy", ("maximize",), [])
    study.sample(SAMPLER, pairs)
    with pytest.raises(StudyError, match="kernel had others before"):
        study.sample(SAMPLER, lambda choose: choose("kernel", [3, 5, 7]))


@pytest.mark.parametrize(("directions", "seen"), [(("maximize",), {1: 0.5, 3: 0.7}), (("maximize", "minimize"), {})])
def test_samplers_see_a_trial_that_passed_a_rung_as_pruned(directions, seen):
    study = InMemoryStudy("toy", directions, [])
    study.add({}, {})
    study.update(0, {"status": "paused", "rungs": RUNGS}, {"latency": -0.1})
    (trial,) = study.trials(TrialState.PRUNED)
    assert (trial.intermediate_values, dict(trial.constraints)) == (seen, {"latency": -0.1})
    study.finish(0, judge({"status": "ok", "values": [0.8, 4.0][: len(directions)]}, len(directions)))
    (trial,) = study.trials(TrialState.COMPLETE)
    assert (trial.values, trial.intermediate_values) == ([0.8, 4.0][: len(directions)], {})


def test_stored_trials_are_seen_in_the_same_way():
    study = InMemoryStudy("toy", ("maximize",), [])
    study.add({}, {})
    study.set_attributes(0, {"rungs": RUNGS})
    assert study.trial(0).state == TrialState.RUNNING
    assert InMemoryStudy("toy", ("maximize",), study.trials()).trial(0).state == TrialState.PRUNED


def test_quiet_restores_the_verbosity():
    before = optuna.logging.get_verbosity()
    with quiet():
        assert optuna.logging.get_verbosity() >= optuna.logging.WARNING
    assert optuna.logging.get_verbosity() == before


def test_a_clock_that_is_set_back_changes_no_order(monkeypatch):
    """No trial ends before it started, and none starts before an earlier one, in this driver and in the next."""
    shift = datetime.timedelta(0)

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.now(tz) + shift

    monkeypatch.setattr("optuna.storages._in_memory.datetime", Clock)
    study = InMemoryStudy("toy", ("maximize",), [])
    study.sample(SAMPLER, chain)
    shift = datetime.timedelta(hours=-1)
    study.finish(0, judge({"status": "ok", "values": [0.5]}, 1))
    study.sample(SAMPLER, chain)
    later = InMemoryStudy("toy", ("maximize",), study.trials())
    later.finish(1, judge({"status": "diverged", "reason": "nan"}, 1))
    later.sample(SAMPLER, chain)
    first, second, third = later.trials()
    assert first.datetime_start <= first.datetime_complete <= second.datetime_start <= second.datetime_complete <= third.datetime_start
    shift = datetime.timedelta(hours=1)
    later.finish(2, judge({"status": "ok", "values": [0.5]}, 1))
    assert third.datetime_start < later.trial(2).datetime_complete, "the control: a clock that goes on is believed"
