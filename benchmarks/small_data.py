"""How well the short training ranks networks where images are few: the default for large data sets against the one fitted to the data.

    python benchmarks/small_data.py --out benchmarks/results/small_data.json

The data set is a folder with 200 training images of Fashion-MNIST, 20 of each class, read as a user's folder is: 160 images to train and
40 to validate. Networks are drawn from a space. What they are worth is their accuracy on 2,000 test images, after a training on the same
160 images that is twice as long as the fitted one, at 64 pixels; the mean of several seeds. A recipe ranks well if its validation
accuracies have a high rank correlation (Spearman) with that. `chosen` is the worth of the network that the recipe puts first (the mean
over ties), beside the best and the mean of all networks.

After an interruption, the same command with the same --work continues.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from scipy.stats import spearmanr

import nasbench as nb
from nasbench.files import write_atomic
from nasbench.genotype import adapt
from nasbench.training import PROXY, Recipe, evaluate, load_images, proxy_input, subset, train
from nasbench.training.images import training_and_validation
from nasbench.training.proxy import fitted

IMAGES = 200


def recipes(training: int) -> dict[str, Recipe]:
    """The recipes that are compared, and `worth`, by which they are judged."""
    return {
        "large data": PROXY,
        "epochs fitted": fitted(PROXY, training, ("epochs",)),
        "epochs and pixels fitted": fitted(PROXY, training),
        "worth": replace(fitted(PROXY, training), epochs=2 * fitted(PROXY, training).epochs, train_size=64),
    }


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


def make_folder(path: Path) -> Path:
    """The images as files: a few to train, and all test images, in a folder for each class."""
    images = load_images("embedded")
    for name, part in (("train", subset(images.train, IMAGES, seed=0)), ("test", images.test)):
        for i, (pixels, label) in enumerate(zip(part.pixels, part.labels.tolist(), strict=True)):
            place = path / name / images.classes[label].replace("/", " ")
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels[0].numpy()).save(place / f"{i}.png")
    return path


def trained(g: nb.Genotype, recipe: Recipe, seed: int, folder: Path, *, test: bool) -> dict[str, float]:
    """The accuracy of a network on the validation or the test images, and the seconds of its training."""
    images = load_images(str(folder))
    training, validation = training_and_validation(images)
    shape = proxy_input(g.input, recipe)
    torch.manual_seed(seed)
    net = nb.build(adapt(g, input=shape))
    began = time.perf_counter()
    result = train(net, training, validation, recipe, shape=shape, seed=seed)
    seconds = time.perf_counter() - began
    accuracy = result.accuracy or 0.0
    if test:
        accuracy = evaluate(net, images.test, recipe, shape=shape, statistics=result.statistics)
    return {"accuracy": accuracy, "seconds": seconds}


def ranking(accuracies: Mapping[str, float], worth: Mapping[str, float]) -> dict[str, float]:
    """How well accuracies rank networks of known worth.

    >>> ranking({"a": 0.5, "b": 0.5, "c": 0.1}, {"a": 0.9, "b": 0.7, "c": 0.6})["chosen"]
    0.8
    """
    names = sorted(worth)
    first = [worth[name] for name in names if accuracies[name] == max(accuracies.values())]
    correlation = spearmanr([accuracies[name] for name in names], [worth[name] for name in names]).statistic
    return {"spearman": float(correlation), "chosen": round(statistics.mean(first), 6)}


def report(rows: Sequence[Mapping[str, Any]], seeds: Sequence[int]) -> dict[str, Any]:
    """Each recipe's ranking for each seed."""
    worth: dict[str, list[float]] = {}
    for row in rows:
        if row["recipe"] == "worth":
            worth.setdefault(row["network"], []).append(row["accuracy"])
    means = {network: statistics.mean(values) for network, values in worth.items()}
    found = {}
    for name in dict.fromkeys(row["recipe"] for row in rows if row["recipe"] != "worth"):
        own = [row for row in rows if row["recipe"] == name]
        by_seed = [ranking({row["network"]: row["accuracy"] for row in own if row["seed"] == seed}, means) for seed in seeds]
        found[name] = {
            "spearman": [r["spearman"] for r in by_seed],
            "chosen": [r["chosen"] for r in by_seed],
            "accuracy": statistics.mean(row["accuracy"] for row in own),
            "seconds": statistics.median(row["seconds"] for row in own),
        }
    return {"recipes": found, "worth": {"best": max(means.values()), "mean": statistics.mean(means.values()), "networks": means}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "nasbench-small-data")
    parser.add_argument("--space", default="mbconv")
    parser.add_argument("--networks", type=int, default=10)
    parser.add_argument("--macs", type=float, default=100e6)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    folder = options.work / "images"
    if not folder.exists():
        make_folder(folder)
    training, validation = training_and_validation(load_images(str(folder)))
    done = options.work / "rows.json"
    rows: list[dict[str, Any]] = json.loads(done.read_text()) if done.exists() else []
    seeds = list(range(options.seeds))
    plan = [
        (name, recipe, g, seed)
        for g in candidates(options.space, options.networks, options.macs)
        for name, recipe in recipes(len(training)).items()
        for seed in seeds
    ]
    for name, recipe, g, seed in plan:
        key = {"recipe": name, "network": nb.digest(g), "seed": seed}
        if any(key.items() <= row.items() for row in rows):
            continue
        # Seeds of the worth differ from those that are judged.
        rows.append(key | trained(g, recipe, seed + (1000 if name == "worth" else 0), folder, test=name == "worth"))
        write_atomic(done, json.dumps(rows))
    about = {
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "space": options.space,
        "macs": options.macs,
        "networks": options.networks,
        "seeds": seeds,
        "training": len(training),
        "validation": len(validation),
    }
    write_atomic(options.out, json.dumps(about | report(rows, seeds), indent=1) + "\n")


if __name__ == "__main__":
    main()
