"""Rows are written as Optuna writes them, and read as Optuna reads them."""

from __future__ import annotations

import datetime
import sqlite3
import time

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from nasbench.study.database.sqlite import TrialDatabase
from nasbench.study.in_memory import quiet

VALUES = {"op": "fire", "kernel": 5, "se": None, "skip": True, "width": 24, "ratio": 0.25}
OPTIONS = {
    "op": CategoricalDistribution(["mbconv", "fire"]),
    "kernel": CategoricalDistribution([3, 5]),
    "se": CategoricalDistribution([None, "in/4"]),
    "skip": CategoricalDistribution([False, True]),
    "width": IntDistribution(8, 2048, step=8),
    "ratio": FloatDistribution(0, 1),
}
MORE = {"user_attrs": {"accuracy": 0.1 + 0.2, "reason": None, "rows": [1, "é"]}, "constraints": {"latency": -0.5, "params": 3}}
TABLES = ("trials", "trial_params", "trial_values", "trial_user_attributes", "trial_system_attributes")

TRIALS = [
    create_trial(values=[0.1 + 0.2, -3], params=VALUES, distributions=OPTIONS, **MORE),
    create_trial(state=TrialState.PRUNED, params=VALUES, distributions=OPTIONS, **MORE),
    create_trial(state=TrialState.FAIL, user_attrs={"reason": "it died"}),
    create_trial(state=TrialState.RUNNING, params=VALUES, distributions=OPTIONS),
]


@pytest.fixture(autouse=True)
def far_from_greenwich(monkeypatch):
    """Local time that differs from UTC, which is stored."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def database(tmp_path):
    database = TrialDatabase(tmp_path / "ledger.db", write=True)
    with quiet():
        optuna.create_study(storage=database.optuna, study_name="other")  # so that study ids and numbers differ
        optuna.create_study(storage=database.optuna, study_name="study", directions=["maximize", "minimize"])
    yield database
    database.close()


def dump(path):
    connection = sqlite3.connect(path)
    rows = {t: connection.execute(f"SELECT * FROM {t}").fetchall() for t in TABLES}
    connection.close()
    return rows


def with_number(trial, number):
    trial = optuna.trial.FrozenTrial(**{k.removeprefix("_"): v for k, v in vars(trial).items()} | {"value": None, "values": trial.values})
    trial.number = number
    return trial


def test_rows_equal_optunas(database, tmp_path):
    twin = f"sqlite:///{tmp_path / 'twin.db'}"
    with quiet():
        optuna.create_study(storage=twin, study_name="other")
        study = optuna.create_study(storage=twin, study_name="study", directions=["maximize", "minimize"])
    study.add_trials(TRIALS)
    for number, trial in enumerate(TRIALS):
        database.insert(2, with_number(trial, number))
    database.close()
    ours, theirs = dump(tmp_path / "ledger.db"), dump(tmp_path / "twin.db")
    for table in TABLES:
        assert ours[table] == theirs[table], table
    assert all(ours.values()), "the comparison must not be of empty tables"


def test_read_as_optuna_reads(database):
    for number, trial in enumerate(TRIALS):
        database.insert(2, with_number(trial, number))
    study = optuna.load_study(storage=database.optuna, study_name="study")
    assert database.trials(2) == study.trials
    assert database.trials(1) == []
    assert [t.params for t in study.trials] == [t.params for t in TRIALS]
    assert [t.constraints for t in study.trials] == [t.constraints for t in TRIALS]


def test_finish_equals_optunas_tell(database, tmp_path):
    study = optuna.load_study(storage=database.optuna, study_name="study")
    trial = study.ask()
    trial.set_user_attr("reason", None)
    trial.set_constraint("latency", -0.5)
    study.tell(trial, [0.5, 2])
    start = datetime.datetime.now()
    running = create_trial(state=TrialState.RUNNING, user_attrs={"reason": "old", "kept": 1})
    trial_id = database.insert(2, with_number(running, 1))
    done = create_trial(values=[0.5, 2], user_attrs={"reason": None}, constraints={"latency": -0.5})
    database.finish(trial_id, with_number(done, 1))
    theirs, ours = database.optuna.get_all_trials(2)
    assert (ours.state, ours.values, ours.constraints) == (theirs.state, theirs.values, theirs.constraints)
    assert ours.user_attrs == theirs.user_attrs | {"kept": 1}
    assert start <= ours.datetime_complete <= datetime.datetime.now()


def test_infinite_values_of_other_programs(database):
    study = optuna.load_study(storage=database.optuna, study_name="study")
    study.tell(study.ask(), [float("inf"), float("-inf")])
    assert database.trials(2) == study.trials


def test_a_samplers_notes_are_not_stored(database):
    database.insert(2, with_number(create_trial(state=TrialState.RUNNING, system_attrs={"tpe:relative_params:0": "{}"}), 0))
    assert database.trials(2)[0].system_attrs == {}
