"""The file of the ledger: SQLite in WAL mode. It is checked before it is used, and each transaction writes a whole trial."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import optuna
import sqlalchemy as sa
from optuna.trial import FrozenTrial

from nasbench.errors import StudyError
from nasbench.study.database.optuna_rows import read_trials
from nasbench.study.database.optuna_tables import TABLES_VERSION, OptunaTables


class TrialDatabase:
    """A SQLite file of Optuna studies, which this process alone writes, or only reads.

    Attributes:
        optuna: Optuna's storage on the same file.

    Args:
        checked: whether the caller has checked the file with `damage_of`, which takes a while for a large one.

    Raises:
        StudyError: the file is damaged, locked, of another version of Optuna, or cannot be opened; or it is missing and only to be read.
    """

    def __init__(self, path: Path, *, write: bool, wait_s: float = 60.0, checked: bool = False) -> None:
        self.path = path
        self._wait_s = wait_s
        if not write and not path.exists():
            raise StudyError(f"a study keeps its trials in ledger.db; {path} is missing; start the search, or restore the file")
        if not checked:
            check_file(path)

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(uri(path, write), uri=True, timeout=wait_s, check_same_thread=False)
            if write:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")  # safe against kills; a power failure may lose the last trials
            return connection

        self._connect = connect
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
        check_version(path, version)
        self._inode = os.stat(path).st_ino

    def study_id(self, name: str) -> int:
        """The id of the Optuna study `name`."""
        return int(self.optuna.get_study_id_from_name(name))

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

    def insert_all(self, study_id: int, trials: Iterable[FrozenTrial]) -> None:
        """Store all trials of a new study in one transaction."""
        with self._transaction() as connection:
            for trial in trials:
                self._tables.insert(connection, study_id, trial)

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
        """All trials of a study by number.

        Raises:
            StudyError: one of them cannot be read.
        """
        with self._explained(), closing(self._connect()) as connection:
            connection.execute("BEGIN")  # all tables at one moment: the driver may be writing
            read = read_trials(connection, study_id)
        for number, reason in read.unreadable.items():
            raise StudyError(damaged(self.path, f"trial {number}: {reason}"))
        return list(read.trials.values())

    def fold_log(self) -> None:
        """Let SQLite fold its log into the file, so that the file alone is complete. While a reader uses the log, it is left for later."""
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(uri(self.path, write=True), uri=True, timeout=0)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

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
                f"{self.path} was removed or replaced during the search; finished trials are safe in ledger.jsonl beside it; "
                "run the same command again, which restores the file"
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
    if damage := damage_of(path):
        raise StudyError(damaged(path, damage))


def damage_of(path: Path) -> str:
    """Why SQLite cannot use a file; empty if it can, and if there is no file."""
    if not path.exists():
        return ""
    try:
        with closing(sqlite3.connect(uri(path, write=False), uri=True, timeout=60)) as connection:
            result = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        result = str(error) or "it is not a database"
    return "" if result == "ok" else result


def damaged(path: Path, why: str) -> str:
    """The message about a ledger that cannot be used."""
    return (
        f"{path} is damaged or cannot be read ({' '.join(why.split())[:200]}); nothing was changed; restore it from a copy, "
        f"try `sqlite3 {path.name} .recover | sqlite3 new.db`, or start again with another --name"
    )


def check_version(path: Path, version: str | None) -> None:
    """Check the version of Optuna's tables.

    Raises:
        StudyError: another release of Optuna made them.
    """
    if version != TABLES_VERSION:
        raise StudyError(
            f"a ledger has Optuna's tables of version {TABLES_VERSION}; {path} has version {version}; "
            "use it with the Optuna release that wrote it (study.yaml says which)"
        )


def uri(path: Path, write: bool) -> str:
    """The file's address for SQLite. In a directory that cannot be written, the file is read without the log beside it."""
    query = "" if write else "?mode=ro" if os.access(path.parent, os.W_OK) else "?mode=ro&immutable=1"
    return f"file:{quote(str(path.absolute()))}{query}"
