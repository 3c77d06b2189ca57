"""The file of the ledger: damaged, locked, replaced, on a full disk, or of another program."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from toy_search import chain, open_phase, outcome, record, run

from nasbench.errors import StudyError
from nasbench.study.database import optuna_rows
from nasbench.study.database.sqlite import TrialDatabase
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger


def test_settings_of_the_file(closed_study):
    with Ledger.open(StudyDirectory.open(closed_study)) as ledger, ledger._database._engine.connect() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 1), ("busy_timeout", 60_000)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def spoil_header(data):
    return b"x" * 100 + data[100:]


def spoil_middle(data):
    pages = len(data) // 4096
    return b"".join(data[i * 4096 : (i + 1) * 4096] if i in (0, 1) else b"\xff" * 4096 for i in range(pages))


@pytest.mark.parametrize("spoil", [spoil_header, spoil_middle, lambda d: d[:5000], lambda d: b"no database at all"])
@pytest.mark.parametrize("write", [True, False])
def test_a_damaged_file_is_refused_and_left_alone(spoil, write, closed_study):
    (closed_study / "ledger.jsonl").unlink()  # which would restore it
    file = closed_study / "ledger.db"
    file.write_bytes(spoil(file.read_bytes()))
    before = file.read_bytes()
    with pytest.raises(StudyError, match=r"ledger.db is damaged.*nothing was changed; restore it from a copy"):
        Ledger.open(StudyDirectory.open(closed_study), write=write)
    assert file.read_bytes() == before


@pytest.mark.parametrize("action", ["remove", "replace"])
def test_a_file_that_vanishes_during_the_search(action, tmp_path):
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        trial = phase.ask(chain)
        file = tmp_path / "study/ledger.db"
        file.rename(tmp_path / "away.db")
        if action == "replace":
            file.write_bytes(b"")
        with pytest.raises(StudyError, match=r"removed or replaced during the search; finished trials are safe in ledger.jsonl"):
            phase.tell(trial.number, record(trial.network))


def test_a_locked_file(tmp_path, monkeypatch):
    monkeypatch.setattr(TrialDatabase.__init__, "__kwdefaults__", {"wait_s": 0.2})
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        trial = phase.ask(chain)
        other = sqlite3.connect(tmp_path / "study/ledger.db")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StudyError, match=r"database is locked\); another program held it for 0.2 s; close that program"):
            phase.tell(trial.number, record(trial.network))
        other.rollback()
        assert phase.tell(trial.number, record(trial.network)).status == "ok", "it may be told again"


def test_a_full_disk(closed_study):
    """A file size limit of the process makes SQLite fail as a full disk does. It is final, so the process is another one."""
    script = f"""
import resource, signal, sys
from toy_search import *
from nasbench.errors import StudyError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
directory, ledger, phase = open_phase({str(closed_study)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
try:
    run(phase, 500)
except StudyError as error:
    print(error)
"""
    helpers = Path(__file__).parents[2] / "helpers"
    message = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=helpers, check=True).stdout
    assert "what is stored is" in message
    assert "run the same command again" in message
    directory, ledger, phase = open_phase(closed_study)
    with directory, ledger:
        unfinished = phase.unfinished()
        assert len(unfinished) <= 1
        for trial in unfinished:
            phase.tell(trial.number, record(trial.network))
        assert len(run(phase, 12)) >= 12


def test_a_file_of_another_optuna(closed_study):
    connection = sqlite3.connect(closed_study / "ledger.db")
    connection.execute("UPDATE alembic_version SET version_num = 'v9.0.0.a'")
    connection.commit()
    connection.close()
    with pytest.raises(StudyError, match=r"Optuna's tables of version v3.2.0.a; .* has version v9.0.0.a"):
        Ledger.open(StudyDirectory.open(closed_study))


def test_another_program_adds_a_trial(closed_study):
    directory, ledger, phase = open_phase(closed_study)
    with directory, ledger:
        other = optuna.load_study(storage=f"sqlite:///{closed_study / 'ledger.db'}", study_name="search")
        other.ask()
        with pytest.raises(StudyError, match="only its driver writes a ledger"):
            phase.ask(chain)
        trials = outcome(phase.records())
    assert [t[1] for t in trials] == ["ok"] * 5 + ["running"], "the other program's trial is known now"


def test_odd_characters_in_the_path(tmp_path):
    path = tmp_path / "a ?x=1#b%20{SCHEMA_VERSION}"
    directory, ledger, phase = open_phase(path)
    with directory, ledger:
        run(phase, 1)
    assert (path / "ledger.db").exists()
    TrialDatabase(path / "ledger.db", write=False).close()


def test_all_tables_are_read_at_one_moment(tmp_path, monkeypatch):
    """A driver that finishes a trial between two statements of a reader: without a transaction, the trial has a state and no values."""
    directory, ledger, phase = open_phase(tmp_path / "study")
    with directory, ledger:
        trial = phase.ask(chain)
        read = optuna_rows._by_trial

        def finish_after_the_first(connection, study_id, table, columns, order):
            rows = read(connection, study_id, table, columns, order)
            if table == "trial_values" and not phase.records()[0].values:
                phase.tell(trial.number, record(trial.network))
            return rows

        with Ledger.open(directory, write=False) as reader:
            monkeypatch.setattr(optuna_rows, "_by_trial", finish_after_the_first)
            [seen] = reader.records()
        monkeypatch.undo()
        assert (seen.status, seen.values) == ("running", None)
        assert phase.records()[0].status == "ok", "the control: it was finished meanwhile"
