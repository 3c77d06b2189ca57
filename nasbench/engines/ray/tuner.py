"""Tune's side of the Ray engine: a Searcher that begins workers, and a callback that takes their answers and gives them more. Imports Ray.

A trial of Tune is a worker here, which is given one call after another and answers each with a result. Were each call a trial, with
`reuse_actors`, Tune would give one whose worker still starts to another worker that is free before, and end the one that starts: calls that
are shorter than a start would run one at a time.

Tune keeps nothing for us: its folder is thrown away and never restored from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import Callback, FailureConfig, RunConfig, TuneConfig, Tuner
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from nasbench.engines.ray.call_queue import CallQueue, Pool
from nasbench.engines.ray.worker import ANSWER, Worker


def run_tuner(desk: CallQueue, pool: Pool, folder: Path) -> None:
    """Run the desk's calls until it is closed."""
    seat = tune.with_parameters(Worker, driver=pool.driver, preload=pool.preload, prepare=pool.prepare)
    Tuner(
        tune.with_resources(seat, pool.resources),
        tune_config=TuneConfig(
            search_alg=Workers(desk),
            num_samples=-1,
            max_concurrent_trials=pool.workers,
            trial_name_creator=_name,
            trial_dirname_creator=_name,
        ),
        run_config=RunConfig(
            name="workers",
            storage_path=str(folder),
            stop=Closed(desk),
            callbacks=[Answers(desk)],
            failure_config=FailureConfig(max_failures=0),  # who submits a call decides whether it is worth another try
            verbose=0,
        ),
    ).fit()


class Workers(Searcher):
    """What to try next is another worker, where a call waits for one."""

    def __init__(self, desk: CallQueue) -> None:
        super().__init__()
        self._desk = desk

    def suggest(self, trial_id: str) -> Any:
        if self._desk.begins(trial_id):
            return {}
        return Searcher.FINISHED if self._desk.closed else None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """`Answers` tells the engine: it knows why a trial failed."""

    def save(self, checkpoint_path: str) -> None:
        """Tune insists on a file; nobody reads it."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("a study goes on from its ledger")


class Answers(Callback):
    """Gives workers their calls, and hands the answers to the engine, or the reason why there is none."""

    def __init__(self, desk: CallQueue) -> None:
        self._desk = desk
        self._calls: dict[str, int] = {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self._give(trial)

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
        found = result.pop(ANSWER, None)  # Tune keeps a worker's last result, and has no use for this; an idle worker has none
        if found is not None:
            self._desk.answered(self._calls.pop(trial.trial_id), *found)
        self._give(trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self._calls.pop(trial.trial_id, None)
        self._desk.left(trial.trial_id, _reason(trial.error_file))

    def _give(self, trial: Any) -> None:
        actor = trial.temporary_state.ray_actor
        call = self._desk.next(trial.trial_id, actor)
        if call is not None:
            self._calls[trial.trial_id] = call.number
            actor.take.remote(call)  # before the next step: an actor does what it is asked for in that order


class Closed(Stopper):
    """Ends everything when the engine is closed."""

    def __init__(self, desk: CallQueue) -> None:
        self._desk = desk

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._desk.closed


def _name(trial: Any) -> str:
    return f"worker-{trial.trial_id}"


def _reason(file: str | None) -> str:
    """Of what Ray writes when a worker has ended: the line that says what happened."""
    try:
        text = Path(file).read_text() if file else ""
    except OSError:
        text = ""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    line = next((line for line in lines if "Worker exit detail:" in line), lines[-1] if lines else "")
    detail = line.partition("Worker exit detail: ")[2] or line
    return detail.split(" Some common causes")[0][:300] or "Ray does not say why"
