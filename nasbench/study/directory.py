"""The study directory: the command of the study and the files of each trial. It is the whole database of a study."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from nasbench.errors import NasbenchError, StudyError, first_line
from nasbench.files import write_atomic
from nasbench.study.driver_lock import DriverLock, holder
from nasbench.study.stored import COMMAND, check_stored
from nasbench.study.trial import Trial

STUDY_FILE = "study.yaml"
LOCK_FILE = "driver.lock"
TRIALS_FILE = "trials.jsonl"
PROFILE_FILE = "profile.json"
FIT_FILE, CANDIDATES_FILE, CURVES_FILE = "fit.json", "candidates.json", "curves.csv"  # files of a scaling fit
RECORDED_PACKAGES = ("nasbench", "torch", "torchvision", "optuna", "ray", "numpy")


def study_path(runs: str | Path, name: str) -> Path:
    """The directory `runs/name`. The name cannot lead out of `runs`.

    Raises:
        StudyError: the name is empty, longer than 100 characters, or holds anything but letters, digits, `.`, `_` and `-`.
    """
    if not 0 < len(name) <= 100 or not all(c.isalnum() or c in "._-" for c in name) or not name[0].isalnum():
        raise StudyError(
            "a study's name is 1 to 100 letters, digits, dots, dashes or underscores and starts with a letter or digit; "
            f"got {name[:120]!r}; choose another --name"
        )
    return Path(runs) / name


class StudyDirectory:
    """A study directory with `study.yaml`, `ledger.db` and `trials/PHASE-NUMBER/`. A driver uses `create`, readers use `open`."""

    def __init__(self, path: Path, study: dict[str, Any], lock: DriverLock | None = None) -> None:
        self.path = path
        self.study = study
        self._lock = lock

    @classmethod
    def create(
        cls,
        path: str | Path,
        command: Mapping[str, Any],
        *,
        may_change: Collection[str] = (),
        defaults: Mapping[str, Any] | None = None,
        more: Mapping[str, Any] | None = None,
        before_change: Callable[[Path, Mapping[str, Any], Mapping[str, Any]], None] | None = None,
    ) -> StudyDirectory:
        """Begin a study, or continue the study that the same command began, and hold its lock until `close`.

        Args:
            command: everything that decides the results of the study, as plain YAML data.
            may_change: keys whose values may differ from the stored ones, such as the number of workers. The new values are stored, and
                `history` in `study.yaml` says what was changed when.
            defaults: values of keys that did not exist yet when an older study began.
            more: further entries of `study.yaml`, which are written when the study begins.
            before_change: called with the path, the stored command and the new one before a changed command is stored.

        Raises:
            StudyError: another driver is running; the directory holds the study of another command, or something else; or it cannot
                be written.
        """
        path, wanted = Path(path), _plain(command)
        _prepare(path)
        lock = DriverLock(path / LOCK_FILE)
        lock.acquire()
        try:
            if (path / STUDY_FILE).exists():
                study = _read_study(path)
                stored = {**(defaults or {}), **study["command"]}
                _refuse_other(path, stored, wanted, may_change)
                if study["command"] == wanted:
                    return cls(path, study, lock)
                changed = {k: [stored.get(k), v] for k, v in wanted.items() if stored.get(k) != v}
                if changed:
                    if before_change is not None:
                        before_change(path, stored, wanted)
                    study["history"] = [*_history(study), {"at": _now(), "changed": changed}]
                study["command"] = wanted
            else:
                study = {"format": 1, "command": wanted} | _environment() | _plain(more or {})
            _write(path / STUDY_FILE, yaml.safe_dump(study, sort_keys=False, allow_unicode=True))
        except BaseException:
            lock.release()
            raise
        return cls(path, study, lock)

    @classmethod
    def open(cls, path: str | Path) -> StudyDirectory:
        """A study to read, whether or not its driver is running.

        Raises:
            StudyError: there is no study, or its `study.yaml` cannot be read.
        """
        path = Path(path)
        if not (path / STUDY_FILE).is_file():
            raise StudyError(f"a study is a directory with {STUDY_FILE}; {path} has none; name a directory that `search` made")
        return cls(path, _read_study(path))

    @property
    def command(self) -> dict[str, Any]:
        """The command that began the study, as plain data."""
        command: dict[str, Any] = self.study["command"]
        return command

    @property
    def history(self) -> list[dict[str, Any]]:
        """The changes of the command since the study began: `at` (ISO time) and `changed`, with the value before and after by key."""
        return _history(self.study)

    @property
    def ledger(self) -> Path:
        """The path of the Optuna database."""
        return self.path / "ledger.db"

    @property
    def log(self) -> Path:
        """The path of the log of the ledger, which holds the same trials as lines of text."""
        return self.path / "ledger.jsonl"

    @property
    def is_copy(self) -> bool:
        """Whether this is a copy of a study, with its trials as lines of text and without a ledger."""
        return (self.path / TRIALS_FILE).is_file() and not self.ledger.exists()

    @property
    def driver(self) -> dict[str, object] | None:
        """The driver that is running (pid, host, start), or None."""
        return holder(self.path / LOCK_FILE)

    def trial_path(self, phase: str, number: int) -> Path:
        """The path of a trial's files, such as `trials/search-0007`, which may not exist yet."""
        return self.path / "trials" / f"{phase}-{number:04d}"

    def trial_directory(self, trial: Trial) -> Path:
        """The directory of a trial's files. It is made when it does not exist yet.

        Raises:
            StudyError: it cannot be made.
        """
        directory = self.trial_path(trial.phase, trial.number)
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(f"cannot make {directory}: {error.strerror}; free some space or choose another --runs") from error
        return directory

    def has_trials(self) -> bool:
        """Whether a trial of this study has ever begun."""
        return any((self.path / "trials").glob("*"))

    def discard(self) -> None:
        """Remove a study that ended before its first trial. A study with trials stays."""
        if self.ledger.exists() or self.has_trials():
            return
        for name in (STUDY_FILE, LOCK_FILE):
            (self.path / name).unlink(missing_ok=True)
        with suppress(OSError):  # the directory holds other files
            self.path.rmdir()

    def close(self) -> None:
        """Release the lock, so that another driver may continue the study."""
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _prepare(path: Path) -> None:
    """Make the directory, or check that it is empty or holds a study."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        names = {entry.name for entry in os.scandir(path)}
    except FileExistsError:
        raise StudyError(f"a study is a directory; {path} is a file; choose another --name") from None
    except OSError as error:
        raise StudyError(f"a study needs a directory that it may write to; {path}: {error.strerror}; choose another with --runs") from error
    if TRIALS_FILE in names and "ledger.db" not in names:
        raise StudyError(
            f"a copy of a study has no ledger, so a search cannot continue it; {path} is a copy; "
            "resume the study that it was copied from, or begin a new one with another --name"
        )
    # A driver that was killed in its first moments leaves its lock and perhaps an unfinished study.yaml.
    foreign = {n for n in names if n != LOCK_FILE and not n.startswith(f".{STUDY_FILE}.")}
    if foreign and STUDY_FILE not in names:
        raise StudyError(f"a new study needs an empty directory; {path} holds {', '.join(sorted(foreign)[:3])}; choose another --name")


def _read_study(path: Path) -> dict[str, Any]:
    file = path / STUDY_FILE
    try:
        study = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise StudyError(f"{file} cannot be read ({first_line(error)}); restore it from a copy, or choose another --name") from error
    if not isinstance(study, dict) or study.get("format") != 1 or not isinstance(study.get("command"), dict):
        raise StudyError(f"{file} does not describe a study (format 1); restore it from a copy, or choose another --name")
    check_stored(COMMAND, study["command"], file, "restore it from a copy, or choose another --name")
    return study


def _refuse_other(path: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any], may_change: Collection[str]) -> None:
    before, now = _flat(stored), _flat(wanted)
    differing = [k for k in {**before, **now} if before.get(k) != now.get(k) and k.split(".")[0] not in may_change]
    if differing:
        shown = "; ".join(f"{k}: {before.get(k, 'not set')!r} there, {now.get(k, 'not set')!r} now" for k in differing[:5])
        more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
        raise StudyError(
            f"{path} holds the study of another command ({shown}{more}); choose another --name, or give the command it began with"
        )


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping, whose keys are joined by dots, such as `recipe.epochs`."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return flat


def _plain(command: Mapping[str, Any]) -> dict[str, Any]:
    """The command as YAML gives it back, so that it can be compared with a stored one."""
    try:
        plain: dict[str, Any] = yaml.safe_load(yaml.safe_dump(dict(command)))
    except yaml.YAMLError as error:
        raise StudyError(f"a study's command is made of numbers, texts, lists and mappings; {error}") from error
    return plain


def _environment() -> dict[str, Any]:
    """When and where a study begins, and the versions of Python and the packages."""
    versions = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "created": _now(),
        "host": platform.node(),
        "system": platform.platform(),
        "versions": versions,
        "git": _revision(),
    }


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _history(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changes of the command so far; studies of version 0.1 have none."""
    history = study.get("history")
    entries = history if isinstance(history, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("changed"), dict)]


def _revision() -> str | None:
    """The git commit of nasbench, with `+` for uncommitted changes; None when it does not run from its repository."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def _write(path: Path, content: str) -> None:
    try:
        write_atomic(path, content)
    except NasbenchError as error:
        raise StudyError(str(error)) from error
