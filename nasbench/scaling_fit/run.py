"""A fit from its configuration to the law: plan, trials of the lattice, the surface, curves with fresh seeds.

It can be killed at any moment. The stored plan decides a list of networks for each phase, and trial n of the phase trains network
n of the list; so the same command continues where it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench.engines.base import Engine
from nasbench.engines.open import open_engine
from nasbench.errors import NasbenchError
from nasbench.files import write_atomic
from nasbench.latency import save_profile
from nasbench.scaling_fit.candidate_finder import CandidateFinder, Wanted, candidate_finder
from nasbench.scaling_fit.candidates import Candidate, read_candidates, write_candidates
from nasbench.scaling_fit.config import CURVES, GRID, MAY_CHANGE
from nasbench.scaling_fit.curves import curve_points, differences
from nasbench.scaling_fit.directions import BASE, Shares, compared_directions
from nasbench.scaling_fit.outcome import FitOutcome, fit_phase, write_outcome
from nasbench.scaling_fit.plan import GROWTH, FitPlan, make_plan
from nasbench.scaling_fit.problem import FitProblem
from nasbench.scaling_fit.surface import FEWEST_TRIALS, Fit
from nasbench.search.device_profile import DEFAULT_SPACE, obtain_profile, studied_profile
from nasbench.search.loop import run_phases
from nasbench.search.reporting import Failures, Listener, describe_trial
from nasbench.search.running_phase import Queue, RunningPhase, ToTheEnd
from nasbench.search.time_budget import Clock
from nasbench.spaces import load_space
from nasbench.study.directory import CANDIDATES_FILE, PROFILE_FILE, StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.measurements import MEASUREMENTS_FILE, Measurements
from nasbench.study.phase import Phase
from nasbench.study.plugins import plugins_of_study, store_plugins
from nasbench.study.trial import Trial

PLAN_FILE = "plan.json"
NO_SHARES: Shares = (0.0, 0.0, 0.0)  # of the base, which does not grow
LEAST_LIMIT_S, LIMIT_FACTOR = 300.0, 20  # a trial may take this long, or this many times what the plan expects of the longest

ShowPlan = Callable[[FitProblem, FitPlan, Sequence[Candidate]], None]


def run_fit(problem: FitProblem, path: Path, listener: Listener, show_plan: ShowPlan, elapsed_s: float = 0.0) -> FitOutcome:
    """Run the fit at `path`, or resume it.

    Args:
        show_plan: called once the plan is made.
        elapsed_s: what the caller has already used of the configuration's time.

    Raises:
        NasbenchError: see `StudyDirectory.create`; too little time; trials that all fail for one reason.
    """
    clock = Clock(elapsed_s)
    plugins = plugins_of_study(path, problem.plugins)
    device = None if problem.device is None else problem.device.key
    command = problem.config.command(problem.evaluator.data.fingerprint, device, {name: p.sha256 for name, p in plugins.items()})
    more = {"plugin_paths": {name: str(Path(p.path).resolve()) for name, p in plugins.items()}} if plugins else {}
    with (
        StudyDirectory.create(path, command, may_change=MAY_CHANGE, more=more) as directory,
        open_engine(problem.config.engine, problem.config.workers, problem.evaluator, listener.say) as engine,
    ):
        try:
            problem, plan, lattice = _planned(problem, directory, engine, listener, clock)
        except NasbenchError:
            directory.discard()  # nothing was done yet: leave nothing behind
            raise
        store_plugins(directory.path, plugins)
        show_plan(problem, plan, lattice)
        with Ledger.open(directory) as ledger:
            for message in ledger.messages:
                listener.say(message)
            return _Fitting(problem, directory, ledger, engine, plan, lattice, listener, clock).run()


def _planned(
    problem: FitProblem, directory: StudyDirectory, engine: Engine, listener: Listener, clock: Clock
) -> tuple[FitProblem, FitPlan, list[Candidate]]:
    """The problem with its device profiled, the plan, and the networks of the lattice; all are stored, and read when it is resumed."""
    plan_path, candidates_path = directory.path / PLAN_FILE, directory.path / CANDIDATES_FILE
    if plan_path.exists():
        problem = problem if problem.device is None else problem.predicting(studied_profile(directory.path))
        return problem, FitPlan.from_json(plan_path), read_candidates(candidates_path)[GRID]
    problem = with_profile(problem, listener)
    plan, lattice = make_plan(problem, engine, listener, _measurements(problem, directory), clock)
    if problem.predictor is not None:
        save_profile(problem.predictor.profile, directory.path / PROFILE_FILE)
    write_candidates(candidates_path, {GRID: lattice})
    write_atomic(plan_path, plan.to_json())
    return problem, plan, lattice


def with_profile(problem: FitProblem, listener: Listener) -> FitProblem:
    """The problem with a predictor, where latency is the cost; the device is profiled if no profile is stored."""
    if problem.device is None or problem.predictor is not None:
        return problem
    return problem.predicting(obtain_profile(problem.device, load_space(DEFAULT_SPACE), listener))


def _measurements(problem: FitProblem, directory: StudyDirectory) -> Measurements | None:
    """The measurements of the study; None where the cost is multiply-adds."""
    if problem.predictor is None:
        return None
    return Measurements(directory.path / MEASUREMENTS_FILE, problem.predictor.profile.reference_ms)


@dataclass
class _Fitting:
    """A fit whose plan is made: the trials of the lattice, the law, the trials of the curves."""

    problem: FitProblem
    directory: StudyDirectory
    ledger: Ledger
    engine: Engine
    plan: FitPlan
    lattice: list[Candidate]
    listener: Listener
    clock: Clock

    def run(self) -> FitOutcome:
        problem, plan, path = self.problem, self.plan, self.directory.path
        phases = [self.ledger.phase(name, ("maximize",), None, problem.config.seed + i) for i, name in enumerate((GRID, CURVES))]
        spent_s = sum(t.seconds or 0.0 for phase in phases for t in phase.records()) / plan.workers
        clock = Clock(spent_s + self.clock())
        self.engine.time_limit_s = max(LEAST_LIMIT_S, LIMIT_FACTOR * max(plan.seconds.values()))
        finder = candidate_finder(problem, _measurements(problem, self.directory), self.listener.say)
        growth = problem.growth()
        base = growth.candidate(growth.base, NO_SHARES, 1.0, BASE)

        grid = self._running(phases[0], [base, *self.lattice] * plan.seeds, finder)
        stored = read_candidates(path / CANDIDATES_FILE)
        if CURVES not in stored:
            self._train(grid, max(1 + len(self.lattice), FEWEST_TRIALS + 1), lambda: clock() + plan.curves_s)
            fit, _ = self._fit(grid.phase)
            stored = {GRID: self.lattice, CURVES: self._curve_candidates(fit, finder)}
            write_candidates(path / CANDIDATES_FILE, stored)
        queue = order_of_curves(base, stored[CURVES], plan.curve_seeds)
        curves = self._running(phases[1], queue, finder)
        self._train(curves, sum(candidate.size <= GROWTH for candidate in queue), clock)

        fit, gain = self._fit(grid.phase)
        points = curve_points(curves.phase.records())
        outcome = FitOutcome(
            path=path,
            fit=fit,
            gain=gain,
            points=points,
            differences=differences(points),
            complete=all(running.done >= running.wanted for running in (grid, curves)),
            largest_deviation=max(candidate.deviation for of_phase in stored.values() for candidate in of_phase),
        )
        write_outcome(outcome, problem.base.name, plan, self._latencies())
        return outcome

    def _running(self, phase: Phase, queue: Sequence[Candidate], finder: CandidateFinder) -> RunningPhase:
        """The phase in which trial n trains candidate n of the queue."""
        beside = self.problem.beside

        def complete(trial: Trial, result: dict[str, Any]) -> dict[str, Any]:
            candidate = queue[trial.number]
            latency_ms = finder.latency_ms(candidate) if beside is None else beside.predict(trial.network).ms
            values = {"values": [result["accuracy"]]} if result.get("status") == "ok" else {}
            return result | candidate.record(latency_ms) | values

        return RunningPhase(
            phase,
            wanted=len(queue),
            candidates=Queue(phase, [candidate.network for candidate in queue]),
            complete=complete,
            directory=self.directory.trial_directory,
            parallel=self.plan.workers,
            schedule=ToTheEnd(phase),
        )

    def _train(self, running: RunningPhase, least: int, needed_s: Callable[[], float]) -> None:
        """Train the candidates of a phase until all are done, or until another trial would exceed the time.

        Args:
            least: so many are trained in any case.
            needed_s: says how many seconds are used, and reserved for what comes after the phase.
        """
        failures = Failures()

        def report(_: RunningPhase, trial: Trial) -> None:
            failures.note(trial)
            self.listener.step(describe_trial(trial))

        def out_of_time() -> bool:
            return running.done >= least and needed_s() + self.plan.trial_s > self.problem.config.time_s

        self.listener.stage(f"training: {running.phase.name}", running.wanted)
        for _ in range(running.done):
            self.listener.step()
        run_phases([running], self.problem.evaluator, self.engine, report, out_of_time)

    def _fit(self, grid: Phase) -> tuple[Fit, float]:
        return fit_phase(grid, self.problem.config.latency, self.problem.config.seed, self.directory.path)

    def _curve_candidates(self, fit: Fit, finder: CandidateFinder) -> list[Candidate]:
        """The networks of the curves: each compared direction at each size."""
        if self.problem.config.latency:
            self.listener.stage("finding networks for the curves")
        compared = compared_directions(fit.shares)
        return finder.find([Wanted(shares, size, name) for size in self.plan.sizes for name, shares in compared.items()])

    def _latencies(self) -> str | None:
        """Where the latencies of the trials come from, in words; None where they have none."""
        if self.problem.beside is not None:
            return f"predicted for {self.problem.beside.profile.device}"
        if self.problem.device is None:
            return None
        return f"{'predicted for' if self.problem.measurer(self.listener.say) is None else 'measured on'} {self.problem.device}"


def order_of_curves(base: Candidate, candidates: Sequence[Candidate], seeds: int) -> list[Candidate]:
    """The trials of the curves in their order.

    All seeds of one size come before the next size, so that a fit that ends early leaves out the largest networks. Within a size,
    every network is trained with one seed before any is trained with another. The base belongs to the smallest size.
    """
    sizes = sorted({candidate.size for candidate in candidates})
    by_size = [[*([base] if size == sizes[0] else []), *(c for c in candidates if c.size == size)] for size in sizes]
    return [candidate for of_size in by_size for candidate in of_size * seeds]
