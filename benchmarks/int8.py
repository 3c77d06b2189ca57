"""When is a model of 8 bits worth it? Accuracy, latency and size beside the model of 32 bits.

    python benchmarks/int8.py --size 32 --images 10000 --work int8 --out benchmarks/results/int8.json

Each known network is trained for use on the images of --data, and exported as `nasbench export --all --data` does it: onnxruntime
quantises it with training images, both models classify the same images, which no network was trained on, and one image is timed in turns
with both. --size is the side in pixels at which the networks train and run; the machine should do nothing else. Trainings are stored in
--work; the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict, replace
from pathlib import Path

import onnxruntime

import nasbench as nb
from nasbench.errors import NasbenchError
from nasbench.export.int8 import int8_model
from nasbench.files import write_atomic
from nasbench.network.onnx import onnx_model
from nasbench.training.data import load_images

NETWORKS = "mobilenet_v3_small,mobilenet_v2,efficientnet_b0,shufflenet_v2_x1_0,resnet18"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=NETWORKS)
    parser.add_argument("--data", default="embedded")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=5000, help="of each training")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    images = load_images(options.data, None, size=options.size)
    judging = replace(images, validation=images.test)  # which an export has only where the data keep some for validation
    recipe = {"epochs": options.epochs, "images": options.images, "train_size": options.size, "lr": 0.05, "flip": True, "calibration": 0}
    rows = []
    for name in options.networks.split(","):
        place = options.work / f"{name}-{options.size}-{options.epochs}"
        trained = nb.train(name, data=options.data, recipe=recipe, validation="none", out=place)
        data = onnx_model(trained.genotype, trained.network(), None, trained.preprocess.to_metadata()).SerializeToString()
        row: dict[str, object] = {"network": name, "input": list(trained.genotype.input), "test": trained.test_accuracy}
        try:
            report = int8_model(data, trained, judging)[1]
        except NasbenchError as error:
            row |= {"error": str(error)}
            print(f"{name}: {error}")
        else:
            row |= {**asdict(report), "delivered": report.is_better}
            print(f"{name}: {report.words()}; {'delivered' if report.is_better else 'not delivered'}", flush=True)
        rows.append(row)
    if options.out:
        about = {"data": options.data, "recipe": recipe, "machine": platform.machine(), "cores": os.cpu_count()}
        about |= {"onnxruntime": onnxruntime.__version__, "nasbench": nb.__version__}
        write_atomic(options.out, json.dumps({**about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
