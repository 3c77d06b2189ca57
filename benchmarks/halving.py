"""Successive halving against full training of the same networks: who is chosen, how good it is, and what that cost.

    python benchmarks/halving.py --out benchmarks/results/halving.json

Networks are drawn once. For each seed they are trained twice, both times as a search trains them: to the end, all of them, and
rung by rung. Each way chooses the network with the best validation accuracy of those that it trained to the end. The choice of a
seed is judged by the accuracy of that network under the other seeds, which had no part in the choice. Rank correlations
(Spearman) are between the validation accuracy after each epoch and after the last, over all networks.

Interrupted, the same command with the same --work goes on. Seconds are those that the epochs took in the full training, where both
are the same to the bit: a busy machine then weighs on both alike. Starting processes is not in them.
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
from nasbench.evaluate.train import TrainTask, evaluate_training
from nasbench.files import write_atomic
from nasbench.genotype import adapt
from nasbench.search.loop import Arm, work
from nasbench.search.rungs import ALL_AT_ONCE, Rungs
from nasbench.search.successive_halving import Halving
from nasbench.study.directory import StudyDirectory
from nasbench.study.ledger import Ledger
from nasbench.study.phase import Phase
from nasbench.study.trial import Trial
from nasbench.training.recipe import PROXY, Recipe


def candidates(space: str, count: int, macs: float) -> list[nb.Genotype]:
    """The first `count` different networks within a limit on multiply-adds that the seeds 0, 1, 2, ... draw."""
    found: dict[str, nb.Genotype] = {}
    seed = 0
    while len(found) < count:
        g = adapt(nb.space(space).sample(seed), classes=10)
        seed += 1
        if nb.cost(g).macs <= macs:
            found.setdefault(nb.digest(g), g)
    return list(found.values())


def arm(folder: StudyDirectory, phase: Phase, networks: Sequence[nb.Genotype], recipe: dict[str, Any], rungs: Rungs) -> Arm:
    """The networks in their order, one at a time, so that what is promoted does not depend on the clock."""
    left = [asked for asked in phase.unfinished() if not asked.passed]

    def draw(_: int):
        if left:
            return left.pop(0)
        return phase.enter(networks[len(phase)]) if len(phase) < len(networks) else None

    def task(asked) -> TrainTask:
        place = str(folder.trial_folder(asked.phase, asked.number))
        return TrainTask(genotype=asked.genotype.to_yaml(), folder=place, recipe=recipe, seed=asked.seed)

    def record(_, told: dict[str, Any]) -> dict[str, Any]:
        return told | ({"values": [told["accuracy"]]} if told.get("status") == "ok" else {})

    halving = Halving(phase, rungs, len(networks), folder.trial) if rungs else None
    return Arm(phase, len(networks), draw, task, record, 1, halving)


def train(place: Path, networks: Sequence[nb.Genotype], recipe: dict[str, Any], rungs: Rungs, seeds: int, workers: int) -> None:
    """Train for all seeds side by side, or go on with that."""
    command = {"networks": [nb.digest(g) for g in networks], "recipe": recipe}
    with StudyDirectory.create(place, command) as folder, Ledger.open(folder) as ledger:
        phases = [ledger.phase(f"seed{seed}", ("maximize",), None, seed) for seed in range(seeds)]
        arms = [arm(folder, phase, networks, recipe, rungs) for phase in phases]

        def told(a: Arm, trial: Trial) -> None:
            print(f"{place.name}, {trial.phase} {trial.number}: {trial.accuracy} after {trial.epochs} epochs", flush=True)

        with LocalEngine(workers, preload=("torch", "nasbench.evaluate.train")) as engine:
            work(engine, arms, evaluate_training, told, lambda: False)
        for a in arms:
            if a.halving is not None:
                print(a.halving.stop())


def trials(place: Path, seed: int) -> list[Trial]:
    with Ledger.open(StudyDirectory.open(place), write=False) as ledger:
        return ledger.records(f"seed{seed}")


def histories(place: Path, seed: int, count: int) -> list[list[dict[str, Any]]]:
    """The epochs of each network."""
    folders = [place / "trials" / f"seed{seed}-{n:04d}" for n in range(count)]
    return [[json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()] for folder in folders]


def cost(history: list[dict[str, Any]], rungs: Sequence[int]) -> float:
    """Seconds of training up to the last of `rungs`, and of validation at each."""
    return sum(e["train_seconds"] for e in history[: rungs[-1]]) + sum(
        history[e - 1]["seconds"] - history[e - 1]["train_seconds"] for e in rungs
    )


def fewer(order: Sequence[int], worth: Sequence[float], take: int) -> float:
    """What is chosen on average when only `take` networks, drawn at random, are trained to the end; `order` is from best to worst."""
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
    parser.add_argument("--work", type=Path, help="folder of the trainings; a temporary one without it")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    work_at = args.work or Path(tempfile.mkdtemp(prefix="halving-"))
    networks = candidates(args.space, args.networks, args.macs)
    rungs = Rungs.geometric(args.epochs, args.eta)
    recipe = Recipe(epochs=args.epochs, images=args.images).to_dict()
    train(work_at / "halving", networks, recipe, rungs, args.seeds, args.workers)
    train(work_at / "full", networks, recipe | {"validate_epochs": True}, ALL_AT_ONCE, args.seeds, args.workers)
    found = compare(work_at, len(networks), rungs, args.seeds)
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
    text = json.dumps(about | found, indent=1) + "\n"
    print(text)
    if args.out:
        write_atomic(args.out, text)


def compare(place: Path, count: int, rungs: Rungs, seeds: int) -> dict[str, Any]:
    """The two ways side by side, a row a seed, and their means."""
    full = [trials(place / "full", seed) for seed in range(seeds)]
    halved = [trials(place / "halving", seed) for seed in range(seeds)]
    epochs = [histories(place / "full", seed, count) for seed in range(seeds)]
    accuracy = [[t.accuracy or 0.0 for t in arm] for arm in full]
    rows = []
    for seed in range(seeds):
        # What a network is worth without the seed that chose it.
        worth = [statistics.mean(accuracy[other][n] for other in range(seeds) if other != seed) for n in range(count)]
        order = sorted(range(count), key=lambda n: -accuracy[seed][n])
        ended = [t for t in halved[seed] if t.status == "ok"]
        chosen = max(ended, key=lambda t: t.accuracy or 0.0).number
        spent = sum(t.epochs or 0 for t in halved[seed])
        seconds = sum(cost(one, [rungs.epochs[-1]]) for one in epochs[seed])
        mine = sum(cost(epochs[seed][t.number], [e for e in rungs.epochs if e <= (t.epochs or 0)]) for t in halved[seed])
        last = [one[-1]["accuracy"] for one in epochs[seed]]
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
                    "networks": spent // rungs.epochs[-1],
                    "accuracy": fewer(order, worth, spent // rungs.epochs[-1]),
                },
                "best_accuracy": max(worth),
                "share_of_epochs": spent / (count * rungs.epochs[-1]),
                "share_of_seconds": mine / seconds,
                "trained_to": {str(e): sum((t.epochs or 0) >= e for t in halved[seed]) for e in rungs.epochs},
                "same_weights": sum(t.more["weights_sha256"] == full[seed][t.number].more["weights_sha256"] for t in ended),
                "ended": len(ended),
                "spearman_with_last": {
                    str(e): spearmanr([one[e - 1]["accuracy"] for one in epochs[seed]], last)[0] for e in range(1, rungs.epochs[-1])
                },
            }
        )
    between = [spearmanr(accuracy[a], accuracy[b])[0] for a in range(seeds) for b in range(a)]
    mean = {
        "accuracy_full": statistics.mean(r["full"]["accuracy"] for r in rows),
        "accuracy_halving": statistics.mean(r["halving"]["accuracy"] for r in rows),
        "accuracy_as_many_epochs_at_random": statistics.mean(r["as_many_epochs_at_random"]["accuracy"] for r in rows),
        "accuracy_all_networks": statistics.mean(statistics.mean(a) for a in accuracy),
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
