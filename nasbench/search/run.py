"""A search from request to winner: plan, two arms of trials side by side, a last round. It can be killed at any moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nasbench.engines.base import Engine
from nasbench.engines.open import open_engine
from nasbench.errors import LimitError, NasbenchError, StudyError
from nasbench.files import write_atomic
from nasbench.latency import save_profile
from nasbench.search.candidate_filter import CandidateFilter
from nasbench.search.config import MAY_CHANGE
from nasbench.search.device_profile import obtain_profile, studied_profile
from nasbench.search.final_round import FinalRound
from nasbench.search.finalists import FinalResult
from nasbench.search.loop import Arm, Listener, work
from nasbench.search.measuring import Measure
from nasbench.search.plan import Clock, Pace, Plan, make_plan
from nasbench.search.problem import Problem
from nasbench.search.recording import recorder, tasker, teller
from nasbench.search.reward import directions
from nasbench.search.space_summary import SpaceSummary, survey
from nasbench.search.successive_halving import Halving
from nasbench.search.winner import Promise, deliver
from nasbench.strategies import strategy
from nasbench.study.directory import PROFILE_FILE, StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.measurements import MEASUREMENTS_FILE, Measurements
from nasbench.study.phase import Phase
from nasbench.study.plugins import keep, named

UNTIL_LATE = 1_000_000


@dataclass(frozen=True)
class Outcome:
    """What a search came to.

    Attributes:
        path: of the study.
        standings: the last round, best first.
        complete: whether every planned trial was done.
        promise: the winner, who missed before it, and whether the machine was too noisy.
    """

    path: Path
    standings: list[FinalResult]
    complete: bool
    promise: Promise

    @property
    def winner(self) -> FinalResult | None:
        return self.promise.winner


def plan(task: Problem, listener: Listener, elapsed_s: float = 0.0) -> Plan:
    """Survey the space and time the trainer.

    Raises:
        LimitError: the limits cannot be met.
        StudyError: the engine cannot run a trial.
    """
    with open_engine(task.request, task.evaluate, listener.say) as engine:
        return _plan(task, engine, listener, elapsed_s)


def _plan(task: Problem, engine: Engine, listener: Listener, elapsed_s: float) -> Plan:
    listener.stage("looking at the space")
    found = survey(task.space, task.decode, task.request.limits, task.figures, task.request.seed)
    _see_fastest(task, found, listener)
    listener.stage("timing the trainer")
    r = task.request
    return make_plan(
        found,
        list(task.known().values()),
        task.training,
        task.train_images,
        task.evaluate,
        engine,
        trials=r.trials,
        final_seeds=r.final_seeds,
        time_left_s=r.time_s - elapsed_s,
        rungs=r.rungs,
    )


def _see_fastest(task: Problem, found: SpaceSummary, listener: Listener) -> None:
    """Measure the fastest network where no sample is surely inside: a limit that cannot be met is said before the search.

    Raises:
        LimitError: it is not.
    """
    limit, run = task.request.limits.latency_ms, task.measurer(listener.say)
    if limit is None or found.inside or run is None or task.predictor is None:
        return
    listener.say(f"no sample is surely within {limit:g} ms: measuring the fastest network that was found")
    m = run({"fastest": found.fastest})["fastest"].at_speed(task.predictor.profile.reference_ms)
    if m.low_ms > limit:
        raise LimitError(
            f"{limit:g} ms cannot be met in {task.space.name}: the fastest network that was found takes {m.median_ms:.3g} ms "
            f"[{m.low_ms:.3g}, {m.high_ms:.3g}], measured; allow at least that, or choose a space with smaller networks"
        )


def search(task: Problem, path: Path, listener: Listener, show_plan: Callable[[Problem, Plan], None], elapsed_s: float = 0.0) -> Outcome:
    """Run the study at `path`, or go on with it.

    `elapsed_s` is what the caller already took of the request's time.

    Raises:
        NasbenchError: see `StudyDirectory.create`; limits that cannot be met; trials that all fail for one reason.
    """
    clock = Clock(elapsed_s)
    plugins = named(path, task.plugins)
    command = task.request.command(task.space, task.device.key, task.images, {name: p.sha256 for name, p in plugins.items()})
    more = {"plugin_paths": {name: str(Path(p.path).resolve()) for name, p in plugins.items()}} if plugins else {}
    with (
        StudyDirectory.create(path, command, may_change=MAY_CHANGE, more=more) as folder,
        open_engine(task.request, task.evaluate, listener.say) as engine,
    ):
        try:
            task, made = _planned(task, folder, engine, listener, clock)
        except NasbenchError:
            folder.discard()  # nothing was done yet: leave nothing behind
            raise
        keep(folder.path, plugins)
        show_plan(task, made)
        with Ledger.open(folder) as ledger:
            return _run(task, folder, ledger, engine, made, listener, clock)


def _planned(task: Problem, folder: StudyDirectory, engine: Engine, listener: Listener, clock: Clock) -> tuple[Problem, Plan]:
    """The task with its device profiled, and the plan; a study that goes on predicts and does as it began."""
    stored = folder.path / "plan.json"
    if stored.exists():
        return task.predicting(studied_profile(folder.path)), Plan.from_json(stored)
    if task.predictor is None:  # else the device came with its profile
        task = task.predicting(obtain_profile(task.device, task.space, listener))
    made = _plan(task, engine, listener, clock())
    if task.predictor is not None:
        save_profile(task.predictor.profile, folder.path / PROFILE_FILE)
        task = task.predicting(studied_profile(folder.path))  # the file has fewer digits: predict as a study that goes on will
    write_atomic(stored, made.to_json())
    return task, made


def _run(task: Problem, folder: StudyDirectory, ledger: Ledger, engine: Engine, made: Plan, listener: Listener, clock: Clock) -> Outcome:
    """The arms, the measuring, the last round, the promise."""
    if task.predictor is None:
        raise StudyError("a search needs a predictor; give the task a profile with `predicting`")
    kept = Measurements(folder.path / MEASUREMENTS_FILE, task.predictor.profile.reference_ms)
    run = task.measurer(listener.say)
    screens, arms = _arms(task, folder, ledger, made, kept, run, listener)
    pace = Pace(made, task.request, clock, sum(t.seconds or 0.0 for arm in arms for t in arm.phase.records()))
    last = FinalRound(task, folder, ledger, arms[0].phase, arms[1].phase, run, kept, listener)

    engine.time_limit_s = max(300.0, 20 * made.seconds_per_trial)
    listener.stage("training", pace.outlook(arms)[0])
    for _ in range(sum(arm.trainings for arm in arms)):
        listener.step()
    if not last.begun():
        work(engine, arms, task.evaluate, teller(listener, lambda: pace.outlook(arms), pace.note), lambda: pace.late(arms))
        for screen in screens:
            screen.end()
        for arm in arms:
            if arm.halving is not None and (said := arm.halving.stop()):
                listener.say(said)
        if not any(t.standing for t in arms[0].phase.records()):
            raise StudyError(_all_failed(arms[0].phase, folder.path))
    ranked, found = last.hold(engine)
    complete = task.request.trials is None or all(arm.left == 0 for arm in arms)
    best = found.winner
    weights = folder.trial_folder("final", best.trial) / "weights.safetensors" if best else None
    deliver(folder.path, ranked, best, weights, task.request.limits, task.device)
    return Outcome(folder.path, ranked, complete, found)


def _arms(
    task: Problem, folder: StudyDirectory, ledger: Ledger, made: Plan, kept: Measurements, run: Measure | None, listener: Listener
) -> tuple[list[CandidateFilter], list[Arm]]:
    """The search, serial, and random search with its own draws; both see the same limits, recipe and cost."""
    r = task.request
    screens: list[CandidateFilter] = []
    arms: list[Arm] = []
    for name, at_once in (("search", max(1, made.workers // 2)), ("random", made.workers)):
        chosen = strategy(r.strategy if name == "search" else "random", r.seed, **(r.options if name == "search" else {}))
        phase = ledger.phase(name, directions(r.mode), chosen, r.seed)
        # Without a given number of trials the arms go on until their time is over.
        wanted = made.trials if r.trials is not None else UNTIL_LATE
        first = task.starts() if name == "search" and r.strategy != "random" else []
        screen = CandidateFilter(phase, task.decode, task.figures, r.limits, kept, run, listener.say, first)
        screens.append(screen)
        halving = Halving(phase, r.rungs, made.trials, folder.trial) if r.rungs else None
        arms.append(Arm(phase, wanted, screen.draw, tasker(task, folder), recorder(task, screen.figures), at_once, halving))
    return screens, arms


def _all_failed(phase: Phase, path: Path) -> str:
    reasons: dict[str, int] = {}
    for trial in phase.records():
        reasons[trial.reason or trial.status] = reasons.get(trial.reason or trial.status, 0) + 1
    most = max(reasons.items(), key=lambda item: item[1], default=("no trial was drawn", 0))
    return f"a search needs at least one network that trains; all {len(phase.records())} of {path} failed, {most[1]} with: {most[0]}"
