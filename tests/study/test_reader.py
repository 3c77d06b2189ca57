"""Reading a study again and again: everything once, then only what changes; and always what the ledger holds."""

from __future__ import annotations

import shutil

import optuna
from toy_search import chain, open_phase, record, run

from nasbench.study import reader as module
from nasbench.study.directory import StudyDirectory
from nasbench.study.reader import TrialReader, stored_trials


def counting(monkeypatch):
    """A list that grows with every reading of the whole ledger."""
    calls = []
    read = module.read_contents
    monkeypatch.setattr(module, "read_contents", lambda *args: calls.append(1) or read(*args))
    return calls


def test_a_running_study_is_read_once_and_then_followed(tmp_path, monkeypatch):
    whole = counting(monkeypatch)
    directory, ledger, phase = open_phase(tmp_path / "study")
    reader = TrialReader(StudyDirectory.open(tmp_path / "study"))
    with directory, ledger:
        run(phase, 3)
        assert reader.trials() == phase.records()
        for _ in range(4):
            trial = phase.ask(chain)
            assert reader.trials() == phase.records()
            phase.pause(trial.number, record(trial.network), 1)
            assert reader.trials() == phase.records()
            phase.promote(trial.number)
            phase.fold_log()
            assert reader.trials() == phase.records()
            phase.tell(trial.number, record(trial.network))
            phase.fold_log()
            assert reader.trials() == phase.records() == ledger.records()
        other = ledger.phase("final", ["maximize"])
        other.enter(trial.network)
        assert reader.trials() == ledger.records()
        assert reader.trials("final") == other.records()
    assert reader.trials() == stored_trials(directory)
    assert len(whole) == 2, "once by the reader, and once by the comparison above"


def test_nothing_is_read_while_nothing_changes(closed_study, monkeypatch):
    reader = TrialReader(StudyDirectory.open(closed_study))
    trials, version = reader.trials(), reader.version
    monkeypatch.setattr(module, "read_contents", None)
    monkeypatch.setattr(module.TrialLog, "read", None)
    assert reader.trials() == trials
    assert reader.version == version


def test_another_program_that_adds_a_trial_is_noticed(closed_study):
    reader = TrialReader(StudyDirectory.open(closed_study))
    assert len(reader.trials()) == 5
    optuna.load_study(storage=f"sqlite:///{closed_study / 'ledger.db'}", study_name="search").ask()
    assert [t.status for t in reader.trials()] == ["ok"] * 5 + ["running"]


def test_a_study_that_is_replaced_is_read_again(closed_study, tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "other", seed=5)
    with directory, ledger:
        run(phase, 2)
        others = phase.records()
    reader = TrialReader(StudyDirectory.open(closed_study))
    assert len(reader.trials()) == 5
    shutil.rmtree(closed_study)
    shutil.copytree(tmp_path / "other", closed_study)
    assert reader.trials() == others


def test_a_caller_may_change_the_list(closed_study):
    reader = TrialReader(StudyDirectory.open(closed_study))
    reader.trials().clear()
    assert len(reader.trials()) == 5
