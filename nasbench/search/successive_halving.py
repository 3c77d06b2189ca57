"""Successive halving of one phase: which trials wait at which rung, which trial continues next, and what that has cost.

A trial is trained up to a rung and pauses there with its checkpoint. Of the trials that came to a rung, the best 1/eta continue.
This is asynchronous successive halving by promotion (ASHA: Li et al. 2020, "A System for Massively Parallel Hyperparameter
Tuning", algorithm 2), delayed as in Hyper-Tune (Li et al. 2022). With several objectives the best trials are those of the first
nondominated rank, and of one rank those with the largest crowding distance (Deb et al. 2002; multi-objective ASHA: Schmucker et al.
2021). All decisions are made here, from the ledger. Engines only train.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nasbench.evaluate.base import CHECKPOINT
from nasbench.search.rungs import Rungs
from nasbench.search.running_phase import Schedule
from nasbench.strategies.ranking import ranked
from nasbench.study.phase import Phase
from nasbench.study.trial import PAUSED, Trial


def best(results: Mapping[int, Sequence[float]], maximize: Sequence[bool]) -> list[int]:
    """The trials of one rung, best first. Equal trials are ordered by their number.

    Args:
        results: the values of each trial, by its number.
        maximize: for each value, whether a larger one is better.

    Example:
        >>> best({0: [0.5], 1: [0.7], 2: [0.5]}, [True])
        [1, 0, 2]
    """
    return ranked({n: [-v if up else v for v, up in zip(values, maximize, strict=True)] for n, values in results.items()})


class SuccessiveHalving(Schedule):
    """Asynchronous successive halving over the trials of a phase.

    Its decisions are a pure function of the ledger. A driver that resumes after a kill therefore decides as the killed one would
    have done. Trials that were being trained beyond a rung come first; they continue from their checkpoints.

    Args:
        wanted: the expected number of trials, which bounds the number of checkpoints on disk.
        directory: the directory of a trial's files, by phase and number.
        interrupted: trials that a killed driver left running beyond a rung.

    Attributes:
        promoted: finished trainings beyond the first rung.
        epochs: epochs of all trainings that were begun.
    """

    def __init__(
        self, phase: Phase, rungs: Rungs, wanted: int, directory: Callable[[str, int], Path], interrupted: Sequence[Trial] = ()
    ) -> None:
        self.rungs = rungs
        self._phase, self._wanted, self._directory = phase, wanted, directory
        self._maximize = [direction == "maximize" for direction in phase.directions]
        self._results: list[dict[int, Sequence[float]]] = [{} for _ in rungs.epochs[:-1]]
        self._waiting: list[set[int]] = [set() for _ in self._results]
        self._ranked: list[list[int] | None] = [None for _ in self._results]
        self._interrupted = list(interrupted)
        self._completed = 0  # trials that were trained to the end
        self.promoted = 0
        self.epochs = 0
        for trial in phase.records():
            self._restore(trial)

    @property
    def whole(self) -> int:
        return self.rungs.epochs[-1]

    def until(self, trial: Trial) -> int:
        """The epoch up to which the next training of a trial goes."""
        return self.rungs.after(trial.passed)

    def begin(self, trial: Trial) -> int:
        until = self.until(trial)
        self.epochs += until - trial.passed
        return until

    def end(self, trial: Trial, record: Mapping[str, Any]) -> Trial:
        """Store the result of a training. The trial then waits at its rung, or is finished."""
        until = self.until(trial)
        record = {"epochs": until} | dict(record)
        self.promoted += trial.passed > 0
        last = until == self.whole
        stored = self._phase.tell(trial.number, record) if last else self._phase.pause(trial.number, record, until)
        if stored.status == PAUSED:
            self._add_waiting(stored)
            self._delete_surplus_checkpoints(len(stored.rungs) - 1)
        else:
            self._completed += stored.status == "ok"
            self._checkpoint(stored.number).unlink(missing_ok=True)  # a killed process leaves one
        return stored

    def used(self, begun: int) -> float:
        return self.epochs / self.whole

    def trainings(self, done: int) -> int:
        return done + self.promoted

    def trainings_left(self, done: int, left: int) -> int:
        return left + self._expected_promotions(done + left)

    def ready(self, settled: bool) -> bool:
        return bool(self._interrupted) or self._next_promotion(settled) is not None

    def take(self, settled: bool) -> Trial | None:
        if self._interrupted:
            return self._interrupted.pop(0)
        promotion = self._next_promotion(settled)
        if promotion is None:
            return None
        rung, number = promotion
        self._waiting[rung].remove(number)
        return self._phase.promote(number)

    def stop(self) -> str:
        """Finish all trials that wait, and delete their checkpoints; returns a line about it, empty if there were none."""
        counts: Counter[int] = Counter()
        for trial in self._interrupted:  # a resumed study may have no time left for them
            self._waiting[self.rungs.epochs.index(trial.passed)].add(trial.number)
        self._interrupted = []
        for rung, waiting in enumerate(self._waiting):
            epoch, order = self.rungs.epochs[rung], self._order(rung)
            for number in sorted(waiting):
                self._checkpoint(number).unlink(missing_ok=True)
                place = f"{order.index(number) + 1} of {len(order)}"
                self._phase.stop(number, f"stopped after {epoch} of {self.whole} epochs, in place {place}")
                counts[epoch] += 1
            waiting.clear()
        stopped = ", ".join(f"{count} after {epoch}" for epoch, count in sorted(counts.items()))
        return f"{self._phase.name}: stopped {stopped} of {self.whole} epochs" if stopped else ""

    def _expected_promotions(self, trials: int) -> int:
        """The number of promotions that are still to come, if `trials` come to the first rung in all."""
        left = 0
        for rung in range(len(self._results)):
            trials = self.rungs.places(trials)
            left += max(0, trials - self._promoted_from(rung))
        return left

    def _next_promotion(self, settled: bool) -> tuple[int, int] | None:
        """The rung from which a trial is to be promoted now, and the trial's number; None if there is none.

        Of the trials that came to a rung at most one in eta is promoted, rounded down. A strategy whose networks become better and
        better cannot use more epochs than that (delayed ASHA: Li et al. 2022, "Hyper-Tune"). At the end the number is rounded up,
        from the lowest rung on, so that the last trials have a chance too.
        """
        rungs = range(len(self._results))
        for rung in rungs if settled else reversed(rungs):
            trials = len(self._results[rung])
            places = self.rungs.places(trials) if settled else trials // self.rungs.eta
            if self._waiting[rung] and self._promoted_from(rung) < places:
                return rung, self._best_waiting(rung)
        top = max((rung for rung in rungs if self._waiting[rung]), default=None)
        # If all promoted trials failed, the next best trial continues.
        return (top, self._best_waiting(top)) if settled and top is not None and not self._completed else None

    def _promoted_from(self, rung: int) -> int:
        """How many trials were promoted from a rung."""
        return len(self._results[rung]) - len(self._waiting[rung])

    def _best_waiting(self, rung: int) -> int:
        """The best trial that waits at a rung."""
        return next(number for number in self._order(rung) if number in self._waiting[rung])

    def _order(self, rung: int) -> list[int]:
        """All trials that came to a rung, best first."""
        order = self._ranked[rung]
        if order is None:
            order = self._ranked[rung] = best(self._results[rung], self._maximize)
        return order

    def _add_waiting(self, trial: Trial) -> None:
        rung = len(trial.rungs) - 1
        self._results[rung][trial.number] = trial.rungs[-1]["values"]
        self._ranked[rung] = None
        self._waiting[rung].add(trial.number)

    def _delete_surplus_checkpoints(self, rung: int) -> None:
        """Delete the checkpoints of trials that cannot be promoted any more. One that continues after all is trained from its start."""
        trials = max(self._wanted, len(self._results[0]))
        for _ in range(rung + 1):
            trials = self.rungs.places(trials)
        waiting = [number for number in self._order(rung) if number in self._waiting[rung]]
        for number in waiting[max(1, trials - self._promoted_from(rung)) :]:
            self._checkpoint(number).unlink(missing_ok=True)

    def _checkpoint(self, number: int) -> Path:
        return self._directory(self._phase.name, number) / CHECKPOINT

    def _restore(self, trial: Trial) -> None:
        """Take a stored trial into account."""
        if trial.status == "duplicate":
            return
        passed = 0
        for rung, result in enumerate(trial.rungs):
            self._results[rung][trial.number] = result["values"]
            passed = result["epoch"]
        if trial.status == PAUSED:
            self._waiting[len(trial.rungs) - 1].add(trial.number)
        self._completed += trial.status == "ok"
        if trial.status in ("ok", "infeasible", "diverged", "failed") and trial.seconds:
            passed = self.rungs.after(passed)
        self.promoted += max(0, sum(epoch <= passed for epoch in self.rungs.epochs) - 1)
        self.epochs += passed
        if trial.status == "stopped":  # its driver may have been killed before it deleted the file
            self._checkpoint(trial.number).unlink(missing_ok=True)
