"""Successive halving against full training of the same networks: which network is chosen, how good it is, and what that cost.

    python benchmarks/halving.py --out benchmarks/results/halving.json

The networks are drawn once. For each seed they are trained twice, both times as a search trains them: all of them to the end, and
rung by rung. Each way chooses the network with the best validation accuracy among those that it trained to the end. The choice of a
seed is judged by the accuracy of that network under the other seeds, which had no part in the choice. Rank correlations (Spearman)
are between the validation accuracy after each epoch and after the last, over all networks.

After an interruption, the same command with the same --work continues. Seconds are those that the epochs took in the full training,
which is the same to the bit, so that a busy machine affects both ways alike. They do not include the start of processes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

import nasbench as nb
from nasbench.engines.local.engine import LocalEngine
from nasbench.evaluate import EvaluationContext
from nasbench.evaluate.train import TrainEvaluator
from nasbench.files import write_atomic
from nasbench.genotype import adapt
from nasbench.search.loop import run_phases
from nasbench.search.rungs import ALL_AT_ONCE, Rungs
from nasbench.search.running_phase import Queue, RunningPhase, ToTheEnd
from nasbench.search.successive_halving import SuccessiveHalving
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.phase import Phase
from nasbench.study.trial import Trial
from nasbench.training.recipe import PROXY, Recipe


def candidates(space: str, count: int, macs: float) -> list[nb.Genotype]:
    """The first `count` different networks within a limit on multiply-adds that the seeds 0, 1, 2, ... give."""
    networks: dict[str, nb.Genotype] = {}
    seed = 0
    while len(networks) < count:
        g = adapt(nb.space(space).sample(seed), classes=10)
        seed += 1
        if nb.cost(g).macs <= macs:
            networks.setdefault(nb.digest(g), g)
    return list(networks.values())


class Networks(Queue):
    """The networks as candidates. A trial that was interrupted beyond a rung continues by its schedule."""

    def __init__(self, phase: Phase, networks: Sequence[nb.Genotype]) -> None:
        super().__init__(phase, networks)
        self._interrupted = [trial for trial in self._interrupted if not trial.passed]


def running_phase(directory: StudyDirectory, phase: Phase, networks: Sequence[nb.Genotype], rungs: Rungs) -> RunningPhase:
    """The networks in their order, one at a time, so that promotions do not depend on the clock."""

    def complete(trial: Trial, result: dict[str, Any]) -> dict[str, Any]:
        return result | ({"values": [result["accuracy"]]} if result.get("status") == "ok" else {})

    schedule = ToTheEnd(phase)
    if rungs:
        interrupted = [trial for trial in phase.unfinished() if trial.passed]
        schedule = SuccessiveHalving(phase, rungs, len(networks), directory.trial_path, interrupted)
    return RunningPhase(
        phase,
        wanted=len(networks),
        candidates=Networks(phase, networks),
        complete=complete,
        directory=directory.trial_directory,
        parallel=1,
        schedule=schedule,
    )


def train(place: Path, networks: Sequence[nb.Genotype], recipe: dict[str, Any], rungs: Rungs, seeds: int, workers: int) -> None:
    """Train the networks with all seeds, which run side by side; or continue an interrupted training."""
    command = {"networks": [nb.digest(g) for g in networks], "recipe": recipe}
    with StudyDirectory.create(place, command) as directory, Ledger.open(directory) as ledger:
        phases = [
            running_phase(directory, ledger.phase(f"seed{seed}", ("maximize",), None, seed), networks, rungs) for seed in range(seeds)
        ]

        def report(_: RunningPhase, trial: Trial) -> None:
            print(f"{place.name}, {trial.phase} {trial.number}: {trial.accuracy} after {trial.epochs} epochs", flush=True)

        evaluator = TrainEvaluator(EvaluationContext(recipe=recipe))
        with LocalEngine(workers, preload=evaluator.modules) as engine:
            run_phases(phases, evaluator, engine, report, lambda: False)
        for phase in phases:
            if message := phase.schedule.stop():
                print(message)


def trials(place: Path, seed: int) -> list[Trial]:
    with Ledger.open(StudyDirectory.open(place), write=False) as ledger:
        return ledger.records(f"seed{seed}")


def histories(place: Path, seed: int, count: int) -> list[list[dict[str, Any]]]:
    """The epochs of each network, as `metrics.jsonl` has them."""
    study = StudyDirectory.open(place)
    files = [study.trial_path(f"seed{seed}", number) / "metrics.jsonl" for number in range(count)]
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def cost(history: list[dict[str, Any]], rungs: Sequence[int]) -> float:
    """Seconds of training up to the last of `rungs`, and of validation at each of them."""
    return sum(e["train_seconds"] for e in history[: rungs[-1]]) + sum(
        history[e - 1]["seconds"] - history[e - 1]["train_seconds"] for e in rungs
    )


def fewer(order: Sequence[int], worth: Sequence[float], take: int) -> float:
    """The mean accuracy of the chosen network when only `take` networks, drawn at random, are trained to the end.

    Args:
        order: all networks from best to worst, by the seed that chooses.
        worth: accuracy of each network under the other seeds.
    """
    n = len(order)
    return sum(math.comb(n - i - 1, take - 1) / math.comb(n, take) * worth[order[i]] for i in range(n - take + 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="tiny")
    parser.add_argument("--networks", type=int, default=27)
    parser.add_argument("--macs", type=float, default=math.inf, help="limit on multiply-adds of a network")
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--images", type=int, default=PROXY.images)
    parser.add_argument("--eta", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--work", type=Path, help="directory of the trainings; by default a temporary one")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp(prefix="halving-"))
    networks = candidates(args.space, args.networks, args.macs)
    rungs = Rungs.geometric(args.epochs, args.eta)
    recipe = Recipe(epochs=args.epochs, images=args.images).to_dict()
    train(work / "halving", networks, recipe, rungs, args.seeds, args.workers)
    train(work / "full", networks, recipe | {"validate_epochs": True}, ALL_AT_ONCE, args.seeds, args.workers)
    results = compare(work, len(networks), rungs, args.seeds)
    about = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "space": args.space,
        "macs_limit": None if math.isinf(args.macs) else args.macs,
        "networks": len(networks),
        "recipe": recipe,
        "rungs": list(rungs.epochs),
        "eta": rungs.eta,
        "seeds": args.seeds,
        "workers": args.workers,
    }
    text = json.dumps(about | results, indent=1) + "\n"
    print(text)
    if args.out:
        write_atomic(args.out, text)


def compare(place: Path, count: int, rungs: Rungs, seeds: int) -> dict[str, Any]:
    """The two ways side by side: a row for each seed, and the means."""
    full = [trials(place / "full", seed) for seed in range(seeds)]
    halved = [trials(place / "halving", seed) for seed in range(seeds)]
    epochs = [histories(place / "full", seed, count) for seed in range(seeds)]
    accuracy = [[t.accuracy or 0.0 for t in of_seed] for of_seed in full]
    rows = []
    for seed in range(seeds):
        # The accuracy of each network without the seed that chooses.
        worth = [statistics.mean(accuracy[other][n] for other in range(seeds) if other != seed) for n in range(count)]
        order = sorted(range(count), key=lambda n: -accuracy[seed][n])
        completed = [t for t in halved[seed] if t.status == "ok"]
        chosen = max(completed, key=lambda t: t.accuracy or 0.0).number
        spent_epochs = sum(t.epochs or 0 for t in halved[seed])
        full_seconds = sum(cost(history, [rungs.epochs[-1]]) for history in epochs[seed])
        halving_seconds = sum(cost(epochs[seed][t.number], [e for e in rungs.epochs if e <= (t.epochs or 0)]) for t in halved[seed])
        last = [history[-1]["accuracy"] for history in epochs[seed]]
        rows.append(
            {
                "seed": seed,
                "full": {"network": order[0], "own_accuracy": accuracy[seed][order[0]], "accuracy": worth[order[0]]},
                "halving": {
                    "network": chosen,
                    "own_accuracy": accuracy[seed][chosen],
                    "accuracy": worth[chosen],
                    "place": order.index(chosen) + 1,
                },
                "as_many_epochs_at_random": {
                    "networks": spent_epochs // rungs.epochs[-1],
                    "accuracy": fewer(order, worth, spent_epochs // rungs.epochs[-1]),
                },
                "best_accuracy": max(worth),
                "share_of_epochs": spent_epochs / (count * rungs.epochs[-1]),
                "share_of_seconds": halving_seconds / full_seconds,
                "trained_to": {str(e): sum((t.epochs or 0) >= e for t in halved[seed]) for e in rungs.epochs},
                "same_weights": sum(t.more["weights_sha256"] == full[seed][t.number].more["weights_sha256"] for t in completed),
                "ended": len(completed),
                "spearman_with_last": {
                    str(e): spearmanr([history[e - 1]["accuracy"] for history in epochs[seed]], last)[0] for e in range(1, rungs.epochs[-1])
                },
            }
        )
    between = [spearmanr(accuracy[a], accuracy[b])[0] for a in range(seeds) for b in range(a)]
    mean = {
        "accuracy_full": statistics.mean(r["full"]["accuracy"] for r in rows),
        "accuracy_halving": statistics.mean(r["halving"]["accuracy"] for r in rows),
        "accuracy_as_many_epochs_at_random": statistics.mean(r["as_many_epochs_at_random"]["accuracy"] for r in rows),
        "accuracy_all_networks": statistics.mean(statistics.mean(of_seed) for of_seed in accuracy),
        "share_of_epochs": statistics.mean(r["share_of_epochs"] for r in rows),
        "share_of_seconds": statistics.mean(r["share_of_seconds"] for r in rows),
        "spearman_with_last": {
            e: round(statistics.mean(r["spearman_with_last"][e] for r in rows), 3) for e in rows[0]["spearman_with_last"]
        },
        "spearman_between_seeds_at_the_end": statistics.mean(between),
    }
    return {"mean": mean, "by_seed": rows}


if __name__ == "__main__":
    main()
