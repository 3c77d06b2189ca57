"""A copy in memory of one Optuna study of the ledger, on which samplers work."""

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
from nasbench.strategies import SpaceSampler
from nasbench.strategies.blas import one_blas_thread
from nasbench.study.sampling import Decode, Proposal, propose
from nasbench.study.trial import Verdict

Direction = Literal["maximize", "minimize"]


class InMemoryStudy:
    """The trials of a phase by number, as in the ledger. Optuna's SQLite storage would need a transaction for each parameter."""

    def __init__(self, name: str, directions: Sequence[Direction], stored: Sequence[FrozenTrial]) -> None:
        self._storage = optuna.storages.InMemoryStorage()
        with quiet():
            self.study = optuna.create_study(storage=self._storage, study_name=name, directions=list(directions))
        self._study_id = self._storage.get_study_id_from_name(name)
        moments = [moment for trial in stored for moment in (trial.datetime_start, trial.datetime_complete) if moment]
        self._latest = max(moments, key=datetime.timestamp, default=datetime.now())
        for trial in stored:
            self._storage.create_new_trial(self._study_id, template_trial=self._as_samplers_see(trial))

    def sample(self, sampler: BaseSampler, decode: Decode) -> Proposal | NasbenchError:
        """Add a running trial whose values the sampler chooses.

        Returns:
            The proposal, or the error that says why the values lead to no network.

        Raises:
            StudyError: a parameter had other options in an earlier trial.
        """
        if isinstance(sampler, SpaceSampler):
            sampler.decode = decode
        self.study.sampler = sampler
        with one_blas_thread():
            trial = self.study.ask()
        self._put_in_order(trial.number)

        def choose(name: str, options: Options) -> Any:
            try:
                if isinstance(options, range):
                    return trial.suggest_int(name, min(options), max(options), step=abs(options.step))
                return trial.suggest_categorical(name, options)
            except ValueError as error:
                raise StudyError(
                    f"a space keeps its options during a study; {name} had others before ({error}); choose another --name"
                ) from error

        try:
            return propose(decode, choose)
        except StudyError:
            raise
        except NasbenchError as error:
            return error

    def add(self, params: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> None:
        """Add a running trial with given values."""
        running = create_trial(state=TrialState.RUNNING, params=dict(params), distributions=dict(distributions))
        self._storage.create_new_trial(self._study_id, template_trial=running)
        self._put_in_order(len(self.trials()) - 1)

    def set_attributes(self, number: int, attrs: Mapping[str, Any]) -> None:
        """Set user attributes (JSON data) of a running trial."""
        for key, value in attrs.items():
            self._storage.set_trial_user_attr(self._id(number), key, value)

    def update(self, number: int, attrs: Mapping[str, Any], constraints: Mapping[str, float] | None = None) -> None:
        """Set attributes of a trial that runs or pauses in the ledger. Here it may count as pruned, see `_as_samplers_see`."""
        trial = copy.copy(self.trial(number))
        trial.user_attrs = {**trial.user_attrs, **attrs}
        if constraints is not None:
            trial.system_attrs = {**trial.system_attrs, **create_trial(state=TrialState.FAIL, constraints=dict(constraints)).system_attrs}
        self._storage._set_trial(self._id(number), self._as_samplers_see(trial))

    def finish(self, number: int, verdict: Verdict) -> None:
        """Finish a running trial."""
        if self.trial(number).user_attrs.get("rungs"):
            running = copy.copy(self.trial(number))
            running.state, running.datetime_complete, running.intermediate_values = TrialState.RUNNING, None, {}
            self._storage._set_trial(self._id(number), running)
        self.set_attributes(number, verdict.attrs)
        # A trial with values and without constraints counts as feasible, so the constraints come first.
        for key, value in create_trial(state=TrialState.FAIL, constraints=verdict.constraints).system_attrs.items():
            self._storage.set_trial_system_attr(self._id(number), key, value)
        self._storage.set_trial_state_values(self._id(number), verdict.state, verdict.values)
        self._put_in_order(number)
        self._storage._set_trial(self._id(number), self._as_samplers_see(self.trial(number)))

    def trial(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(self._id(number))

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """Trials by number; by default those of every state."""
        return self.study.get_trials(deepcopy=False, states=states or None)

    def _as_samplers_see(self, trial: FrozenTrial) -> FrozenTrial:
        """A trial that has passed a rung as a pruned one, so that samplers learn from it before it ends; any other as it is.

        Optuna's own pruners report intermediate values and refuse several objectives. With one objective TPE reads them.
        """
        rungs = trial.user_attrs.get("rungs")
        if not rungs or trial.state not in (TrialState.RUNNING, TrialState.PRUNED):
            return trial
        pruned = copy.copy(trial)
        pruned.state, pruned.datetime_complete = TrialState.PRUNED, trial.datetime_complete or datetime.now()
        if len(self.study.directions) == 1:
            pruned.intermediate_values = {rung["epoch"]: rung["values"][0] for rung in rungs}
        return pruned

    def _put_in_order(self, number: int) -> None:
        """Correct the time at which a trial started or ended, where the clock was set back: it is not before any other that is stored."""
        trial = copy.copy(self._storage.get_trial(self._id(number)))
        name = "datetime_start" if trial.datetime_complete is None else "datetime_complete"
        moment = getattr(trial, name)
        if moment.timestamp() < self._latest.timestamp():
            setattr(trial, name, self._latest)
            self._storage._set_trial(self._id(number), trial)
        else:
            self._latest = moment

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from logging that it makes a study."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
