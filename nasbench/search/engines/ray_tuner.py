"""Tune's side of the Ray engine: a Searcher that hands out the engine's calls, and a callback that hands back their answers. Imports Ray.

Tune keeps nothing for us: its folder is thrown away and never restored from.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import Callback, FailureConfig, RunConfig, TuneConfig, Tuner
from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from nasbench.errors import NasbenchError
from nasbench.search.engines.carry import forget, unload
from nasbench.search.engines.ray_desk import Desk
from nasbench.search.engines.ray_worker import ANSWER, CALL, Driver, Seat


def run_tuner(
    desk: Desk,
    workers: int,
    resources: dict[str, float],
    folder: Path,
    *,
    driver: Driver,
    preload: tuple[str, ...],
    prepare: tuple[Callable[[Any], None], Any] | None,
) -> None:
    """Run the desk's calls until it is closed."""
    seat = tune.with_parameters(Seat, driver=driver, preload=preload, prepare=prepare)
    Tuner(
        tune.with_resources(seat, resources),
        tune_config=TuneConfig(
            search_alg=Calls(desk),
            num_samples=-1,
            max_concurrent_trials=workers,
            reuse_actors=True,
            trial_name_creator=_name,
            trial_dirname_creator=_name,
        ),
        run_config=RunConfig(
            name="calls",
            storage_path=str(folder),
            stop=Closed(desk),
            callbacks=[Answers(desk)],
            failure_config=FailureConfig(max_failures=0),  # who submits a call decides whether it is worth another try
            verbose=0,
        ),
    ).fit()


class Calls(Searcher):
    """What to try next is whatever the engine was given next."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def suggest(self, trial_id: str) -> Any:
        call = self._desk.next()
        if call is None:
            return Searcher.FINISHED if self._desk.closed else None
        return {CALL: call}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """`Answers` tells the engine: it knows why a trial failed."""

    def save(self, checkpoint_path: str) -> None:
        """Tune insists on a file; nobody reads it."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("a study goes on from its ledger")


class Answers(Callback):
    """Hands a trial's answer to the engine, or the reason why there is none."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self._desk.started(trial.config[CALL].number, trial.temporary_state.ray_actor)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        found = (trial.last_result or {}).pop(ANSWER, None)  # Tune keeps results to its end, and has no use for this one
        if found is None:
            return
        call, (answer, seconds, files) = trial.config[CALL], found
        try:
            if files is not None:
                unload(call.luggage, files)
        except NasbenchError as error:
            answer = pickle.dumps(("error", str(error), ""))
        self._leave(trial)
        self._desk.answered(call.number, answer, seconds)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        self._leave(trial)
        self._desk.died(trial.config[CALL].number, _reason(trial.error_file))

    def _leave(self, trial: Any) -> None:
        """Let go of what a call carried: Tune keeps its trials to the end."""
        call = trial.config[CALL]
        if call.luggage is not None:
            forget(call.luggage)
        trial.config[CALL] = replace(call, payload=b"", luggage=None)


class Closed(Stopper):
    """Ends everything when the engine is closed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._desk.closed


def _name(trial: Any) -> str:
    return f"{trial.config[CALL].number}-{trial.trial_id}"


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
