"""Copies of a study and of its ledger, taken while the driver may be writing.

A copied study has its trials as lines of text, `trials.jsonl`, in place of a ledger: to look at, not to go on with.
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
from nasbench.study.sqlite import check, uri
from nasbench.study.trial import Trial

# What tables and pictures are made from; not the weights, checkpoints and lines of each epoch, nor the user's own code.
LIGHT = (
    "plan.json", PROFILE_FILE, MEASUREMENTS_FILE, "finalists.json", "summary.json", "best/card.json", "best/genotype.yaml",
    FIT_FILE, CANDIDATES_FILE, CURVES_FILE,
)  # fmt: skip


def has_tables(folder: StudyDirectory) -> bool:
    """Whether the ledger was made: a driver that has just begun, or died in its first moment, leaves none or an unfinished one.

    Raises:
        StudyError: see `Ledger.open`; a file that is no database is damaged, not young.
    """
    path = folder.ledger
    if not path.exists() or path.stat().st_size == 0:
        return folder.has_trials()  # then opening it says what is wrong
    try:
        with closing(sqlite3.connect(uri(path, write=False), uri=True, timeout=60)) as connection:
            return bool(connection.execute("SELECT count(*) FROM alembic_version").fetchone()[0])
    except sqlite3.OperationalError as error:
        return "no such table" not in str(error)
    except sqlite3.DatabaseError:
        return True


def stored_trials(folder: StudyDirectory, phase: str | None = None) -> list[Trial]:
    """The trials of a study or of a copy, by phase and number; none before the first.

    Raises:
        StudyError: see `Ledger.open`; or a copy that is damaged.
    """
    if folder.is_copy:
        return [t for t in _read_lines(folder.path / TRIALS_FILE) if phase in (None, t.phase)]
    if not has_tables(folder):
        return []
    with Ledger.open(folder, write=False) as ledger:
        return ledger.records(phase)


def _read_lines(path: Path) -> list[Trial]:
    try:
        return [_from_json(json.loads(line)) for line in path.read_text().splitlines()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StudyError(f"a copied study has its trials in {path}; it cannot be read ({error}); copy the study once more") from None


def _to_json(trial: Trial) -> dict[str, Any]:
    """Without fields that are as usual, so that a line is short."""
    row = {name: value for name, value in asdict(trial).items() if value not in (None, {}, "", ())}
    return row | {name: value.isoformat() for name, value in row.items() if isinstance(value, datetime)}


def _from_json(row: dict[str, Any]) -> Trial:
    unknown = row.keys() - {f.name for f in fields(Trial)}
    if unknown:
        raise ValueError(f"unknown field {min(unknown)}")
    told = dict(row)
    for name in ("started", "finished"):
        if name in told:
            told[name] = datetime.fromisoformat(told[name])
    if "values" in told:
        told["values"] = tuple(told["values"])
    return Trial(**told)


def copy_ledger(ledger: Path, to: Path) -> Path:
    """One moment of a ledger as a file of its own, in a single file without a log beside it.

    Raises:
        StudyError: it is damaged, or the copy cannot be written.
    """
    check(ledger)
    to.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(uri(ledger, write=False), uri=True, timeout=60)) as connection:
            connection.execute("VACUUM INTO ?", (str(to),))
    except sqlite3.Error as error:
        raise StudyError(f"cannot copy {ledger} to {to} ({error}); free some space or choose a folder you may write to") from error
    return to


def copy_study(folder: StudyDirectory, to: Path) -> Path:
    """A small copy: all that tables and pictures need. It is read like any study, but the winner's weights stay where they are.

    Raises:
        StudyError: `to` exists, or cannot be written.
    """
    if to.exists():
        raise StudyError(f"a copy goes into a new folder; {to} exists; choose another")
    temporary = to.with_name(f".{to.name}.unfinished")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        (temporary / "best").mkdir(parents=True)
        for name in LIGHT:
            if (folder.path / name).exists():
                write_atomic(temporary / name, (folder.path / name).read_bytes())
        if not any((temporary / "best").iterdir()):
            (temporary / "best").rmdir()
        lines = (json.dumps(_to_json(trial)) + "\n" for trial in stored_trials(folder))
        write_atomic(temporary / TRIALS_FILE, "".join(lines))
        write_atomic(temporary / STUDY_FILE, (folder.path / STUDY_FILE).read_bytes())
        temporary.rename(to)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StudyError(f"cannot copy to {to}: {error.strerror}; free some space or choose a folder you may write to") from error
    return to
