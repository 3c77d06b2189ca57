"""Many searches on a table: strategies side by side, with the same seeds."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from nasbench.bench.memory import MemoryStore
from nasbench.bench.problem import BenchProblem
from nasbench.bench.rivals import strategy_named
from nasbench.errors import StudyError
from nasbench.genotype import trace
from nasbench.plugins import Plugin, loaded_plugins, use_plugin
from nasbench.search.config import SearchConfig
from nasbench.search.final.race import Race
from nasbench.search.final.repeats import FINALISTS, searching
from nasbench.strategies import Strategy
from nasbench.strategies.predictor.features import Features, Rows, Vector
from nasbench.strategies.predictor.sizes import sizes_of
from nasbench.study.in_memory import Direction
from nasbench.study.phase import Phase
from nasbench.study.seeds import derive

REFUSED = 10_000  # candidates in a row outside the limits before a search ends


@dataclass(frozen=True)
class BenchConfig:
    """What is compared.

    Args:
        problem: space, table and limits.
        strategies: names; the first is compared with each of the others.
        evaluations: numbers of evaluations after which the searches are compared, ascending.
        seeds: the seeds of the searches; every strategy gets the same.

    Raises:
        StudyError: an empty list, a number below 1, or a strategy twice.
    """

    problem: BenchProblem
    strategies: tuple[str, ...]
    evaluations: tuple[int, ...] = (50, 100, 200)
    seeds: tuple[int, ...] = tuple(range(30))

    def __post_init__(self) -> None:
        if not self.strategies or len(set(self.strategies)) < len(self.strategies):
            raise StudyError(f"a benchmark compares one strategy or several different ones; got {', '.join(self.strategies) or 'none'}")
        if not self.evaluations or min(self.evaluations) < 1 or list(self.evaluations) != sorted(set(self.evaluations)):
            raise StudyError(f"evaluations are whole numbers from 1 in ascending order; got {', '.join(map(str, self.evaluations))}")
        if not self.seeds:
            raise StudyError("a benchmark needs at least one seed; got none")


class Outcome(NamedTuple):
    """One search of one strategy.

    Attributes:
        after: numbers of evaluations; the other lists belong to them.
        regret: percentage points that the network handed over is below the best one: the highest accuracy that was observed.
        final_regret: the same with a final round: the last evaluations train the best networks again, and the highest mean wins.
        visited_regret: of the best network that was evaluated at all, which a perfect choice would hand over.
        hypervolume: share of the true front's hypervolume, in Pareto mode.
        asked: candidates until the last evaluation, with those that the limits refused or that were no new network.
    """

    strategy: str
    seed: int
    after: tuple[int, ...]
    regret: tuple[float, ...]
    final_regret: tuple[float | None, ...]
    visited_regret: tuple[float, ...]
    hypervolume: tuple[float | None, ...]
    asked: int


class Bench(NamedTuple):
    """The outcomes of a benchmark, with what was compared."""

    config: BenchConfig
    outcomes: list[Outcome]


def run_bench(config: BenchConfig, jobs: int | None = None, step: Callable[[str], None] = lambda _: None) -> Bench:
    """Run every strategy with every seed, on all cores.

    Args:
        jobs: processes; by default one for each core.
        step: called after each search, with a line about it.

    Raises:
        StudyError: an unknown strategy, or a problem that cannot be opened.
    """
    for name in config.strategies:
        strategy_named(name, 0)
    _ = config.problem.best  # refuses an impossible problem before any process starts
    tasks = [(name, seed) for seed in config.seeds for name in config.strategies]
    outcomes: list[Outcome] = []
    workers = max(1, min(jobs or os.cpu_count() or 1, len(tasks)))
    with ProcessPoolExecutor(workers, get_context("forkserver"), _begin, (config, loaded_plugins())) as pool:
        for future in as_completed([pool.submit(_search, *task) for task in tasks]):
            outcome = future.result()
            outcomes.append(outcome)
            step(f"{outcome.strategy}, seed {outcome.seed}: {outcome.regret[-1]:.3f} points below the best")
    order = {task: i for i, task in enumerate(tasks)}
    return Bench(config, sorted(outcomes, key=lambda o: order[o.strategy, o.seed]))


_CONFIG: BenchConfig | None = None  # of a process of the pool


def _begin(config: BenchConfig, plugins: Sequence[Plugin]) -> None:
    global _CONFIG
    _CONFIG = config
    for plugin in plugins:
        use_plugin(plugin)
    threadpool_limits(1)


def _search(name: str, seed: int) -> Outcome:
    if _CONFIG is None:
        raise StudyError("a search of a benchmark runs in a process of its pool; call run_bench")
    return search(_CONFIG.problem, strategy_named(name, seed), _CONFIG.evaluations)


def search(problem: BenchProblem, strategy: Strategy, evaluations: Sequence[int]) -> Outcome:
    """One search: ask, check the limits, evaluate, record, as the search of a study does."""
    directions: tuple[Direction, ...] = ("maximize", "minimize") if problem.mode == "pareto" else ("maximize",)
    phase = Phase(MemoryStore(), "search", directions, strategy, strategy.seed)
    evaluated: list[_Evaluated] = []
    refused = 0
    while len(evaluated) < evaluations[-1] and refused < REFUSED:
        trial = phase.ask(problem.loaded_space.decode)
        if trial is None:
            break
        network = problem.networks.get(trial.digest)
        if network is None:
            phase.tell(trial.number, {"status": "infeasible", "reason": "the table has no such network", "seconds": 0.0})
        elif not problem.within(network):
            phase.tell(trial.number, {"status": "over_budget", "constraints": problem.limits.excess(network.metrics), "seconds": 0.0})
        else:
            accuracy = problem.draw(network, derive(strategy.seed, "draw", trial.number))
            values = [accuracy, float(network.macs)] if problem.mode == "pareto" else [accuracy]
            record = {
                "status": "ok",
                "values": values,
                "accuracy": accuracy,
                "constraints": problem.limits.excess(network.metrics),
                "seconds": 0.0,
            }
            phase.tell(trial.number, record)
            evaluated.append(_Evaluated(trial.digest, accuracy, trial.params, sizes_of(trace(trial.network))))
            refused = 0
            continue
        refused += 1
    if not evaluated:
        asked = len(phase)
        raise StudyError(f"{strategy.name} evaluated nothing within the limits in {asked} candidates; allow more, or choose another space")
    features = Features()
    features.add(phase.options())

    def rows(several: Sequence[_Evaluated]) -> Rows:
        return Rows(features.rows([e.params for e in several]), np.array([e.sizes for e in several]))

    return _outcome(problem, strategy, tuple(evaluations), evaluated, rows, len(phase))


class _Evaluated(NamedTuple):
    digest: str
    accuracy: float
    params: Mapping[str, Any]
    sizes: Vector


_AsRows = Callable[[Sequence[_Evaluated]], Rows]


def _outcome(
    problem: BenchProblem, strategy: Strategy, after: tuple[int, ...], evaluated: Sequence[_Evaluated], rows: _AsRows, asked: int
) -> Outcome:
    def regret(digest: str) -> float:
        return 100 * (problem.best.mean - problem.networks[digest].mean)

    def handed_over(count: int) -> str:
        return max(evaluated[:count], key=lambda e: e.accuracy).digest

    finals = [_after_final_round(problem, strategy.seed, n, evaluated, rows) for n in after]
    pareto = problem.mode == "pareto"
    return Outcome(
        strategy.name,
        strategy.seed,
        after,
        tuple(regret(handed_over(n)) for n in after),
        tuple(None if one is None else regret(one) for one in finals),
        tuple(min(regret(e.digest) for e in evaluated[:n]) for n in after),
        tuple(problem.hypervolume_share([problem.networks[e.digest] for e in evaluated[:n]]) if pareto else None for n in after),
        asked,
    )


def _after_final_round(problem: BenchProblem, seed: int, count: int, evaluated: Sequence[_Evaluated], rows: _AsRows) -> str | None:
    """The network that is handed over after so many evaluations, some of which train the best networks again, as a search does.

    Returns:
        Its digest; None where the evaluations are too few for a final round.
    """
    least = FINALISTS * SearchConfig.final_seeds
    searched = evaluated[: min(searching(count), count - least)] if count >= least + FINALISTS else []
    if not searched:
        return None
    networks = [problem.networks[e.digest] for e in searched]
    race = Race(rows(searched), [(i, e.accuracy) for i, e in enumerate(searched)])
    finalists = race.ranked()[:FINALISTS]
    for number in range(count - len(searched)):
        network = finalists[number // SearchConfig.final_seeds] if number < least else race.next()
        if network is None:
            break
        race.add(network, problem.draw(networks[network], derive(seed, "final", number)))
    return searched[race.ranked(trained=2)[0]].digest
