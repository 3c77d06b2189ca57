"""The ledger: one SQLite file with an Optuna study per phase. It is the truth about a study, and only the driver writes it.

The file is an ordinary Optuna storage: `optuna-dashboard sqlite:///runs/NAME/ledger.db` opens it.
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
from nasbench.study.directory import StudyDirectory
from nasbench.study.in_memory import Direction, quiet
from nasbench.study.phase import Phase
from nasbench.study.sqlite import TrialDatabase
from nasbench.study.trial import Trial, read_trial


class Ledger:
    """The trials of a study directory; `open` it, then take its phases."""

    def __init__(self, folder: StudyDirectory, store: TrialDatabase) -> None:
        self._folder = folder
        self._store = store

    @classmethod
    def open(cls, folder: StudyDirectory, *, write: bool = True) -> Ledger:
        """Open `ledger.db`; with `write` (for the driver, which holds the lock) it is made when missing.

        Raises:
            StudyError: the file is damaged, missing though trials were run, of another Optuna, locked, or cannot be written.
        """
        empty = not folder.ledger.exists() or folder.ledger.stat().st_size == 0
        if empty and folder.has_trials():
            raise StudyError(
                f"a study keeps its trials in ledger.db; {folder.ledger} is gone or empty, but {folder.path / 'trials'} is not; "
                "restore the file from a copy, or choose another --name"
            )
        return cls(folder, TrialDatabase(folder.ledger, write=write))

    def phase(self, name: str, directions: Sequence[Direction], strategy: Strategy | None = None, seed: int = 0) -> Phase:
        """A phase to ask and tell, made when missing; `directions` are `maximize` or `minimize`, one per objective.

        `seed` is the study's; the seed of each trial is derived from it. Phases do not see each other's trials.

        Raises:
            StudyError: the stored phase has other directions, strategy or seed.
        """
        identity = {"strategy": strategy.to_json() if strategy else None, "seed": seed}
        storage = self._store.optuna
        with quiet():
            study = optuna.create_study(storage=storage, study_name=name, directions=list(directions), load_if_exists=True)
        stored = {"directions": [_word(d) for d in study.directions], **study.user_attrs.get("nasbench", identity)}
        wanted = {"directions": list(directions), **identity}
        # Compared as JSON, which is how it is stored: a tuple comes back as a list.
        if json.dumps(stored, sort_keys=True) != json.dumps(wanted, sort_keys=True):
            changed = "; ".join(f"{k}: {stored[k]} there, {wanted[k]} now" for k in wanted if stored.get(k) != wanted[k])
            raise StudyError(f"phase {name} of {self._folder.path} began otherwise ({changed}); choose another --name")
        if "nasbench" not in study.user_attrs:
            study.set_user_attr("nasbench", identity)
        return Phase(self._store, name, directions, strategy, seed)

    def phases(self) -> dict[str, tuple[str, ...]]:
        """The directions of each stored phase, by name."""
        return {s.study_name: tuple(map(_word, s.directions)) for s in self._store.optuna.get_all_studies()}

    def records(self, phase: str | None = None) -> list[Trial]:
        """The stored trials of one phase, or of all, by phase and number."""
        return [
            read_trial(study.study_name, trial)
            for study in self._store.optuna.get_all_studies()
            if phase in (None, study.study_name)
            for trial in self._store.trials(self._store.optuna.get_study_id_from_name(study.study_name))
        ]

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _word(direction: StudyDirection) -> str:
    return direction.name.lower()
