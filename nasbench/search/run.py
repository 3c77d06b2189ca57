"""A search from its configuration to the winner: plan, two phases side by side, a final round. It can be killed at any moment."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench.engines.base import Engine
from nasbench.errors import NasbenchError, StudyError
from nasbench.genotype import Genotype
from nasbench.latency import Patience
from nasbench.search.candidate_filter import CandidateFilter
from nasbench.search.config import DEFAULTS, MAY_CHANGE
from nasbench.search.extension import VERDICT_FILE, extend
from nasbench.search.final.final_round import FinalRound
from nasbench.search.final.finalists import FinalResult
from nasbench.search.final.verdict import Agreement
from nasbench.search.final.winner import Choice, deliver
from nasbench.search.limits import directions
from nasbench.search.loop import run_phases
from nasbench.search.measuring import Measure, search_patience
from nasbench.search.plan import Plan, engine_of, planned
from nasbench.search.preparation import prepared
from nasbench.search.problem import Problem
from nasbench.search.records import complete_record
from nasbench.search.reporting import ActivityListener, Failures, Listener, TrialsFailed, describe_trial
from nasbench.search.reuse import REUSED, Reused, reused_trials
from nasbench.search.running_phase import RunningPhase, Schedule, ToTheEnd
from nasbench.search.successive_halving import SuccessiveHalving
from nasbench.search.time_budget import UNTIL_TIME_IS_OVER, Clock, TimeBudget
from nasbench.spaces import ParameterValues
from nasbench.strategies import make_strategy
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.measurements import MEASUREMENTS_FILE, Measurements
from nasbench.study.phase import Phase
from nasbench.study.plugins import plugins_of_study, store_plugins
from nasbench.study.trial import FINAL, Trial
from nasbench.training.preprocess import Preprocess

SEARCH, RANDOM = "search", "random"  # the two phases
WEIGHTS = "weights.safetensors"

ShowPlan = Callable[[Problem, Plan], None]


@dataclass(frozen=True)
class Outcome:
    """The result of a search.

    Attributes:
        path: of the study.
        results: of the final round, best first.
        complete: whether every planned trial was done.
        choice: the winner, or the network that is delivered unverified; and which missed the limit before it.
    """

    path: Path
    results: list[FinalResult]
    complete: bool
    choice: Choice

    @property
    def winner(self) -> FinalResult | None:
        return self.choice.winner


def run_search(problem: Problem, path: Path, listener: Listener, show_plan: ShowPlan, elapsed_s: float = 0.0) -> Outcome:
    """Run the study at `path`, or resume it.

    Args:
        show_plan: called once the plan is made.
        elapsed_s: what the caller has already used of the configuration's time.

    Raises:
        NasbenchError: see `StudyDirectory.create`; limits that cannot be met; trials that all fail for one reason.
    """
    clock = Clock(elapsed_s)
    plugins = plugins_of_study(path, problem.plugins)
    data = problem.evaluator.data
    command = problem.config.command(problem.space, problem.device.key, data.fingerprint, {name: p.sha256 for name, p in plugins.items()})
    more: dict[str, Any] = {"plugin_paths": {name: str(Path(p.path).resolve()) for name, p in plugins.items()}} if plugins else {}
    more |= {"data": dict(data.summary)} if data.summary else {}
    with (
        StudyDirectory.create(path, command, may_change=MAY_CHANGE, defaults=DEFAULTS, more=more, before_change=extend) as directory,
        engine_of(problem, listener) as engine,
        ExitStack() as stack,
    ):
        listener = stack.enter_context(ActivityListener(listener, directory.path))
        patience = search_patience(problem.config.time_s, listener.say)
        try:
            source = problem.config.reuse
            reused = reused_trials(path, source, command) if source else Reused()
            problem, plan = planned(problem, directory, engine, listener, clock, patience)
        except NasbenchError:
            listener.close()
            directory.discard()  # nothing was done yet: leave nothing behind
            raise
        store_plugins(directory.path, plugins)
        reused.store(directory.path)
        show_plan(problem, plan)
        evaluator, prepared_s = prepared(problem, directory.path, engine, listener)
        with Ledger.open(directory) as ledger:
            for message in ledger.messages:
                listener.say(message)
            problem = replace(problem, evaluator=evaluator)
            return _Search(problem, directory, ledger, engine, plan, listener, clock, patience, reused, prepared_s).run()


@dataclass
class _Search:
    """A search whose plan is made: its phases, the final round, the winner."""

    problem: Problem
    directory: StudyDirectory
    ledger: Ledger
    engine: Engine
    plan: Plan
    listener: Listener
    clock: Clock
    patience: Patience
    reused: Reused
    prepared_s: float = 0.0  # seconds of the preparation in earlier runs

    def run(self) -> Outcome:
        problem, listener = self.problem, self.listener
        if problem.predictor is None and problem.config.wants_latency:
            raise StudyError("a search under a latency limit needs a predictor; give the problem a profile with `predicting`")
        speed_ms = None if problem.predictor is None else problem.predictor.profile.speed_ms
        measurements = Measurements(self.directory.path / MEASUREMENTS_FILE, speed_ms)
        measure = problem.measurer(listener.say, self.patience)
        if self.reused:
            self._take_over(measurements, measure)
        phases, filters = self._phases(measurements, measure)
        # An extended study has a final round behind it. What another study spent does not count.
        spent_s = sum(t.seconds or 0.0 for t in self.ledger.records() if REUSED not in t.more) + self.prepared_s * self.plan.workers
        budget = TimeBudget(self.plan, problem.config, self.clock, spent_s, simulated=problem.evaluator.simulates_time)
        final = FinalRound(
            problem,
            self.directory,
            self.ledger,
            phases[0].phase,
            phases[1].phase,
            measure,
            measurements,
            listener,
            self._weights,
            budget,
            self.plan.noise,
        )
        self.engine.time_limit_s = max(300.0, 20 * self.plan.final_s)
        self._evaluate(phases, filters, budget, skip=final.begun())
        results, choice = final.run(self.engine)
        best = choice.delivered
        weights = self._weights(best) if best else None
        unverified = "" if choice.winner else choice.why
        preprocess = Preprocess.from_record(self.ledger.records(FINAL)[best.trial].more) if best else None
        limits, device = problem.config.limits, problem.device
        if (verdict := final.verdict(results, choice)) is not None:
            replace(verdict, ranking=Agreement.of(self.plan.ranking)).save(self.directory.path / VERDICT_FILE)
        deliver(self.directory.path, results, best, weights, limits, device, preprocess, unverified=unverified)
        complete = problem.config.trials is None or all(phase.left == 0 for phase in phases)
        return Outcome(self.directory.path, results, complete, choice)

    def _phases(self, measurements: Measurements, measure: Measure | None) -> tuple[list[RunningPhase], list[CandidateFilter]]:
        """The search, and random search with its own seeds; both have the same limits and evaluator.

        Where random search has as many trials, half of the workers suffice for the search, and its proposals see more results.
        """
        config, filters, phases = self.problem.config, [], []
        workers = self.plan.workers
        for name, parallel in ((SEARCH, workers if config.control_share < 1 else max(1, workers // 2)), (RANDOM, workers)):
            trials = self._stored(name)
            interrupted = trials.unfinished()
            starts = self.problem.starts() if name == SEARCH and config.strategy != "random" else []
            candidates = self._filter(trials, measurements, measure, starts, [t for t in interrupted if not t.passed])
            filters.append(candidates)
            wanted = self.plan.trials if config.trials is not None else UNTIL_TIME_IS_OVER
            wanted = wanted if name == SEARCH else math.ceil(config.control_share * wanted)
            schedule = self._schedule(trials, [t for t in interrupted if t.passed])
            phases.append(self._running(trials, wanted, candidates, parallel, schedule))
        return phases, filters

    def _take_over(self, measurements: Measurements, measure: Measure | None) -> None:
        """Record the networks of another study, with the accuracies that they had there, where they are within the limits here."""
        phases, filters = [], []
        for name in (SEARCH, RANDOM):
            trials = self._stored(name)
            interrupted = [t for t in trials.unfinished() if self.reused.record(t) is not None]
            candidates = self._filter(trials, measurements, measure, self.reused.networks(name), interrupted, proposes=False)
            filters.append(candidates)
            phases.append(self._running(trials, UNTIL_TIME_IS_OVER, candidates, 1, ToTheEnd(trials), self.reused.record))
        before = sum(phase.done for phase in phases)
        run_phases(phases, self.problem.evaluator, self.engine, lambda *_: None, lambda: False)
        for candidates in filters:
            candidates.end()
        if taken := sum(phase.done for phase in phases) - before:
            self.listener.say(f"{taken} of {len(self.reused.trials)} trials of {self.reused.source} are within the limits here")

    def _stored(self, name: str) -> Phase:
        """A phase with its strategy."""
        config = self.problem.config
        options = {"noise": self.plan.noise} if self.plan.noise and config.strategy == "predictor" else {}
        strategy = make_strategy(config.strategy, config.seed, **(options | dict(config.options)))
        strategy = strategy if name == SEARCH else make_strategy("random", config.seed)
        return self.ledger.phase(name, directions(config.mode), strategy, config.seed)

    def _filter(
        self,
        trials: Phase,
        measurements: Measurements,
        measure: Measure | None,
        starts: Sequence[tuple[Genotype, ParameterValues]],
        interrupted: Sequence[Trial],
        proposes: bool = True,
    ) -> CandidateFilter:
        problem, limits, say = self.problem, self.problem.config.limits, self.listener.say
        return CandidateFilter(
            trials, problem.decode, problem.estimate, limits, measurements, measure, say, starts, interrupted, proposes=proposes
        )

    def _running(
        self,
        trials: Phase,
        wanted: int,
        candidates: CandidateFilter,
        parallel: int,
        schedule: Schedule,
        known_result: Callable[[Trial], dict[str, Any] | None] = lambda trial: None,
    ) -> RunningPhase:
        complete, directory = self._complete(candidates), self.directory.trial_directory
        return RunningPhase(trials, wanted, candidates, complete, directory, parallel, schedule, known_result=known_result)

    def _schedule(self, trials: Phase, interrupted: list[Trial]) -> Schedule:
        rungs = self.problem.config.rungs
        if not rungs:
            return ToTheEnd(trials)
        wanted = self.plan.trials if trials.name == SEARCH else self.plan.random_trials
        return SuccessiveHalving(trials, rungs, wanted, self.directory.trial_path, interrupted)

    def _complete(self, candidates: CandidateFilter) -> Callable[[Trial, dict[str, Any]], dict[str, Any]]:
        def complete(trial: Trial, result: dict[str, Any]) -> dict[str, Any]:
            metrics = None if trial.passed else candidates.metrics(trial)
            return complete_record(trial, result, metrics, self.problem.config)

        return complete

    def _evaluate(self, phases: list[RunningPhase], filters: list[CandidateFilter], budget: TimeBudget, *, skip: bool) -> None:
        """Run both phases until they are done or their time is over.

        Args:
            skip: the final round has begun already.

        Raises:
            StudyError: nothing could be evaluated within the limits.
        """
        failures = Failures()

        def report(phase: RunningPhase, trial: Trial) -> None:
            budget.note(trial)
            self.listener.expect(*budget.outlook(phases))
            failures.note(trial)
            self.listener.step(describe_trial(trial, phase.schedule.whole))

        self.listener.stage("evaluating", budget.outlook(phases)[0])
        for _ in range(sum(phase.trainings for phase in phases)):
            self.listener.step()
        if skip:
            return
        try:
            run_phases(phases, self.problem.evaluator, self.engine, report, lambda: budget.over(phases))
        except TrialsFailed:
            for candidates in filters:
                candidates.end()
            raise
        for candidates in filters:
            candidates.end()
        for phase in phases:
            if message := phase.schedule.stop():
                self.listener.say(message)
        if not any(t.reached for phase in phases for t in phase.phase.records()):
            raise StudyError(_all_failed(phases[0].phase, self.directory.path))

    def _weights(self, result: FinalResult) -> Path:
        """The weights that the evaluator left of the winner's best final trial; trials of version 0.1 do not name the file."""
        trial = self.ledger.records(FINAL)[result.trial]
        name: str = trial.more.get("artefacts", {}).get("weights", WEIGHTS)
        return self.directory.trial_path(FINAL, result.trial) / name


def _all_failed(phase: Phase, path: Path) -> str:
    records = phase.records()
    reasons = Counter(t.reason or t.status for t in records)
    reason, count = reasons.most_common(1)[0] if reasons else ("no candidate was proposed", 0)
    return f"a search needs at least one network that can be evaluated; all {len(records)} of {path} failed, {count} with: {reason}"
