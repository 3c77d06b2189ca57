"""A fit from request to law: plan, trials of many directions at twice the cost, the surface, curves with fresh seeds.

It can be killed at any moment: trial n of a phase is item n of a list that the stored plan decides, so the same command goes on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from nasbench.engines.base import Engine
from nasbench.engines.open import open_engine
from nasbench.errors import NasbenchError, StudyError
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, cost
from nasbench.latency import save_profile
from nasbench.scaling_fit.candidates import Item, as_record, find_items, read_items, write_items
from nasbench.scaling_fit.config import MAY_CHANGE
from nasbench.scaling_fit.curves import BASE, CurvePoint, Difference, curve_points, differences
from nasbench.scaling_fit.directions import AXES, TOLERANCE, Candidate, Shares, curves, lattice
from nasbench.scaling_fit.plan import GROWTH, FitPlan, make_plan, timed_sizes
from nasbench.scaling_fit.problem import FitProblem
from nasbench.scaling_fit.sizing import sizing
from nasbench.scaling_fit.surface import FEWEST, Fit, fit_surface
from nasbench.search.device_profile import obtain_profile, studied_profile
from nasbench.search.loop import run_phases
from nasbench.search.reporting import Failures, Listener, describe_trial
from nasbench.search.running_phase import COUNTED, Queue, RunningPhase, ToTheEnd
from nasbench.search.time_budget import Clock
from nasbench.spaces import load_space
from nasbench.study.directory import CANDIDATES_FILE, FIT_FILE, PROFILE_FILE, StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.measurements import MEASUREMENTS_FILE, Measurements
from nasbench.study.phase import Phase
from nasbench.study.plugins import plugins_of_study, store_plugins
from nasbench.study.trial import Trial, plain

GRID, CURVES = "grid", "curves"  # the two phases
SPACE = "mbconv"  # whose networks a device is profiled with
NOBODY: Shares = (0.0, 0.0, 0.0)  # of the base, which did not grow


@dataclass(frozen=True)
class FitOutcome:
    """What a fit came to.

    Attributes:
        fit: the law, from the trials of the lattice.
        gain: accuracy of one doubling, mean over the directions.
        points, differences: of the curves.
        complete: whether every planned trial was done.
        off: the largest deviation from the asked cost, as a share.
    """

    path: Path
    fit: Fit
    gain: float
    points: list[CurvePoint]
    differences: list[Difference]
    complete: bool
    off: float


def plan_fit(problem: FitProblem, listener: Listener, kept: Measurements | None, elapsed_s: float = 0.0) -> tuple[FitPlan, list[Item]]:
    """Find the networks of the lattice, time the trainer, and see what fits into the time.

    Raises:
        NasbenchError: a network that cannot grow, too little time, or an engine that cannot run a trial.
    """
    with open_engine(problem.config.engine, problem.config.workers, problem.evaluator, listener.say) as engine:
        return _plan(problem, engine, listener, kept, elapsed_s)


def _plan(
    problem: FitProblem, engine: Engine, listener: Listener, kept: Measurements | None, elapsed_s: float
) -> tuple[FitPlan, list[Item]]:
    clock = Clock(elapsed_s)
    listener.stage("finding networks of twice the cost")
    found = sizing(problem, kept, listener.say)
    predicted = found.growth
    listener.stage("timing the trainer")
    _, twice, most = timed_sizes()
    networks = {
        size: [Genotype.from_yaml(predicted.nearest(shares, float(size)).genotype) for shares in AXES.values()]
        for size in (f"{twice:g}", f"{most:g}")
    }
    made = make_plan(problem, engine, predicted.cost(problem.base), problem.config.time_s - clock(), {"1": [problem.base], **networks})
    listener.stage("finding networks of twice the cost")
    items = find_items(found, [("lattice", shares, GROWTH) for shares in lattice(made.parts)])
    return replace(made, base_cost=found.base_cost), items


def run_fit(
    problem: FitProblem,
    path: Path,
    listener: Listener,
    show_plan: Callable[[FitProblem, FitPlan, Sequence[Item]], None],
    elapsed_s: float = 0.0,
) -> FitOutcome:
    """Run the fit at `path`, or go on with it.

    Raises:
        NasbenchError: see `StudyDirectory.create`; too little time; trials that all fail for one reason.
    """
    clock = Clock(elapsed_s)
    plugins = plugins_of_study(path, problem.plugins)
    device = None if problem.device is None else problem.device.key
    command = problem.config.command(problem.evaluator.data.fingerprint, device, {name: p.sha256 for name, p in plugins.items()})
    more = {"plugin_paths": {name: str(Path(p.path).resolve()) for name, p in plugins.items()}} if plugins else {}
    with (
        StudyDirectory.create(path, command, may_change=MAY_CHANGE, more=more) as folder,
        open_engine(problem.config.engine, problem.config.workers, problem.evaluator, listener.say) as engine,
    ):
        try:
            problem, made, items = _planned(problem, folder, engine, listener, clock)
        except NasbenchError:
            folder.discard()
            raise
        store_plugins(folder.path, plugins)
        show_plan(problem, made, items)
        with Ledger.open(folder) as ledger:
            return _Fitting(problem, folder, engine, made, items, listener, clock, ledger).run()


def _planned(
    problem: FitProblem, folder: StudyDirectory, engine: Engine, listener: Listener, clock: Clock
) -> tuple[FitProblem, FitPlan, list[Item]]:
    """The problem with its device profiled, the plan and the lattice's networks; a fit that goes on does as it began."""
    stored = folder.path / "plan.json"
    if stored.exists():
        problem = problem.predicting(studied_profile(folder.path)) if problem.device is not None else problem
        return problem, FitPlan.from_json(stored), read_items(folder.path / CANDIDATES_FILE)[GRID]
    if problem.device is not None and problem.predictor is None:
        problem = problem.predicting(obtain_profile(problem.device, load_space(SPACE), listener))
    made, items = _plan(problem, engine, listener, _kept(problem, folder), clock())
    if problem.predictor is not None:
        save_profile(problem.predictor.profile, folder.path / PROFILE_FILE)
    write_items(folder.path / CANDIDATES_FILE, {GRID: items})
    write_atomic(stored, made.to_json())
    return problem, made, items


def _kept(problem: FitProblem, folder: StudyDirectory) -> Measurements | None:
    if problem.predictor is None:
        return None
    return Measurements(folder.path / MEASUREMENTS_FILE, problem.predictor.profile.reference_ms)


@dataclass
class _Fitting:
    """The trials of one fit, and what they say."""

    problem: FitProblem
    folder: StudyDirectory
    engine: Engine
    made: FitPlan
    lattice: list[Item]
    listener: Listener
    clock: Clock
    ledger: Ledger

    def run(self) -> FitOutcome:
        seed = self.problem.config.seed
        phases = [self.ledger.phase(name, ("maximize",), None, seed + i) for i, name in enumerate((GRID, CURVES))]
        before = sum(t.seconds or 0.0 for phase in phases for t in phase.records()) / self.made.workers
        self.engine.time_limit_s = max(300.0, 20 * max(self.made.seconds.values()))
        base = Item(BASE, self._base())
        stored = read_items(self.folder.path / CANDIDATES_FILE)
        grid = [base, *self.lattice] * self.made.seeds
        if CURVES not in stored:
            self._train(phases[0], grid, max(1 + len(self.lattice), FEWEST + 1), before, self.made.curves_s)
            fit, _ = self._fitted(phases[0])
            found = sizing(self.problem, _kept(self.problem, self.folder), self.listener.say)
            if self.problem.config.latency:
                self.listener.stage("finding networks for the curves")
            wanted = [(name, shares, size) for size in self.made.sizes for name, shares in curves(fit.shares).items()]
            stored = {GRID: self.lattice, CURVES: find_items(found, wanted)}
            write_items(self.folder.path / CANDIDATES_FILE, stored)
        queue = curve_queue(base, stored[CURVES], self.made.curve_seeds)
        least = sum(item.candidate.size <= GROWTH for item in queue)
        self._train(phases[1], queue, least, before, 0.0)
        fit, gain = self._fitted(phases[0])
        points = curve_points(phases[1].records())
        done = all(_finished(p) >= len(n) for p, n in zip(phases, (grid, queue), strict=True))
        sized = [i.candidate for several in stored.values() for i in several]
        off = max(abs(c.ratio / c.size - 1) for c in sized)
        outcome = FitOutcome(self.folder.path, fit, gain, points, differences(points), done, off)
        write_atomic(self.folder.path / FIT_FILE, json.dumps(plain(self._report(outcome)), indent=1) + "\n")
        return outcome

    def _base(self) -> Candidate:
        g = self.problem.base
        counted = cost(g)
        name = self.problem.growth().candidate(NOBODY, 1.0, g).digest
        return Candidate(NOBODY, 1.0, g.to_yaml(), name, counted.macs, counted.params, g.input[1], 1.0, 1.0, NOBODY)

    def _train(self, phase: Phase, queue: Sequence[Item], least: int, before: float, after_s: float) -> None:
        """Train the items of the queue, trial n the n-th, until all are done or time is up; at least `least`."""
        kept = _kept(self.problem, self.folder)
        measured, beside = sizing(self.problem, kept, self.listener.say).milliseconds, self.problem.beside
        failures = Failures()

        def milliseconds(g: Genotype, c: Candidate) -> float | None:
            return beside.predict(g).ms if beside is not None else measured(c)

        def complete(trial: Trial, result: dict[str, Any]) -> dict[str, Any]:
            item = queue[trial.number]
            values = {"values": [result["accuracy"]]} if result.get("status") == "ok" else {}
            return result | as_record(item, milliseconds(trial.network, item.candidate)) | values

        def report(_: RunningPhase, trial: Trial) -> None:
            failures.note(trial)
            self.listener.step(describe_trial(trial))

        def late() -> bool:
            one = after_s + self.made.seconds[f"{GROWTH:g}"]
            return running.done >= least and before + self.clock() + one > self.problem.config.time_s

        running = RunningPhase(
            phase,
            wanted=len(queue),
            candidates=Queue(phase, [Genotype.from_yaml(item.candidate.genotype) for item in queue]),
            complete=complete,
            directory=self.folder.trial_directory,
            parallel=self.made.workers,
            schedule=ToTheEnd(phase),
        )
        self.listener.stage(f"training: {phase.name}", len(queue))
        for _ in range(running.done):
            self.listener.step()
        run_phases([running], self.problem.evaluator, self.engine, report, late)

    def _fitted(self, phase: Phase) -> tuple[Fit, float]:
        """The surface of the lattice's trials, and the mean gain of a doubling, by which small deviations in cost are corrected."""
        good = [t for t in phase.records() if t.status == "ok" and t.accuracy is not None]
        starts = [float(t.accuracy or 0) for t in good if t.more["direction"] == BASE]
        trials = [t for t in good if t.more["direction"] != BASE]
        if not starts or not trials:
            raise StudyError(_nothing(phase, self.folder.path))
        return fit_trials(trials, mean(starts), self.problem.config.latency, self.problem.config.seed)

    def _latencies(self) -> str | None:
        """Where the latencies of the trials come from, in words; None where there are none."""
        if self.problem.beside is not None:
            return f"predicted for {self.problem.beside.profile.device}"
        if self.problem.device is None:
            return None
        return f"{'predicted for' if self.problem.measurer(self.listener.say) is None else 'measured on'} {self.problem.device}"

    def _report(self, outcome: FitOutcome) -> dict[str, Any]:
        made, fit = self.made, outcome.fit
        return {
            "network": self.problem.base.name,
            "latencies": self._latencies(),
            "cost": made.cost,
            "base_cost": made.base_cost,
            "asked": GROWTH,
            "tolerance": TOLERANCE,
            "largest_deviation": outcome.off,
            "complete": outcome.complete,
            "gain_of_doubling": outcome.gain,
            "fit": asdict(fit),
            "points": [p.to_json() for p in outcome.points],
            "differences": [asdict(d) | {"verdict": d.verdict} for d in outcome.differences],
        }


def curve_queue(base: Item, items: Sequence[Item], seeds: int) -> list[Item]:
    """The curves by size, all seeds of one before the next: a fit that ends early leaves out the largest networks.

    Within a size, every network with one seed comes before any with another; the base belongs to the smallest.
    """
    sizes = sorted({item.candidate.size for item in items})
    blocks = [[*([base] if size == sizes[0] else []), *(i for i in items if i.candidate.size == size)] for size in sizes]
    return [item for block in blocks for item in block * seeds]


def fit_trials(trials: Sequence[Trial], start: float, latency: bool, seed: int) -> tuple[Fit, float]:
    """The surface of trials at about twice the cost, and the mean gain of a doubling over the base's accuracy `start`."""
    doublings = [math.log(float(t.more["ratio"])) / math.log(GROWTH) for t in trials]
    accuracy = [float(t.accuracy or 0) for t in trials]
    gain = (mean(accuracy) - start) / mean(doublings)
    corrected = [a - gain * (d - 1) for a, d in zip(accuracy, doublings, strict=True)]
    growth = [float(t.more["growth"]) ** (1 / d) for t, d in zip(trials, doublings, strict=True)] if latency else GROWTH
    return fit_surface([t.more["shares"] for t in trials], corrected, growth, seed=seed), gain


def _finished(phase: Phase) -> int:
    return sum(t.status in COUNTED for t in phase.records())


def _nothing(phase: Phase, path: Path) -> str:
    reasons = sorted({t.reason or t.status for t in phase.records() if t.status != "ok"})
    return f"no trial of {phase.name} in {path} gave an accuracy ({'; '.join(reasons)[:300]}); correct it, then give the same command"
