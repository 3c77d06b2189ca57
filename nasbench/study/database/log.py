"""`ledger.jsonl`: each change of the ledger as a line of text, from which a damaged or lost database is restored.

SQLite keeps the latest changes in a log of its own beside `ledger.db`, and cannot say whether that log has lost some of them. After
each transaction the driver therefore adds a line here, with a checksum. `nasbench.study.database.restore` compares the two files.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from nasbench.errors import StudyError
from nasbench.files import write_atomic
from nasbench.study.database.optuna_rows import UNREADABLE, PhaseIdentity, frozen_trial, utc

Key = tuple[str, int]  # phase and number of a trial


class TrialLog:
    """The file `ledger.jsonl`. Only the driver appends to it; readers follow it with `read`.

    The first line of a trial holds everything, and later ones what changed. The text of a distribution is written once and then
    referred to by its number.

    Attributes:
        phases: what each phase began with, by name.
        damaged: the number of lines whose checksum does not fit, or that cannot be understood without such a line.
        generation: it increases when the file turns out to be another one, so that everything is read again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.generation = 0
        self._restart()

    def _restart(self) -> None:
        self.phases: dict[str, PhaseIdentity] = {}
        self.damaged = 0
        self._end, self._inode = 0, -1
        self._distributions: dict[int, str] = {}
        self._unfinished: dict[Key, dict[str, Any]] = {}

    def read(self) -> dict[Key, FrozenTrial]:
        """The trials that were added or changed since the last call, as they are now; all trials at the first call.

        A last line without an end, which a killed driver leaves, is ignored. Lines that are damaged are counted.

        Raises:
            StudyError: the file cannot be read.
        """
        try:
            with open(self.path, "rb") as file:
                stat = os.fstat(file.fileno())
                if stat.st_ino != self._inode or stat.st_size < self._end:
                    self._restart()
                    self.generation += 1
                    self._inode = stat.st_ino
                file.seek(self._end)
                data = file.read()
        except FileNotFoundError:
            if self._inode != -1:
                self._restart()
                self.generation += 1
            return {}
        except OSError as error:
            raise StudyError(f"cannot read {self.path}: {error.strerror}; see that you may read it") from error
        whole = data[: data.rfind(b"\n") + 1]
        self._end += len(whole)
        changed: dict[Key, FrozenTrial] = {}
        for line in whole.splitlines():
            try:
                key = self._take(line)
                if key is not None:
                    changed[key] = self._trial(key)
            except UNREADABLE:
                self.damaged += 1
        self._forget_finished(changed)
        return changed

    def append_phase(self, name: str, phase: PhaseIdentity) -> None:
        """Add the line of a phase, if it has none yet.

        Raises:
            StudyError: the file cannot be written.
        """
        if self.phases.get(name) != phase:
            self._append([_phase_line(name, phase)])
            self.phases[name] = phase

    def append(self, phase: str, trial: FrozenTrial, state: TrialState | None = None) -> None:
        """Add what changed in a trial.

        Args:
            state: of the trial in the ledger, where it differs from `trial.state`.

        Raises:
            StudyError: the file cannot be written.
        """
        key = (phase, trial.number)
        line = self._line(key, trial, trial.state if state is None else state)
        self._append([line])
        self._merge(key, json.loads(json.dumps(line)))  # as it will be read
        self._forget_finished({key: trial} if line["state"] != "RUNNING" else {})

    def write(self, phases: Mapping[str, PhaseIdentity], trials: Iterable[tuple[str, FrozenTrial]]) -> None:
        """Replace the file by one that holds these phases and trials.

        Raises:
            StudyError: the file cannot be written.
        """
        self._restart()
        lines = [_phase_line(name, phase) for name, phase in phases.items()]
        for phase, trial in trials:
            line = self._line((phase, trial.number), trial, trial.state)
            if trial.state == TrialState.RUNNING:
                self._merge((phase, trial.number), json.loads(json.dumps(line)))
            lines.append(line)
        text = "".join(map(_text, lines))
        write_atomic(self.path, text)
        self.phases = dict(phases)
        self._end, self._inode = len(text.encode()), os.stat(self.path).st_ino

    def sync(self) -> None:
        """Have the system write the file to the disk."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _append(self, lines: list[dict[str, Any]]) -> None:
        data = "".join(map(_text, lines)).encode()
        try:
            with open(self.path, "ab") as file:
                file.truncate(self._end)  # a killed driver may have left a torn line
                file.write(data)
                self._inode = os.fstat(file.fileno()).st_ino
        except OSError as error:
            raise StudyError(f"cannot write {self.path}: {error.strerror}; free some space and run the same command again") from error
        self._end += len(data)

    def _line(self, key: Key, trial: FrozenTrial, state: TrialState) -> dict[str, Any]:
        """The line of a trial: everything at first, later what changed."""
        finished = utc(trial.datetime_complete) if state.is_finished() else None
        row: dict[str, Any] = {
            "state": state.name,
            "finished": finished and finished.isoformat(),
            "values": list(trial.values) if state == TrialState.COMPLETE else None,
            "user": dict(trial.user_attrs),
            "system": {name: value for name, value in trial.system_attrs.items() if name.startswith("constraints:")},
        }
        named = {"phase": key[0], "number": key[1]}
        before = self._unfinished.get(key)
        if before is not None:
            row["user"] = {k: v for k, v in row["user"].items() if k not in before["user"] or before["user"][k] != v}
            return named | row
        started = utc(trial.datetime_start)
        numbers = {text: number for number, text in self._distributions.items()}
        unused = max(self._distributions, default=-1) + 1
        new: dict[int, str] = {}
        params = {}
        for name, value in trial.params.items():
            distribution = trial.distributions[name]
            text = distribution_to_json(distribution)
            if text not in numbers:
                numbers[text] = unused + len(new)
                new[numbers[text]] = text
            params[name] = [numbers[text], distribution.to_internal_repr(value)]
        self._distributions |= new
        return named | row | {"started": started and started.isoformat(), "params": params} | ({"distributions": new} if new else {})

    def _take(self, data: bytes) -> Key | None:
        """Take a line into account; returns the trial that it is about.

        Raises:
            one of `UNREADABLE`: the line is damaged.
        """
        line = _checked(data)
        if "number" not in line:
            self.phases[line["phase"]] = PhaseIdentity(tuple(line["directions"]), line["identity"])
            return None
        key = (str(line["phase"]), int(line["number"]))
        self._merge(key, line)
        return key

    def _merge(self, key: Key, line: dict[str, Any]) -> None:
        self._distributions |= {int(number): text for number, text in line.get("distributions", {}).items()}
        if "params" in line:
            self._unfinished[key] = line
            return
        row = self._unfinished[key]
        self._unfinished[key] = row | line | {name: row[name] | line[name] for name in ("user", "system")}

    def _trial(self, key: Key) -> FrozenTrial:
        row = self._unfinished[key]
        return frozen_trial(
            key[1],
            row["state"],
            row["started"],
            row["finished"],
            values=row["values"],
            params={name: (self._distributions[number], value) for name, (number, value) in row["params"].items()},
            user=row["user"],
            system=row["system"],
        )

    def _forget_finished(self, trials: Mapping[Key, FrozenTrial]) -> None:
        """Nothing is ever added to a finished trial, so its row need not be kept."""
        for key in trials:
            row = self._unfinished.get(key)
            if row is not None and row["state"] != "RUNNING":
                del self._unfinished[key]


def _phase_line(name: str, phase: PhaseIdentity) -> dict[str, Any]:
    return {"phase": name, "directions": list(phase.directions), "identity": phase.identity}


def _text(line: dict[str, Any]) -> str:
    """A line with its checksum, which is the last entry."""
    text = json.dumps(line)
    return f'{text[:-1]}, "crc32": {zlib.crc32(text.encode())}}}\n'


def _checked(data: bytes) -> dict[str, Any]:
    """The content of a line.

    Raises:
        ValueError: it differs from its checksum.
    """
    head, _, crc = data.rpartition(b', "crc32": ')
    text = head + b"}"
    if crc != b"%d}" % zlib.crc32(text):
        raise ValueError("the checksum does not fit")
    line: dict[str, Any] = json.loads(text)
    return line
