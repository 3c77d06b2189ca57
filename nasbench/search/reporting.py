"""What is reported of a search while it runs: to whom, and what of each trial."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from nasbench.errors import StudyError
from nasbench.evaluate.measure import measure_of, show
from nasbench.study.activity import clear_activity, write_activity
from nasbench.study.trial import PAUSED, Trial

SAME_FAILURES = 3  # trials in a row that fail for one reason stop the study: it is not the networks' fault


class Listener(Protocol):
    """Receives the progress of a study: a terminal, a notebook, a test."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A new part of the work begins, of so many steps."""

    def step(self, message: str | None = None) -> None:
        """One step of it is done."""

    def expect(self, total: int, left_s: float) -> None:
        """The number of steps and the seconds left are estimated anew."""

    def say(self, message: str) -> None:
        """A line worth reading."""

    def rounds(self, done: int, total: int) -> None:
        """Progress within one step, as counts."""


class TrialsFailed(StudyError):
    """Trials fail for a reason that is not their networks' fault."""


class ActivityListener:
    """Passes everything on to another listener, and writes into the study what its driver does now, for `nasbench status`.

    A context manager: at its end the driver does nothing any more.
    """

    def __init__(self, listener: Listener, path: Path) -> None:
        self._listener, self._path = listener, path
        self._stage = ""

    def stage(self, name: str, total: int | None = None) -> None:
        self._stage = name
        write_activity(self._path, name)
        self._listener.stage(name, total)

    def step(self, message: str | None = None) -> None:
        self._listener.step(message)

    def expect(self, total: int, left_s: float) -> None:
        self._listener.expect(total, left_s)

    def say(self, message: str) -> None:
        write_activity(self._path, self._stage, message)
        self._listener.say(message)

    def rounds(self, done: int, total: int) -> None:
        self._listener.rounds(done, total)

    def close(self) -> None:
        """Remove what was written."""
        clear_activity(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Failures:
    """Stops a study whose trials all fail for one reason."""

    def __init__(self) -> None:
        self._reasons: list[str] = []

    def note(self, trial: Trial) -> None:
        """Take note of a trial that has ended.

        Raises:
            TrialsFailed: it is the last of several in a row that failed for the same reason.
        """
        if trial.status != "failed":
            self._reasons.clear()
            return
        self._reasons.append(trial.reason or "")
        if len(self._reasons) >= SAME_FAILURES and len(set(self._reasons[-SAME_FAILURES:])) == 1:
            raise TrialsFailed(
                f"{SAME_FAILURES} trials in a row failed for one reason: {self._reasons[-1]}; correct it, then give the same command"
            )


def describe_trial(trial: Trial, epochs: int | None = None) -> str:
    """One line about a trial that has ended: `search 7: 81.2% at 4.9 ms`.

    Args:
        epochs: of a whole training, where trials pause at rungs; None where every trial is trained to the end.
    """
    ms = trial.more.get("measured_ms", trial.latency_ms)
    latency = "" if ms is None else f" at {ms:.1f} ms"
    evaluated = trial.accuracy is not None and trial.status in ("ok", "infeasible", PAUSED)
    result = f"{trial.status}: {trial.reason}"
    if evaluated and trial.accuracy is not None:
        result = f"{show(trial.accuracy, measure_of(trial.more))}{latency}"
    if evaluated and epochs is not None:
        result += f" after {trial.epochs} of {epochs} epochs{', paused' if trial.status == PAUSED else ''}"
    return f"{trial.more.get('origin', f'{trial.phase} {trial.number}')}: {result}"
