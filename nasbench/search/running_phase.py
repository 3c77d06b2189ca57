"""A phase while its trials run: where they come from, how many are still to come, and what is recorded of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nasbench.evaluate.base import Fidelity
from nasbench.genotype import Genotype
from nasbench.study.phase import Phase
from nasbench.study.trial import PAUSED, RUNNING, Trial

COUNTED = ("ok", "infeasible", "diverged", "failed", "stopped", PAUSED)  # of trials that count towards `wanted`


class Candidates(Protocol):
    """Where the trials of a phase come from: a strategy within limits, or a list."""

    def ask(self, needed: int) -> Trial | None:
        """Return the next trial, which is stored as running; None when no more will come.

        Args:
            needed: how many trials the phase still has to evaluate.
        """

    def check_limits(self, trial: Trial) -> bool:
        """Whether the trial may be evaluated now.

        If not, it was refused and recorded, or it waits to be measured, and `ask` returns it later.
        """


class Schedule(Protocol):
    """Up to which epoch a trial is trained before it pauses: `ToTheEnd`, or successive halving, which pauses trials at rungs.

    Attributes:
        whole: the number of epochs of a complete training if trials pause on the way; None if they never pause.
    """

    @property
    def whole(self) -> int | None: ...

    def ready(self, settled: bool) -> bool:
        """Whether a paused trial can continue now.

        Args:
            settled: no new trial will come, and none is running.
        """

    def take(self, settled: bool) -> Trial | None:
        """Return the paused trial that continues next, which is stored as running; None if no trial may continue now."""

    def begin(self, trial: Trial) -> int | None:
        """Note that a training begins. Return the epoch at which the trial pauses; None if it goes to the end."""

    def end(self, trial: Trial, record: Mapping[str, Any]) -> Trial:
        """Store the result of a training. Return the stored trial."""

    def used(self, begun: int) -> float:
        """The training that was begun so far, counted in complete trainings: two halves are one.

        Args:
            begun: the number of trials that were begun.
        """

    def trainings(self, done: int) -> int:
        """The number of finished trainings; with rungs, each step to a rung counts as one.

        Args:
            done: the number of trials whose first training has ended.
        """

    def trainings_left(self, done: int, left: int) -> int:
        """The number of trainings that are still expected.

        Args:
            done: the number of trials whose first training has ended; left: of those that are still to come.
        """

    def stop(self) -> str:
        """Finish all paused trials. Return a message for the user, which is empty if no trial was paused."""


@dataclass(frozen=True)
class ToTheEnd:
    """The schedule in which every trial is trained to the end at once."""

    phase: Phase
    whole: int | None = None

    def ready(self, settled: bool) -> bool:
        return False

    def take(self, settled: bool) -> Trial | None:
        return None

    def begin(self, trial: Trial) -> int | None:
        return None

    def end(self, trial: Trial, record: Mapping[str, Any]) -> Trial:
        return self.phase.tell(trial.number, record)

    def used(self, begun: int) -> float:
        return begun

    def trainings(self, done: int) -> int:
        return done

    def trainings_left(self, done: int, left: int) -> int:
        return left

    def stop(self) -> str:
        return ""


class Queue:
    """A list of networks as candidates: trial n of the phase is network n of the list; no limits are checked."""

    def __init__(self, phase: Phase, networks: Sequence[Genotype]) -> None:
        self._phase, self._networks = phase, networks
        self._interrupted = phase.unfinished()

    def ask(self, needed: int) -> Trial | None:
        if self._interrupted:
            return self._interrupted.pop(0)
        return self._phase.enter(self._networks[len(self._phase)]) if len(self._phase) < len(self._networks) else None

    def check_limits(self, trial: Trial) -> bool:
        return True


@dataclass
class RunningPhase:
    """A phase of a study while its trials run.

    Attributes:
        phase: where the trials are stored.
        wanted: how many are to be evaluated.
        candidates: where they come from.
        complete: completes the result of an evaluation with the other things that the ledger stores: metrics, reward, constraints.
        directory: returns the directory of a trial's files, and makes it when missing.
        parallel: how many trials may run side by side. With 1, each proposal sees all earlier results, so a search can be repeated.
        schedule: up to which epoch a trial is trained before it pauses.
        final: whether these are the trials of the final round.
        known_result: returns the evaluator's result for a trial whose network was evaluated elsewhere; None for others.
        done: the number of trials whose first training has ended, also by a failure.
        running: the number of trainings that run now.
        new: how many of those are the first training of their trial.
        exhausted: whether no more candidates will come.
    """

    phase: Phase
    wanted: int
    candidates: Candidates
    complete: Callable[[Trial, dict[str, Any]], dict[str, Any]]
    directory: Callable[[Trial], Path]
    parallel: int
    schedule: Schedule
    final: bool = False
    known_result: Callable[[Trial], dict[str, Any] | None] = lambda trial: None
    done: int = field(default=0, init=False)
    running: int = field(default=0, init=False)
    new: int = field(default=0, init=False)
    exhausted: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        # A trial that was running beyond its first rung when the driver was killed had been counted before.
        self.done = sum(t.status in COUNTED or (t.status == RUNNING and t.passed > 0) for t in self.phase.records())

    @property
    def asking(self) -> bool:
        """Whether another network is to be evaluated."""
        return not self.exhausted and self.done + self.new < self.wanted

    @property
    def settled(self) -> bool:
        """Whether no new trial will be started, and none is running."""
        return not self.asking and not self.running

    @property
    def open(self) -> bool:
        """Whether the phase could use a worker now."""
        return self.running < self.parallel and (self.asking or self.schedule.ready(self.settled))

    @property
    def used(self) -> float:
        """The training that was begun so far, counted in complete trainings; it balances phases that share workers."""
        return self.schedule.used(self.done + self.new)

    @property
    def left(self) -> int:
        """Trials whose first training has not ended."""
        return 0 if self.exhausted else max(0, self.wanted - self.done)

    @property
    def trainings(self) -> int:
        """Trainings that are finished."""
        return self.schedule.trainings(self.done)

    @property
    def trainings_left(self) -> int:
        """Trainings that are still expected."""
        return self.schedule.trainings_left(self.done, self.left)

    def ask(self) -> Trial | None:
        """The next trial: a paused one that continues, else a new candidate, whose limits are not checked yet."""
        trial = self.schedule.take(self.settled)
        if trial is None and self.asking:
            trial = self.candidates.ask(self.wanted - self.done - self.new)
            self.exhausted = trial is None
        return trial

    def check_limits(self, trial: Trial) -> bool:
        """Whether the trial may be evaluated now. A trial that continues from a rung is not checked again."""
        return trial.passed > 0 or self.candidates.check_limits(trial)

    def begin(self, trial: Trial) -> Fidelity:
        """Note that a training begins. Return how far it goes."""
        self.running += 1
        self.new += not trial.passed
        self.phase.fold_log()
        return Fidelity(epochs=self.schedule.begin(trial), final=self.final, fold=trial.draw)

    def record(self, trial: Trial, result: dict[str, Any]) -> Trial:
        """Store the result of a training that has ended. Return the stored trial."""
        stored = self.schedule.end(trial, self.complete(trial, result))
        self.phase.fold_log()
        self.running -= 1
        self.new -= not trial.passed
        self.done += not trial.passed
        return stored

    def skip(self, trial: Trial) -> None:
        """Finish a trial whose training was stopped because the search ends."""
        self.phase.tell(trial.number, {"status": "skipped", "reason": "the search ended before its result", "seconds": 0.0})
        self.running -= 1
        self.new -= not trial.passed
