"""A study whose write-ahead log or database is lost, cut or damaged: nothing is lost in silence, and what a file holds is restored."""

from __future__ import annotations

import random
import shutil
import sqlite3

import pytest
from paper_search import Inline, Stopwatch, problem
from paper_search import run as run_search
from toy_search import chain, open_phase, outcome, record, run

from nasbench.analysis.study import open_study
from nasbench.errors import StudyError, StudyWarning
from nasbench.study.database import restore
from nasbench.study.database.sqlite import TrialDatabase
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.reader import TrialReader


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A study of eleven trials as a killed driver leaves it, with all of them in the write-ahead log; and its trials."""
    base = tmp_path_factory.mktemp("killed")
    directory, ledger, phase = open_phase(base / "running", "evolution", startup=4, sample=3, population=6)
    with directory, ledger:
        run(phase, 8)
        trials = [phase.ask(chain) for _ in range(3)]
        phase.pause(trials[0].number, record(trials[0].network), 1)
        phase.tell(trials[1].number, {"status": "failed", "reason": "it died"})
        shutil.copytree(base / "running", base / "killed")
        stored = phase.records()
    assert (base / "killed" / "ledger.db-wal").stat().st_size > 100_000
    return base / "killed", stored


@pytest.fixture
def study(killed, tmp_path):
    """A copy of the killed study, and its trials."""
    return shutil.copytree(killed[0], tmp_path / "study"), killed[1]


def raw(path):
    """The trials in `ledger.db` alone."""
    with Ledger.open(StudyDirectory.open(path), write=False) as ledger:
        return ledger.records()


def check_all_is_there(path, trials, *, damaged=True):
    """Readers see every trial and the driver restores it, both with a word about it."""
    reader = TrialReader(StudyDirectory.open(path))
    assert reader.trials() == trials
    assert any("ledger.db is damaged" in problem for problem in reader.problems) == damaged
    with Ledger.open(StudyDirectory.open(path)) as ledger:
        assert any("it was restored from ledger.jsonl" in message for message in ledger.messages) == damaged
        assert ledger.records() == trials
    assert raw(path) == trials
    reader = TrialReader(StudyDirectory.open(path))
    assert reader.trials() == trials
    assert reader.problems == []


def test_nothing_is_said_of_a_sound_study(study):
    check_all_is_there(*study, damaged=False)


def test_without_its_write_ahead_log(study):
    path, trials = study
    (path / "ledger.db-wal").unlink()
    (path / "ledger.db-shm").unlink()
    check_all_is_there(path, trials)


def test_a_lost_trial_is_named(study):
    path, trials = study
    with sqlite3.connect(path / "ledger.db") as connection:
        connection.execute("UPDATE trials SET state = 'RUNNING' WHERE number = 2")
        connection.execute("DELETE FROM trials WHERE number = 10")
    connection.close()
    with pytest.warns(StudyWarning, match=r"ledger.db is damaged: it lacks search 2 and 10 or holds them damaged, as after the loss"):
        assert open_study(path).records() == trials
    with pytest.warns(StudyWarning):
        assert "it lacks search 2 and 10" in repr(open_study(path))
    with Ledger.open(StudyDirectory.open(path)) as ledger:
        [message] = ledger.messages
    assert "what is left of the old file is kept as ledger.db.damaged" in message
    assert (path / "ledger.db.damaged").exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_with_a_write_ahead_log_that_was_cut(share, study):
    path, trials = study
    wal = path / "ledger.db-wal"
    wal.write_bytes(wal.read_bytes()[: int(share * wal.stat().st_size)])
    check_all_is_there(path, trials)


@pytest.mark.parametrize(("name", "places"), [("ledger.db-wal", 50), ("ledger.db", 10), ("ledger.jsonl", 10)])
def test_with_a_flipped_bit(name, places, killed, tmp_path):
    """A flipped bit may also meet a part of the file that holds nothing. Every fifth study is restored, which takes longer."""
    rng, whole, noticed = random.Random(1), (killed[0] / name).read_bytes(), 0
    for place in range(places):
        path = shutil.copytree(killed[0], tmp_path / str(place))
        spoilt = bytearray(whole)
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        (path / name).write_bytes(spoilt)
        reader = TrialReader(StudyDirectory.open(path))
        assert reader.trials() == killed[1]
        noticed += bool(reader.problems)
        if place % 5 == 0:
            with Ledger.open(StudyDirectory.open(path)) as ledger:
                assert bool(ledger.messages) == bool(reader.problems)
            assert raw(path) == killed[1]
    assert noticed > 10 or name != "ledger.db-wal", "the control: it was damaged"


def test_with_a_flipped_bit_in_a_database_that_holds_everything(closed_study):
    """Most of the file is text that SQLite cannot check."""
    file, trials, rng = closed_study / "ledger.db", raw(closed_study), random.Random(2)
    whole, noticed = file.read_bytes(), 0
    for _ in range(50):
        spoilt = bytearray(whole)
        spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
        file.write_bytes(spoilt)
        reader = TrialReader(StudyDirectory.open(closed_study))
        try:
            seen = reader.trials()
        except StudyError as error:
            seen = str(error)
        assert seen == trials or "Optuna's tables of version" in seen
        noticed += bool(reader.problems)
    assert noticed > 5, "the control: it was damaged"


def test_without_any_database(study):
    path, trials = study
    for file in path.glob("ledger.db*"):
        file.unlink()
    check_all_is_there(path, trials)


def test_where_log_and_database_are_damaged_the_lost_trials_are_named_and_count_as_failed(study):
    path, trials = study
    for file in path.glob("ledger.db*"):
        file.unlink()
    lines = (path / "ledger.jsonl").read_bytes().splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if b'"number": 5,' in line)
    (path / "ledger.jsonl").write_bytes(b"".join(lines[:first] + lines[first + 1 :]))
    with Ledger.open(StudyDirectory.open(path)) as ledger:
        restored = ledger.records()
        messages = ledger.messages
    assert "search 5 stood in damaged parts of ledger.db and of ledger.jsonl; they count as failed" in messages
    assert (restored[5].status, restored[5].reason) == ("failed", restore.LOST)
    assert [t for t in restored if t.number != 5] == [t for t in trials if t.number != 5]


def test_the_study_continues_as_it_would_have_without_the_damage(tmp_path):
    """The control is a study that was never damaged."""
    options = {"name": "evolution", "startup": 4, "sample": 3, "population": 6}
    directory, ledger, phase = open_phase(tmp_path / "whole", **options)
    with directory, ledger:
        run(phase, 6)
        shutil.copytree(tmp_path / "whole", tmp_path / "damaged")
        whole = outcome(run(phase, 12))
    (tmp_path / "damaged/ledger.db-wal").unlink()
    directory, ledger, phase = open_phase(tmp_path / "damaged", **options)
    with directory, ledger:
        assert ledger.messages
        assert outcome(run(phase, 12)) == whole


def test_a_driver_that_is_killed_while_it_restores(study, monkeypatch):
    path, trials = study
    (path / "ledger.db-wal").unlink()

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(restore.shutil, "copyfile", killed)
        with pytest.raises(KeyboardInterrupt):
            Ledger.open(StudyDirectory.open(path))
    check_all_is_there(path, trials)


class TestOldStudies:
    """Studies of version 0.1 have no `ledger.jsonl`. Their folders of trials still tell that trials were lost."""

    @pytest.fixture
    def old(self, study):
        path, trials = study
        (path / "ledger.jsonl").unlink()
        for trial in trials:
            (path / "trials" / f"search-{trial.number:04d}").mkdir(parents=True)
        return path, trials

    def test_a_sound_one_is_given_a_log(self, old):
        path, trials = old
        reader = TrialReader(StudyDirectory.open(path))
        assert reader.trials() == trials
        assert reader.problems == []
        assert not (path / "ledger.jsonl").exists(), "readers write nothing"
        with Ledger.open(StudyDirectory.open(path)) as ledger:
            assert ledger.messages == []
        for file in path.glob("ledger.db*"):
            file.unlink()
        check_all_is_there(path, trials)

    def test_lost_trials_are_named(self, old):
        path, trials = old
        with Ledger.open(StudyDirectory.open(path)):
            pass
        (path / "ledger.jsonl").unlink()
        with sqlite3.connect(path / "ledger.db") as connection:
            connection.execute("DELETE FROM trials WHERE number > 7")
        connection.close()
        expected = r"trials/ holds search-0008, search-0009, search-0010, of which the ledger does not know: its write-ahead log was lost"
        with pytest.warns(StudyWarning, match=expected):
            assert open_study(path).records() == trials[:8]
        with Ledger.open(StudyDirectory.open(path)) as ledger:
            assert any("search-0008" in message for message in ledger.messages)

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ("UPDATE trials SET state = 'DONE' WHERE number = 2", "trial 2 of search: KeyError: 'DONE'"),
            ("UPDATE trial_user_attributes SET value_json = '{' WHERE trial_id = 3", "trial 2 of search: JSONDecodeError"),
            ("UPDATE trial_params SET distribution_json = 'x' WHERE trial_id = 3", "trial 2 of search: JSONDecodeError"),
            ("UPDATE trials SET datetime_start = 'noon' WHERE number = 2", "trial 2 of search: ValueError"),
            ("UPDATE trials SET number = 'two' WHERE number = 2", "a trial has the number 'two'"),
        ],
    )
    def test_a_trial_that_cannot_be_read_is_an_error_in_one_line(self, change, why, old):
        """With a log, the same trial is read from there."""
        path, trials = old
        with Ledger.open(StudyDirectory.open(path)):
            pass
        log = (path / "ledger.jsonl").read_bytes()
        (path / "ledger.jsonl").unlink()
        with sqlite3.connect(path / "ledger.db") as connection:
            connection.execute(change)
        connection.close()
        for action in (lambda: open_study(path).records(), lambda: Ledger.open(StudyDirectory.open(path))):
            with pytest.raises(StudyError, match=rf"ledger.db is damaged or cannot be read \(.*{why}.*restore it from a copy"):
                action()
        (path / "ledger.jsonl").write_bytes(log)
        check_all_is_there(path, trials)

    def test_one_that_lost_everything_is_no_young_study(self, old):
        path, _ = old
        (path / "ledger.db-wal").unlink()
        for action in (lambda: open_study(path).records(), lambda: Ledger.open(StudyDirectory.open(path))):
            with pytest.raises(StudyError, match=r"ledger.db is gone or empty, but .*trials is not; restore the file from a copy"):
                action()


def test_the_database_alone_is_complete_whenever_a_trial_begins_and_ends(tmp_path):
    """Whoever copies `ledger.db` without the files beside it has every trial that is evaluated or being evaluated."""
    path, copies = tmp_path / "study", []

    class Copying(Inline):
        def submit(self, key, function, argument):
            if (path / "ledger.db").exists():
                copy = tmp_path / f"{len(copies)}.db"
                shutil.copyfile(path / "ledger.db", copy)
                copies.append((key, copy))
            super().submit(key, function, argument)

    run_search(path, problem(Stopwatch(), workers=1), engine=Copying)
    ended = set()
    for (phase, number), copy in copies:
        database = TrialDatabase(copy, write=False)
        states = {t.number: t.state.name for t in database.trials(database.optuna.get_study_id_from_name(phase))}
        database.close()
        assert states[number] == "RUNNING"
        assert all(states[other] == "COMPLETE" for name, other in ended if name == phase)
        ended.add((phase, number))
    assert len(ended) > 10
