"""Trials that are kept in memory alone, for searches that take a second and that nobody resumes."""

from __future__ import annotations

from optuna.trial import FrozenTrial


class MemoryStore:
    """A `TrialStore` that stores nothing. A phase has its own copy in memory, so there is nothing to do."""

    def __init__(self) -> None:
        self._count = 0

    def trials(self) -> list[FrozenTrial]:
        return []

    def insert(self, trial: FrozenTrial) -> int:
        self._count += 1
        return self._count

    def update(self, trial_id: int, trial: FrozenTrial) -> None:
        pass

    def finish(self, trial_id: int, trial: FrozenTrial) -> None:
        pass

    def fold_log(self) -> None:
        pass
