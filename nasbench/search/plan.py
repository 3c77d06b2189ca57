"""The plan: what a search will do and how long it will take, from a look at the space and a short run of the evaluator."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import median
from typing import Any

from nasbench.engines.base import Engine
from nasbench.engines.open import open_engine
from nasbench.errors import BusyError, LimitError, StudyError
from nasbench.evaluate.base import Evaluator
from nasbench.files import MALFORMED, read_json, write_atomic
from nasbench.genotype import Genotype, cost
from nasbench.latency import Patience, save_profile
from nasbench.latency.contract import predicted_within, side
from nasbench.search.config import SearchConfig, space_digest
from nasbench.search.device_profile import obtain_profile, stored_profile, studied_profile
from nasbench.search.final.repeats import FINALISTS, LEADERS, after_s, rival_runs, split
from nasbench.search.probe.ranking import USUAL_SHARE, Ranking
from nasbench.search.probe.store import stored_rankings
from nasbench.search.problem import Problem
from nasbench.search.reporting import Listener
from nasbench.search.space_summary import SpaceSample, SpaceSummary, sample_space
from nasbench.search.timed_calls import evaluate_all
from nasbench.study.directory import PROFILE_FILE, StudyDirectory
from nasbench.training.proxy import ProxyPlan

MIN_TRIALS = 4
MOST_EVALUATIONS = 1_000_000
STARTING_S = 1.5  # until the process of a trial begins its work
LEAST_S = 1e-3  # of an evaluation
TIMED = ((0.5, 0.9), (0.25, 0.0))  # networks that are timed, from the smallest to the largest; the second two if none of the first can be


@dataclass(frozen=True)
class Plan:
    """Before the first trial.

    Attributes:
        space: what was seen of the space.
        trials: networks that the search evaluates; random_trials: those of random search.
        final_runs: trainings of finalists and known networks with fresh seeds.
        repeats: how many of those are of the search's best networks; None in plans of version 0.1.
        seconds_per_trial: of one worker, for a whole training; seconds_per_known: the same for a known network.
        seconds_per_final: of a training alone in the final round, where a trial is something else; None where it is the same.
        preparing_s: seconds of the work before the trials that they share.
        workers: trials at a time.
        expected_s: seconds that everything takes.
        share: the part of a whole training that a trial costs on average: below 1 where successive halving stops most of them.
        calls: trainings, of one rung each, that a trial has on average.
        largest_params: parameters of the largest sampled network within the limits, which bounds the size of a checkpoint.
        proxy: the training of one network, and how exactly it ranks; None where the evaluator trains nothing.
        ranking: how well that training ranks networks, where a probe has measured it.
        noise: the least share of noise in an accuracy of that training, see `best_variances`; 0 in plans of version 0.1.
    """

    space: SpaceSummary
    trials: int
    final_runs: int
    seconds_per_trial: float
    seconds_per_known: float
    workers: int
    expected_s: float
    share: float = 1.0
    calls: float = 1.0
    largest_params: int = 0
    proxy: ProxyPlan | None = None
    repeats: int | None = None
    random_trials: int = 0
    ranking: Ranking | None = None
    noise: float = 0.0
    seconds_per_final: float | None = None
    preparing_s: float = 0.0

    @property
    def final_s(self) -> float:
        """Seconds of one training in the final round."""
        return self.seconds_per_trial if self.seconds_per_final is None else self.seconds_per_final

    def to_json(self) -> str:
        """The file `plan.json`: one flat mapping, with `binds` and `verdict`, which `from_json` works out again."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "space"}
        own["proxy"] = None if self.proxy is None else self.proxy.to_json()
        own["ranking"] = None if self.ranking is None else self.ranking.to_json()
        content = asdict(self.space) | own | {"binds": self.space.binds, "verdict": self.space.verdict}
        return json.dumps(content, indent=1) + "\n"

    def extended(self, config: SearchConfig, history: Sequence[Mapping[str, Any]]) -> Plan | None:
        """The plan of a study that was given more trials or more time; None if it was not.

        Args:
            history: see `StudyDirectory.history`.
        """
        changes = [entry for entry in history if {"trials", "time_s"} & entry["changed"].keys()]
        repeats = FINALISTS * config.final_seeds if self.repeats is None else self.repeats
        if not changes:
            return None
        plan = _with_amount(config, self, self.final_runs - repeats - rival_runs(config), config.time_s)
        return None if plan.trials == self.trials else plan

    @classmethod
    def from_json(cls, path: Path) -> Plan:
        """The stored plan of a study that is resumed.

        Raises:
            StudyError: the file is damaged.
        """
        try:
            stored = read_json(path)
            space = SpaceSummary(**{f.name: stored[f.name] for f in fields(SpaceSummary)})
            own = {"random_trials": stored["trials"]} | {f.name: stored[f.name] for f in fields(cls) if f.name in stored}
            if own.get("proxy") is not None:
                own["proxy"] = ProxyPlan(**own["proxy"])
            if own.get("ranking") is not None:
                own["ranking"] = Ranking.from_json(own["ranking"])
            return cls(space=space, **own)
        except (OSError, *MALFORMED) as error:
            raise StudyError(
                f"a study keeps its plan in {path}; it cannot be read ({error}); restore it, or choose another --name"
            ) from None


def plan_search(problem: Problem, listener: Listener, patience: Patience | None = None, elapsed_s: float = 0.0) -> Plan:
    """Look at the space and ask the evaluator for its cost; nothing is stored.

    Raises:
        LimitError: the limits cannot be met.
        StudyError: the engine cannot run a trial.
    """
    with engine_of(problem, listener) as engine:
        return _plan(problem, engine, listener, patience, elapsed_s)


def with_predictor(problem: Problem, listener: Listener, patience: Patience | None = None) -> Problem:
    """The problem with latency predicted from the profile of its device, which is measured if there is none.

    Where nothing asks for latencies, only a stored profile is used, and nothing is measured.

    Raises:
        DeviceError: see `obtain_profile`.
    """
    if problem.predictor is not None:  # the device came with its profile
        return problem
    if problem.config.wants_latency:
        return problem.predicting(obtain_profile(problem.device, problem.space, listener, patience=patience))
    stored = stored_profile(problem.device)
    return problem if stored is None else problem.predicting(stored)


def engine_of(problem: Problem, listener: Listener) -> Engine:
    """The engine that a search runs on; a context manager that ends with everything that it runs."""
    return open_engine(problem.config.engine, problem.config.workers, problem.evaluator, listener.say)


def planned(
    problem: Problem, directory: StudyDirectory, engine: Engine, listener: Listener, clock: Callable[[], float], patience: Patience
) -> tuple[Problem, Plan]:
    """The problem with its device profiled, and the plan; a resumed study predicts and does as it began."""
    stored = directory.path / "plan.json"
    if stored.exists():
        plan = Plan.from_json(stored)
        if extended := plan.extended(problem.config, directory.history):
            plan = extended
            write_atomic(stored, plan.to_json())
        predicts = problem.config.wants_latency or (directory.path / PROFILE_FILE).exists()
        return problem.predicting(studied_profile(directory.path)) if predicts else problem, plan
    problem = with_predictor(problem, listener, patience)
    plan = _plan(problem, engine, listener, patience, clock())
    if problem.predictor is not None:
        save_profile(problem.predictor.profile, directory.path / PROFILE_FILE)
        problem = problem.predicting(studied_profile(directory.path))  # the file has fewer digits: predict as a resumed study will
    write_atomic(stored, plan.to_json())
    return problem, plan


def _plan(problem: Problem, engine: Engine, listener: Listener, patience: Patience | None, elapsed_s: float) -> Plan:
    config = problem.config
    listener.stage("looking at the space")
    measurable = problem.measurable
    sample = sample_space(problem.space, problem.decode, config.limits, problem.estimate, config.seed, measurable=measurable)
    _measure_fastest(problem, sample, listener, patience)
    listener.stage("timing the evaluator")
    plan = make_plan(config, problem.evaluator, sample, list(problem.known().values()), engine, config.time_s - elapsed_s)
    if plan.proxy is None:
        return plan
    measured = stored_rankings(problem.evaluator.data.fingerprint, space_digest(problem.space)).of(config.recipe)
    return replace(plan, ranking=measured, noise=USUAL_SHARE if measured is None else measured.noise_share)


def _measure_fastest(problem: Problem, sample: SpaceSample, listener: Listener, patience: Patience | None) -> None:
    """Measure the fastest network where no sample is surely inside: a limit that cannot be met is refused before the search.

    Raises:
        LimitError: it cannot be met.
        BusyError: other work keeps the machine busy, and not even by its prediction a sample is within the limit.
    """
    limit, measure = problem.config.limits.latency_ms, problem.measurer(listener.say, patience)
    if limit is None or sample.summary.inside or measure is None or problem.predictor is None:
        return
    listener.say(f"no sample is surely within {limit:g} ms: measuring the fastest network that was found")
    try:
        m = measure({"fastest": sample.fastest})["fastest"]
    except BusyError as error:
        if not any(predicted_within(problem.estimate(g).prediction, limit) for g in sample.examples):
            raise
        listener.say(f"{error}; by their predictions some networks are within the limit, so the search begins")
        return
    speed_ms = problem.predictor.profile.speed_ms
    m = m if speed_ms is None else m.at_speed(speed_ms)
    if side(m.low_ms, m.high_ms, limit) == "outside":
        raise LimitError(
            f"{limit:g} ms cannot be met in {problem.space.name}: the fastest network that was found takes {m.median_ms:.3g} ms "
            f"[{m.low_ms:.3g}, {m.high_ms:.3g}], measured; allow at least that, or choose a space with smaller networks"
        )


def make_plan(
    config: SearchConfig, evaluator: Evaluator, sample: SpaceSample, known: Sequence[Genotype], engine: Engine, time_left_s: float
) -> Plan:
    """Ask the evaluator for its cost, then see how many trials fit into `time_left_s`; a given number of trials is kept.

    Raises:
        StudyError: no network of the space can be evaluated.
    """
    examples, rungs = sample.examples, config.rungs
    first, smaller = ([examples[int(q * (len(examples) - 1))] for q in shares] for shares in TIMED)
    try:
        own, theirs = seconds_per_evaluation(evaluator, first, known, engine)
    except StudyError:  # large networks may diverge or exceed the memory, and small ones not
        own, theirs = seconds_per_evaluation(evaluator, smaller, known, engine)
    known_runs, scored = len(known) * config.final_seeds, evaluator.trains_finalists
    plan = Plan(
        space=sample.summary,
        trials=0,
        final_runs=0,
        seconds_per_trial=evaluator.seconds_of_trial(own) if scored else own,
        seconds_per_known=theirs,
        workers=engine.workers,  # a cluster may have room for fewer than were asked for
        expected_s=0.0,
        share=rungs.share,
        calls=rungs.calls,
        largest_params=max(cost(g).params for g in examples),
        proxy=_proxy(config, evaluator, examples),
        seconds_per_final=own if scored else None,
        preparing_s=0.0 if config.trials is not None else evaluator.preparing_share * config.time_s,
    )
    return _with_amount(config, plan, known_runs, time_left_s)


def _with_amount(config: SearchConfig, plan: Plan, known_runs: int, time_left_s: float) -> Plan:
    """The plan with as many evaluations as fit into `time_left_s`, or a given number, and the seconds that everything takes."""
    # The start of the first training is part of the trial's time.
    one = plan.seconds_per_trial * plan.share + STARTING_S * (plan.calls - 1)
    fixed_s = (rival_runs(config) * plan.final_s + known_runs * plan.seconds_per_known) / plan.workers + after_s(config) + plan.preparing_s

    def parts(evaluations: int) -> tuple[int, int]:
        return split(evaluations, config) if plan.seconds_per_final is None else (evaluations, LEADERS)

    def seconds(evaluations: int) -> float:
        new, repeats = parts(evaluations)
        return (new * (1 + config.control_share) * one + repeats * plan.final_s) / plan.workers + fixed_s

    evaluations = config.trials
    if evaluations is None:
        evaluations = max(MIN_TRIALS, bisect_right(range(MOST_EVALUATIONS), time_left_s, key=seconds) - 1)
    new, repeats = parts(evaluations)
    if config.trials is None:
        new = min(new, plan.space.count)
    final_runs = repeats + rival_runs(config) + known_runs
    at_random = math.ceil(config.control_share * new)
    return replace(plan, trials=new, random_trials=at_random, final_runs=final_runs, repeats=repeats, expected_s=seconds(evaluations))


def _proxy(config: SearchConfig, evaluator: Evaluator, examples: Sequence[Genotype]) -> ProxyPlan | None:
    data = evaluator.data
    if not data.training:
        return None
    return ProxyPlan.of(config.recipe, data.training, data.validation, examples)


def seconds_per_evaluation(evaluator: Evaluator, own: Sequence[Genotype], known: Sequence[Genotype], engine: Engine) -> tuple[float, float]:
    """Seconds that an evaluation of the space's networks takes, and one of the known networks, with all workers busy.

    Raises:
        StudyError: none of `own` can be evaluated.
    """
    expected = evaluator.cost([*own, *known], evaluate_all(engine))
    seconds = [e.seconds for e in expected[: len(own)] if e.seconds is not None]
    others = [e.seconds for e in expected[len(own) :] if e.seconds is not None]
    if not seconds:
        reasons = "; ".join(sorted({e.reason for e in expected[: len(own)]}))
        raise StudyError(f"no network of the space could be evaluated: {reasons}")
    middle = max(LEAST_S, median(seconds))
    return middle, max(LEAST_S, median(others)) if others else middle
