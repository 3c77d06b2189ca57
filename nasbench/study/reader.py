"""Reading the trials of a study, whether it is finished or running: everything once, and then only what changes."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from nasbench.errors import StudyError
from nasbench.study.database.log import TrialLog
from nasbench.study.database.restore import read_contents
from nasbench.study.database.sqlite import uri
from nasbench.study.database.trial_lines import read_lines
from nasbench.study.directory import TRIALS_FILE, StudyDirectory
from nasbench.study.trial import Trial, read_trial

Stamp = tuple[tuple[int, ...], ...]


class TrialReader:
    """The trials of a study directory, or of a copy of one. Nothing is written.

    The first look reads the ledger and compares it with its log. Later looks read what the driver has added to the log since.

    Attributes:
        problems: what is damaged, in words, since the last look; the trials are complete where the words do not say otherwise.
        version: it increases when the trials change.
    """

    def __init__(self, directory: StudyDirectory) -> None:
        self._directory = directory
        self._log = TrialLog(directory.log)
        self._trials: dict[str, dict[int, Trial]] = {}
        self._stamp: Stamp = ()
        self.problems: list[str] = []
        self.version = 0

    def trials(self, phase: str | None = None) -> list[Trial]:
        """The trials by phase and number, of one phase or of all; an empty list before the first trial.

        Raises:
            StudyError: the ledger is damaged or lost, and its log cannot replace it; or a copy is damaged.
        """
        self._look()
        return [trial for name, trials in self._trials.items() if phase in (None, name) for trial in trials.values()]

    def _look(self) -> None:
        """Take note of all changes since the last look."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        if self._directory.is_copy:
            self._read_copy()
        elif not (self._stamp and self._follow()):
            self._read_all()
        self._stamp = stamp
        self.version += 1

    def _read_copy(self) -> None:
        self._trials = {}
        for trial in read_lines(self._directory.path / TRIALS_FILE):
            self._trials.setdefault(trial.phase, {})[trial.number] = trial

    def _read_all(self) -> None:
        self._log = TrialLog(self._directory.log)
        contents = read_contents(self._directory, self._log)
        self._trials = {name: {t.number: read_trial(name, t) for t in trials} for name, trials in contents.trials.items()}
        self.problems = contents.remarks()
        if not contents.sound:
            self.problems.insert(
                0,
                f"{self._directory.ledger} is damaged: {contents.loss()}; all its trials are read from {self._directory.log.name}, "
                "and the search restores it when it continues",
            )

    def _follow(self) -> bool:
        """Read what was added to the log. Returns whether nothing else has changed."""
        if not self._directory.log.exists():
            return False
        generation = self._log.generation
        changed = self._log.read()
        if self._log.generation != generation or self.problems:
            return False
        for (phase, number), frozen in changed.items():
            self._trials.setdefault(phase, {})[number] = read_trial(phase, frozen)
        return bool(changed) or self._counts() == self._counts_of_ledger()

    def _counts(self) -> dict[str, int]:
        return {name: len(trials) for name, trials in self._trials.items() if trials}

    def _counts_of_ledger(self) -> dict[str, int] | None:
        """The number of trials of each phase in the ledger; None if it cannot be read."""
        query = "SELECT study_name FROM trials JOIN studies USING (study_id)"
        try:
            with closing(sqlite3.connect(uri(self._directory.ledger, write=False), uri=True, timeout=60)) as connection:
                return dict(Counter(name for (name,) in connection.execute(query)))
        except sqlite3.DatabaseError:
            return None

    def _stamp_now(self) -> Stamp:
        """A value that changes whenever one of the files does."""
        ledger = self._directory.ledger
        files = (ledger, ledger.with_name(f"{ledger.name}-wal"), self._directory.log, self._directory.path / TRIALS_FILE)
        return tuple(map(_stamp_of, files))


def stored_trials(directory: StudyDirectory, phase: str | None = None) -> list[Trial]:
    """The trials of a study as they are now, see `TrialReader.trials`."""
    return TrialReader(directory).trials(phase)


def _stamp_of(path: Path) -> tuple[int, ...]:
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StudyError(f"cannot read {path}: {error.strerror}; see that you may read it") from error
    # SQLite makes an empty write-ahead log when a file is only read.
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) if stat.st_size else ()
