"""Copies of a study: they are read like the study, also while its driver writes."""

from __future__ import annotations

import json

import optuna
import pytest
from toy_search import chain, open_phase, run

from nasbench.errors import StudyError
from nasbench.study.directory import StudyDirectory
from nasbench.study.reader import stored_trials
from nasbench.study.snapshot import copy_ledger, copy_study, has_tables


def test_a_copy_has_the_same_trials_and_no_ledger(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        run(phase, 3)
        phase.ask(chain)  # a running trial
        (directory.path / "plan.json").write_text("{}")
        (directory.path / "weights.safetensors").write_text("large")
        copy = StudyDirectory.open(copy_study(directory, tmp_path / "copy"))
        assert stored_trials(copy) == stored_trials(directory) == phase.records()
    assert copy.is_copy
    assert not directory.is_copy
    assert {file.name for file in copy.path.iterdir()} == {"study.yaml", "trials.jsonl", "plan.json"}
    assert stored_trials(copy, "search") == stored_trials(copy)
    assert stored_trials(copy, "random") == []
    with pytest.raises(StudyError, match=r"a copy goes into a new directory; .*copy exists; choose another"):
        copy_study(directory, copy.path)
    with pytest.raises(StudyError, match=r"a copy of a study has no ledger, so a search cannot continue it; .*/copy is a copy; resume"):
        StudyDirectory.create(copy.path, {"space": "toy"})


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"phase": "search"}', '{"phase": "search", "number": 0, "status": "ok", "wrong": 1}'])
def test_a_damaged_copy_is_an_error(tmp_path, line):
    StudyDirectory.create(tmp_path / "copy", {}).close()
    (tmp_path / "copy/trials.jsonl").write_text(line)
    with pytest.raises(StudyError, match=r"a copied study has its trials in .*; it cannot be read .*; copy the study once more"):
        stored_trials(StudyDirectory.open(tmp_path / "copy"))


def test_empty_fields_are_not_written(closed_study, tmp_path):
    copy_study(StudyDirectory.open(closed_study), tmp_path / "copy")
    first = json.loads((tmp_path / "copy/trials.jsonl").read_text().splitlines()[0])
    assert first["status"] == "ok"
    assert not {"rungs", "constraints", "reason", "parent"} & first.keys()


def test_a_ledger_is_copied_to_one_file(tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        run(phase, 2)
        copy = copy_ledger(directory.ledger, tmp_path / "copy.db")
        run(phase, 4)
    assert len(optuna.load_study(storage=f"sqlite:///{copy}", study_name="search").trials) == 2
    assert not list(tmp_path.glob("copy.db-*"))
    (tmp_path / "damaged.db").write_bytes(b"no database at all")
    with pytest.raises(StudyError, match="damaged"):
        copy_ledger(tmp_path / "damaged.db", tmp_path / "copy.db")


def test_a_study_that_has_just_begun_has_no_trials(tmp_path):
    directory = StudyDirectory.create(tmp_path / "study", {})
    assert not has_tables(directory)
    assert stored_trials(directory) == []
    directory.ledger.write_bytes(b"")
    assert stored_trials(directory) == []
    directory.ledger.write_bytes(b"no database at all")
    assert has_tables(directory), "opening it says what is wrong"
    with pytest.raises(StudyError, match="damaged"):
        stored_trials(directory)
    directory.close()
