"""The ledger: its file and its phases."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from toy_search import chain, open_phase, outcome, record, run

from nasbench.errors import StudyError
from nasbench.strategies import make_strategy
from nasbench.study import sqlite as store_module
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.sqlite import TrialDatabase


@pytest.fixture
def study(tmp_path):
    """A closed study of five trials; its folder."""
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        run(phase, 5)
    return tmp_path / "study"


def test_a_closed_study_is_one_ordinary_optuna_file(study):
    assert sorted(os.listdir(study)) == ["driver.lock", "ledger.db", "study.yaml"]
    loaded = optuna.load_study(storage=f"sqlite:///{study / 'ledger.db'}", study_name="search")
    assert [t.state.name for t in loaded.trials] == ["COMPLETE"] * 5
    assert loaded.best_trial.user_attrs["accuracy"] == loaded.best_value


def test_settings_of_the_file(study):
    with Ledger.open(StudyDirectory.open(study)) as ledger, ledger._store._engine.connect() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 1), ("busy_timeout", 60_000)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_readers_see_what_the_driver_stored(tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        run(phase, 3)
        phase.ask(chain)
        with Ledger.open(StudyDirectory.open(tmp_path / "study"), write=False) as reader:
            assert reader.records() == phase.records()
            assert reader.phases() == {"search": ("maximize",)}
            assert [t.status for t in reader.records("search")] == ["ok"] * 3 + ["running"]
            assert reader.records("no such phase") == []


def test_phases_do_not_see_each_other(study):
    with StudyDirectory.open(study) as folder, Ledger.open(folder) as ledger:
        other = ledger.phase("random", ["maximize"], make_strategy("random", 3), 3)
        asked = other.ask(chain)
        assert asked.number == 0
        assert other.find(ledger.records("search")[0].digest) is None
        assert asked.network.to_yaml() != ledger.records("search")[0].genotype, "two arms of one seed draw the same networks"
        assert [(t.phase, t.number) for t in ledger.records()] == [("search", i) for i in range(5)] + [("random", 0)]


@pytest.mark.parametrize(
    ("directions", "chosen", "seed", "match"),
    [
        (["minimize"], make_strategy("random", 3), 3, r"directions: \['maximize'\] there, \['minimize'\] now"),
        (["maximize", "minimize"], make_strategy("random", 3), 3, "directions"),
        (["maximize"], make_strategy("tpe", 3), 3, "strategy: .*random.* there, .*tpe.* now"),
        (["maximize"], make_strategy("random", 4), 3, "strategy: .*'seed': 3.* there, .*'seed': 4"),
        (["maximize"], None, 3, "strategy: .* there, None now"),
        (["maximize"], make_strategy("random", 3), 5, "seed: 3 there, 5 now"),
    ],
)
def test_a_phase_goes_on_as_it_began(directions, chosen, seed, match, study):
    with Ledger.open(StudyDirectory.open(study)) as ledger, pytest.raises(StudyError, match=match):
        ledger.phase("search", directions, chosen, seed)


def spoil_header(data):
    return b"x" * 100 + data[100:]


def spoil_middle(data):
    pages = len(data) // 4096
    return b"".join(data[i * 4096 : (i + 1) * 4096] if i in (0, 1) else b"\xff" * 4096 for i in range(pages))


@pytest.mark.parametrize("spoil", [spoil_header, spoil_middle, lambda d: d[:5000], lambda d: b"no database at all"])
@pytest.mark.parametrize("write", [True, False])
def test_a_damaged_file_is_refused_and_left_alone(spoil, write, study):
    file = study / "ledger.db"
    file.write_bytes(spoil(file.read_bytes()))
    before = file.read_bytes()
    with pytest.raises(StudyError, match=r"ledger.db is damaged.*nothing was changed; restore it from a copy"):
        Ledger.open(StudyDirectory.open(study), write=write)
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [None, b""])
def test_a_lost_file_is_not_begun_anew(content, study):
    folder = StudyDirectory.open(study)
    (folder.path / "trials" / "search-0000").mkdir(parents=True)
    (study / "ledger.db").unlink()
    if content is not None:
        (study / "ledger.db").write_bytes(content)
    with pytest.raises(StudyError, match=r"ledger.db is gone or empty, but .*trials is not; restore the file"):
        Ledger.open(folder)


def test_reading_a_study_without_a_file(tmp_path):
    StudyDirectory.create(tmp_path / "study", {}).close()
    with pytest.raises(StudyError, match=r"ledger.db is missing"):
        Ledger.open(StudyDirectory.open(tmp_path / "study"), write=False)


@pytest.mark.parametrize("action", ["remove", "replace"])
def test_a_file_that_vanishes_during_the_search(action, tmp_path):
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        asked = phase.ask(chain)
        file = tmp_path / "study/ledger.db"
        file.rename(tmp_path / "away.db")
        if action == "replace":
            file.write_bytes(b"")
        with pytest.raises(StudyError, match=r"removed or replaced during the search; finished trials are safe in trials"):
            phase.tell(asked.number, record(asked.network))


def test_a_locked_file(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module.TrialDatabase.__init__, "__kwdefaults__", {"wait_s": 0.2})
    folder, ledger, phase = open_phase(tmp_path / "study")
    with folder, ledger:
        asked = phase.ask(chain)
        other = sqlite3.connect(tmp_path / "study/ledger.db")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StudyError, match=r"database is locked\); another program held it for 0.2 s; close that program"):
            phase.tell(asked.number, record(asked.network))
        other.rollback()
        assert phase.tell(asked.number, record(asked.network)).status == "ok", "it may be told again"


def test_a_full_disk(study):
    """A file size limit of the process makes SQLite fail as a full disk does; in a process of its own, since it is final."""
    script = f"""
import resource, signal, sys
from toy_search import *
from nasbench.errors import StudyError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, ledger, phase = open_phase({str(study)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
try:
    run(phase, 500)
except StudyError as error:
    print(error)
"""
    helpers = Path(__file__).parents[1] / "helpers"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=helpers, check=True).stdout
    assert "what is stored is" in told
    assert "run the same command again" in told
    folder, ledger, phase = open_phase(study)
    with folder, ledger:
        left = phase.unfinished()
        assert len(left) <= 1
        for asked in left:
            phase.tell(asked.number, record(asked.network))
        assert len(run(phase, 12)) >= 12


def test_a_file_of_another_optuna(study):
    connection = sqlite3.connect(study / "ledger.db")
    connection.execute("UPDATE alembic_version SET version_num = 'v9.0.0.a'")
    connection.commit()
    connection.close()
    with pytest.raises(StudyError, match=r"Optuna's tables of version v3.2.0.a; .* has version v9.0.0.a"):
        Ledger.open(StudyDirectory.open(study))


def test_another_program_adds_a_trial(study):
    folder, ledger, phase = open_phase(study)
    with folder, ledger:
        stranger = optuna.load_study(storage=f"sqlite:///{study / 'ledger.db'}", study_name="search")
        stranger.ask()
        with pytest.raises(StudyError, match="only its driver writes a ledger"):
            phase.ask(chain)
        before = outcome(phase.records())
    assert [t[1] for t in before] == ["ok"] * 5 + ["running"], "the stranger's trial is known now"


def test_odd_characters_in_the_path(tmp_path):
    path = tmp_path / "a ?x=1#b%20{SCHEMA_VERSION}"
    folder, ledger, phase = open_phase(path)
    with folder, ledger:
        run(phase, 1)
    assert (path / "ledger.db").exists()
    TrialDatabase(path / "ledger.db", write=False).close()
