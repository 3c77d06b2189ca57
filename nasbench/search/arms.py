"""Arms: sequences of trials that share the workers. One is the search, one the random search beside it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nasbench.evaluate.train import TrainTask
from nasbench.search.engines.engine import Engine, Finished
from nasbench.search.phase import Asked, Phase
from nasbench.search.records import Trial

ATTEMPTS = 2  # a worker that was killed or crashed is tried once more
COUNTED = ("ok", "infeasible", "diverged", "failed")  # a trial that was trained, or tried to be


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
    """

    phase: Phase
    wanted: int
    draw: Callable[[int], Asked | None]
    task: Callable[[Asked], TrainTask]
    record: Callable[[Asked, dict[str, Any]], dict[str, Any]]
    at_once: int
    done: int = 0
    running: int = 0
    exhausted: bool = False

    def __post_init__(self) -> None:
        self.done = sum(trial.status in COUNTED for trial in self.phase.records())

    @property
    def open(self) -> bool:
        """Whether it could use a worker now."""
        return self.running < self.at_once and not self.exhausted and self.done + self.running < self.wanted

    @property
    def left(self) -> int:
        """Trials still to be finished."""
        return 0 if self.exhausted else max(0, self.wanted - self.done)

    def take(self) -> Asked | None:
        """A trial to train."""
        asked = self.draw(self.wanted - self.done - self.running)
        self.exhausted = asked is None
        return asked


Evaluate = Callable[[TrainTask], dict[str, Any]]  # a module's function, which travels to another process


def work(engine: Engine, arms: Sequence[Arm], evaluate: Evaluate, told: Callable[[Arm, Trial], None], stop: Callable[[], bool]) -> None:
    """Keep the workers busy until every arm is done, or `stop` says that no new trial may begin."""
    jobs: dict[Hashable, tuple[Arm, Asked, int]] = {}

    def submit(arm: Arm, asked: Asked, attempt: int) -> None:
        key = (asked.phase, asked.number)
        task = arm.task(asked)
        jobs[key] = (arm, asked, attempt)
        arm.running += 1
        engine.submit(key, evaluate, task)

    while True:
        while engine.free and not stop():
            arm = min((a for a in arms if a.open), key=lambda a: (a.done + a.running) / max(1, a.wanted), default=None)
            if arm is None:
                break
            asked = arm.take()
            if asked is not None:
                submit(arm, asked, 1)
        if not jobs:
            return
        for finished in engine.wait(timeout=1.0):
            arm, asked, attempt = jobs.pop(finished.key)
            arm.running -= 1
            if finished.end == "died" and attempt < ATTEMPTS:
                submit(arm, asked, attempt + 1)
                continue
            trial = arm.phase.tell(asked.number, arm.record(asked, answer(finished, attempt)))
            arm.done += 1
            told(arm, trial)


def answer(finished: Finished, attempt: int) -> dict[str, Any]:
    """A worker's answer, or the reason for its absence, as a record."""
    if finished.end == "result" and isinstance(finished.result, dict):
        return {**finished.result, "attempts": attempt}
    tries = f" (tried {attempt} times)" if attempt > 1 else ""
    return {"status": "failed", "reason": f"{finished.reason or 'the worker sent no record'}{tries}", "seconds": finished.seconds}
