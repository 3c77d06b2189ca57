"""The ledger's file: SQLite in WAL mode, checked before it is used, written a whole trial at a time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import optuna
import sqlalchemy as sa
from optuna.trial import FrozenTrial

from nasbench.errors import StudyError
from nasbench.study.optuna_tables import TABLES_VERSION, OptunaTables


class TrialDatabase:
    """A SQLite file of Optuna studies, to be written by this process alone, or only read.

    Attributes:
        optuna: the same file as Optuna's storage.

    Raises:
        StudyError: the file is damaged, missing though only to be read, of another Optuna, locked, or cannot be opened.
    """

    def __init__(self, path: Path, *, write: bool, wait_s: float = 60.0) -> None:
        self.path = path
        self._wait_s = wait_s
        if not write and not path.exists():
            raise StudyError(f"a study keeps its trials in ledger.db; {path} is missing; start the search, or restore the file")
        check(path)

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(uri(path, write), uri=True, timeout=wait_s, check_same_thread=False)
            if write:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")  # safe against kills; a power cut may cost the last trials
            return connection

        with self._explained():
            # The address is only for show: `creator` opens the file, so that no character of its path can be misread.
            self.optuna = optuna.storages.RDBStorage(
                "sqlite:///ledger.db",
                engine_kwargs={"creator": connect},
                skip_compatibility_check=True,
                skip_table_creation=not write,
            )
            self._engine: sa.Engine = self.optuna.engine
            self._rows = OptunaTables(self._engine)
            with self._engine.connect() as connection:
                version = self._rows.version(connection)
        if version != TABLES_VERSION:
            raise StudyError(
                f"a ledger has Optuna's tables of version {TABLES_VERSION}; {path} has version {version}; "
                "use it with the Optuna release that wrote it (study.yaml says which)"
            )
        self._inode = os.stat(path).st_ino

    def insert(self, study_id: int, trial: FrozenTrial) -> int:
        """Store a new trial in one transaction and return its id; `trial.number` is the study's next."""
        with self._transaction() as connection:
            trial_id, before = self._rows.insert(connection, study_id, trial)
            if before != trial.number:
                raise StudyError(f"only its driver writes a ledger; another program added trials to {self.path}; run it again")
        return trial_id

    def finish(self, trial_id: int, trial: FrozenTrial) -> None:
        """Store state, values and attributes of a running trial in one transaction."""
        with self._transaction() as connection:
            if not self._rows.finish(connection, trial_id, trial):
                raise StudyError(f"a trial is told once; another program finished trial {trial.number} of {self.path}")

    def note(self, trial_id: int, trial: FrozenTrial) -> None:
        """Store attributes of a running trial in one transaction; it goes on running."""
        with self._transaction() as connection:
            if not self._rows.note(connection, trial_id, trial):
                raise StudyError(f"only its driver writes a ledger; another program finished trial {trial.number} of {self.path}")

    def trials(self, study_id: int) -> list[FrozenTrial]:
        """All trials of a study by number."""
        with self._explained(), self._engine.connect() as connection:
            return self._rows.read(connection, study_id)

    def close(self) -> None:
        """Close the file; SQLite then folds its log into it."""
        self.optuna.remove_session()
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        # SQLite would go on writing to a file that was removed or replaced, and lose everything silently.
        try:
            replaced = os.stat(self.path).st_ino != self._inode
        except FileNotFoundError:
            replaced = True
        if replaced:
            raise StudyError(
                f"{self.path} was removed or replaced during the search; finished trials are safe in trials/*/result.json; "
                "put the file back and run the same command"
            )
        with self._explained(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of the database as errors that say what to do."""
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error, optuna.exceptions.StorageInternalError) as error:
            cause = str(getattr(error, "orig", None) or error.__cause__ or error).splitlines()[0]
            if "locked" in cause:
                advice = f"another program held it for {self._wait_s:g} s; close that program and run the same command again"
            elif "full" in cause or "disk" in cause:
                advice = "free some space and run the same command again; what is stored is safe"
            else:
                advice = "what is stored is untouched; see that the folder can be written, and run the same command again"
            raise StudyError(f"cannot use {self.path} ({cause}); {advice}") from error


def check(path: Path) -> None:
    """Read a ledger through before anything is written to it; a missing one is fine.

    Raises:
        StudyError: it is damaged.
    """
    if not path.exists():
        return
    try:
        connection = sqlite3.connect(uri(path, write=False), uri=True, timeout=60)
        try:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise StudyError(
            f"{path} is damaged or cannot be read ({' '.join(found.split())[:200]}); nothing was changed; restore it from a copy, "
            f"try `sqlite3 {path.name} .recover | sqlite3 new.db`, or start again with another --name"
        )


def uri(path: Path, write: bool) -> str:
    """SQLite's address of the file; in a folder that may not be written, reading has to do without the log beside it."""
    query = "" if write else "?mode=ro" if os.access(path.parent, os.W_OK) else "?mode=ro&immutable=1"
    return f"file:{quote(str(path.absolute()))}{query}"
