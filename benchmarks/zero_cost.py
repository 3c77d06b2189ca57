"""How well scores at initialisation rank networks of a tabular benchmark.

    python benchmarks/zero_cost.py --table nas-bench-macro_cifar10.json --space macro --out benchmarks/results/zero_cost_macro.json

Random networks of the space are scored by every proxy of the evaluator `zero-cost`, with its default draws, on the embedded images of
Fashion-MNIST. Each score is compared with the accuracies that the table states, the mean of a network's trainings, by Kendall's tau-b. Its
interval holds the middle 95 % of 2,000 bootstrap samples of the networks. A network without a score ranks below all others.

After an interruption, the same command goes on with the proxies that are not in --out yet.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import time
from pathlib import Path
from statistics import mean, median

import torch

import nasbench as nb
from nasbench.evaluate import EvaluationContext, Fidelity, make_evaluator
from nasbench.evaluate.table import options_key, read_table
from nasbench.evaluate.zero_cost import PROXIES
from nasbench.files import write_atomic
from nasbench.search.probe.ranking import rank_correlation

BOOTSTRAPS = 2000


def networks(space: nb.Space, table, count: int, seed: int) -> list[tuple[nb.Genotype, float]]:
    """Different random networks that the table has, each with the mean of its accuracies in percent."""
    draw, found = random.Random(seed), {}
    while len(found) < count:
        g = space.sample(draw.randrange(2**31))
        row = table.networks.get(nb.digest(g) if table.key == "digest" else options_key(space, g))
        if row is not None and nb.digest(g) not in found:
            values = row[table.metric] if isinstance(row[table.metric], list) else [row[table.metric]]
            found[nb.digest(g)] = g, mean(values)
    return list(found.values())


def interval(scores: list[float], accuracies: list[float], seed: int) -> list[float]:
    """The middle 95 % of tau over bootstrap samples."""
    draw, values = random.Random(seed), []
    for _ in range(BOOTSTRAPS):
        index = draw.choices(range(len(scores)), k=len(scores))
        values.append(rank_correlation([scores[i] for i in index], [accuracies[i] for i in index]))
    values.sort()
    return [values[round(q * (BOOTSTRAPS - 1))] for q in (0.025, 0.975)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True)
    parser.add_argument("--space", default="macro")
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--proxies", default=",".join(PROXIES))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    space, table = nb.space(options.space), read_table(options.table)
    chosen = networks(space, table, options.networks, options.seed)
    accuracies = [accuracy for _, accuracy in chosen]
    context = EvaluationContext(space=options.space)
    evaluator = make_evaluator("zero-cost", context, {"proxy": "synflow"})
    content = {
        "table": table.name, "sha256": table.sha256, "space": options.space, "networks": len(chosen), "seed": options.seed,
        "images": evaluator.data.fingerprint, "repeats": evaluator.repeats, "batch": evaluator.batch,
        "machine": platform.machine(), "torch": torch.__version__, "nasbench": nb.__version__,
    }  # fmt: skip
    before = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    rows = before.pop("proxies", {}) if {k: v for k, v in before.items() if k != "proxies"} == content else {}
    for name in options.proxies.split(","):
        if name not in rows:
            rows[name] = measured(name, context, chosen, accuracies, options.seed)
        print(f"{name:10} tau {rows[name]['tau']:+.3f} {rows[name]['interval']} {rows[name]['seconds']:.2f} s")
        if options.out:
            write_atomic(options.out, json.dumps(content | {"proxies": rows}, indent=1) + "\n")


def measured(name: str, context: EvaluationContext, chosen, accuracies: list[float], seed: int) -> dict[str, object]:
    """How well a proxy ranks the networks, and how long it takes."""
    evaluator = make_evaluator("zero-cost", context, {"proxy": name})
    scores, seconds, without = [], [], 0
    for i, (g, _) in enumerate(chosen):
        began = time.perf_counter()
        result = evaluator.evaluate(g, Fidelity(), seed + i, Path())
        seconds.append(time.perf_counter() - began)
        without += result.accuracy is None
        scores.append(float("-inf") if result.accuracy is None else result.accuracy)
    ranks = [float(sorted(scores).index(s)) for s in scores]  # minus infinity is a number then
    return {
        "tau": rank_correlation(ranks, accuracies), "interval": interval(ranks, accuracies, 0), "seconds": median(seconds),
        "without": without,
    }  # fmt: skip


if __name__ == "__main__":
    main()
