"""Copies of a study and of its ledger, which can be made while the driver writes.

A copied study has its trials as lines of text, `trials.jsonl`, and no ledger. It can be looked at, but a search cannot continue it.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.study.database.sqlite import check_file, uri
from nasbench.study.database.trial_lines import line_of
from nasbench.study.delivery import TRAINING_FILE
from nasbench.study.directory import CANDIDATES_FILE, CURVES_FILE, FIT_FILE, PROFILE_FILE, STUDY_FILE, TRIALS_FILE, StudyDirectory
from nasbench.study.measurements import MEASUREMENTS_FILE
from nasbench.study.reader import stored_trials

# The files from which tables and pictures are made. Weights, checkpoints, histories of epochs and the user's own code are not copied.
COPIED = (
    "plan.json", PROFILE_FILE, MEASUREMENTS_FILE, "finalists.json", "summary.json", "verdict.json", "best/card.json", "best/genotype.yaml",
    "best/preprocess.json", "best/summary.json", TRAINING_FILE, FIT_FILE, CANDIDATES_FILE, CURVES_FILE,
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
        write_atomic(temporary / TRIALS_FILE, "".join(map(line_of, stored_trials(directory))))
        write_atomic(temporary / STUDY_FILE, (directory.path / STUDY_FILE).read_bytes())
        temporary.rename(to)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StudyError(f"cannot copy to {to}: {error.strerror}; free some space or choose a folder you may write to") from error
    return to
