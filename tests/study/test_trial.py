"""Every result that a worker may send has a verdict."""

from __future__ import annotations

import json

import numpy as np
import pytest
from optuna.trial import TrialState, create_trial

from nasbench.study.trial import judge, plain, read_trial

NAN, INF = float("nan"), float("inf")
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


@pytest.mark.parametrize(
    ("record", "state", "status", "values", "constraints"),
    [
        ({"status": "ok", "values": [0.5]}, COMPLETE, "ok", [0.5], {}),
        ({"status": "ok", "values": (1,)}, COMPLETE, "ok", [1.0], {}),
        ({"status": "ok", "values": [np.float32(0.5)]}, COMPLETE, "ok", [0.5], {}),
        ({"status": "ok", "values": [0.5], "constraints": {"latency": -0.1}}, COMPLETE, "ok", [0.5], {"latency": -0.1}),
        # a limit that shows only after training
        ({"status": "ok", "values": [0.5], "constraints": {"latency": 0.1}}, COMPLETE, "infeasible", [0.5], {"latency": 0.1}),
        ({"status": "infeasible", "values": [0.5]}, COMPLETE, "infeasible", [0.5], {"infeasible": 1.0}),
        ({"status": "infeasible", "reason": "MemoryError"}, PRUNED, "infeasible", None, {"infeasible": 1.0}),
        (
            {"status": "over_budget", "constraints": {"latency": 3.0, "params": -1}},
            PRUNED,
            "over_budget",
            None,
            {"latency": 3.0, "params": -1.0},
        ),
        ({"status": "over_budget", "constraints": {"params": -1}}, PRUNED, "over_budget", None, {"params": -1.0, "over_budget": 1.0}),
        ({"status": "over_budget", "constraints": {"latency": INF}}, PRUNED, "over_budget", None, {"latency": INF}),
        ({"status": "diverged", "reason": "loss is nan in epoch 3"}, PRUNED, "diverged", None, {"diverged": 1.0}),
        ({"status": "failed", "values": [0.5]}, FAIL, "failed", None, {}),  # a failure has no values, whatever its record says
    ],
)
def test_verdicts(record, state, status, values, constraints):
    verdict = judge(record, 1)
    assert (verdict.state, verdict.attrs["status"], verdict.values, verdict.constraints) == (state, status, values, constraints)


@pytest.mark.parametrize(
    ("record", "objectives", "reason"),
    [
        ({"status": "ok", "values": [NAN]}, 1, "a finished trial has 1 finite values; got [nan]"),
        ({"status": "ok", "values": [INF]}, 1, "a finished trial has 1 finite values; got [inf]"),
        ({"status": "ok", "values": [None]}, 1, "a finished trial has 1 finite values; got [None]"),
        ({"status": "ok", "values": ["0.5"]}, 1, "a finished trial has 1 finite values; got ['0.5']"),
        ({"status": "ok", "values": [True]}, 1, "a finished trial has 1 finite values; got [True]"),
        ({"status": "ok", "values": [0.5]}, 2, "a finished trial has 2 finite values; got [0.5]"),
        ({"status": "ok", "values": [0.5, -INF]}, 2, "a finished trial has 2 finite values; got [0.5, -inf]"),
        ({"status": "ok", "values": 0.5}, 1, "a finished trial has 1 finite values; got 0.5"),
        ({"status": "ok", "values": "9"}, 1, "a finished trial has 1 finite values; got '9'"),
        ({"status": "ok", "values": []}, 1, "a finished trial has 1 finite values; got []"),
        ({"status": "ok"}, 1, "a finished trial has 1 finite values; got None"),
        ({"status": "infeasible", "values": [NAN]}, 1, "a finished trial has 1 finite values; got [nan]"),
        ({"status": "ok", "values": [0.5], "constraints": {"latency": NAN}}, 1, "a constraint is a number; latency is nan"),
        ({"status": "ok", "values": [NAN], "reason": "epoch 3"}, 1, "a finished trial has 1 finite values; got [nan] (epoch 3)"),
        (
            {"status": "done"},
            1,
            "a trial's status is one of ok, infeasible, over_budget, diverged, failed, duplicate, skipped, stopped; got 'done'",
        ),
        (None, 1, "the result of a trial is a mapping; got None"),
        ({"status": "ok", "values": [1], "constraints": [0.5]}, 1, "a constraint is a number; got [0.5]"),
        ({}, 1, "a trial's status is one of ok, infeasible, over_budget, diverged, failed, duplicate, skipped, stopped; got None"),
        ({"status": "failed"}, 1, "no reason was given"),
    ],
)
def test_nonsense_is_a_failure_with_a_reason(record, objectives, reason):
    verdict = judge(record, objectives)
    assert (verdict.state, verdict.values, verdict.constraints) == (FAIL, None, {})
    assert (verdict.attrs["status"], verdict.attrs["reason"]) == ("failed", reason)


def test_all_other_results_are_stored_as_json():
    record = {
        "status": "ok",
        "values": [0.5],
        "macs": np.int64(7),
        "loss": NAN,
        "curve": (np.float32(0.5), INF),
        "on": np.bool_(True),
        "odd": {1},
    }
    attrs = judge(record, 1).attrs
    assert attrs == {"status": "ok", "macs": 7, "loss": None, "curve": [0.5, None], "on": True, "odd": [1]}
    json.dumps(attrs, allow_nan=False)


def test_a_record_cannot_rewrite_the_trial():
    record = {"status": "ok", "values": [1], "digest": "x", "genotype": "y", "seed": 1, "number": 9, "duplicate_of": 3}
    assert judge(record, 1).attrs == {"status": "ok"}


class Strange:
    def __repr__(self):
        return "strange"


@pytest.mark.parametrize(("value", "expected"), [(np.zeros(2), "array([0., 0.])"), (Strange(), "strange"), ({1: NAN}, {"1": None})])
def test_anything_can_be_stored(value, expected):
    assert plain(value) == expected


def test_trials_of_other_programs_are_readable():
    assert read_trial("x", create_trial(value=0.5)).status == "ok"
    assert read_trial("x", create_trial(state=PRUNED)).status == "infeasible"
    assert read_trial("x", create_trial(state=FAIL)).status == "failed"
    assert read_trial("x", create_trial(state=TrialState.RUNNING)).status == "running"


def test_feasible():
    assert read_trial("x", create_trial(value=0.5, constraints={"a": 0.0})).feasible
    assert not read_trial("x", create_trial(value=0.5, constraints={"a": 0.1})).feasible
    assert not read_trial("x", create_trial(state=PRUNED)).feasible
