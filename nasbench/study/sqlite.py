"""The file of the ledger: SQLite in WAL mode. It is checked before it is used, and each transaction writes a whole trial."""

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
    """A SQLite file of Optuna studies, which this process alone writes, or only reads.

    Attributes:
        optuna: Optuna's storage on the same file.

    Raises:
        StudyError: the file is damaged, locked, of another version of Optuna, or cannot be opened; or it is missing and only to be read.
    """

    def __init__(self, path: Path, *, write: bool, wait_s: float = 60.0) -> None:
        self.path = path
        self._wait_s = wait_s
        if not write and not path.exists():
            raise StudyError(f"a study keeps its trials in ledger.db; {path} is missing; start the search, or restore the file")
        check_file(path)

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(uri(path, write), uri=True, timeout=wait_s, check_same_thread=False)
            if write:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")  # safe against kills; a power failure may lose the last trials
            return connection

        with self._explained():
            # `creator` opens the file, because Optuna would misread some characters of its path in the address.
            self.optuna = optuna.storages.RDBStorage(
                "sqlite:///ledger.db",
                engine_kwargs={"creator": connect},
                skip_compatibility_check=True,
                skip_table_creation=not write,
            )
            self._engine: sa.Engine = self.optuna.engine
            self._tables = OptunaTables(self._engine)
            with self._engine.connect() as connection:
                version = self._tables.version(connection)
        if version != TABLES_VERSION:
            raise StudyError(
                f"a ledger has Optuna's tables of version {TABLES_VERSION}; {path} has version {version}; "
                "use it with the Optuna release that wrote it (study.yaml says which)"
            )
        self._inode = os.stat(path).st_ino

    def insert(self, study_id: int, trial: FrozenTrial) -> int:
        """Store a new trial in one transaction; returns its id.

        Raises:
            StudyError: `trial.number` is not the next number of the study.
        """
        with self._transaction() as connection:
            trial_id, trials_before = self._tables.insert(connection, study_id, trial)
            if trials_before != trial.number:
                raise StudyError(f"only its driver writes a ledger; another program added trials to {self.path}; run it again")
        return trial_id

    def finish(self, trial_id: int, trial: FrozenTrial) -> None:
        """Store state, values and attributes of a running trial in one transaction."""
        with self._transaction() as connection:
            if not self._tables.finish(connection, trial_id, trial):
                raise StudyError(f"only its driver writes a ledger; another program finished trial {trial.number} of {self.path}")

    def update(self, trial_id: int, trial: FrozenTrial) -> None:
        """Store attributes of a running trial in one transaction; it stays running."""
        with self._transaction() as connection:
            if not self._tables.update(connection, trial_id, trial):
                raise StudyError(f"only its driver writes a ledger; another program finished trial {trial.number} of {self.path}")

    def trials(self, study_id: int) -> list[FrozenTrial]:
        """All trials of a study by number."""
        with self._explained(), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")  # all tables at one moment: the driver may be writing
            return self._tables.read(connection, study_id)

    def close(self) -> None:
        """Close the file; SQLite then folds its log into it."""
        self.optuna.remove_session()
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        # SQLite would continue to write to a file that was removed or replaced, and all of it would be lost without an error.
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
        """Turn errors of the database into errors that say what to do."""
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


def check_file(path: Path) -> None:
    """Let SQLite check a whole file before anything is written to it. A missing file passes.

    Raises:
        StudyError: it is damaged or cannot be read.
    """
    if not path.exists():
        return
    try:
        connection = sqlite3.connect(uri(path, write=False), uri=True, timeout=60)
        try:
            result = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        result = str(error)
    if result != "ok":
        raise StudyError(
            f"{path} is damaged or cannot be read ({' '.join(result.split())[:200]}); nothing was changed; restore it from a copy, "
            f"try `sqlite3 {path.name} .recover | sqlite3 new.db`, or start again with another --name"
        )


def uri(path: Path, write: bool) -> str:
    """The file's address for SQLite. In a directory that cannot be written, the file is read without the log beside it."""
    query = "" if write else "?mode=ro" if os.access(path.parent, os.W_OK) else "?mode=ro&immutable=1"
    return f"file:{quote(str(path.absolute()))}{query}"
