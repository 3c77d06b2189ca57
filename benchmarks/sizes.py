"""How much do the sizes of networks help the predictor? Random networks of a table, of which few were trained once.

    python benchmarks/sizes.py --space nasbench201 nas-bench-201_cifar100.json --out benchmarks/results/sizes_nasbench201_cifar100.json

Of --networks random networks some are drawn, each with one of its trainings. The regression of the predictor learns from these, once with
sizes and once without, and says what it expects of all others. The table has the rank correlation (Spearman) with their true accuracies,
the mean over --samples draws, and beside it that of multiply-adds alone.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from optuna.study import StudyDirection
from scipy.stats import spearmanr

import nasbench as nb
from nasbench.evaluate.table import options_key, read_table
from nasbench.files import write_atomic
from nasbench.spaces.choosers import random_chooser, record, record_options
from nasbench.strategies.predictor.features import Features, Rows, Vector
from nasbench.strategies.predictor.history import score
from nasbench.strategies.predictor.regression import Regression, best_scales
from nasbench.strategies.predictor.sizes import sizes_of

TRAINED = (10, 20, 40)


def sample(space: nb.Space, path: Path, count: int, seed: int) -> tuple[Rows, list[list[float]], Vector]:
    """Different random networks of a table: as rows, with the accuracies of their trainings, and multiply-adds."""
    table, rng, features = read_table(str(path)), random.Random(seed), Features()
    found = {}
    while len(found) < count:
        values, options = {}, {}
        network = space.decode(record_options(record(random_chooser(rng), values), options))
        features.add(options)
        key = options_key(space, network) if table.key == "options" else nb.digest(network)
        if (row := table.networks.get(key)) is not None:
            draws = row[table.metric] if isinstance(row[table.metric], list) else [row[table.metric]]
            found.setdefault(nb.digest(network), (values, network, [d / table.scale for d in draws]))
    params, networks, draws = zip(*found.values(), strict=True)
    rows = Rows(features.rows(params), np.array([sizes_of(nb.trace(g)) for g in networks]))
    return rows, list(draws), np.array([nb.cost(g).macs for g in networks], float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--space", default="macro")
    parser.add_argument("--networks", type=int, default=1200)
    parser.add_argument("--samples", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows, draws, macs = sample(nb.space(options.space), options.table, options.networks, options.seed)
    truth = np.array([mean(several) for several in draws])
    table = []
    for count in TRAINED:
        found = {"with sizes": [], "without sizes": []}
        for number in range(options.samples):
            rng = np.random.default_rng([options.seed, number])
            trained = rng.choice(len(truth), count, replace=False)
            others = np.setdiff1d(np.arange(len(truth)), trained)
            y = score(np.array([rng.choice(draws[i]) for i in trained]), StudyDirection.MAXIMIZE)
            for name, several in (("with sizes", rows), ("without sizes", Rows.without_sizes(rows.options))):
                x = several[trained]
                expected, _ = Regression(x, y, best_scales(x, y)).predict(several[others])
                found[name].append(float(spearmanr(expected, truth[others]).statistic))
        row = {name: {"mean": mean(values), "standard_error": stdev(values) / len(values) ** 0.5} for name, values in found.items()}
        table.append({"trained": count, **row})
        words = ", ".join(f"{name} {value['mean']:.2f} ± {value['standard_error']:.2f}" for name, value in row.items())
        print(f"{count} trained: {words}")
    alone = float(spearmanr(macs, truth).statistic)
    print(f"multiply-adds alone {alone:.2f}")
    if options.out:
        content = vars(options) | {"table": options.table.name, "out": None, "nasbench": nb.__version__, "macs": alone, "rows": table}
        write_atomic(options.out, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
