"""Ray Tune's part of the Ray engine: a searcher that starts workers, and a callback that hands out calls and takes answers. Imports Ray.

Nothing that Tune records is used: its folder is removed, and nothing is ever restored from it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ray import tune
from ray.tune import Callback, FailureConfig, RunConfig, TuneConfig, Tuner
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from nasbench.engines.ray.call_queue import CallQueue
from nasbench.engines.ray.driver import Driver
from nasbench.engines.ray.worker import ANSWER, Worker


class WorkerPool(NamedTuple):
    """The workers that Tune may start.

    Attributes:
        workers: the largest number of them.
        resources: resources of each, such as `{"cpu": 1, "gpu": 0.25}`.
        driver: the process that they work for.
        preload, prepare: see RayEngine.
        mailbox: the actor that takes messages of calls, or None.
    """

    workers: int
    resources: dict[str, float]
    driver: Driver
    preload: tuple[str, ...]
    prepare: tuple[Callable[[Any], None], Any] | None
    mailbox: Any = None


def run_tuner(calls: CallQueue, pool: WorkerPool, folder: Path) -> None:
    """Run the calls of the queue until it is closed. Tune writes into `folder`, which may be removed then."""
    worker = tune.with_parameters(Worker, driver=pool.driver, preload=pool.preload, prepare=pool.prepare, mailbox=pool.mailbox)
    Tuner(
        tune.with_resources(worker, pool.resources),
        tune_config=TuneConfig(
            search_alg=WorkerSearcher(calls),
            num_samples=-1,
            max_concurrent_trials=pool.workers,
            trial_name_creator=_name,
            trial_dirname_creator=_name,
        ),
        run_config=RunConfig(
            name="workers",
            storage_path=str(folder),
            stop=QueueClosed(calls),
            callbacks=[CallDispatcher(calls)],
            failure_config=FailureConfig(max_failures=0),  # whoever submits a call decides whether to try it again
            verbose=0,
        ),
    ).fit()


class WorkerSearcher(Searcher):
    """Suggests a new trial of Tune, which is a worker, when a call waits for one."""

    def __init__(self, calls: CallQueue) -> None:
        super().__init__()
        self._calls = calls

    def suggest(self, trial_id: str) -> Any:
        if self._calls.start_worker(trial_id):
            return {}
        return Searcher.FINISHED if self._calls.closed else None

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Do nothing: `CallDispatcher` reports to the queue, because it also knows why a worker failed."""

    def save(self, checkpoint_path: str) -> None:
        """Tune requires a file; nobody reads it."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("a study goes on from its ledger")


class CallDispatcher(Callback):
    """Gives calls to workers, and passes their answers to the queue, or the reason why a worker died."""

    def __init__(self, calls: CallQueue) -> None:
        self._calls = calls
        self._running: dict[str, int] = {}  # the number of each worker's call

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self._give_call(trial)

    def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any) -> None:
        answer = result.pop(ANSWER, None)  # Tune keeps each worker's last result, which must stay small; an idle worker has no answer
        if answer is not None:
            self._calls.put_answer(self._running.pop(trial.trial_id), *answer)
        self._give_call(trial)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self._running.pop(trial.trial_id, None)
        self._calls.remove_worker(trial.trial_id, _reason(trial.error_file))

    def _give_call(self, trial: Any) -> None:
        actor = trial.temporary_state.ray_actor
        call = self._calls.take(trial.trial_id, actor)
        if call is not None:
            self._running[trial.trial_id] = call.number
            actor.receive.remote(call)  # arrives before the next step, because an actor keeps the order of its calls


class QueueClosed(Stopper):
    """Stops Tune when the queue is closed."""

    def __init__(self, calls: CallQueue) -> None:
        self._calls = calls

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._calls.closed


def _name(trial: Any) -> str:
    return f"worker-{trial.trial_id}"


def _reason(error_file: str | None) -> str:
    """Why a worker died: the line of Ray's file that says it."""
    try:
        text = Path(error_file).read_text() if error_file else ""
    except OSError:
        text = ""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    line = next((line for line in lines if "Worker exit detail:" in line), lines[-1] if lines else "")
    detail = line.partition("Worker exit detail: ")[2] or line
    return detail.split(" Some common causes")[0][:300] or "Ray does not say why"
