"""Does the verdict hold? Many whole searches on a tabular benchmark, each compared with a random search of which it knows nothing.

    python benchmarks/verdict.py nas-bench-macro_cifar10.json --searches 100 --first-seed 100

A search evaluates networks, and a control of random search a quarter as many; the final round trains the best ones again. The verdict
then states an interval for the difference between what is delivered and what random search with as many evaluations hands over. Here that
random search is run, with other seeds, and the table says how good both networks truly are. A 95 % interval should hold the difference in
95 % of the searches. The same is asked of the probability that the delivered network is the best finalist.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nasbench.bench import BenchProblem
from nasbench.bench.memory import MemoryStore
from nasbench.search.config import SearchConfig
from nasbench.search.final.evaluated import Evaluated
from nasbench.search.final.finalists import Finalist, FinalResult, final_results
from nasbench.search.final.repeats import FINALISTS, contenders, searching
from nasbench.search.final.verdict import random_networks, search_verdict
from nasbench.search.limits import Limits
from nasbench.strategies import make_strategy
from nasbench.study.phase import Phase
from nasbench.study.seeds import derive

SEEDS = SearchConfig.final_seeds


class Row(NamedTuple):
    """One search: what its verdict says, and what is true."""

    seed: int
    difference: float
    low: float
    high: float
    true_difference: float
    best_probability: float
    best: bool
    expected_loss: float
    true_loss: float


def run_phase(problem: BenchProblem, name: str, strategy: str, count: int, seed: int) -> Phase:
    """A phase with so many evaluations."""
    phase = Phase(MemoryStore(), name, ("maximize",), make_strategy(strategy, seed), seed)
    while sum(t.status == "ok" for t in phase.records()) < count:
        trial = phase.ask(problem.loaded_space.decode)
        if trial is None:
            break
        accuracy = problem.draw(problem.networks[trial.digest], derive(seed, name, "draw", trial.number))
        phase.tell(trial.number, {"status": "ok", "values": [accuracy], "accuracy": accuracy, "seconds": 0.0})
    return phase


def finalist(problem: BenchProblem, phase: Phase, digest: str) -> Finalist:
    """A network of a phase as a finalist."""
    trial = phase.find(digest)
    if trial is None:
        raise ValueError(f"{phase.name} has no network {digest}")
    m = problem.networks[digest].metrics
    return Finalist(f"{phase.name} {trial.number}", trial.genotype, digest, m.params, m.macs, None, None, phase.name)


def train(problem: BenchProblem, final: Phase, one: Finalist, seed: int) -> None:
    """One more training of a finalist."""
    from nasbench.genotype import Genotype

    trial = final.enter(Genotype.from_yaml(one.genotype))
    accuracy = problem.draw(problem.networks[one.digest], derive(seed, "final", trial.number))
    final.tell(trial.number, {"status": "ok", "values": [accuracy], "accuracy": accuracy, "seconds": 0.0})


def whole_search(problem: BenchProblem, evaluations: int, seed: int) -> tuple[list[FinalResult], Evaluated, list[str]]:
    """A search with its control and its final round."""
    new = min(searching(evaluations), evaluations - FINALISTS * SEEDS)
    search = run_phase(problem, "search", SearchConfig.strategy, new, seed)
    control = run_phase(problem, "random", "random", -(-new // 4), derive(seed, "control"))
    evaluated = Evaluated((search, control))
    config = SearchConfig(space=problem.space, limits=Limits(macs=10**12))
    order = sorted({t.digest for t in search.records() if t.status == "ok"}, key=lambda d: -evaluated.expected(d))
    chosen = [finalist(problem, search, d) for d in order[: contenders(evaluations - new, config)]]
    rival = max({t.digest for t in control.records() if t.status == "ok"}, key=evaluated.expected)
    chosen += [finalist(problem, control, rival)] if rival not in {f.digest for f in chosen} else []
    final = Phase(MemoryStore(), "final", ("maximize",), None, seed)
    for one in [*chosen[:FINALISTS], chosen[-1]]:
        for _ in range(SEEDS):
            train(problem, final, one, seed)
    digests = [f.digest for f in chosen]
    for _ in range(evaluations - new - FINALISTS * SEEDS):
        evaluated = Evaluated((search, control), final.records(), digests)
        place = evaluated.race.next()
        if place is None:
            break
        train(problem, final, next(f for f in chosen if evaluated.place[f.digest] == place), seed)
    evaluated = Evaluated((search, control), final.records(), digests)
    return final_results(chosen, final.records(), evaluated.expected), evaluated, [t.digest for t in control.records() if t.status == "ok"]


def random_search(problem: BenchProblem, count: int, seed: int) -> float:
    """The true accuracy of what a random search hands over: of the two best, the one with the higher mean of fresh trainings."""
    phase = run_phase(problem, "rival", "random", count, seed)
    best = sorted((t for t in phase.records() if t.status == "ok"), key=lambda t: -(t.accuracy or 0))[:FINALISTS]
    networks = [problem.networks[t.digest] for t in best]
    means = [np.mean([problem.draw(n, derive(seed, "again", i, k)) for k in range(SEEDS)]) for i, n in enumerate(networks)]
    return networks[int(np.argmax(means))].mean


def row(task: tuple[str, str, int, int]) -> Row:
    """One search and its verdict."""
    space, table, evaluations, seed = task
    problem = BenchProblem(space, table)
    results, evaluated, control = whole_search(problem, evaluations, seed)
    networks = evaluations - FINALISTS * SEEDS
    others = random_networks(problem.loaded_space.decode, lambda g: True, networks, derive(seed, "others"))
    verdict = search_verdict(evaluated, results[0], results, control, others, networks, SEEDS, seed)
    if verdict.random is None:
        raise ValueError("too few random networks")
    truth = [problem.networks[r.finalist.digest].mean for r in results]
    rival = random_search(problem, networks, derive(seed, "rival"))
    c = verdict.random
    best = truth[0] >= max(truth) - 1e-12
    return Row(
        seed, c.difference, c.low, c.high, truth[0] - rival, verdict.best_probability, best, verdict.expected_loss, max(truth) - truth[0]
    )


def report(rows: list[Row]) -> dict[str, Any]:
    """How often the interval holds the truth."""
    held = [r.low <= r.true_difference <= r.high for r in rows]
    clear = [r for r in rows if r.low > 0]
    return {
        "searches": len(rows),
        "seeds": [rows[0].seed, rows[-1].seed],
        "interval_holds": sum(held),
        "below": sum(r.true_difference < r.low for r in rows),
        "above": sum(r.true_difference > r.high for r in rows),
        "mean_width_points": round(100 * float(np.mean([r.high - r.low for r in rows])), 3),
        "mean_difference_points": round(100 * float(np.mean([r.difference for r in rows])), 3),
        "mean_true_difference_points": round(100 * float(np.mean([r.true_difference for r in rows])), 3),
        "said_better": len(clear),
        "said_better_and_is": sum(r.true_difference > 0 for r in clear),
        "mean_best_probability": round(float(np.mean([r.best_probability for r in rows])), 3),
        "best": sum(r.best for r in rows),
        "expected_loss_points": round(100 * float(np.mean([r.expected_loss for r in rows])), 4),
        "true_loss_points": round(100 * float(np.mean([r.true_loss for r in rows])), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--space", default="macro")
    parser.add_argument("--evaluations", default="50,100")
    parser.add_argument("--searches", type=int, default=100)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    reports = {}
    for evaluations in map(int, args.evaluations.split(",")):
        tasks = [(args.space, args.table, evaluations, seed) for seed in range(args.first_seed, args.first_seed + args.searches)]
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            reports[evaluations] = report(list(pool.map(row, tasks)))
        print(evaluations, "evaluations:", json.dumps(reports[evaluations], indent=1))
    if args.out:
        args.out.write_text(json.dumps({"table": Path(args.table).name, "reports": reports}, indent=1) + "\n")


if __name__ == "__main__":
    main()
