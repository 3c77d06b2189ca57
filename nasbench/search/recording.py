"""Between an arm and the ledger: what a worker gets, what its answer is stored as, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nasbench.errors import StudyError
from nasbench.evaluate.train import TrainTask
from nasbench.search.candidate_filter import RECORDED, as_record
from nasbench.search.limits import Metrics
from nasbench.search.loop import Arm, Listener
from nasbench.search.problem import Problem
from nasbench.search.reward import values
from nasbench.study.directory import StudyDirectory
from nasbench.study.phase import Asked
from nasbench.study.trial import PAUSED, Trial

SAME_FAILURES = 3  # trials in a row that fail for one reason stop the study: it is not the networks' fault


def tasker(task: Problem, folder: StudyDirectory, *, final: bool = False) -> Callable[[Asked], TrainTask]:
    """A trial's training, in its folder."""
    return lambda asked: task.training(asked.genotype, str(folder.trial_folder(asked.phase, asked.number)), asked.seed, final=final)


def recorder(task: Problem, figures: Callable[[Asked], Metrics]) -> Callable[[Asked, dict[str, Any]], dict[str, Any]]:
    """A worker's answer as the ledger's record: with the cheap figures, the reward and the constraints."""
    r = task.request

    def record(asked: Asked, told: dict[str, Any]) -> dict[str, Any]:
        # A trial that goes on keeps the figures that it was let in with: predictions are corrected meanwhile.
        known = {k: asked.kept[k] for k in RECORDED if k in asked.kept} or as_record(figures(asked), r.limits)
        found = told | known
        accuracy = told.get("accuracy")
        if told.get("status") == "ok" and accuracy is not None:
            found["values"] = values(accuracy, known["latency_ms"], r.limits.latency_ms, r.mode)
            found["reward"] = found["values"][0]
        return found

    return record


def teller(
    listener: Listener, outlook: Callable[[], tuple[int, float]] | None = None, note: Callable[[Trial], None] = lambda _: None
) -> Callable[[Arm, Trial], None]:
    """Tells `listener` of every trial, with what is expected of those to come, and stops a study whose trials all fail alike."""
    failures: list[str] = []

    def told(arm: Arm, trial: Trial) -> None:
        note(trial)
        if outlook is not None:
            listener.expect(*outlook())
        if trial.status == "failed":
            failures.append(trial.reason or "")
            if len(failures) >= SAME_FAILURES and len(set(failures[-SAME_FAILURES:])) == 1:
                raise StudyError(
                    f"{SAME_FAILURES} trials in a row failed for one reason: {failures[-1]}; correct it, then give the same command"
                )
        else:
            failures.clear()
        ms = trial.more.get("measured_ms", trial.latency_ms)
        at = "" if ms is None else f" at {ms:.1f} ms"
        trained = trial.accuracy is not None and trial.status in ("ok", "infeasible", PAUSED)
        what = f"{trial.accuracy:.1%}{at}" if trained else f"{trial.status}: {trial.reason}"
        if trained and arm.halving is not None:
            what += f" after {trial.epochs} of {arm.halving.rungs.epochs[-1]} epochs{', paused' if trial.status == PAUSED else ''}"
        listener.step(f"{trial.more.get('origin', f'{trial.phase} {trial.number}')}: {what}")

    return told
