"""The state of a study, as `nasbench status` prints it."""

from __future__ import annotations

import json

import pytest
from made_study import COMMAND, add_summary, add_trials, make_study, result, row

import nasbench as nb
from nasbench.cli.text.status import show_state, watch_study
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setattr("nasbench.cli.shared.console.width", 200)


def test_phases_pace_and_the_best(tmp_path, capsys):
    path = make_study(tmp_path / "one", [result(0.7, 10), result(0.8, 12), result(None, 30)], [result(0.6, 11)])
    (path / "plan.json").write_text(json.dumps({"trials": 10, "final_runs": 12, "seconds_per_trial": 20.0}))
    show_state(nb.open_study(path))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == f"{path}: no driver works on it; not finished: `nasbench resume` continues it"
    assert lines[1] == "3 trainings in 1 min 30 s of one worker"
    assert lines[2] == "newest: random 0: 60.0% at 11.0 ms"
    assert [line.split("  ")[0] for line in lines[3:]] == ["phase", "search", "random"]
    assert lines[4].endswith("2 ok, 1 over_budget  80.0% at 12.0 ms (search 1)")


def test_no_trial_yet(tmp_path, capsys):
    with StudyDirectory.create(tmp_path / "one", dict(COMMAND)):
        show_state(nb.open_study(tmp_path / "one"))
    assert "in progress" in (out := capsys.readouterr().out)
    assert out.rstrip().endswith("no trial yet")


def test_watching_a_finished_study_prints_one_line_and_the_state(tmp_path, capsys):
    path = make_study(tmp_path / "one", [result(0.7, 10)])
    add_summary(path, [row("search 0", 10, 0.7, winner=True)])
    watch_study(nb.open_study(path), 0.2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "search: 1 ok; newest search 0: 70.0% at 10.0 ms"
    assert lines[1].endswith("no driver works on it; finished")


def test_time_left_while_a_driver_works(tmp_path, capsys):
    with StudyDirectory.create(tmp_path / "one", dict(COMMAND)) as folder, Ledger.open(folder) as ledger:
        add_trials(ledger, "search", [result(0.7, 10), None])
        show_state(nb.open_study(tmp_path / "one"))
    out = capsys.readouterr().out
    assert "a driver works on it (pid " in out
    assert "1 trainings in 30 s of one worker, about " in out
    assert "1 ok, 1 running" in out


def test_what_was_understood_of_the_images_is_shown(tmp_path, capsys):
    more = {"data": {"lines": ["2 classes: cat 6, dog 7; test: 3, photos/Test", "16 pixels wide and 12 high, 13 RGB"]}}
    with StudyDirectory.create(tmp_path / "one", dict(COMMAND), more=more):
        study = nb.open_study(tmp_path / "one")
        show_state(study)
    printed = capsys.readouterr().out
    for line in more["data"]["lines"]:
        assert line in printed.splitlines()[1:3]
        assert line in repr(study)
    (tmp_path / "one" / "study.yaml").write_text((tmp_path / "one" / "study.yaml").read_text().split("data:\n")[0] + "data: odd\n")
    assert nb.open_study(tmp_path / "one").data_lines == []
