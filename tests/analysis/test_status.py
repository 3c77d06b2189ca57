"""Counts, best, pace and the time left of a study, while it runs and when nobody works on it."""

from __future__ import annotations

import json
import time
from datetime import datetime

import pytest
from made_study import COMMAND, add_summary, add_trials, make_study, result, row

import nasbench as nb
from nasbench.analysis.status import Best
from nasbench.cli.text.status import show_state
from nasbench.study.activity import write_activity
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger

PLAN = {"trials": 10, "final_runs": 12, "seconds_per_trial": 20.0}


def began(study) -> float:
    return datetime.fromisoformat(study.driver["start"]).timestamp()


@pytest.fixture
def running(tmp_path):
    """Makes a study that this process drives."""
    opened = []

    def make(*records, **command):
        folder = StudyDirectory.create(tmp_path / "one", {**COMMAND, **command})
        ledger = Ledger.open(folder)
        opened.append((folder, ledger))
        add_trials(ledger, "search", records)
        (folder.path / "plan.json").write_text(json.dumps(PLAN))
        return nb.open_study(folder.path)

    yield make
    for folder, ledger in opened:
        ledger.close()
        folder.close()


def test_counts_and_best_of_each_phase(tmp_path):
    path = make_study(tmp_path / "one", [result(0.7, 10), result(0.8, 12), result(None, 30), None], [result(0.6, 11)])
    state = nb.open_study(path).state()
    assert state.counts == {"search": {"ok": 2, "over_budget": 1, "running": 1}, "random": {"ok": 1}}
    assert state.best == {"search": Best(1, 0.8, 12), "random": Best(0, 0.6, 11)}
    assert (state.trained, state.seconds) == (3, 90)
    assert state.last == "random 0: 60.0% at 11.0 ms"
    assert (state.driver, state.finished, state.per_hour, state.left_s) == (None, False, None, None)


def test_time_left_by_the_clock(running):
    study = running(result(0.7))
    state = study.state(began(study) + 100)
    assert state.left_s == pytest.approx(380)  # of 480 s
    assert study.state(began(study) + 1000).left_s == 0
    assert state.planned == {"final": 12}  # how many trials there will be, time decides


def test_time_left_of_a_study_that_goes_on_counts_what_was_done_before(running, monkeypatch):
    study = running(result(0.7, seconds=120), result(0.8, seconds=60))
    after = study.driver | {"start": datetime.fromtimestamp(time.time() + 3600).astimezone().isoformat()}
    monkeypatch.setattr(type(study), "driver", property(lambda _: after))
    assert study.state(began(study) + 10).left_s == pytest.approx(480 - 180 / 2 - 10)  # two workers


def test_time_left_by_the_number_of_trials(running):
    study = running(result(0.7, seconds=30), result(0.8, seconds=30), trials=10)
    state = study.state()
    assert state.left_s == pytest.approx((2 * 10 - 2 + 12) * 30 / 2)
    assert state.planned == {"search": 10, "random": 10, "final": 12}, "plans of version 0.1 do not name those of random search"


def test_the_pace_is_that_of_the_last_trainings(running):
    study = running(*[result(0.5 + i / 100) for i in range(4)])
    first = min(t.finished.timestamp() for t in study.records())
    assert study.state(first + 60).per_hour == pytest.approx(3 * 60)


def test_a_young_study_says_nothing_it_does_not_know(tmp_path):
    with StudyDirectory.create(tmp_path / "one", {"space": "tiny"}):
        state = nb.open_study(tmp_path / "one").state()
    assert state.driver is not None
    assert (state.counts, state.best, state.planned, state.left_s, state.per_hour, state.last) == ({}, {}, {}, None, None, "")


def test_what_the_driver_does_now(running, capsys):
    study = running(result(0.8, 12))
    assert study.state().activity == ""
    write_activity(study.path, "measuring the finalists")
    write_activity(study.path, "measuring the finalists", "waiting since 14:03:20 for a quiet machine: process 7 keeps 1.9 cores")
    activity = study.state().activity
    assert activity.startswith("measuring the finalists since ")
    assert activity.endswith("waiting since 14:03:20 for a quiet machine: process 7 keeps 1.9 cores")
    show_state(study)
    assert f"now: {activity}"[:60] in capsys.readouterr().out
    assert study.state().to_json()["activity"] == activity


def test_a_driver_that_was_killed_does_nothing(tmp_path):
    path = make_study(tmp_path / "one", [result(0.7, 10)])
    write_activity(path, "measuring the finalists")
    assert nb.open_study(path).state().activity == ""


def test_finished(tmp_path):
    path = make_study(tmp_path / "one", [result(0.7, 10)])
    add_summary(path, [row("search 0", 10, 0.7, winner=True)])
    state = nb.open_study(path).state()
    assert state.finished
    assert json.loads(json.dumps(state.to_json()))["finished"] is True
