"""Where a phase stores its trials."""

from __future__ import annotations

from typing import Protocol

from optuna.trial import FrozenTrial, TrialState

from nasbench.study.database.log import TrialLog
from nasbench.study.database.sqlite import TrialDatabase


class TrialStore(Protocol):
    """The stored trials of one phase. `StudyStore` is that of studies; a benchmark needs none."""

    def trials(self) -> list[FrozenTrial]:
        """All trials by number."""

    def insert(self, trial: FrozenTrial) -> int:
        """Store a new trial; returns its id."""

    def update(self, trial_id: int, trial: FrozenTrial) -> None:
        """Store attributes of a running trial, which stays running."""

    def finish(self, trial_id: int, trial: FrozenTrial) -> None:
        """Store the end of a running trial."""

    def fold_log(self) -> None:
        """Write everything into the main file, so that a copy of it alone is complete."""


class StudyStore:
    """Each change goes into the database first, and then as a line into the log, from which a lost database is restored.

    Raises:
        StudyError: the database or the log cannot be written.
    """

    def __init__(self, database: TrialDatabase, log: TrialLog, name: str) -> None:
        self._database, self._log, self._name = database, log, name
        self._study_id = database.study_id(name)

    def trials(self) -> list[FrozenTrial]:
        return self._database.trials(self._study_id)

    def insert(self, trial: FrozenTrial) -> int:
        trial_id = self._database.insert(self._study_id, trial)
        self._log.append(self._name, trial)
        return trial_id

    def update(self, trial_id: int, trial: FrozenTrial) -> None:
        self._database.update(trial_id, trial)
        self._log.append(self._name, trial, TrialState.RUNNING)

    def finish(self, trial_id: int, trial: FrozenTrial) -> None:
        self._database.finish(trial_id, trial)
        self._log.append(self._name, trial)

    def fold_log(self) -> None:
        self._log.sync()
        self._database.fold_log()
