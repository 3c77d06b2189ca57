"""Arms: sequences of trials that share the workers. One is the search, one the random search beside it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from nasbench.engines.base import Engine, Finished
from nasbench.evaluate.train import TrainTask
from nasbench.search.successive_halving import Halving
from nasbench.study.phase import Asked, Phase
from nasbench.study.trial import PAUSED, Trial

ATTEMPTS = 2  # a worker that was killed or crashed is tried once more
COUNTED = ("ok", "infeasible", "diverged", "failed", "stopped", PAUSED)  # a trial that was trained, or tried to be


class Listener(Protocol):
    """Who is told how a study goes on."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A new part of the work, of so many steps."""

    def step(self, message: str | None = None) -> None:
        """One step of it is done."""

    def expect(self, total: int, left_s: float) -> None:
        """It will be so many steps after all, and take so long."""

    def say(self, message: str) -> None:
        """A line worth reading."""

    def rounds(self, done: int, total: int) -> None:
        """Progress that is told as counts."""


@dataclass
class Arm:
    """One sequence of trials.

    Attributes:
        phase: where they are kept.
        wanted: how many are to be trained.
        draw: the next trial to train, or None when there is no other; it is told how many are still to be trained.
        task, record: what a worker gets, and what the ledger is told of its answer.
        at_once: how many may run side by side; 1 keeps a strategy serial and so reproducible.
        halving: trains its trials rung by rung; without it each is trained at once.
        done: trials that were trained, to their first rung at least; running: trainings at work, `new` of them of trials not done.
    """

    phase: Phase
    wanted: int
    draw: Callable[[int], Asked | None]
    task: Callable[[Asked], TrainTask]
    record: Callable[[Asked, dict[str, Any]], dict[str, Any]]
    at_once: int
    halving: Halving | None = None
    done: int = 0
    running: int = 0
    new: int = 0
    exhausted: bool = False

    def __post_init__(self) -> None:
        records = self.phase.records()
        # One that a dead driver left on its way to a further rung has been counted before.
        self.done = sum(trial.status in COUNTED or (trial.status == "running" and len(trial.rungs) > 0) for trial in records)

    @property
    def drawing(self) -> bool:
        """Whether it is to train another network."""
        return not self.exhausted and self.done + self.new < self.wanted

    @property
    def settled(self) -> bool:
        """Whether no trial will come to the first rung any more, and none is at work."""
        return not self.drawing and not self.running

    @property
    def open(self) -> bool:
        """Whether it could use a worker now."""
        return self.running < self.at_once and (self.drawing or (self.halving is not None and self.halving.ready(self.settled)))

    @property
    def spent(self) -> float:
        """What was given out so far, in trainings from beginning to end: what arms are kept level by."""
        return self.done + self.new if self.halving is None else self.halving.epochs / self.halving.rungs.epochs[-1]

    @property
    def left(self) -> int:
        """Trials still to be trained, to their first rung at least."""
        return 0 if self.exhausted else max(0, self.wanted - self.done)

    @property
    def trainings_left(self) -> int:
        """Trainings still to be finished; of promotions, how many are usual."""
        return self.left if self.halving is None else self.left + self.halving.ahead(self.done + self.left)

    @property
    def trainings(self) -> int:
        """Trainings that are finished, of a rung each where there are rungs."""
        return self.done if self.halving is None else self.done + self.halving.promoted

    def take(self) -> Asked | None:
        """A trial to train: one that goes on after a rung, else a new one."""
        asked = self.halving.take(self.settled) if self.halving else None
        if asked is None and self.drawing:
            asked = self.draw(self.wanted - self.done - self.new)
            self.exhausted = asked is None
        return asked

    def begin(self, asked: Asked) -> TrainTask:
        """A training begins: what its process gets."""
        self.running += 1
        self.new += not asked.passed
        task = self.task(asked)
        if self.halving is None:
            return task
        self.halving.begin(asked)
        return replace(task, until=self.halving.until(asked))

    def end(self, asked: Asked, told: dict[str, Any]) -> Trial:
        """A training has ended: its trial as stored."""
        record = self.record(asked, told)
        trial = self.phase.tell(asked.number, record) if self.halving is None else self.halving.end(asked, record)
        self.running -= 1
        self.new -= not asked.passed
        self.done += not asked.passed
        return trial


Evaluate = Callable[[TrainTask], dict[str, Any]]  # a module's function, which travels to another process


def work(engine: Engine, arms: Sequence[Arm], evaluate: Evaluate, told: Callable[[Arm, Trial], None], stop: Callable[[], bool]) -> None:
    """Keep the workers busy until every arm is done, or `stop` says that no new trial may begin."""
    jobs: dict[Hashable, tuple[Arm, Asked, TrainTask, int]] = {}

    def submit(arm: Arm, asked: Asked, task: TrainTask, attempt: int) -> None:
        key = (asked.phase, asked.number)
        jobs[key] = (arm, asked, task, attempt)
        engine.submit(key, evaluate, task)

    while True:
        while engine.free and not stop():
            arm = min((a for a in arms if a.open), key=lambda a: a.spent / max(1, a.wanted), default=None)
            if arm is None:
                break
            asked = arm.take()
            if asked is not None:
                submit(arm, asked, arm.begin(asked), 1)
        if not jobs:
            return
        for finished in engine.wait(timeout=1.0):
            arm, asked, task, attempt = jobs.pop(finished.key)
            if finished.end == "died" and attempt < ATTEMPTS:
                submit(arm, asked, task, attempt + 1)
                continue
            told(arm, arm.end(asked, answer(finished, attempt)))


def answer(finished: Finished, attempt: int) -> dict[str, Any]:
    """A worker's answer, or the reason for its absence, as a record."""
    if finished.end == "result" and isinstance(finished.result, dict):
        return {**finished.result, "attempts": attempt}
    tries = f" (tried {attempt} times)" if attempt > 1 else ""
    return {"status": "failed", "reason": f"{finished.reason or 'the worker sent no record'}{tries}", "seconds": finished.seconds}
