"""The evaluator `train`: it trains each network for a short time, in a process of its own."""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.evaluate.base import (
    EvaluateAll,
    Evaluation,
    EvaluationContext,
    EvaluationData,
    Evaluator,
    ExpectedSeconds,
    Fidelity,
    Timed,
    WorkerData,
    evaluator,
)
from nasbench.genotype import Genotype
from nasbench.processes import call_elsewhere
from nasbench.training.recipe import Recipe

# What needs torch is imported where it is used: the driver of a search has no use for the 500 MB that torch takes.
if TYPE_CHECKING:
    from nasbench.evaluate.train_task import TrainTask
    from nasbench.training.images import Images

PROBE_IMAGES, PROBE_EPOCHS = 512, 2  # of the short training that tells how long a whole one takes; in the first epoch torch warms up


@evaluator
@dataclass(frozen=True)
class TrainEvaluator(Evaluator):
    """Trains every network with the same recipe. The accuracy is that on validation images, on which no network is trained."""

    context: EvaluationContext
    name = "train"
    modules = ("torch", __name__, "nasbench.evaluate.train_task")

    @property
    def data(self) -> EvaluationData:
        key = (self.context.data, self.context.data_root, self._size)
        return _data(*key) if "torch" in sys.modules else _data_from_elsewhere(*key)

    def evaluate(self, genotype: Genotype, fidelity: Fidelity, seed: int, directory: Path) -> Evaluation:
        from nasbench.evaluate.train_task import WEIGHTS, evaluate_training

        result = as_evaluation(evaluate_training(self.task(genotype, fidelity, seed, directory)))
        return replace(result, artefacts={"weights": WEIGHTS}) if fidelity.final and result.status == "ok" else result

    def task(self, genotype: Genotype, fidelity: Fidelity, seed: int, directory: Path) -> TrainTask:
        """An evaluation as a training."""
        from nasbench.evaluate.train_task import TrainTask

        context = self.context
        return TrainTask(
            genotype=genotype.to_yaml(),
            directory=str(directory),
            data=context.data,
            root=context.data_root,
            recipe=dict(context.recipe),
            seed=seed % 2**31,
            split_seed=context.split_seed,
            threads=context.threads,
            device=context.device,
            save_weights=fidelity.final,
            test=fidelity.final,
            plugins=context.plugins,
            until=fidelity.epochs,
            half_batch=fidelity.half_batch,
            fold=fidelity.fold,
        )

    def cost(self, networks: Sequence[Genotype], evaluate_all: EvaluateAll) -> list[ExpectedSeconds]:
        """Expected seconds from a short training of each network: two epochs of `PROBE_IMAGES` images, of which the second counts."""
        recipe = Recipe.from_dict(dict(self.context.recipe))
        short = replace(self, context=replace(self.context, recipe={**self.context.recipe, "epochs": PROBE_EPOCHS, "images": PROBE_IMAGES}))
        training = self.data.training
        images = min(recipe.images or training, training) * recipe.epochs
        return [_expected(timed, images) for timed in evaluate_all(short, networks)]

    def worker_data(self) -> WorkerData:
        """The images, for workers on other machines, which do not have their files."""
        from nasbench.training.shared_images import give_images, pack

        key = (self.context.data, self.context.data_root, self._size)
        packed = pack(_load(*key), key)
        return WorkerData(give_images, packed, packed.bytes)

    @property
    def _size(self) -> int:
        return Recipe.from_dict(dict(self.context.recipe)).decoded_size


def as_evaluation(record: dict[str, Any]) -> Evaluation:
    """The record of a training as an `Evaluation`."""
    known = {key: record[key] for key in ("status", "accuracy", "seconds", "reason") if key in record}
    details = {key: value for key, value in record.items() if key not in known}
    return Evaluation(**known, details=details)


def _expected(timed: Timed, images: int) -> ExpectedSeconds:
    record = timed.record
    if not record.get("images_per_second"):
        return ExpectedSeconds(None, str(record.get("reason")))
    starting = max(0.0, timed.wall_s - record["seconds"])
    return ExpectedSeconds(images / record["images_per_second"] + starting + timed.wall_s * 0.1)


def _load(data: str, root: str | None, size: int) -> Images:
    from nasbench.training.data import load_images

    return load_images(data, Path(root) if root else None, size=size)


@lru_cache(maxsize=4)
def _data_from_elsewhere(data: str, root: str | None, size: int) -> EvaluationData:
    """The same as `_data`, from a process of its own, which loads torch and the images."""
    found: EvaluationData = call_elsewhere(_data, data, root, size)
    return found


@lru_cache(maxsize=4)
def _data(data: str, root: str | None, size: int) -> EvaluationData:
    from nasbench.training.images import training_and_validation
    from nasbench.training.summary import DataSummary

    images = _load(data, root, size)
    training, validation = training_and_validation(images)
    summary = DataSummary.of(images)
    return EvaluationData(
        fingerprint(images), len(images.classes), len(training), len(validation), lines=summary.lines(), summary=summary.to_json()
    )


def fingerprint(images: Images) -> str:
    """A text that differs between data sets and their versions. Of a large data set only some images are read."""
    digest = hashlib.sha256(images.train.labels.numpy().tobytes())
    for chunk in itertools.islice(images.train.chunks(256), 4):
        digest.update(chunk.numpy().tobytes())
    counts = f"{len(images.train)} + {len(images.test)}"
    if (own := images.validation) is not None:
        digest.update(own.labels.numpy().tobytes())
        for chunk in itertools.islice(own.chunks(256), 4):
            digest.update(chunk.numpy().tobytes())
        counts = f"{len(images.train)} + {len(own)} + {len(images.test)}"
    return f"{images.name}, {counts} images, {digest.hexdigest()[:12]}"
