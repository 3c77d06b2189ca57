"""How good is a network after a training for use, in how much time?

    python benchmarks/training.py --work training --data fashion-mnist --time 20min --out benchmarks/results/training_fashion_mnist.json

Each network is trained by each recipe with each seed, one after the other, as `nasbench train` does it, and tested on the test images
of the data. `--networks` are known networks, files, or folders of studies (their winners); `--recipes` are names or files. Everything is
stored in --work; the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from statistics import mean, stdev

import torch
from scipy.stats import t as student

import nasbench as nb
from nasbench.files import write_atomic


def trained(network: str, recipe: str, seed: int, options: argparse.Namespace) -> dict[str, object]:
    """The result of one training."""
    place = options.work / f"{Path(network).stem}-{Path(recipe).stem}-{options.data.replace('/', '_')}-{seed}"
    time = {"epochs": options.epochs} if options.epochs else {"time": options.time}
    found = nb.train(network, data=options.data, recipe=recipe, seed=seed, validation=options.validation, out=place, **time)
    summary = found.summary
    return {
        "network": network, "recipe": recipe, "seed": seed, "test": found.test_accuracy, "epochs": summary["epochs"],
        "seconds": summary["seconds"], "input": summary["input"], "macs": summary["macs"], "params": summary["params"],
    }  # fmt: skip


def interval(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of the mean over seeds (Student's t); one value has none."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return mean(values) - half, mean(values) + half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="mobilenet_v2,resnet20_cifar10")
    parser.add_argument("--recipes", default="fashion-mnist")
    parser.add_argument("--data", default="embedded")
    parser.add_argument("--time", default="4min")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--validation", default="none")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for network in options.networks.split(","):
            for recipe in options.recipes.split(","):
                rows.append(trained(network, recipe, seed, options))
                print(json.dumps(rows[-1]), flush=True)
    table = []
    for network in options.networks.split(","):
        for recipe in options.recipes.split(","):
            values = [float(row["test"]) for row in rows if (row["network"], row["recipe"]) == (network, recipe)]
            low, high = interval(values)
            table.append({"network": network, "recipe": recipe, "mean": mean(values), "low": low, "high": high, "seeds": len(values)})
            print(f"{network:24} {recipe:24} {100 * mean(values):.2f} % [{100 * low:.2f}, {100 * high:.2f}]")
    if options.out:
        about = {"data": options.data, "time": options.time, "epochs": options.epochs, "validation": options.validation}
        machine = {"cores": os.cpu_count(), "threads": torch.get_num_threads(), "torch": torch.__version__, "nasbench": nb.__version__}
        write_atomic(options.out, json.dumps(about | machine | {"rows": rows, "table": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
