"""How well does a supernet rank networks that were trained alone, and what makes it learn?

    python benchmarks/supernet.py --context one --work supernet --out benchmarks/results/supernet_mbconv_one.json

The networks with which it is compared, and what they are worth, are those of benchmarks/proxies.py (--context one: all share style, strides
and head of MobileNetV2; space: any network of mbconv), read from benchmarks/results/proxies_mbconv_CONTEXT.json. The supernet trains on the
embedded images with other random networks of the same context. Each variant (--variants) is one training with as many images; then every
network is scored with its slices on 2,000 validation images that nobody trained on, and with fewer images for the calibration of its norms.
Kendall's tau is between the score and the accuracy after the long training alone; beside it stand multiply-adds, and the sum of both,
each standardised.

Everything is stored in --work; the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from pathlib import Path
from statistics import mean, pstdev

import torch
from proxies import networks
from zero_cost import interval

import nasbench as nb
from nasbench.files import JsonLines, write_atomic
from nasbench.genotype import cost
from nasbench.progress import Reporter
from nasbench.search.probe.ranking import rank_correlation
from nasbench.supernet.largest import largest_network
from nasbench.supernet.prepare import SupernetWork, prepare_supernet
from nasbench.supernet.stored import load_supernet
from nasbench.training import Recipe

VARIANTS: dict[str, dict[str, object]] = {
    "uniform": {},
    "sandwich, distilled": {"sampling": "sandwich", "distillation": 0.5},
    "own weights for each map size and activation": {"context": ("map", "activation")},
    "own weights for each kernel": {"context": ("kernel",)},
}
CALIBRATIONS = (512, 64, 0)  # training images
POOL, POOL_SEED = 200, 12345  # networks that learn; the compared ones have the seed 0
VALIDATION, TOGETHER = 2000, 2


def standardised(values: list[float]) -> list[float]:
    middle, spread = mean(values), pstdev(values)
    return [(value - middle) / spread for value in values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--context", choices=("one", "space"), default="one")
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--images", type=int, default=100_000, help="on which each supernet is trained, over all its networks")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--train-size", type=int, default=28)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = Path(__file__).parent / "results"
    known = json.loads((results / f"proxies_mbconv_{options.context}.json").read_text())
    truth: list[float] = known["truth"]
    compared = networks(nb.space("mbconv"), options.context, len(truth), known["seed"])
    options.work.mkdir(parents=True, exist_ok=True)
    file = JsonLines(options.work / f"{options.context}.jsonl")
    done = {str(line["key"]): line for line in file.read()}
    for name in options.variants:
        key = f"{name}, {options.images} images of {options.batch}, {options.train_size} pixels, seed {options.seed}"
        if key not in done:
            done[key] = {"key": key, "variant": name, "images": options.images, **measured(options, name, compared, key)}
            file.append([done[key]])
    report(options, list(done.values()), truth, [float(cost(g).macs) for g in compared], known["ceiling"])


def measured(options: argparse.Namespace, name: str, compared: list[nb.Genotype], key: str) -> dict[str, object]:
    """The scores of the networks by one supernet."""
    folder = options.work / key.replace(" ", "-").replace(",", "")
    work = SupernetWork(
        folder=str(folder), data="embedded", data_root=None, recipe=Recipe(train_size=options.train_size).to_dict(), split_seed=0,
        device="cpu", validation=VALIDATION, plan=VARIANTS[name] | {"batch_size": options.batch, "seed": options.seed},
        steps=math.ceil(options.images / options.batch / TOGETHER), seconds=None,
    )  # fmt: skip
    with Reporter() as reporter:
        seconds = prepare_supernet(
            work,
            options.processes,
            lambda: networks(nb.space("mbconv"), options.context, POOL, POOL_SEED),
            lambda: largest_network(nb.space("mbconv").decode),
            reporter,
        )
    supernet = load_supernet(folder)
    torch.set_num_threads(1)
    scores = {}
    for calibration in CALIBRATIONS:
        began = time.perf_counter()
        found = [supernet.score(g, calibration=calibration) for g in compared]
        scores[str(calibration)] = {
            "accuracy": [s.accuracy for s in found], "loss": [s.loss for s in found],
            "seconds": (time.perf_counter() - began) / len(found),
        }  # fmt: skip
    return {"seconds": seconds, "scores": scores}


def report(
    options: argparse.Namespace, lines: list[dict[str, object]], truth: list[float], macs: list[float], ceiling: float | None
) -> None:
    """Print the table, and write it to --out."""
    by_macs = rank_correlation(macs, truth)
    rows = []
    for line in lines:
        for calibration, found in line["scores"].items():
            loss = [-value for value in found["loss"]]
            both = [a + b for a, b in zip(standardised(loss), standardised([math.log(m) for m in macs]), strict=True)]
            accuracy = found["accuracy"]
            low, high = interval(loss, truth, 0)
            rows.append(
                {
                    "training": line["key"], "calibration": int(calibration), "seconds": line["seconds"],
                    "accuracy": [min(accuracy), mean(accuracy), max(accuracy)], "tau_accuracy": rank_correlation(accuracy, truth),
                    "tau_loss": rank_correlation(loss, truth), "interval": [low, high], "tau_with_macs": rank_correlation(both, truth),
                    "seconds_a_score": found["seconds"],
                }
            )  # fmt: skip
    for row in rows:
        print(
            f"{row['training']:90} calibrated on {row['calibration']:3}: {100 * row['accuracy'][1]:5.1f} %, "
            f"tau {row['tau_loss']:+.2f} [{row['interval'][0]:+.2f}, {row['interval'][1]:+.2f}], with MACs {row['tau_with_macs']:+.2f}"
        )
    print(f"MACs alone {by_macs:+.2f}; ceiling {ceiling}")
    if options.out:
        content = {
            "space": "mbconv", "context": options.context, "networks": len(truth), "tau_macs": by_macs, "ceiling": ceiling,
            "processes": options.processes, "machine": platform.machine(), "torch": torch.__version__, "nasbench": nb.__version__,
            "rows": rows,
        }  # fmt: skip
        write_atomic(options.out, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
