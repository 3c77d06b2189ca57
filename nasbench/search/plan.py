"""The plan: what a search will do and how long it will take, from a look at the space and a trial run of the trainer."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import Any

from nasbench.engines.base import Engine
from nasbench.errors import StudyError
from nasbench.evaluate.train import TrainTask
from nasbench.genotype import Genotype, cost
from nasbench.search.config import SearchConfig
from nasbench.search.loop import Arm, Evaluate, answer
from nasbench.search.rungs import ALL_AT_ONCE, Rungs
from nasbench.search.space_summary import SpaceSummary
from nasbench.study.trial import Trial
from nasbench.training.recipe import Recipe

FINALISTS, RIVALS = 2, 1  # of the search and of the random arm that are trained with fresh seeds
MIN_TRIALS = 4
PROBE_IMAGES = 512
STARTING_S = 1.5  # of a trial's process, until it trains
MEASURING_S = 75.0  # for the finalists' latency, the winner's once more, and the report


@dataclass(frozen=True)
class Plan:
    """Before the first trial.

    Attributes:
        count, sampled, fastest_ms, median_ms, slowest_ms, inside, unsure, outside: of the space, see `Survey`.
        trials: of the search, and as many of the random arm.
        final_runs: trainings of finalists and known networks with fresh seeds.
        seconds_per_trial: of one worker, for a whole training; workers: at a time.
        expected_s: of everything that is left to do.
        share: of a whole training, what a trial costs on average: below 1 where successive halving stops most of them.
        calls: trainings, of a rung each, that a trial has on average.
        largest_params: of the largest network that was sampled within the limits; says how large a checkpoint may be.
    """

    count: int
    sampled: int
    fastest_ms: float
    median_ms: float
    slowest_ms: float
    inside: float
    unsure: float
    outside: float
    trials: int
    final_runs: int
    seconds_per_trial: float
    seconds_per_known: float
    workers: int
    expected_s: float
    share: float = 1.0
    calls: float = 1.0
    largest_params: int = 0

    @property
    def binds(self) -> bool:
        """Whether the limits exclude, or may exclude, anything that was sampled."""
        return self.outside > 0 or self.unsure > 0

    @property
    def verdict(self) -> str:
        """What the limits do to the space, in words."""
        if self.outside > 0:
            return "binds"
        return "may bind" if self.unsure > 0 else "excludes nothing that was sampled"

    def to_json(self) -> str:
        """With `binds` and `verdict`, which `from_json` works out again."""
        return json.dumps(asdict(self) | {"binds": self.binds, "verdict": self.verdict}, indent=1) + "\n"

    @classmethod
    def from_json(cls, path: Path) -> Plan:
        """The stored plan of a study that goes on.

        Raises:
            StudyError: the file is damaged.
        """
        try:
            stored = json.loads(path.read_text())
            return cls(**{f.name: stored[f.name] for f in fields(cls) if f.name in stored})  # older ones have no share
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise StudyError(
                f"a study keeps its plan in {path}; it cannot be read ({error}); restore it, or choose another --name"
            ) from None


def make_plan(
    found: SpaceSummary,
    known: Sequence[Genotype],
    task: Callable[[Genotype, str], TrainTask],
    train_images: int,
    evaluate: Evaluate,
    engine: Engine,
    *,
    trials: int | None,
    final_seeds: int,
    time_left_s: float,
    rungs: Rungs = ALL_AT_ONCE,
) -> Plan:
    """Time the trainer on a few networks, then see how many trials fit into `time_left_s`; a given `trials` is kept."""
    middle = [found.examples[int(q * (len(found.examples) - 1))] for q in (0.5, 0.9)]
    own, theirs = time_training([*middle, *known], len(middle), task, train_images, evaluate, engine)
    workers = engine.workers  # a cluster may have room for fewer than were asked for
    final_runs = (FINALISTS + RIVALS) * final_seeds
    known_runs = len(known) * final_seeds
    last = (final_runs * own + known_runs * theirs) / workers + MEASURING_S
    # The first call's start is part of the trial's time.
    one = own * rungs.share + STARTING_S * (rungs.calls - 1)
    if trials is None:
        trials = max(MIN_TRIALS, int((time_left_s - last) * workers / one / 2))
        trials = min(trials, found.count)
    return Plan(
        found.count,
        found.sampled,
        found.fastest_ms,
        found.median_ms,
        found.slowest_ms,
        found.inside,
        found.unsure,
        found.outside,
        trials,
        final_runs + known_runs,
        own,
        theirs,
        workers,
        2 * trials * one / workers + last,
        rungs.share,
        rungs.calls,
        max(cost(g).params for g in found.examples),
    )


def time_training(
    networks: Sequence[Genotype],
    own: int,
    task: Callable[[Genotype, str], TrainTask],
    train_images: int,
    evaluate: Evaluate,
    engine: Engine,
) -> tuple[float, float]:
    """Seconds that one training of the space's networks takes, and one of the known, with all workers busy."""
    seconds: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="nasbench-plan-") as folder:
        waiting = list(enumerate(networks))
        records: dict[Any, dict[str, Any]] = {}
        while waiting or engine.running:
            while engine.free and waiting:
                i, g = waiting.pop(0)
                place = Path(folder) / str(i)
                place.mkdir()
                engine.submit(i, evaluate, shorter(task(g, str(place))))
            for finished in engine.wait():
                records[finished.key] = answer(finished, 1) | {"wall": finished.seconds}
        for i, record in records.items():
            full = Recipe.from_dict(task(networks[i], folder).recipe)
            if record.get("images_per_second"):
                images = min(full.images or train_images, train_images) * full.epochs
                overhead = max(0.0, record["wall"] - record["seconds"])
                seconds[i] = images / record["images_per_second"] + overhead + record["wall"] * 0.1
            elif record.get("status") == "ok":  # an evaluator that does not train
                seconds[i] = record["wall"]
    mine = [s for i, s in seconds.items() if i < own]
    others = [s for i, s in seconds.items() if i >= own]
    if not mine:
        reasons = "; ".join(sorted({str(r.get("reason")) for r in records.values()}))
        raise StudyError(f"no network of the space could be trained for a moment: {reasons}")
    return median(mine), median(others) if others else median(mine)


class Pace:
    """When the arms must end so that the last round fits into the request's time, from how long trials really take.

    `spent_s` is what the trials of earlier runs of the study took: a study that goes on has the rest of its time.
    """

    def __init__(self, made: Plan, request: SearchConfig, clock: Clock, spent_s: float) -> None:
        self._made, self._request, self._clock = made, request, clock
        self._before = spent_s / made.workers
        self._seconds: list[float] = []

    def note(self, trial: Trial) -> None:
        """A trial has ended, or has come to a rung."""
        if trial.seconds:
            whole = self._request.recipe.epochs
            self._seconds.append(trial.seconds * whole / min(trial.epochs or whole, whole))

    def late(self, arms: Sequence[Arm]) -> bool:
        """Whether no new trial may begin; never while an arm has fewer than `MIN_TRIALS`, or where their number is given."""
        if self._request.trials is not None or any(arm.done < MIN_TRIALS for arm in arms):
            return False
        one, last = self._needs()
        rungs = self._request.rungs
        longest = one * max(rungs.steps) / rungs.epochs[-1] + STARTING_S if rungs else one
        return self._before + self._clock() + longest + last > self._request.time_s

    def outlook(self, arms: Sequence[Arm]) -> tuple[int, float]:
        """How many trainings there will have been in all, those of the last round included, and seconds until then."""
        whole, last = self._needs()
        one = whole * self._made.share / self._made.calls + STARTING_S if self._request.rungs else whole
        done = sum(arm.trainings for arm in arms)
        if self._request.trials is not None:
            left = sum(arm.trainings_left for arm in arms)
            return done + left + self._made.final_runs, left * one / self._made.workers + last
        left_s = max(0.0, self._request.time_s - self._before - self._clock())
        running = sum(arm.running for arm in arms)
        more = max(running, int((left_s - last) / one * self._made.workers))
        return done + more + self._made.final_runs, max(left_s, last)

    def _needs(self) -> tuple[float, float]:
        """Seconds of one trial, and of all that comes after the arms."""
        made = self._made
        one = (median(self._seconds) if len(self._seconds) >= MIN_TRIALS else made.seconds_per_trial) + STARTING_S
        known = len(self._request.known) * self._request.final_seeds
        last = one * (made.final_runs - known + known * made.seconds_per_known / made.seconds_per_trial) / made.workers
        return one, last + MEASURING_S


def shorter(task: TrainTask) -> TrainTask:
    """The same training on a few images, to be timed."""
    recipe = {**task.recipe, "epochs": 1, "images": PROBE_IMAGES}
    return TrainTask(**{**asdict(task), "recipe": recipe})


class Clock:
    """Seconds since a start, by a clock that does not jump, with those of earlier runs of the study."""

    def __init__(self, before: float = 0.0) -> None:
        self._start = time.monotonic() - before

    def __call__(self) -> float:
        return time.monotonic() - self._start
