"""The ledger: one SQLite file with an Optuna study for each phase. It is the truth about a study, and only the driver writes it.

The file is an ordinary Optuna storage: `optuna-dashboard sqlite:///runs/NAME/ledger.db` opens it. `ledger.jsonl` beside it holds the same
trials as text, so that a loss is noticed and repaired (see `nasbench.study.database.restore`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import optuna
from optuna.study import StudyDirection

from nasbench.errors import StudyError
from nasbench.strategies import Strategy
from nasbench.study.database.log import TrialLog
from nasbench.study.database.optuna_rows import IDENTITY, PhaseIdentity
from nasbench.study.database.restore import read_contents, restore
from nasbench.study.database.sqlite import TrialDatabase
from nasbench.study.database.store import StudyStore
from nasbench.study.directory import StudyDirectory
from nasbench.study.in_memory import Direction, quiet
from nasbench.study.phase import Phase
from nasbench.study.trial import Trial, read_trial


class Ledger:
    """The trials of a study directory. `open` it, then take its phases.

    Attributes:
        messages: what was damaged when the ledger was opened, and what was restored, for the user to read.
    """

    def __init__(self, directory: StudyDirectory, database: TrialDatabase, log: TrialLog, messages: Sequence[str] = ()) -> None:
        self._directory, self._database, self._log = directory, database, log
        self.messages = list(messages)

    @classmethod
    def open(cls, directory: StudyDirectory, *, write: bool = True) -> Ledger:
        """Open `ledger.db`.

        Args:
            write: whether trials will be added; only the driver, which holds the study's lock, may do so. A missing file is then made,
                and a damaged one is restored from `ledger.jsonl`. To read a study, `TrialReader` is better: it never misses a trial.

        Raises:
            StudyError: the file is damaged or missing and cannot be restored; or it is locked, of another version of Optuna, or cannot
                be written.
        """
        log, messages = TrialLog(directory.log), []
        if not write:
            return cls(directory, TrialDatabase(directory.ledger, write=False), log)
        contents = read_contents(directory, log)
        if not contents.sound:
            kept = restore(directory, contents)
            where = "" if kept is None else f", and what is left of the old file is kept as {kept.name}"
            messages.append(f"{directory.ledger} is damaged: {contents.loss()}; it was restored from {directory.log.name}{where}")
        messages += contents.remarks()
        database = TrialDatabase(directory.ledger, write=True, checked=True)
        if not contents.logged or log.damaged:
            log.write(contents.phases, ((name, trial) for name, trials in contents.trials.items() for trial in trials))
        return cls(directory, database, log, messages)

    def phase(self, name: str, directions: Sequence[Direction], strategy: Strategy | None = None, seed: int = 0) -> Phase:
        """A phase, which is made when it does not exist yet. Phases do not see the trials of each other.

        Args:
            directions: `maximize` or `minimize`, one for each objective.
            strategy: proposes networks; None for a phase whose networks are entered.
            seed: of the study; the seed of each trial is derived from it.

        Raises:
            StudyError: the stored phase has other directions, another strategy or another seed.
        """
        identity = {"strategy": strategy.to_json() if strategy else None, "seed": seed}
        storage = self._database.optuna
        with quiet():
            study = optuna.create_study(storage=storage, study_name=name, directions=list(directions), load_if_exists=True)
        stored = {"directions": [_name(d) for d in study.directions], **study.user_attrs.get(IDENTITY, identity)}
        wanted = {"directions": list(directions), **identity}
        # Both are compared as JSON, in which they are stored: a tuple comes back as a list.
        if json.dumps(stored, sort_keys=True) != json.dumps(wanted, sort_keys=True):
            changed = "; ".join(f"{k}: {stored[k]} there, {wanted[k]} now" for k in wanted if stored.get(k) != wanted[k])
            raise StudyError(f"phase {name} of {self._directory.path} began otherwise ({changed}); choose another --name")
        if IDENTITY not in study.user_attrs:
            study.set_user_attr(IDENTITY, identity)
        self._log.append_phase(name, PhaseIdentity(tuple(directions), json.loads(json.dumps(identity))))
        return Phase(StudyStore(self._database, self._log, name), name, directions, strategy, seed)

    def phases(self) -> dict[str, tuple[str, ...]]:
        """The directions of each stored phase, by name."""
        return {s.study_name: tuple(map(_name, s.directions)) for s in self._database.optuna.get_all_studies()}

    def records(self, phase: str | None = None) -> list[Trial]:
        """The stored trials of one phase, or of all, by phase and number."""
        return [
            read_trial(study.study_name, trial)
            for study in self._database.optuna.get_all_studies()
            if phase in (None, study.study_name)
            for trial in self._database.trials(self._database.optuna.get_study_id_from_name(study.study_name))
        ]

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _name(direction: StudyDirection) -> str:
    return direction.name.lower()
