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

COUNTED = ("ok", "infeasible", "diverged", "failed", "stopped", PAUSED)  # the trial was evaluated, or that was tried


class Candidates(Protocol):
    """Where the trials of a phase come from: a strategy within limits, or a list."""

    def ask(self, needed: int) -> Trial | None:
        """The next trial, stored as running, or None when there is no other; `needed` are still to be evaluated."""

    def check_limits(self, trial: Trial) -> bool:
        """Whether the trial may be evaluated now."""


class Schedule(Protocol):
    """How far trials are trained at a time: `ToTheEnd`, or successive halving.

    Attributes:
        whole: epochs of a training to its end, where trials pause before it; else None.
    """

    @property
    def whole(self) -> int | None: ...

    def ready(self, settled: bool) -> bool:
        """Whether a paused trial can continue now; `settled` says that no other trial will come, and none is running."""

    def take(self, settled: bool) -> Trial | None:
        """The paused trial that continues next, stored as running; None where none may."""

    def begin(self, trial: Trial) -> int | None:
        """A training begins; the epoch up to which it goes, None for the end."""

    def end(self, trial: Trial, record: Mapping[str, Any]) -> Trial:
        """Store the result of a training."""

    def used(self, begun: int) -> float:
        """What was begun so far, in trainings from beginning to end, when `begun` trials were."""

    def trainings(self, done: int) -> int:
        """Trainings that are finished, of one rung each where there are rungs, when `done` trials are past the first."""

    def trainings_left(self, done: int, left: int) -> int:
        """Trainings that are still expected, when `done` trials are past the first rung and `left` are still to come."""

    def stop(self) -> str:
        """Finish all trials that are paused; a line that says so, empty if there are none."""


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
    """A list of networks as candidates: trial n of the phase is the n-th; no limit is checked."""

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
        complete: adds to an evaluation's result what else the ledger stores: metrics, reward, constraints.
        directory: of a trial's files; made when missing.
        parallel: how many may run side by side; 1 keeps a strategy serial, and so reproducible.
        schedule: how far trials are trained at a time.
        final: whether these are the trials of the final round.
        done: trials that were trained, to their first rung at least; running: trainings that run, `new` of them of trials not done.
        exhausted: whether there is no other candidate.
    """

    phase: Phase
    wanted: int
    candidates: Candidates
    complete: Callable[[Trial, dict[str, Any]], dict[str, Any]]
    directory: Callable[[Trial], Path]
    parallel: int
    schedule: Schedule
    final: bool = False
    done: int = field(default=0, init=False)
    running: int = field(default=0, init=False)
    new: int = field(default=0, init=False)
    exhausted: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        # A trial that a killed driver left on its way to a further rung has been counted before.
        self.done = sum(t.status in COUNTED or (t.status == RUNNING and t.passed > 0) for t in self.phase.records())

    @property
    def asking(self) -> bool:
        """Whether another network is to be evaluated."""
        return not self.exhausted and self.done + self.new < self.wanted

    @property
    def settled(self) -> bool:
        """Whether no trial will come to the first rung any more, and none is running."""
        return not self.asking and not self.running

    @property
    def open(self) -> bool:
        """Whether the phase could use a worker now."""
        return self.running < self.parallel and (self.asking or self.schedule.ready(self.settled))

    @property
    def used(self) -> float:
        """What was begun so far, in trainings from beginning to end; it balances phases that share workers."""
        return self.schedule.used(self.done + self.new)

    @property
    def left(self) -> int:
        """Trials still to be trained, to their first rung at least."""
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
        """Whether the trial may be evaluated now; one that has passed a rung was checked before."""
        return trial.passed > 0 or self.candidates.check_limits(trial)

    def begin(self, trial: Trial) -> Fidelity:
        """A training begins; how far it goes."""
        self.running += 1
        self.new += not trial.passed
        return Fidelity(epochs=self.schedule.begin(trial), final=self.final)

    def record(self, trial: Trial, result: dict[str, Any]) -> Trial:
        """A training has ended; its trial as stored."""
        stored = self.schedule.end(trial, self.complete(trial, result))
        self.running -= 1
        self.new -= not trial.passed
        self.done += not trial.passed
        return stored
