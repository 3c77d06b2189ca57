"""Whether `ledger.db` holds all that `ledger.jsonl` and `trials/` tell of, and how a damaged one is restored.

The truth about a study lies in several files: SQLite keeps the latest changes in a write-ahead log beside `ledger.db`. When that log
is lost or damaged, the rest is a sound database without them. Nothing but another file can tell.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from nasbench.errors import StudyError, one_line
from nasbench.study.database.log import Key, TrialLog
from nasbench.study.database.optuna_rows import IDENTITY, PhaseIdentity, read_phases, read_trials
from nasbench.study.database.sqlite import TrialDatabase, check_version, damage_of, damaged, uri
from nasbench.study.directory import StudyDirectory
from nasbench.study.in_memory import quiet
from nasbench.study.trial import PAUSED

LOST = "this trial was lost in damaged parts of ledger.db and of ledger.jsonl"
MOST_GAPS = 2  # a phase has at most so many times as many numbers as trials; a larger number is damaged


@dataclass
class Contents:
    """All trials of a study, put together from its files.

    Attributes:
        phases: what each phase began with, by name.
        trials: of each phase, by number, without a gap.
        lost: trials that `ledger.db` lacks, or holds in an earlier or a damaged state.
        missing: trials of `lost` that no file holds. They stand in `trials` as failed.
        without_row: directories of trials of which neither the ledger nor its log knows.
        logged: whether `ledger.jsonl` holds all trials as they are now.
        damage: why `ledger.db` cannot be read; empty if it can.
    """

    phases: dict[str, PhaseIdentity]
    trials: dict[str, list[FrozenTrial]] = field(default_factory=dict)
    lost: list[Key] = field(default_factory=list)
    missing: list[Key] = field(default_factory=list)
    without_row: list[str] = field(default_factory=list)
    logged: bool = True
    damage: str = ""

    @property
    def sound(self) -> bool:
        """Whether `ledger.db` holds all trials that are known."""
        return not (self.lost or self.damage)

    def loss(self) -> str:
        """What `ledger.db` lost, in words."""
        return self.damage or f"it lacks {_listed(self.lost)} or holds them damaged, as after the loss of its write-ahead log"

    def remarks(self) -> list[str]:
        """What could not be restored, in words."""
        remarks = []
        if self.missing:
            remarks.append(f"{_listed(self.missing)} stood in damaged parts of ledger.db and of ledger.jsonl; they count as failed")
        if self.without_row:
            shown = ", ".join(self.without_row[:4]) + (f" and {len(self.without_row) - 4} more" if len(self.without_row) > 4 else "")
            remarks.append(
                f"trials/ holds {shown}, of which the ledger does not know: its write-ahead log was lost; "
                "when the search continues, it proposes such trials again, and uses a result.json where the network is the same"
            )
        return remarks


@dataclass(frozen=True)
class _Database:
    """What `ledger.db` holds, and why some of its trials cannot be read."""

    phases: Mapping[str, PhaseIdentity] = field(default_factory=dict)
    trials: Mapping[Key, FrozenTrial] = field(default_factory=dict)
    unreadable: Mapping[Key, str] = field(default_factory=dict)


def read_contents(directory: StudyDirectory, log: TrialLog) -> Contents:
    """All trials of a study from its ledger and from the log of it, which is read from its beginning.

    Raises:
        StudyError: the ledger is damaged or lost, and the log cannot replace it.
    """
    # What is written later is read first: the ledger may be newer than its log, and has a row before a trial has a directory.
    directories = [entry.name for entry in (directory.path / "trials").glob("*") if entry.is_dir()]
    logged = log.read()
    path = directory.ledger
    database, damage = _Database(), ""
    if path.exists() and path.stat().st_size > 0:
        damage = damage_of(path)
        try:
            database = database if damage else _read_database(path)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            damage = one_line(error)
        if damage and not logged:
            raise StudyError(damaged(path, damage))
        for (phase, number), reason in database.unreadable.items():
            if (phase, number) not in logged:
                raise StudyError(damaged(path, f"trial {number} of {phase}: {reason}"))
    if not database.phases and not damage:
        if logged:
            damage = "it is gone or empty"
        elif directories:
            raise StudyError(
                f"a study keeps its trials in ledger.db; {path} is gone or empty, but {directory.path / 'trials'} is not; "
                "restore the file from a copy, or choose another --name"
            )
    contents = _united(log, logged, database)
    contents.damage = damage or contents.damage
    known = {f"{phase}-{trial.number:04d}" for phase, trials in contents.trials.items() for trial in trials}
    contents.without_row = sorted(name for name in directories if name not in known and _is_trial(name))
    return contents


def restore(directory: StudyDirectory, contents: Contents) -> Path | None:
    """Make `ledger.db` anew from `contents`. Returns the path under which the damaged file is kept; None if there was none."""
    path = directory.ledger
    new = path.with_name(f".{path.name}.restored")
    for ending in ("", "-wal", "-shm"):
        new.with_name(new.name + ending).unlink(missing_ok=True)
    database = TrialDatabase(new, write=True)
    try:
        for name, phase in contents.phases.items():
            with quiet():
                directions: list[Any] = list(phase.directions)
                study = optuna.create_study(storage=database.optuna, study_name=name, directions=directions)
            if phase.identity is not None:
                study.set_user_attr(IDENTITY, phase.identity)
            database.insert_all(study._study_id, contents.trials[name])
    finally:
        database.close()
    kept = _unused(path) if path.exists() else None
    try:
        for ending in ("", "-wal"):
            file = path.with_name(path.name + ending)
            if kept is not None and file.exists():
                shutil.copyfile(file, kept.with_name(kept.name + ending))
        # A log of the old database would be taken for one of the new. If the driver is killed here, the next one restores once more.
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        new.replace(path)
    except OSError as error:
        raise StudyError(f"cannot restore {path}: {error.strerror}; free some space and run the same command again") from error
    return kept


def _united(log: TrialLog, logged: Mapping[Key, FrozenTrial], database: _Database) -> Contents:
    """Of each trial the latest state that a file holds; the log, whose lines have checksums, decides where they differ."""
    phases = {name: phase for name, phase in database.phases.items() if phase.directions} | log.phases
    keys = dict.fromkeys([*logged, *database.trials, *database.unreadable])
    if logged and not log.damaged:  # what such a log does not know has a damaged name or number, except what was stored last
        phases = dict(log.phases)
        keys = {(name, number): None for name in phases for number in range(_count(name, logged, database.trials))}
    for name in dict.fromkeys(name for name, _ in keys):
        phases.setdefault(name, _guessed([trial for (phase, _), trial in {**database.trials, **logged}.items() if phase == name]))
    contents = Contents(phases, logged=set(phases) <= set(log.phases))
    for name in phases:
        trials = contents.trials[name] = []
        numbers = [number for phase, number in keys if phase == name]
        for number in range(min(max(numbers, default=-1) + 1, MOST_GAPS * len(numbers))):
            key = (name, number)
            ours, theirs = database.trials.get(key), logged.get(key)
            if ours is not None and (theirs is None or _progress(ours) > _progress(theirs)):
                contents.logged = False
                trials.append(ours)
                continue
            if theirs is None:
                contents.missing.append(key)
                theirs = create_trial(state=TrialState.FAIL, user_attrs={"status": "failed", "reason": LOST})
                theirs.number = number
            if ours is None or not _same(ours, theirs):
                contents.lost.append(key)
            trials.append(theirs)
    contents.logged = contents.logged and not contents.missing
    began_otherwise = [name for name, phase in database.phases.items() if log.phases.get(name, phase) != phase]
    contents.damage = f"what it says of phase {began_otherwise[0]} is damaged" if began_otherwise else ""
    return contents


def _count(phase: str, logged: Mapping[Key, FrozenTrial], stored: Mapping[Key, FrozenTrial]) -> int:
    """The number of trials of a phase: those of the log, and those that were stored after them."""
    count = max((number for name, number in logged if name == phase), default=-1) + 1
    while (phase, count) in stored:
        count += 1
    return count


def _guessed(trials: Iterable[FrozenTrial]) -> PhaseIdentity:
    """What a phase began with, where no file says it any more: accuracy or reward first, then latency."""
    objectives = max((len(trial.values) for trial in trials if trial.values), default=1)
    return PhaseIdentity(("maximize", "minimize")[:objectives])


def _read_database(path: Path) -> _Database:
    """All phases and trials; none while a driver that has just begun has not made all tables.

    Raises:
        StudyError: the tables are of another version of Optuna.
        sqlite3.DatabaseError, UnicodeDecodeError: they cannot be read.
    """
    phases: dict[str, PhaseIdentity] = {}
    trials: dict[Key, FrozenTrial] = {}
    unreadable: dict[Key, str] = {}
    with closing(sqlite3.connect(uri(path, write=False), uri=True, timeout=60)) as connection:
        connection.execute("BEGIN")  # all tables at one moment: the driver may be writing
        if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()[0] == 0:
            return _Database()
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if version is None:
            return _Database()
        check_version(path, version[0])
        for name, (study_id, phase) in read_phases(connection).items():
            read = read_trials(connection, study_id)
            phases[name] = phase
            trials |= {(name, number): trial for number, trial in read.trials.items()}
            unreadable |= {(name, number): reason for number, reason in read.unreadable.items()}
    return _Database(phases, trials, unreadable)


def _progress(trial: FrozenTrial) -> tuple[bool, int, bool]:
    """It increases with each change of a trial: the trial pauses at a rung, continues from there, and ends."""
    rungs = trial.user_attrs.get("rungs")
    return trial.state.is_finished(), len(rungs) if isinstance(rungs, list) else 0, trial.user_attrs.get("status") != PAUSED


def _same(a: FrozenTrial, b: FrozenTrial) -> bool:
    names = ("state", "values", "params", "distributions", "user_attrs", "datetime_start", "datetime_complete")
    return all(getattr(a, name) == getattr(b, name) for name in names) and a.constraints == b.constraints


def _listed(keys: Iterable[Key]) -> str:
    """Trials in words, such as `search 3 to 9, random 2 and 4`."""
    by_phase: dict[str, list[int]] = {}
    for phase, number in keys:
        by_phase.setdefault(phase, []).append(number)
    return ", ".join(f"{phase} {_numbers(numbers)}" for phase, numbers in by_phase.items())


def _numbers(numbers: list[int], most: int = 4) -> str:
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    return " and ".join(map(str, numbers[:most])) + (f" and {len(numbers) - most} more" if len(numbers) > most else "")


def _is_trial(name: str) -> bool:
    """Whether a directory has the name of a trial's, such as `search-0007`."""
    phase, _, number = name.rpartition("-")
    return bool(phase) and number.isascii() and number.isdecimal()


def _unused(path: Path) -> Path:
    """A path under which a damaged file can be kept, such as `ledger.db.damaged` or `ledger.db.damaged-2`."""
    names = (f"{path.name}.damaged{f'-{i}' if i > 1 else ''}" for i in range(1, 1_000_000))
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())
