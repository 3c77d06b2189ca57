"""Successive halving of one phase: which of its trials wait at which rung, which continues next, and what that has cost.

A trial trains up to a rung and pauses with its checkpoint; of the trials that reached a rung the best 1/eta continue to the next.
This is asynchronous successive halving by promotion (ASHA: Li et al. 2020, "A System for Massively Parallel Hyperparameter
Tuning", algorithm 2), delayed as in Hyper-Tune (Li et al. 2022). With several objectives the best are chosen by nondominated
rank, then crowding (Deb et al. 2002; multi-objective ASHA: Schmucker et al. 2021). Everything is decided here from what the ledger
holds; engines only train.
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
    """Trials of one rung, best first; `results` are values by trial number, and equal ones go by number."""
    return ranked({n: [-v if up else v for v, up in zip(values, maximize, strict=True)] for n, values in results.items()})


class SuccessiveHalving(Schedule):
    """Asynchronous successive halving over the trials of a phase.

    It is a pure function of what the ledger holds, so that a driver that resumes after a kill decides as the killed one would
    have done: a trial that was being trained beyond a rung is trained again first, from its checkpoint.

    Args:
        wanted: the expected number of trials; it bounds how many checkpoints are kept.
        directory: of a trial's files.
        interrupted: trials beyond a rung that a killed driver left running.
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
        self._whole = 0
        self.promoted = 0  # trainings beyond the first rung that are finished
        self.epochs = 0  # for which trainings were begun
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
        """Store the result of a training: the trial waits at the rung, or is finished."""
        until = self.until(trial)
        record = {"epochs": until} | dict(record)
        self.promoted += trial.passed > 0
        last = until == self.whole
        stored = self._phase.tell(trial.number, record) if last else self._phase.pause(trial.number, record, until)
        if stored.status == PAUSED:
            self._wait(stored)
            self._forget(len(stored.rungs) - 1)
        else:
            self._whole += stored.status == "ok"
            self._checkpoint(stored.number).unlink(missing_ok=True)  # a process that was killed leaves one
        return stored

    def used(self, begun: int) -> float:
        return self.epochs / self.whole

    def trainings(self, done: int) -> int:
        return done + self.promoted

    def trainings_left(self, done: int, left: int) -> int:
        return left + self._promotions_ahead(done + left)

    def ready(self, settled: bool) -> bool:
        return bool(self._interrupted) or self._choose(settled) is not None

    def take(self, settled: bool) -> Trial | None:
        if self._interrupted:
            return self._interrupted.pop(0)
        choice = self._choose(settled)
        if choice is None:
            return None
        rung, number = choice
        self._waiting[rung].remove(number)
        return self._phase.promote(number)

    def stop(self) -> str:
        """Finish all that wait, and delete their checkpoints; what was done, in words, empty if nothing."""
        counts: Counter[int] = Counter()
        whole = self.whole
        for trial in self._interrupted:  # a resumed study may have no time left for them
            self._waiting[self.rungs.epochs.index(trial.passed)].add(trial.number)
        self._interrupted = []
        for rung, waiting in enumerate(self._waiting):
            epoch, order = self.rungs.epochs[rung], self._order(rung)
            for number in sorted(waiting):
                self._checkpoint(number).unlink(missing_ok=True)
                place = f"{order.index(number) + 1} of {len(order)}"
                self._phase.stop(number, f"stopped after {epoch} of {whole} epochs, in place {place}")
                counts[epoch] += 1
            waiting.clear()
        stopped = ", ".join(f"{count} after {epoch}" for epoch, count in sorted(counts.items()))
        return f"{self._phase.name}: stopped {stopped} of {whole} epochs" if stopped else ""

    def _promotions_ahead(self, trials: int) -> int:
        """Promotions that are still to come, if there will be so many trials at the first rung."""
        left = 0
        for rung in range(len(self._results)):
            trials = self.rungs.places(trials)
            left += max(0, trials - self._gone(rung))
        return left

    def _choose(self, settled: bool) -> tuple[int, int] | None:
        """The rung from which a trial is to be promoted now, and its number.

        One in eta of the trials that came to a rung may be promoted from it, so that a strategy whose networks become better
        and better cannot spend more than that (delayed ASHA: Li et al. 2022, "Hyper-Tune"). At the end the places are
        rounded up, from below, so that the last trials have their chance.
        """
        rungs = range(len(self._results))
        for rung in rungs if settled else reversed(rungs):
            came = len(self._results[rung])
            places = self.rungs.places(came) if settled else came // self.rungs.eta
            if self._waiting[rung] and self._gone(rung) < places:
                return rung, self._first(rung)
        top = max((rung for rung in rungs if self._waiting[rung]), default=None)
        # Where all promoted trials failed, the next best continues.
        return (top, self._first(top)) if settled and top is not None and not self._whole else None

    def _gone(self, rung: int) -> int:
        """How many were promoted from a rung."""
        return len(self._results[rung]) - len(self._waiting[rung])

    def _first(self, rung: int) -> int:
        """The best trial that waits at a rung."""
        return next(number for number in self._order(rung) if number in self._waiting[rung])

    def _order(self, rung: int) -> list[int]:
        order = self._ranked[rung]
        if order is None:
            order = self._ranked[rung] = best(self._results[rung], self._maximize)
        return order

    def _wait(self, trial: Trial) -> None:
        rung = len(trial.rungs) - 1
        self._results[rung][trial.number] = trial.rungs[-1]["values"]
        self._ranked[rung] = None
        self._waiting[rung].add(trial.number)

    def _forget(self, rung: int) -> None:
        """Delete checkpoints of trials for which there will be no place; one that continues after all is trained anew."""
        trials = max(self._wanted, len(self._results[0]))
        for _ in range(rung + 1):
            trials = self.rungs.places(trials)
        waiting = [number for number in self._order(rung) if number in self._waiting[rung]]
        for number in waiting[max(1, trials - self._gone(rung)) :]:
            self._checkpoint(number).unlink(missing_ok=True)

    def _checkpoint(self, number: int) -> Path:
        return self._directory(self._phase.name, number) / CHECKPOINT

    def _restore(self, trial: Trial) -> None:
        if trial.status == "duplicate":
            return
        passed = 0
        for rung, result in enumerate(trial.rungs):
            self._results[rung][trial.number] = result["values"]
            passed = result["epoch"]
        if trial.status == PAUSED:
            self._waiting[len(trial.rungs) - 1].add(trial.number)
        self._whole += trial.status == "ok"
        if trial.status in ("ok", "infeasible", "diverged", "failed") and trial.seconds:
            passed = self.rungs.after(passed)
        self.promoted += max(0, sum(epoch <= passed for epoch in self.rungs.epochs) - 1)
        self.epochs += passed
        if trial.status == "stopped":  # by a driver that was killed before it deleted the file
            self._checkpoint(trial.number).unlink(missing_ok=True)
