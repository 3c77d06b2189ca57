"""Successive halving of one arm: which of its trials wait at which rung, which goes on next, and what that has cost.

A trial trains up to a rung and pauses with its checkpoint; of the trials that reached a rung the best 1/eta go on to the next.
This is asynchronous successive halving by promotion (ASHA: Li et al. 2020, "A System for Massively Parallel Hyperparameter
Tuning", algorithm 2), delayed as in Hyper-Tune (Li et al. 2022). With several objectives the best are chosen by nondominated
rank, then crowding (Deb et al. 2002; multi-objective ASHA: Schmucker et al. 2021). All is decided here from what the ledger
holds; engines only train.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nasbench.evaluate.train import CHECKPOINT
from nasbench.search.rungs import Rungs
from nasbench.strategies.ranking import ranked
from nasbench.study.phase import Asked, Phase
from nasbench.study.trial import PAUSED, Trial


def best(results: Mapping[int, Sequence[float]], maximize: Sequence[bool]) -> list[int]:
    """Trials of one rung, best first; `results` are values by trial number, and equal ones go by number."""
    return ranked({n: [-v if up else v for v, up in zip(values, maximize, strict=True)] for n, values in results.items()})


class Halving:
    """Asynchronous successive halving over the trials of a phase.

    A pure function of what the ledger holds, so that a driver that goes on after a kill decides as the dead one would have:
    a trial that was being trained beyond a rung is trained again first, from its checkpoint.

    Args:
        wanted: trials that there will be in all, or about; it bounds how many checkpoints are kept.
        place: of a trial's files.
    """

    def __init__(self, phase: Phase, rungs: Rungs, wanted: int, place: Callable[[str, int], Path]) -> None:
        self.rungs = rungs
        self._phase, self._wanted, self._place = phase, wanted, place
        self._maximize = [direction == "maximize" for direction in phase.directions]
        self._results: list[dict[int, Sequence[float]]] = [{} for _ in rungs.epochs[:-1]]
        self._waiting: list[set[int]] = [set() for _ in self._results]
        self._ranked: list[list[int] | None] = [None for _ in self._results]
        self._interrupted = [asked for asked in phase.unfinished() if asked.passed]
        self._whole = 0
        self.promoted = 0  # trainings beyond the first rung that are finished
        self.epochs = 0  # that trainings were begun for
        for trial in phase.records():
            self._restore(trial)

    def until(self, asked: Asked) -> int:
        """The epoch to which the next training of a trial goes."""
        return self.rungs.after(asked.passed)

    def begin(self, asked: Asked) -> None:
        """A training of a trial begins."""
        self.epochs += self.until(asked) - asked.passed

    def end(self, asked: Asked, record: Mapping[str, Any]) -> Trial:
        """Store what it came to: the trial waits at the rung, or is finished."""
        until = self.until(asked)
        record = {"epochs": until} | dict(record)
        last = until == self.rungs.epochs[-1]
        self.promoted += asked.passed > 0
        trial = self._phase.tell(asked.number, record) if last else self._phase.pause(asked.number, record, until)
        if trial.status == PAUSED:
            self._wait(trial)
            self._forget(len(trial.rungs) - 1)
        else:
            self._whole += trial.status == "ok"
            self._checkpoint(trial.number).unlink(missing_ok=True)  # a process that was killed leaves one
        return trial

    def ready(self, settled: bool) -> bool:
        """Whether a trial can go on now; `settled` says that no other will come to the first rung, and none is at work."""
        return bool(self._interrupted) or self._choose(settled) is not None

    def take(self, settled: bool) -> Asked | None:
        """The trial that goes on next, stored as running; None where none may."""
        if self._interrupted:
            return self._interrupted.pop(0)
        found = self._choose(settled)
        if found is None:
            return None
        rung, number = found
        self._waiting[rung].remove(number)
        return self._phase.promote(number)

    def stop(self) -> str:
        """Finish all that wait, and delete their checkpoints; what was done, in words, empty if nothing."""
        counts: Counter[int] = Counter()
        whole = self.rungs.epochs[-1]
        for asked in self._interrupted:  # a study that goes on may have no time left for them
            self._waiting[self.rungs.epochs.index(asked.passed)].add(asked.number)
        self._interrupted = []
        for rung, waiting in enumerate(self._waiting):
            epoch, order = self.rungs.epochs[rung], self._order(rung)
            for number in sorted(waiting):
                self._checkpoint(number).unlink(missing_ok=True)
                place = f"{order.index(number) + 1} of {len(order)}"
                self._phase.stop(number, f"stopped after {epoch} of {whole} epochs, in place {place}")
                counts[epoch] += 1
            waiting.clear()
        said = ", ".join(f"{count} after {epoch}" for epoch, count in sorted(counts.items()))
        return f"{self._phase.name}: stopped {said} of {whole} epochs" if said else ""

    def ahead(self, trials: int) -> int:
        """Promotions that are still to come, if there will be so many `trials` at the first rung."""
        left = 0
        for rung in range(len(self._results)):
            trials = self.rungs.places(trials)
            left += max(0, trials - self._gone(rung))
        return left

    def _choose(self, settled: bool) -> tuple[int, int] | None:
        """The rung from which a trial is to be promoted now, and its number.

        So many have gone on from a rung as one in eta of those that came to it: also a strategy whose networks become better and
        better cannot spend more than that (delayed ASHA: Li et al. 2022, "Hyper-Tune"). At the end the places are
        rounded up, from below, so that the last ones drawn have their chance.
        """
        rungs = range(len(self._results))
        for rung in rungs if settled else reversed(rungs):
            came = len(self._results[rung])
            places = self.rungs.places(came) if settled else came // self.rungs.eta
            if self._waiting[rung] and self._gone(rung) < places:
                return rung, self._first(rung)
        top = max((rung for rung in rungs if self._waiting[rung]), default=None)
        # Where all that were promoted failed, the next best goes on.
        return (top, self._first(top)) if settled and top is not None and not self._whole else None

    def _gone(self, rung: int) -> int:
        """How many went on from a rung."""
        return len(self._results[rung]) - len(self._waiting[rung])

    def _first(self, rung: int) -> int:
        """The best of those that wait at a rung."""
        return next(number for number in self._order(rung) if number in self._waiting[rung])

    def _order(self, rung: int) -> list[int]:
        found = self._ranked[rung]
        if found is None:
            found = self._ranked[rung] = best(self._results[rung], self._maximize)
        return found

    def _wait(self, trial: Trial) -> None:
        rung = len(trial.rungs) - 1
        self._results[rung][trial.number] = trial.rungs[-1]["values"]
        self._ranked[rung] = None
        self._waiting[rung].add(trial.number)

    def _forget(self, rung: int) -> None:
        """Delete checkpoints of trials for which there will be no place; one that goes on after all is trained anew."""
        trials = max(self._wanted, len(self._results[0]))
        for _ in range(rung + 1):
            trials = self.rungs.places(trials)
        waiting = [number for number in self._order(rung) if number in self._waiting[rung]]
        for number in waiting[max(1, trials - self._gone(rung)) :]:
            self._checkpoint(number).unlink(missing_ok=True)

    def _checkpoint(self, number: int) -> Path:
        return self._place(self._phase.name, number) / CHECKPOINT

    def _restore(self, trial: Trial) -> None:
        if trial.status == "duplicate":
            return
        passed = 0
        for rung, found in enumerate(trial.rungs):
            self._results[rung][trial.number] = found["values"]
            passed = found["epoch"]
        if trial.status == PAUSED:
            self._waiting[len(trial.rungs) - 1].add(trial.number)
        self._whole += trial.status == "ok"
        if trial.status in ("ok", "infeasible", "diverged", "failed") and trial.seconds:
            passed = self.rungs.after(passed)
        self.promoted += max(0, sum(epoch <= passed for epoch in self.rungs.epochs) - 1)
        self.epochs += passed
        if trial.status == "stopped":  # by a driver that died before it deleted the file
            self._checkpoint(trial.number).unlink(missing_ok=True)
