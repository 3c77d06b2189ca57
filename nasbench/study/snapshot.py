"""Copies of a study and of its ledger, which can be made while the driver writes.

A copied study has its trials as lines of text, `trials.jsonl`, and no ledger. It can be looked at, but a search cannot continue it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.study.directory import CANDIDATES_FILE, CURVES_FILE, FIT_FILE, PROFILE_FILE, STUDY_FILE, TRIALS_FILE, StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.measurements import MEASUREMENTS_FILE
from nasbench.study.sqlite import check_file, uri
from nasbench.study.trial import Trial

# The files from which tables and pictures are made. Weights, checkpoints, histories of epochs and the user's own code are not copied.
COPIED = (
    "plan.json", PROFILE_FILE, MEASUREMENTS_FILE, "finalists.json", "summary.json", "best/card.json", "best/genotype.yaml",
    "best/preprocess.json", FIT_FILE, CANDIDATES_FILE, CURVES_FILE,
)  # fmt: skip


def has_tables(directory: StudyDirectory) -> bool:
    """Whether the ledger can be opened, or its damage reported.

    A driver that has just begun, or was killed in its first moment, has made no ledger yet or an unfinished one.
    """
    path = directory.ledger
    if not path.exists() or path.stat().st_size == 0:
        return directory.has_trials()  # `Ledger.open` then says what is wrong
    try:
        with closing(sqlite3.connect(uri(path, write=False), uri=True, timeout=60)) as connection:
            return bool(connection.execute("SELECT count(*) FROM alembic_version").fetchone()[0])
    except sqlite3.OperationalError as error:
        return "no such table" not in str(error)
    except sqlite3.DatabaseError:
        return True


def stored_trials(directory: StudyDirectory, phase: str | None = None) -> list[Trial]:
    """The trials of a study or of a copy, by phase and number; an empty list before the first trial.

    Raises:
        StudyError: see `Ledger.open`; or the copy is damaged.
    """
    if directory.is_copy:
        return [t for t in _read_lines(directory.path / TRIALS_FILE) if phase in (None, t.phase)]
    if not has_tables(directory):
        return []
    with Ledger.open(directory, write=False) as ledger:
        return ledger.records(phase)


def _read_lines(path: Path) -> list[Trial]:
    try:
        return [_from_json(json.loads(line)) for line in path.read_text().splitlines()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudyError(f"a copied study has its trials in {path}; it cannot be read ({error}); copy the study once more") from None


def _to_json(trial: Trial) -> dict[str, Any]:
    """A trial as JSON data. Empty fields are left out, so that its line is short."""
    line = {name: value for name, value in asdict(trial).items() if value not in (None, {}, "", ())}
    return line | {name: value.isoformat() for name, value in line.items() if isinstance(value, datetime)}


def _from_json(line: dict[str, Any]) -> Trial:
    unknown = line.keys() - {f.name for f in fields(Trial)}
    if unknown:
        raise ValueError(f"unknown field {min(unknown)}")
    values = dict(line)
    for name in ("started", "finished"):
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    if "values" in values:
        values["values"] = tuple(values["values"])
    return Trial(**values)


def copy_ledger(ledger: Path, to: Path) -> Path:
    """Copy the present state of a ledger to a single file, without a log beside it.

    Raises:
        StudyError: the ledger is damaged, or the copy cannot be written.
    """
    check_file(ledger)
    to.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(uri(ledger, write=False), uri=True, timeout=60)) as connection:
            connection.execute("VACUUM INTO ?", (str(to),))
    except sqlite3.Error as error:
        raise StudyError(f"cannot copy {ledger} to {to} ({error}); free some space or choose a folder you may write to") from error
    return to


def copy_study(directory: StudyDirectory, to: Path) -> Path:
    """A small copy of a study with all that tables and pictures need. It is read like any study, but has no weights.

    Raises:
        StudyError: `to` exists, or cannot be written.
    """
    if to.exists():
        raise StudyError(f"a copy goes into a new directory; {to} exists; choose another")
    temporary = to.with_name(f".{to.name}.unfinished")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        (temporary / "best").mkdir(parents=True)
        for name in COPIED:
            if (directory.path / name).exists():
                write_atomic(temporary / name, (directory.path / name).read_bytes())
        if not any((temporary / "best").iterdir()):
            (temporary / "best").rmdir()
        lines = (json.dumps(_to_json(trial)) + "\n" for trial in stored_trials(directory))
        write_atomic(temporary / TRIALS_FILE, "".join(lines))
        write_atomic(temporary / STUDY_FILE, (directory.path / STUDY_FILE).read_bytes())
        temporary.rename(to)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StudyError(f"cannot copy to {to}: {error.strerror}; free some space or choose a folder you may write to") from error
    return to
