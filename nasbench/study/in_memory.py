"""A copy in memory of one Optuna study of the ledger, for samplers to work on."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from nasbench.errors import NasbenchError, StudyError
from nasbench.spaces.options import Options
from nasbench.study.sampling import Decode, Proposal, draw
from nasbench.study.trial import Verdict

Direction = Literal["maximize", "minimize"]


class InMemoryStudy:
    """Trials by number, as in the ledger. Asking Optuna's SQLite storage instead would take a transaction per parameter."""

    def __init__(self, name: str, directions: Sequence[Direction], stored: Sequence[FrozenTrial]) -> None:
        self._storage = optuna.storages.InMemoryStorage()
        with quiet():
            self.study = optuna.create_study(storage=self._storage, study_name=name, directions=list(directions))
        self._study_id = self._storage.get_study_id_from_name(name)
        for trial in stored:
            self._storage.create_new_trial(self._study_id, template_trial=self._seen(trial))

    def sample(self, sampler: BaseSampler, decode: Decode) -> Proposal | NasbenchError:
        """A new running trial whose answers the sampler gives; an error instead of a draw where they lead to no network.

        Raises:
            StudyError: a label has other options than it had in an earlier trial.
        """
        self.study.sampler = sampler
        trial = self.study.ask()

        def choose(label: str, options: Options) -> Any:
            try:
                if isinstance(options, range):
                    return trial.suggest_int(label, min(options), max(options), step=abs(options.step))
                return trial.suggest_categorical(label, options)
            except ValueError as error:
                raise StudyError(
                    f"a space keeps its options during a study; {label} had others before ({error}); choose another --name"
                ) from error

        try:
            return draw(decode, choose)
        except StudyError:
            raise
        except NasbenchError as error:
            return error

    def add(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> None:
        """A new running trial with given answers."""
        running = create_trial(state=TrialState.RUNNING, params=dict(params), distributions=dict(distributions))
        self._storage.create_new_trial(self._study_id, template_trial=running)

    def attach(self, number: int, attrs: Mapping[str, Any]) -> None:
        """Set user attributes (JSON data) of a running trial."""
        for key, value in attrs.items():
            self._storage.set_trial_user_attr(self._id(number), key, value)

    def mark(self, number: int, attrs: Mapping[str, Any], constraints: Mapping[str, float] | None = None) -> None:
        """Set attributes of a trial that is not finished in the ledger, though it may be so here, see `_seen`."""
        trial = copy.copy(self.trial(number))
        trial.user_attrs = {**trial.user_attrs, **attrs}
        if constraints is not None:
            trial.system_attrs = {**trial.system_attrs, **create_trial(state=TrialState.FAIL, constraints=dict(constraints)).system_attrs}
        self._storage._set_trial(self._id(number), self._seen(trial))

    def settle(self, number: int, verdict: Verdict) -> None:
        """Finish a running trial."""
        if self.trial(number).user_attrs.get("rungs"):
            running = copy.copy(self.trial(number))
            running.state, running.datetime_complete, running.intermediate_values = TrialState.RUNNING, None, {}
            self._storage._set_trial(self._id(number), running)
        self.attach(number, verdict.attrs)
        # A trial with values and no constraints counts as feasible, so constraints come first.
        for key, value in create_trial(state=TrialState.FAIL, constraints=verdict.constraints).system_attrs.items():
            self._storage.set_trial_system_attr(self._id(number), key, value)
        self._storage.set_trial_state_values(self._id(number), verdict.state, verdict.values)
        self._storage._set_trial(self._id(number), self._seen(self.trial(number)))

    def trial(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(self._id(number))

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """By number; all of them without `states`."""
        return self.study.get_trials(deepcopy=False, states=states or None)

    def _seen(self, trial: FrozenTrial) -> FrozenTrial:
        """A trial as samplers are to see it: one that has passed a rung is pruned, so that they learn from it before it ends.

        Optuna's own pruners report intermediate values and refuse several objectives; with one, TPE reads them.
        """
        rungs = trial.user_attrs.get("rungs")
        if not rungs or trial.state not in (TrialState.RUNNING, TrialState.PRUNED):
            return trial
        seen = copy.copy(trial)
        seen.state, seen.datetime_complete = TrialState.PRUNED, trial.datetime_complete or datetime.now()
        if len(self.study.directions) == 1:
            seen.intermediate_values = {rung["epoch"]: rung["values"][0] for rung in rungs}
        return seen

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its notices about new studies."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
